"""campaigns: the people of a new company, who open accounts in one week and pay with the company's card."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from streams.decisions import Family, Reason
from streams.findings import Finding
from streams.membership import COMPANY
from streams.windows import DAY_MS
from tests.streams.stages.test_campaigns_by_template import limited, said, taken
from tests.streams.stages.test_campaigns_stage import NOON_MS, bench, finding

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


@pytest.mark.parametrize(
    ("on_the_card", "others", "are_limited"),
    [
        (12, (), False),
        (10, ("another", "another"), False),
        (10, ("one", "another"), False),
        (9, (None,) * 3, False),  # on the free plan
        (7, (None,) * 5, False),
        (9, ("one", "two", "three"), True),
    ],
)
def test_that_its_people_share_a_prompt_says_nothing_of_a_company_though_some_pay_otherwise(
    on_the_card: int, others: Sequence[str | None], *, are_limited: bool
) -> None:
    paid = ["the company's"] * on_the_card + [*others]
    told = said(0, [f"m{number}" for number in range(12)], uses=5, opened_ms=NOON_MS - 3 * DAY_MS)
    members = tuple(replace(it, payment_hash=payment) for it, payment in zip(told.members, paid, strict=True))
    campaigns = taken(replace(told, members=members))
    assert bool(limited(campaigns)) is are_limited


def test_an_organisation_is_one_party_however_many_accounts_it_has() -> None:
    """Fourteen who pay each for themselves are no company because they send what its people send."""
    told = said(0, [f"m{number}" for number in range(34)], uses=5, opened_ms=NOON_MS - 3 * DAY_MS)
    members = (
        replace(it, org_id="org", payment_hash="its card") if number >= 14 else it
        for number, it in enumerate(told.members)
    )
    assert len(limited(taken(replace(told, members=tuple(members))))) >= 14


@pytest.mark.parametrize("family", ["rhythm", None])
def test_a_few_who_pay_together_are_limited_if_they_are_active_together_round_the_clock(family: Family | None) -> None:
    told = said(0, "abcdefghijkl", uses=5, opened_ms=NOON_MS - 3 * DAY_MS)
    members = [replace(it, payment_hash="card" if it.account_id < "h" else None) for it in told.members]
    reasons = told.reasons if family is None else (*told.reasons, Reason("synchrony", family, "Together.", 1, 1, 1.5))
    campaigns = taken(replace(told, members=tuple(members), reasons=reasons))
    assert bool(limited(campaigns)) is (family == "rhythm")


@pytest.mark.parametrize("have_the_new_one", [1, 4, 6, 11, 12])
def test_they_stay_a_company_while_its_card_is_exchanged(have_the_new_one: int) -> None:
    campaigns = bench()
    before, after = people(12), people(12, others=have_the_new_one)
    campaigns.take(before)
    campaigns.take(replace(after, value="q", as_of_ms=NOON_MS + DAY_MS, members=after.members[:have_the_new_one]))
    campaigns.take(replace(before, as_of_ms=NOON_MS + 2 * DAY_MS))
    assert limited(campaigns) == set()


def test_two_cards_are_one_instrument_only_if_somebody_paid_with_both() -> None:
    campaigns = bench()
    campaigns.take(people(12, others=6))
    assert len(limited(campaigns)) == 12


def test_a_chain_of_cards_is_no_company() -> None:
    """Five cards of three accounts each, and of each card one account pays with the next one later."""
    campaigns = bench()
    named = [f"m{number}" for number in range(15)]
    told = finding(named, families=["identity"])
    paid = [replace(it, payment_hash=f"card {number // 3}") for number, it in enumerate(told.members)]
    campaigns.take(replace(told, members=tuple(paid)))
    for card in range(1, 5):
        moved = replace(paid[3 * card - 1], payment_hash=f"card {card}")
        campaigns.take(replace(told, as_of_ms=NOON_MS + card * DAY_MS, members=(replace(moved, uses=9),)))
    assert limited(campaigns) == set()
    campaigns.take(finding([], families=NEW, minutes=6 * 24 * 60))
    assert limited(campaigns) == {*named}
