"""campaigns: one that replaces its accounts for weeks stays of a bounded size, and what was decided stands."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

import streams.campaigns
from streams.campaigns import Campaign
from streams.enforcement import Ask, InForce
from streams.findings import Crowd, Finding, Users
from streams.joining import take_in
from streams.stages.campaign_payments import TAKEN_BACK, Crowded, payments_to_name
from streams.windows import DAY_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER, YOUNG_MS, limited, of, said, taken
from tests.streams.stages.test_campaigns_feedback import hear, verdict
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench

KEPT = 20
GENERATION = 10
OTHER_WORDS = SKETCHER.sketch("translate menu nice restaurant tonight please".split())


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign may remember as many members as two generations have."""
    monkeypatch.setattr(streams.campaigns, "MEMBERS_KEPT", KEPT)


def generation(number: int, *, payment: str | None = None) -> Iterator[Finding]:
    """Ten new accounts that send the campaign's wordings, two hours after the ones before."""
    names = [f"m{GENERATION * number + it}" for it in range(GENERATION)]
    for wording in range(10):
        yield said(wording, names, minutes=120 * number + wording, opened_ms=YOUNG_MS, payment=payment)


def replaced(generations: int, *, payment: str | None = None) -> Bench:
    return taken(*(it for number in range(generations) for it in generation(number, payment=payment)))


def one(campaigns: Bench) -> Campaign:
    (campaign,) = campaigns.campaigns().values()
    return campaign


def in_force(campaigns: Bench) -> InForce:
    found = InForce()
    for decision in campaigns.said("enforcement"):
        found.take(decision)
    return found


def test_it_remembers_those_who_came_last_and_how_many_there_were() -> None:
    campaign = one(replaced(8))
    newest = {f"m{number}" for number in range(50, 80)}
    assert newest >= campaign.members.keys() >= {f"m{number}" for number in range(60, 80)}
    assert campaign.seen.keys() == campaign.members.keys()
    assert campaign.size == 80


def test_every_account_was_named_and_stays_limited_though_it_was_forgotten() -> None:
    campaigns = replaced(8)
    assert limited(campaigns) == {f"m{number}" for number in range(80)}
    standing, now_ms = in_force(campaigns), one(campaigns).newest_ms
    assert all(standing.over_account(f"m{number}", now_ms) for number in range(80))


def test_who_was_not_named_yet_is_not_forgotten() -> None:
    campaign = one(replaced(3))
    campaign.undecided = ["m10", "m11"]
    campaign.inherited = ["m12"]
    campaign.newest_ms += DAY_MS
    campaign.members |= dict.fromkeys((f"x{number}" for number in range(KEPT)), campaign.newest_ms)
    campaign.forget()
    assert campaign.members.keys() == {"m10", "m11", "m12", *(f"x{number}" for number in range(3, KEPT))}


def test_on_call_hears_of_each_doubling_of_all_it_ever_had() -> None:
    campaigns = replaced(16)
    sizes = [len(limited_by(campaigns, at_ms)) for at_ms in alerted(campaigns)]
    assert sizes[-1] > 4 * KEPT
    assert all(later >= 2 * before for before, later in pairwise(sizes[1:]))


def alerted(campaigns: Bench) -> list[int]:
    return [decision.decided_at_ms for decision in campaigns.said("alerts")]


def limited_by(campaigns: Bench, at_ms: int) -> set[str]:
    return {name for it in of(campaigns, "campaign") if it.decided_at_ms <= at_ms for name in it.members}


def test_a_forgotten_member_is_no_stranger_to_a_template_of_the_campaign() -> None:
    campaigns = replaced(8)
    campaigns.take(said(70, [f"m{number}" for number in range(10)], minutes=970, payment="another"))
    assert one(campaigns).links["template:t70"].strangers == set()


def test_nor_to_one_that_is_too_short_to_tie() -> None:
    campaigns = replaced(8)
    names = tuple(f"m{number}" for number in range(80))
    campaigns.take(users=[Users("t90", NOON_MS + 970 * MINUTE_MS, names, OTHER_WORDS)])
    assert [it.action for it in of(campaigns, "network") if it.subject_id == "template:t90"] == ["challenge"]


def test_a_payment_that_many_forgotten_members_had_is_not_taken_for_a_crowd_s() -> None:
    campaigns = replaced(8, payment="card")
    crowd = Crowd("card", NOON_MS + 970 * MINUTE_MS, 90)
    assert crowd.accounts >= TAKEN_BACK
    assert crowd.accounts * 0.5 > KEPT + GENERATION, "those who are remembered would not be most of it"
    campaigns.take(*generation(9, payment="card"), crowds=[crowd])
    now_ms = one(campaigns).newest_ms
    ask = Ask("new", payment_hash="card", account_created_at_ms=now_ms)
    assert in_force(campaigns).over_payment(ask, now_ms) is not None


def test_how_forgotten_members_paid_is_not_told_anew_if_an_organisation_pays_so_or_nobody_knows() -> None:
    campaign = Campaign(gone={"": 3, "card": 2})
    assert payments_to_name(campaign, Crowded()) == ("card",)


def test_a_forgotten_member_that_a_reviewer_calls_innocent_is_let_go() -> None:
    campaigns = replaced(8)
    hear(campaigns, verdict("innocent", "m3", minutes=980))
    campaigns.take(*generation(9))
    assert "m3" not in one(campaigns).members


def test_what_is_taken_in_was_as_large_as_it_was() -> None:
    older, younger = Campaign("c-1", gone={"card": 2, "": 1}), Campaign("c-2", gone={"card": 3})
    take_in(older, younger, limited=True)
    assert (older.gone, younger.gone, older.size) == ({"card": 5, "": 1}, {}, 6)
