"""campaigns: templates too short to tie anybody, which the members of a campaign use, and hardly anybody else."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from streams.decisions import Decision
from streams.findings import Finding
from streams.windows import DAY_MS
from tests.streams.stages.test_campaigns_by_template import (
    SKETCHER,
    WORDS,
    limited,
    of,
    relay,
    said,
    taken,
)
from tests.streams.stages.test_campaigns_feedback import hear, verdict
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench

OTHER_WORDS = SKETCHER.sketch("translate menu nice restaurant tonight please".split())
FEWER_WORDS = SKETCHER.sketch(WORDS[:7])
MEMBERS = [f"m{number}" for number in range(30)]


def used(names: Iterable[str], *, minutes: int = 30, sketch: str | None = OTHER_WORDS) -> Finding:
    """A finding that these accounts use a template which ties nobody."""
    return replace(said(70, names, minutes=minutes, sketch=sketch), reasons=())


def about_it(campaigns: Bench) -> list[Decision]:
    return [decision for decision in of(campaigns, "network") if decision.subject_id == "template:t70"]


def found() -> Bench:
    """A campaign of thirty accounts that is limited."""
    campaigns = taken(*relay(30))
    assert limited(campaigns) == set(MEMBERS)
    return campaigns


def test_a_template_that_the_members_of_a_campaign_use_is_limited_with_it_and_makes_nobody_a_member() -> None:
    campaigns = found()
    campaigns.take(used([*MEMBERS, "passer-by"]))
    campaigns.take(said(3, ["passer-by"], minutes=40))
    (decision,) = about_it(campaigns)
    assert (decision.action, decision.wording) == ("challenge", None)
    assert decision.expires_at_ms - decision.decided_at_ms == 7 * DAY_MS
    assert limited(campaigns) == set(MEMBERS)


@pytest.mark.parametrize(
    ("members", "others", "sketch", "is_limited"),
    [
        (10, 0, OTHER_WORDS, False),  # ten of ten are not surely nearly all
        (12, 0, OTHER_WORDS, True),
        (30, 6, OTHER_WORDS, False),
        (2, 0, FEWER_WORDS, False),
        (3, 0, FEWER_WORDS, True),
        (6, 6, FEWER_WORDS, True),
        (6, 7, FEWER_WORDS, False),
    ],
)
def test_it_is_the_campaigns_if_nearly_all_who_use_it_are_or_of_its_own_words_most(
    members: int, others: int, sketch: str, *, is_limited: bool
) -> None:
    campaigns = found()
    campaigns.take(used([*MEMBERS[:members], *(f"other {number}" for number in range(others))], sketch=sketch))
    assert (len(about_it(campaigns)) == 1) is is_limited


def test_it_says_nothing_of_a_campaign_that_is_only_watched() -> None:
    campaigns = taken(*relay(30, opened_ms=NOON_MS - 900 * DAY_MS), used(MEMBERS))
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}
    assert about_it(campaigns) == []


def test_users_alone_found_no_campaign_and_leave_nothing() -> None:
    campaigns = taken(used(MEMBERS))
    assert campaigns.said("enforcement") == []
    assert campaigns.campaigns() == {}


def test_it_is_let_go_once_it_is_found_that_a_crowd_uses_it() -> None:
    campaigns = found()
    campaigns.take(used(MEMBERS))
    campaigns.take(used([*MEMBERS, *(f"other {number}" for number in range(40))], minutes=90))
    assert [decision.action for decision in about_it(campaigns)] == ["challenge", "release"]


def test_to_say_it_again_changes_nothing_and_later_it_goes_on() -> None:
    campaigns = found()
    campaigns.take(used(MEMBERS))
    campaigns.take(used(MEMBERS))
    assert len(about_it(campaigns)) == 1
    campaigns.take(used(MEMBERS, minutes=4 * 24 * 60))
    assert [decision.action for decision in about_it(campaigns)] == ["challenge", "challenge"]


def test_once_it_ties_it_is_a_template_like_others() -> None:
    campaigns = found()
    campaigns.take(used(MEMBERS))
    campaigns.take(said(70, MEMBERS, minutes=40, sketch=OTHER_WORDS))
    (campaign,) = campaigns.campaigns().values()
    assert campaign.links["template:t70"].reasons
    assert campaign.links["template:t70"].enforcement.sequence == 1
    campaigns.take(used([*MEMBERS, "a", "b"], minutes=50))
    assert campaign.links["template:t70"].strangers == set()


def test_whom_a_reviewer_called_innocent_is_a_stranger_to_it() -> None:
    campaigns = found()
    hear(campaigns, *(verdict("innocent", name, 60) for name in MEMBERS[:14]))
    campaigns.take(used(MEMBERS, minutes=90))
    assert about_it(campaigns) == []


def test_what_is_erased_of_who_uses_it_is_not_known_of_it() -> None:
    campaigns = found()
    campaigns.take(used([*MEMBERS, "other"]))
    hear(campaigns, verdict("erased", "other", 60))
    campaigns.take(said(3, ["late"], minutes=120))
    (campaign,) = campaigns.campaigns().values()
    assert "other" not in campaign.links["template:t70"].strangers
