"""campaigns: one that replaces its accounts for weeks stays of a bounded size, and what was decided stands."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

import streams.campaigns
from streams.campaigns import Campaign
from streams.enforcement import InForce
from streams.evidence import LinkEvidence
from streams.feedback import Word
from streams.findings import Finding, Tied, Users
from streams.joining import homes_of, take_in
from streams.stages.campaign_payments import Crowded, payments_to_name
from streams.stages.campaigns import SHARD, CampaignsShard
from streams.windows import DAY_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER, YOUNG_MS, limited, of, said, taken
from tests.streams.stages.test_campaigns_feedback import hear, verdict
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench, finding

KEPT = 20
GENERATION = 10
OTHER_WORDS = SKETCHER.sketch("translate menu nice restaurant tonight please".split())


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign may remember as many members as two generations have."""
    monkeypatch.setattr(streams.campaigns, "MEMBERS_KEPT", KEPT)


def generation(number: int) -> Iterator[Finding]:
    """Ten new accounts that send the campaign's wordings, two hours after the ones before."""
    names = [f"m{GENERATION * number + it}" for it in range(GENERATION)]
    for wording in range(10):
        yield said(wording, names, minutes=120 * number + wording, opened_ms=YOUNG_MS)


def replaced(generations: int) -> Bench:
    return taken(*(it for number in range(generations) for it in generation(number)))


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
    assert campaign.members.keys() == {"m10", "m11", "m12", *(f"x{number}" for number in range(KEPT))}


@pytest.mark.parametrize("word", ["innocent", "erased"])
def test_a_forgotten_member_that_a_reviewer_lets_go_is_counted_no_more(word: Word) -> None:
    campaigns = replaced(8)
    forgotten = sorted(limited(campaigns) - one(campaigns).members.keys())[:10]
    for offset in (100, 101):  # to say it again changes nothing
        hear(campaigns, *(verdict(word, name, minutes=970) for name in forgotten), offset=offset)
        assert one(campaigns).size == 70


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


def test_who_comes_back_is_a_member_again_counts_once_and_uses_up_nothing() -> None:
    campaigns = replaced(8)
    said_before = len(of(campaigns, "campaign"))
    for round_ in range(3):
        for number in range(10):
            names = [f"m{it}" for it in range(10)]
            minutes = 120 * (9 + 4 * round_) + number
            campaigns.take(said(100 + 10 * round_ + number, names, minutes=minutes, opened_ms=YOUNG_MS))
        for later in range(3):
            campaigns.take(*generation(10 + 4 * round_ + later))
    assert one(campaigns).size == 80 + 9 * GENERATION
    named = Counter(name for it in of(campaigns, "campaign")[said_before:] for name in it.members)
    assert {named[f"m{it}"] for it in range(10)} == {0}, "what named them stands"
    shard = campaigns.states.held[SHARD]
    assert isinstance(shard, CampaignsShard)
    assert shard.budget.used == GENERATION


def test_all_that_come_back_speak_for_it_as_before() -> None:
    campaigns = replaced(8)
    for number in range(40):
        campaigns.take(said(100 + number % 2, [f"m{number}"], minutes=970 + number, opened_ms=YOUNG_MS))
    campaigns.take(*generation(10))
    campaign = one(campaigns)
    assert campaign.view(campaign.belonging()).returning == 1.0
    assert [it.action for it in of(campaigns, "campaign")][-1] == "challenge"


def test_a_new_template_of_those_who_come_back_is_limited() -> None:
    campaigns = replaced(8)
    campaigns.take(said(70, [f"m{number}" for number in range(20)], minutes=970, opened_ms=YOUNG_MS))
    assert [it.action for it in of(campaigns, "network") if it.subject_id == "template:t70"] == ["challenge"]


def test_who_was_named_by_a_campaign_that_was_taken_in_is_named_when_it_comes_back() -> None:
    campaign = Campaign("c-1", gone=2)
    campaign.remember(Tied("a"), NOON_MS, is_named=False)
    campaign.remember(Tied("b"), NOON_MS, is_named=True)
    assert (campaign.undecided, campaign.gone, {*campaign.belonging()}) == (["a"], 0, {"a", "b"})


def test_a_campaign_that_forgot_members_takes_in_an_older_one_which_did_not() -> None:
    large, small = Campaign("c-2", created_ms=2, gone=1), Campaign("c-1", created_ms=1)
    large.links = {"template:t1": LinkEvidence(NOON_MS, ())}
    small.links = {"template:t2": LinkEvidence(NOON_MS, ())}
    found = said(1, "abc")
    assert homes_of(found, {}, {"c-1": small, "c-2": large}, ["template:t2"]) == ["c-2", "c-1"]


def test_who_was_forgotten_ties_a_link_to_the_campaign_as_a_member_does() -> None:
    campaigns = replaced(8)
    before = {*campaigns.campaigns()}
    names = [f"m{number}" for number in range(10)]
    campaigns.take(finding(names, "p", minutes=980))
    assert {*campaigns.campaigns()} == before


def test_of_who_was_forgotten_nothing_is_left_but_that_there_was_one_more() -> None:
    campaigns = replaced(8)
    hear(campaigns, verdict("erased", "m3", minutes=980))
    campaign = one(campaigns)
    campaign.untell({*campaign.told})
    assert "own m3" not in repr(campaign)
    assert "own m79" in campaign.payments


def test_how_an_organisation_pays_is_not_told_when_its_members_are_forgotten() -> None:
    campaign = one(replaced(1))
    campaign.undecided.clear()
    campaign.seen["m0"].org_id, campaign.seen["m0"].payment_hash = "org", "card"
    campaign.seen["m1"].payment_hash = "card"
    campaign.members |= dict.fromkeys((f"x{number}" for number in range(KEPT - 1)), campaign.newest_ms + DAY_MS)
    campaign.newest_ms += DAY_MS
    campaign.members["m1"] = campaign.newest_ms
    campaign.told.clear()
    campaign.forget()
    assert "m0" not in campaign.members
    assert "m1" in campaign.members
    assert "card" not in payments_to_name(campaign, Crowded())


def test_a_forgotten_member_that_a_reviewer_calls_innocent_is_let_go() -> None:
    campaigns = replaced(8)
    hear(campaigns, verdict("innocent", "m3", minutes=980))
    campaigns.take(*generation(9))
    assert "m3" not in one(campaigns).members


def test_what_is_taken_in_was_as_large_as_it_was() -> None:
    older, younger = Campaign("c-1", gone=3, organised={"a"}), Campaign("c-2", gone=2, organised={"b"})
    take_in(older, younger, limited=True)
    assert (older.gone, younger.gone, older.size, older.organised) == (5, 0, 5, {"a", "b"})
