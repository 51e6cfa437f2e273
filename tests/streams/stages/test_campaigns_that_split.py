"""campaigns: what tied two parts expires, and each goes on by itself: the guilty without a gap, the innocent free."""

from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from streams.campaigns import Pointer
from streams.decisions import Reason
from streams.findings import Finding, Tied
from streams.policy import DEFAULT_POLICY, BlastRadius
from streams.policy_signals import SIGNALS
from streams.stages.campaign_states import final, link_key, member_key
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER, SPARE, WORDS, YOUNG_MS, of, said, taken
from tests.streams.stages.test_campaigns_feedback import about, hear
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench, bench
from tests.streams.stages.test_campaigns_that_replace import in_force
from tests.streams.stages.test_campaigns_that_rotate import WORDINGS, drawn
from tests.streams.stages.test_campaigns_that_rotate import sent as rotated

OTHERS = "grade following answer against rubric award points explain deductions list missing ideas thoroughly".split()
DAY = DAY_MS // MINUTE_MS
ONE, OTHER = [f"a{number}" for number in range(12)], [f"b{number}" for number in range(12)]


def one(names: Iterable[str] = ONE, *, minutes: int = 0, wordings: int = 10) -> Iterator[Finding]:
    """What a relay sends: wordings of one instruction, by new accounts."""
    for number in range(wordings):
        yield said(number, names, minutes=minutes + number, opened_ms=YOUNG_MS)


def other(names: Iterable[str] = OTHER, *, minutes: int = 0) -> Iterator[Finding]:
    """The same of another instruction."""
    for number in range(10):
        sketch = SKETCHER.sketch([*OTHERS, SPARE[number]])
        yield said(50 + number, names, minutes=minutes + 20 + number, opened_ms=YOUNG_MS, sketch=sketch)


def card(names: Iterable[str], *, minutes: int) -> Finding:
    """A card that these accounts pay with."""
    signal = SIGNALS["accounts_per_payment"]
    reason = Reason("accounts_per_payment", "identity", "Accounts.", 9.0, signal.threshold, signal.weight)
    tied = tuple(Tied(name, 3, None, "card", YOUNG_MS) for name in names)
    return Finding("payment", "card", NOON_MS + minutes * MINUTE_MS, (reason,), tied)


def joined() -> Bench:
    """One campaign of two: a card of accounts of both tied them."""
    campaigns = taken(*one(), *other(), card([*ONE[:4], *OTHER[:4]], minutes=40))
    (campaign,) = campaigns.campaigns().values()
    assert campaign.members.keys() >= {*ONE, *OTHER[:4]}
    return campaigns


def goes_on(campaigns: Bench, days: Iterable[int]) -> None:
    for day in days:
        campaigns.take(*one([], minutes=DAY * day), *other([], minutes=DAY * day))


def weeks_later() -> Bench:
    """Both went on, day by day, until nobody had paid with the card for four weeks."""
    campaigns = joined()
    goes_on(campaigns, range(1, 30))
    return campaigns


def limited_at(campaigns: Bench, names: Iterable[str], at_ms: int) -> set[str]:
    found = in_force(campaigns)
    return {name for name in names if found.over_account(name, at_ms) is not None}


def test_they_are_one_while_what_tied_them_is_less_than_four_weeks_old() -> None:
    campaigns = joined()
    goes_on(campaigns, range(1, 28))
    assert len(campaigns.campaigns()) == 1


def test_what_tied_them_is_over_and_each_has_an_id_of_its_own_its_links_and_its_members() -> None:
    campaigns = weeks_later()
    parts = sorted(campaigns.campaigns().values(), key=lambda it: "a0" not in it.members)
    assert [{*it.members} for it in parts] == [{*ONE}, {*OTHER}]
    assert [{name for name in it.links if name != "payment:card"} for it in parts] == [
        {f"template:t{number}" for number in range(10)},
        {f"template:t{50 + number}" for number in range(10)},
    ]
    assert sum("payment:card" in it.links for it in parts) == 1
    assert [it.rewordings for it in parts] == [10, 10]


def test_both_stay_limited_without_a_gap_and_the_old_one_names_its_heir() -> None:
    campaigns = weeks_later()
    *_, release = [it for it in of(campaigns, "campaign") if it.action == "release"]
    assert release.campaign_id in campaigns.campaigns()
    assert release.subject_id not in campaigns.campaigns()
    for after_ms in (0, MINUTE_MS, HOUR_MS):
        assert limited_at(campaigns, [*ONE, *OTHER], release.decided_at_ms + after_ms) == {*ONE, *OTHER}


def test_what_comes_later_finds_the_part_that_it_belongs_to() -> None:
    campaigns = weeks_later()
    by_member = {name: it.campaign_id for it in campaigns.campaigns().values() for name in it.members}
    campaigns.take(*one(["new1", "a0"], minutes=30 * DAY), *other(["new2", "b11"], minutes=30 * DAY))
    parts = campaigns.campaigns()
    assert parts.keys() == {*by_member.values()}
    assert "new1" in parts[by_member["a0"]].members
    assert "new2" in parts[by_member["b11"]].members


USERS = [f"u{number}" for number in range(16)]
TOOL, BETWEEN = (SKETCHER.sketch([*OTHERS[:count], *WORDS[count:-1], SPARE[0]]) for count in (6, 3))


def sent(minutes: int, names: Iterable[str] = ()) -> Finding:
    """What users of a tool send: few and new."""
    return said(70, names, minutes=minutes, uses=9, opened_ms=YOUNG_MS, sketch=TOOL, capability="other")


def fused() -> Bench:
    """Three accounts of a relay sent what was like its wordings and like a tool's."""
    between = said(80, ONE[:3], minutes=30, opened_ms=YOUNG_MS, sketch=BETWEEN)
    campaigns = taken(*one(), sent(20, USERS[:8]), between, sent(40), sent(50, USERS[8:]))
    (campaign,) = campaigns.campaigns().values()
    assert limited_at(campaigns, USERS, campaign.newest_ms) == {*USERS}
    return campaigns


@pytest.mark.parametrize("goes_on_with", [10, 4])
def test_a_tool_that_wordings_between_its_own_and_a_relays_tied_to_it_is_free_once_nobody_sends_them(
    goes_on_with: int,
) -> None:
    """Its users were limited with the relay; of the relay some wordings may be sent no more either."""
    campaigns = fused()
    for day in range(1, 30):
        campaigns.take(*one([], minutes=DAY * day, wordings=goes_on_with), sent(DAY * day + 30))
    *_, release = [it for it in of(campaigns, "campaign") if it.action == "release"]
    assert limited_at(campaigns, USERS, release.decided_at_ms - DAY_MS) == {*USERS}
    assert limited_at(campaigns, [*ONE, *USERS], release.decided_at_ms + MINUTE_MS) == {*ONE}
    relay, tool = sorted(campaigns.campaigns().values(), key=lambda it: "u0" in it.members)
    assert {*tool.links} == {"template:t70"}
    assert not tool.is_found
    assert relay.rewordings == 11


def test_nor_are_its_new_users_members_because_they_came_after_the_relay_was_found() -> None:
    campaigns = fused()
    for day in range(1, 30):
        new = [f"new{day}"] if day < 20 else []
        opened_ms = NOON_MS + day * DAY_MS - HOUR_MS
        tool = said(70, new, minutes=DAY * day + 30, opened_ms=opened_ms, sketch=TOOL, capability="other")
        campaigns.take(*one([], minutes=DAY * day), tool)
    came = [f"new{day}" for day in range(1, 20)]
    *_, release = [it for it in of(campaigns, "campaign") if it.action == "release"]
    assert limited_at(campaigns, came, release.decided_at_ms - DAY_MS) == {*came}
    assert limited_at(campaigns, [*came, *USERS], release.decided_at_ms + MINUTE_MS) == set()


def test_a_relay_is_not_free_because_many_that_were_opened_since_were_stopped_at_their_first_request() -> None:
    new = [f"new{number}" for number in range(3 * WORDINGS)]
    campaigns = taken(*rotated(drawn(6)), *other(), card(["m0", "m1", "m2", "m3", *OTHER[:4]], minutes=60))
    opened_ms = NOON_MS + 14 * DAY_MS
    for number, name in enumerate(new):
        campaigns.take(said(number % WORDINGS, [name], minutes=15 * DAY + number, opened_ms=opened_ms))
    campaigns.take(*other([], minutes=15 * DAY + 100))
    goes_on_with = [said(number, [], minutes=29 * DAY + number) for number in range(WORDINGS)]
    campaigns.take(*goes_on_with, *other([], minutes=29 * DAY))
    assert len(campaigns.campaigns()) == 2
    members = [f"m{number}" for number in range(30)]
    assert limited_at(campaigns, [*members, *new], NOON_MS + 29 * DAY_MS + HOUR_MS) == {*members, *new}


def test_who_was_limited_with_the_whole_is_limited_with_a_part_however_many_may_be_limited_in_an_hour() -> None:
    campaigns = bench(replace(DEFAULT_POLICY, blast_radius=BlastRadius(10, 10)))
    campaigns.take(*one(), *other(), card([*ONE[:4], *OTHER[:4]], minutes=40))
    for hours in (2, 4, 6):
        campaigns.take(*one([], minutes=60 * hours))
    goes_on(campaigns, (15, 29))
    *_, release = [it for it in of(campaigns, "campaign") if it.action == "release"]
    named = {name for it in of(campaigns, "campaign") if it.subject_id == release.subject_id for name in it.members}
    assert named == {*ONE, *OTHER}
    assert len(campaigns.campaigns()) == 2
    assert limited_at(campaigns, named, NOON_MS + 29 * DAY_MS + HOUR_MS) == named


def test_what_a_relay_says_in_other_words_stays_limited_with_it() -> None:
    campaigns = fused()
    for day in range(1, 30):
        campaigns.take(*one([], minutes=DAY * day, wordings=4), sent(DAY * day + 30))
    newest = {it.subject_id: it for it in of(campaigns, "network")}
    assert {number for number in range(4) if newest[f"template:t{number}"].wording is not None} == {0, 1, 2, 3}


def test_what_tied_them_ties_them_again_when_it_is_found_again() -> None:
    campaigns = weeks_later()
    campaigns.take(card([*ONE[:5], *OTHER[:5]], minutes=30 * DAY))
    assert len(campaigns.campaigns()) == 1
    assert limited_at(campaigns, [*ONE, *OTHER], NOON_MS + 30 * DAY_MS) == {*ONE, *OTHER}


def test_accounts_that_used_both_keep_them_together() -> None:
    campaigns = joined()
    campaigns.take(*one(["a0", "a1", "c0", "c1"], minutes=50), *other(["c0", "c1"], minutes=50))
    goes_on(campaigns, range(1, 30))
    assert len(campaigns.campaigns()) == 1


def test_a_campaign_that_was_called_innocent_stays_as_it_is() -> None:
    campaigns = joined()
    goes_on(campaigns, range(1, 28))
    (campaign_id,) = campaigns.campaigns()
    hear(campaigns, about("innocent", campaign_id, minutes=28 * DAY - 100))
    goes_on(campaigns, (28, 29))
    assert {*campaigns.campaigns()} == {campaign_id}


def test_what_one_said_long_ago_ties_it_to_nobody_when_it_is_said_again() -> None:
    campaigns = joined()
    for day in range(1, 30):
        campaigns.take(*one([], minutes=DAY * day), *[*other([], minutes=DAY * day)][:6])
    parts = {*campaigns.campaigns()}
    assert len(parts) == 2
    campaigns.take([*other(OTHER[:3], minutes=30 * DAY)][9])
    assert {*campaigns.campaigns()} == parts


def test_one_that_was_called_innocent_splits_once_that_is_over() -> None:
    campaigns = joined()
    (campaign_id,) = campaigns.campaigns()
    hear(campaigns, about("innocent", campaign_id, minutes=20 * DAY))
    goes_on(campaigns, range(21, 60))
    assert [{*it.seen} for it in campaigns.campaigns().values()] == [{*ONE}, {*OTHER}]


def test_pointers_lead_to_the_part() -> None:
    campaigns = weeks_later()
    for campaign_id, part in campaigns.campaigns().items():
        for key in (*map(member_key, part.members), *map(link_key, part.links)):
            home = final(campaigns.states.read(key, Pointer).campaign_id, campaigns.states)
            assert home is not None
            assert home.campaign_id == campaign_id
