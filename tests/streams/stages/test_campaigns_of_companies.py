"""campaigns: the people of a new company, who open accounts in one week and pay with the company's card."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from streams.decisions import Family
from streams.findings import Finding
from streams.membership import COMPANY
from tests.streams.stages.test_campaigns_by_template import limited
from tests.streams.stages.test_campaigns_stage import bench, finding

NEW: tuple[Family, ...] = ("identity", "lifecycle")
"""They pay together, and all are new: enough for a throttle, if it counts."""


def people(count: int, *, others: int = 0, families: Sequence[Family] = NEW) -> Finding:
    """So many accounts on a link, which pay with one instrument, but for `others` that pay with another now."""
    told = finding([f"m{number}" for number in range(count)], families=families)
    paid = (replace(it, payment_hash=f"card {number < others}") for number, it in enumerate(told.members))
    return replace(told, members=tuple(paid))


@pytest.mark.parametrize(
    ("told", "are_limited"),
    [
        (people(12), False),
        (people(COMPANY - 1), False),
        (people(COMPANY), True),
        (people(12, others=2), False),
        (people(12, others=3), True),
        (people(12, families=(*NEW, "rhythm")), True),
        (people(12, families=("identity", "capability")), False),
    ],
    ids=[
        "a team",
        "the largest",
        "more than that",
        "two of twelve pay otherwise",
        "three do",
        "round the clock",
        "they code",
    ],
)
def test_that_all_are_new_says_nothing_of_a_few_that_one_instrument_pays_for(
    told: Finding, *, are_limited: bool
) -> None:
    campaigns = bench()
    campaigns.take(told)
    assert limited(campaigns) == ({it.account_id for it in told.members} if are_limited else set())
