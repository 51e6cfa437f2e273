"""campaigns: members are never lost, the oldest id stays, and nobody is limited beyond what the policy allows."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.campaigns import Campaign, Pointer
from streams.decisions import LADDER, Action, Decision, Family, Reason
from streams.findings import Crowd, Finding, Findings, Tied, Users
from streams.joining import found
from streams.links import LinkKind, Source
from streams.policy import DEFAULT_POLICY, BlastRadius, Ladder, Policy, Rung
from streams.stages import CampaignsStage, Outgoing, Output
from streams.stages.campaign_states import SKETCHES
from streams.stages.campaigns import CampaignsShard, PlacedFindings
from streams.states import States
from streams.windows import HOUR_MS, MINUTE_MS

NOON_MS = 1_791_201_600_000
STEPS = Ladder(
    prior=-5.0,
    minimum_accounts=3,
    observe=Rung(score=0.30, families=1, expires_hours=24),
    throttle=Rung(score=0.60, families=2, expires_hours=6, requests=30, tokens=60_000, window_minutes=60),
    challenge=Rung(score=0.85, families=3, expires_hours=12),
    suspend=Rung(score=0.97, families=4, expires_hours=72),
)
POLICY = replace(DEFAULT_POLICY, campaign=STEPS)
OBSERVE: tuple[Family, ...] = ("identity",)
THROTTLE: tuple[Family, ...] = ("identity", "rhythm")
CHALLENGE: tuple[Family, ...] = ("identity", "rhythm", "lifecycle")


def finding(
    members: Iterable[str],
    value: str = "p",
    families: Sequence[Family] = THROTTLE,
    *,
    kind: LinkKind = "payment",
    minutes: int = 0,
    since: int = 0,
) -> Finding:
    """A finding with one reason a family: one is enough to watch, two to throttle, three to challenge.

    As of so many minutes, of members that have used the link since the minute `since`.
    """
    reasons = tuple(
        Reason(family, family, "A sentence.", 9.0, 5.0, 5.0 if len(families) == 1 else 3.0) for family in families
    )
    tied = tuple(Tied(name, since_ms=NOON_MS + since * MINUTE_MS) for name in members)
    return Finding(kind, value, NOON_MS + minutes * MINUTE_MS, reasons, tied)


class Bench(NamedTuple):
    """The stage, its states, and all that has left it."""

    stage: CampaignsStage
    states: States
    left: list[Outgoing]

    def take(
        self, *findings: Finding, offset: int = 0, users: Sequence[Users] = (), crowds: Sequence[Crowd] = ()
    ) -> Output:
        """One record of findings; states go through their stored form before and after, as in a deployment."""
        told = Findings(0, "links-1", 0, 0, NOON_MS, list(findings), users=list(users), crowds=list(crowds))
        items = [PlacedFindings(offset, told)]
        self.states.begin_step()
        while missing := self.states.missing(sorted(self.stage.needs(items, self.states))):
            for key in missing:
                self.states.held[key] = self.stage.decode(key, None)
        output = self.stage.fold(Source(0, "findings-1"), items, self.states)
        for key, state in self.states.held.items():
            self.states.held[key] = self.stage.decode(key, self.stage.encode(key, state))
        self.left.extend(output.records)
        return output

    def said(self, topic: str) -> list[Decision]:
        return [record.value for record in self.left if record.topic == topic and isinstance(record.value, Decision)]

    def campaigns(self) -> dict[str, Campaign]:
        """Those that no other has taken in."""
        states = [state for state in self.states.held.values() if isinstance(state, Campaign)]
        return {state.campaign_id: state for state in states if state.campaign_id and state.merged_into is None}

    def stored(self) -> dict[str, object]:
        """Every state as the store would give it back."""
        states = self.states.held.items()
        return {key: self.stage.decode(key, self.stage.encode(key, state)) for key, state in states}

    def memberships(self) -> set[frozenset[str]]:
        return {frozenset(campaign.members) for campaign in self.campaigns().values()}


def bench(policy: Policy = POLICY) -> Bench:
    return Bench(CampaignsStage(policy), States(), [])


def capped(accounts_per_hour: int) -> Policy:
    return replace(POLICY, blast_radius=BlastRadius(accounts_per_hour))


def test_the_first_finding_of_a_link_founds_a_campaign() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"))
    (decision,) = campaigns.said("enforcement")
    assert (decision.subject_kind, decision.subject_id) == ("campaign", found(finding("abc")).campaign_id)
    assert decision.campaign_id == decision.subject_id
    assert (decision.action, decision.members, decision.sequence) == ("throttle", ("a", "b", "c"), 1)
    assert decision.decided_at_ms == NOON_MS
    assert decision.limits is not None


def test_a_campaign_keeps_its_id_while_it_grows() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"))
    campaigns.take(finding("de", minutes=5), finding("abfg", "q", minutes=9))
    assert {decision.subject_id for decision in campaigns.said("enforcement")} == {found(finding("abc")).campaign_id}
    assert campaigns.memberships() == {frozenset("abcdefg")}
    assert [decision.members for decision in campaigns.said("enforcement")] == [tuple("abc"), tuple("de"), tuple("fg")]
    assert [decision.sequence for decision in campaigns.said("enforcement")] == [1, 2, 3]


def test_what_was_found_as_of_one_minute_is_decided_about_at_once() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"), finding("abde", "q"), finding("fg"))
    assert [decision.members for decision in campaigns.said("enforcement")] == [tuple("abcdefg")]


def test_what_stands_is_extended_while_the_evidence_deserves_as_much() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"))
    campaigns.take(finding("d", minutes=4 * 60))
    campaigns.take(finding("", minutes=8 * 60))
    assert [(it.action, it.expires_at_ms) for it in campaigns.said("enforcement")] == [
        ("throttle", NOON_MS + hours * HOUR_MS) for hours in (6, 10, 14)
    ]


@pytest.mark.parametrize(("milder", "then"), [(OBSERVE, "observe"), (THROTTLE, "throttle")])
def test_what_it_deserves_no_more_ends_when_it_would_have_and_then_it_is_milder(
    milder: Sequence[Family], then: Action
) -> None:
    campaigns = bench()
    campaigns.take(finding("abc", families=CHALLENGE))
    for hours in (4, 8, 11):
        campaigns.take(finding("", families=milder, minutes=hours * 60))
    (decision,) = campaigns.said("enforcement")
    assert (decision.action, decision.expires_at_ms) == ("challenge", NOON_MS + 12 * HOUR_MS)
    campaigns.take(finding("", families=milder, minutes=12 * 60))
    assert campaigns.said("enforcement")[-1].action == then


def test_fewer_accounts_than_the_policy_asks_for_are_no_campaign_yet() -> None:
    campaigns = bench()
    campaigns.take(finding("ab"))
    assert campaigns.left == []
    campaigns.take(finding("c", minutes=1))
    assert [decision.members for decision in campaigns.said("enforcement")] == [tuple("abc")]


def test_too_little_evidence_says_nothing() -> None:
    campaigns = bench()
    campaigns.take(finding("abc", families=()))
    assert campaigns.left == []


def test_a_campaign_that_is_watched_lists_no_members_until_it_is_limited() -> None:
    campaigns = bench()
    campaigns.take(finding("abc", families=OBSERVE))
    campaigns.take(finding("d", families=THROTTLE, minutes=5))
    assert [(decision.action, decision.members) for decision in campaigns.said("enforcement")] == [
        ("observe", ()),
        ("throttle", tuple("abcd")),
    ]


def test_one_shared_account_never_fuses_two_campaigns() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"), finding("cde", "q"))
    assert campaigns.memberships() == {frozenset("abc"), frozenset("cde")}


def test_two_shared_accounts_do() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"), finding("xyz", "q", minutes=1))
    assert len(campaigns.campaigns()) == 2
    campaigns.take(finding("abxy", "r", minutes=2))
    assert campaigns.memberships() == {frozenset("abcxyz")}


def test_when_two_campaigns_become_one_the_older_id_stays_and_the_younger_is_released() -> None:
    campaigns = bench()
    older, younger = finding("abc"), finding("xyz", "q", minutes=1)
    campaigns.take(older, younger)
    campaigns.take(finding("abxy", "r", minutes=2))
    assert campaigns.campaigns().keys() == {found(older).campaign_id}
    released, grown = campaigns.said("enforcement")[-2:]
    assert (released.subject_id, released.action, released.sequence) == (found(younger).campaign_id, "release", 2)
    assert released.campaign_id == grown.campaign_id == found(older).campaign_id
    assert (released.members, released.limits) == ((), None)
    assert released.decided_at_ms == grown.decided_at_ms == NOON_MS + 2 * MINUTE_MS
    assert released.expires_at_ms > released.decided_at_ms
    assert (grown.subject_id, grown.action, grown.members) == (found(older).campaign_id, "throttle", tuple("xyz"))


def test_a_campaign_nobody_was_told_of_is_taken_in_silently() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"), finding("xy", "q", minutes=1))
    campaigns.take(finding("abxy", "r", minutes=2))
    assert {decision.action for decision in campaigns.said("enforcement")} == {"throttle"}
    assert campaigns.memberships() == {frozenset("abcxy")}


def test_the_members_of_a_campaign_that_was_taken_in_are_found_through_it() -> None:
    """Their own entries still name the younger; whoever shares accounts or a link with it joins the older."""
    campaigns = bench()
    campaigns.take(finding("abc"), finding("xyz", "q", minutes=1))
    campaigns.take(finding("abxy", "r", minutes=2))
    campaigns.take(finding("yzu", "s", minutes=3), finding("v", "q", minutes=4))
    assert campaigns.memberships() == {frozenset("abcxyzuv")}


def test_a_chain_of_mergers_ends_in_the_oldest() -> None:
    campaigns = bench()
    starts = [finding((f"{number}{letter}" for letter in "abc"), str(number), minutes=number) for number in range(5)]
    campaigns.take(*starts)
    for number in reversed(range(4)):
        shared = [f"{one}{letter}" for one in (number, number + 1) for letter in "ab"]
        campaigns.take(finding(shared, f"tie-{number}", minutes=10 + number))
    campaigns.take(finding(["4a", "4b", "new"], "late", minutes=20))
    assert campaigns.campaigns().keys() == {found(starts[0]).campaign_id}
    assert len(next(iter(campaigns.memberships()))) == 16


TIED = [
    finding("abcd", "p"),
    finding("cdef", "q", minutes=1),
    finding("efgh", "r", minutes=2),
    finding("aghi", "t", minutes=3),
    finding("uvwx", "s", minutes=4),
]


@pytest.mark.parametrize("order", list(permutations(TIED[:4])))
def test_the_order_of_findings_does_not_change_who_belongs_together(order: tuple[Finding, ...]) -> None:
    campaigns = bench()
    for one in (*order, TIED[4]):
        campaigns.take(one)
    assert campaigns.memberships() == {frozenset("abcdefghi"), frozenset("uvwx")}


@given(st.permutations(TIED), st.lists(st.integers(1, 3), min_size=5, max_size=5))
def test_nor_does_the_cut_into_records(order: list[Finding], sizes: list[int]) -> None:
    campaigns = bench()
    waiting = list(order)
    for size in sizes:
        now, waiting = waiting[:size], waiting[size:]
        campaigns.take(*now)
    assert campaigns.memberships() == {frozenset("abcdefghi"), frozenset("uvwx")}


random_findings = st.lists(
    st.builds(
        finding,
        st.lists(st.integers(0, 25).map(str), min_size=1, max_size=6, unique=True),
        st.integers(0, 5).map(str),
        st.sampled_from([OBSERVE, THROTTLE, CHALLENGE]),
        minutes=st.integers(0, 3_000),
    ),
    max_size=25,
)


@given(st.data())
def test_whatever_was_said_saying_it_again_changes_nothing(data: st.DataObject) -> None:
    """All of it, in the order in which it was said, and any part of it."""
    findings = data.draw(random_findings)
    campaigns = bench()
    for one in findings:
        campaigns.take(one)
    before, left = campaigns.stored(), list(campaigns.left)
    for one in data.draw(st.lists(st.sampled_from(findings), max_size=10)) if findings else []:
        assert campaigns.take(one, offset=99).tally["duplicate"] == 1
    assert (campaigns.stored(), campaigns.left) == (before, left)


@given(random_findings, st.integers(0, 8))
def test_no_member_is_ever_lost_and_each_was_named_by_a_link_of_its_campaign(findings: list[Finding], cap: int) -> None:
    campaigns = bench(capped(cap))
    for one in findings:
        campaigns.take(one)
    living = campaigns.campaigns().values()
    members = {member for campaign in living for member in campaign.members}
    assert members == {tied.account_id for one in findings for tied in one.members}
    for campaign in living:
        named = [tied for one in findings if f"{one.kind}:{one.value}" in campaign.links for tied in one.members]
        assert campaign.members.keys() <= {tied.account_id for tied in named}
    tied = [link for campaign in living for link in campaign.links]
    assert sorted(tied) == sorted({f"{one.kind}:{one.value}" for one in findings})
    for campaign in living:
        waiting = [*campaign.undecided, *campaign.inherited]
        assert len(waiting) == len(set(waiting))
        assert set(waiting) <= campaign.members.keys()


@given(random_findings, st.integers(0, 8))
def test_whatever_comes_every_decision_is_the_next_of_its_subject_and_expires(
    findings: list[Finding], cap: int
) -> None:
    campaigns = bench(capped(cap))
    for one in findings:
        campaigns.take(one)
    sequences: dict[str, int] = {}
    for decision in campaigns.said("enforcement"):
        assert decision.sequence == sequences.get(decision.subject_id, 0) + 1
        assert decision.expires_at_ms > decision.decided_at_ms
        sequences[decision.subject_id] = decision.sequence
    said = campaigns.said("enforcement")
    assert len({decision.decision_id for decision in said}) == len(said)


@given(random_findings)
def test_until_it_expires_or_is_merged_a_limit_only_becomes_harder(findings: list[Finding]) -> None:
    campaigns = bench()
    for one in findings:
        campaigns.take(one)
    standing: dict[str, Decision] = {}
    for decision in campaigns.said("enforcement"):
        before = standing.get(decision.subject_id)
        if before is not None and decision.action != "release" and decision.decided_at_ms < before.expires_at_ms:
            assert LADDER.index(decision.action) >= LADDER.index(before.action)
        standing[decision.subject_id] = decision


@given(random_findings, st.integers(0, 8))
def test_no_hour_limits_more_accounts_than_the_blast_radius(findings: list[Finding], cap: int) -> None:
    """Counted once an account: who was limited before, in a campaign that was taken in, is not newly limited."""
    campaigns = bench(capped(cap))
    for one in sorted(findings, key=lambda one: one.as_of_ms):
        campaigns.take(one)
    seen: set[str] = set()
    new_in_hour: dict[int, int] = {}
    for decision in campaigns.said("enforcement"):
        hour = decision.decided_at_ms // HOUR_MS
        new_in_hour[hour] = new_in_hour.get(hour, 0) + len({*decision.members} - seen)
        seen |= {*decision.members}
    assert all(count <= cap for count in new_in_hour.values())


def test_what_the_blast_radius_holds_back_comes_in_a_later_hour() -> None:
    campaigns = bench(capped(4))
    output = campaigns.take(finding("abcdef"))
    assert output.tally["withheld"] == 2
    campaigns.take(finding("g", minutes=30))
    campaigns.take(finding("h", minutes=60))
    assert [decision.members for decision in campaigns.said("enforcement")] == [tuple("abcd"), tuple("efgh")]


def test_with_nothing_left_in_the_hour_and_nothing_new_to_say_nothing_is_said() -> None:
    campaigns = bench(capped(3))
    campaigns.take(finding("abc"))
    campaigns.take(finding("def", minutes=1))
    assert len(campaigns.said("enforcement")) == 1
    campaigns.take(finding("g", families=CHALLENGE, minutes=2))
    assert (campaigns.said("enforcement")[-1].action, campaigns.said("enforcement")[-1].members) == ("challenge", ())


def test_who_is_limited_when_two_campaigns_merge_stays_limited_even_if_the_hour_is_used_up() -> None:
    campaigns = bench(capped(6))
    campaigns.take(finding("abc"), finding("xyz", "q", minutes=1))
    campaigns.take(finding("abxyn", "r", minutes=2))
    grown = campaigns.said("enforcement")[-1]
    assert (grown.action, grown.members) == ("throttle", tuple("xyz"))
    assert next(iter(campaigns.campaigns().values())).undecided == ["n"]


def test_a_limit_that_is_still_deserved_is_renewed_past_the_middle_of_its_time() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"))
    campaigns.take(finding("", minutes=179), finding("", minutes=180))
    first, renewed = campaigns.said("enforcement")
    assert renewed.members == ()
    assert renewed.expires_at_ms - first.expires_at_ms == 180 * MINUTE_MS


def test_people_hear_of_a_campaign_when_it_is_limited_when_it_gets_harder_and_when_it_has_doubled() -> None:
    campaigns = bench()
    campaigns.take(finding("abc", families=OBSERVE))
    assert campaigns.said("alerts") == []
    campaigns.take(finding("d", minutes=1))
    campaigns.take(finding("efg", minutes=2))
    campaigns.take(finding("h", minutes=3))
    campaigns.take(finding("i", families=CHALLENGE, minutes=4))
    campaigns.take(finding("jklmnopq", families=CHALLENGE, minutes=5))
    campaigns.take(finding("r", families=CHALLENGE, minutes=6))
    told: list[tuple[Action, int]] = [(alert.action, len(alert.members)) for alert in campaigns.said("alerts")]
    assert told == [("throttle", 4), ("throttle", 1), ("challenge", 1), ("challenge", 1)]
    assert all(alert in campaigns.said("enforcement") for alert in campaigns.said("alerts"))


def test_people_hear_of_a_campaign_that_is_limited_anew_and_milder_once_what_they_heard_of_has_expired() -> None:
    campaigns = bench()
    campaigns.take(finding("abc", families=CHALLENGE))
    campaigns.take(finding("", minutes=11 * 60))
    assert [alert.action for alert in campaigns.said("alerts")] == ["challenge"]
    campaigns.take(finding("", minutes=24 * 60), finding("", minutes=31 * 60))
    assert [alert.action for alert in campaigns.said("alerts")] == ["challenge", "throttle"]


@pytest.mark.parametrize("again", [1, 2, 3])
def test_a_finding_that_is_said_again_changes_nothing(again: int) -> None:
    """Networks whose states were lost say again what they said, from other places in their topic."""
    campaigns = bench()
    said = [finding("abc"), finding("xyz", "q", minutes=1), finding("abxy", "r", minutes=2)]
    for one in said:
        campaigns.take(one)
    before, left = campaigns.stored(), list(campaigns.left)
    for offset in range(again):
        output = campaigns.take(*said, offset=100 + offset)
        assert (output.records, output.tally) == ([], {"duplicate": 3})
    assert (campaigns.stored(), campaigns.left) == (before, left)


def test_a_finding_said_again_with_a_member_more_is_taken() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"))
    assert campaigns.take(finding("abcd")).tally["duplicate"] == 0
    assert campaigns.memberships() == {frozenset("abcd")}


def test_a_finding_said_again_of_a_later_minute_is_taken() -> None:
    """It says that what was found still goes on, so that a decision can be renewed."""
    campaigns = bench()
    campaigns.take(finding("abc"))
    assert campaigns.take(finding("abc", minutes=200)).tally["duplicate"] == 0
    assert len(campaigns.said("enforcement")) == 2


def test_an_older_finding_about_a_known_link_that_names_somebody_new_is_taken() -> None:
    campaigns = bench()
    campaigns.take(finding("abc", minutes=5))
    assert campaigns.take(finding("d")).tally["duplicate"] == 0
    assert campaigns.memberships() == {frozenset("abcd")}


def test_the_same_findings_lead_to_the_same_bytes() -> None:
    def run() -> list[bytes]:
        campaigns = bench()
        for one in TIED:
            campaigns.take(one)
        return [msgspec.json.encode(record) for record in campaigns.left]

    assert run() == run()


def test_decisions_say_which_finding_caused_them() -> None:
    """The id follows from the place of the finding in its topic: the same place, the same id."""
    one, other = bench(), bench()
    one.take(finding("abc"), offset=3)
    other.take(finding("abc"), offset=4)
    assert one.said("enforcement")[0].decision_id != other.said("enforcement")[0].decision_id


@pytest.mark.parametrize(
    ("key", "fresh"),
    [("member:a", Pointer()), ("link:payment:p", Pointer()), ("campaign:c", Campaign()), ("shard", CampaignsShard())],
)
def test_a_state_that_was_never_stored_is_a_fresh_one_of_its_kind(key: str, fresh: object) -> None:
    stage = CampaignsStage(POLICY)
    assert stage.decode(key, None) == fresh
    assert stage.decode(key, stage.encode(key, fresh)) == fresh


OLDER = {"template:before": "aabbcc"}


@pytest.mark.parametrize(
    ("together", "before", "anew"),
    [(1, {}, [5, 7, 9, 11]), (1, OLDER, [0, 4, 6, 8, 10]), (3, {}, [3, 6, 9]), (3, OLDER, [0, 3, 6, 9])],
)
def test_sketches_are_stored_line_by_line_and_anew_once_many_lines_count_no_more(
    together: int, before: dict[str, str], anew: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sketches.KEPT", 4)
    stage, states, whole = CampaignsStage(POLICY), States(), []
    stored = msgspec.msgpack.encode(before) if before else b""
    for first in range(0, 12, together):
        told = [
            replace(finding("abc", f"{number}", kind="template", minutes=number), sketch="aabbcc")
            for number in range(first, first + together)
        ]
        states.begin_step()
        items = [PlacedFindings(first, Findings(0, "links-1", 0, 0, NOON_MS, told))]
        while missing := states.missing(sorted(stage.needs(items, states))):
            states.held.update((key, stage.decode(key, stored if key == SKETCHES else None)) for key in missing)
        stage.fold(Source(0, "findings-1"), items, states)
        if SKETCHES in states.changed:
            assert SKETCHES not in states.appended
            whole.append(first)
            stored = stage.encode(SKETCHES, states.held[SKETCHES])
        stored += states.appended.get(SKETCHES, b"")
        assert stage.decode(SKETCHES, stored) == states.held.pop(SKETCHES)
        assert stored.count(b"\n") <= 5 + together
    assert whole == anew


def test_what_links_a_hundred_findings_is_one_campaign() -> None:
    campaigns = bench()
    findings = [
        finding([f"{number}", f"{number + 1}", f"{number + 2}"], f"p{number}", minutes=number) for number in range(100)
    ]
    for one in findings:
        campaigns.take(one)
    everybody = frozenset(tied.account_id for one in findings for tied in one.members)
    assert campaigns.memberships() == {everybody}


def test_on_call_hears_of_a_small_campaign_only_when_it_is_challenged() -> None:
    campaigns = bench(replace(POLICY, campaign=replace(STEPS, alert_accounts=6)))
    campaigns.take(finding("abcd"))
    assert [decision.action for decision in campaigns.said("enforcement")] == ["throttle"]
    assert campaigns.said("alerts") == []
    campaigns.take(finding("e", families=CHALLENGE, minutes=1))
    assert [alert.action for alert in campaigns.said("alerts")] == ["challenge"]


def test_on_call_hears_of_a_throttled_campaign_once_it_is_large() -> None:
    campaigns = bench(replace(POLICY, campaign=replace(STEPS, alert_accounts=6)))
    campaigns.take(finding("abcd"))
    campaigns.take(finding("ef", minutes=1))
    assert [(alert.action, alert.members) for alert in campaigns.said("alerts")] == [("throttle", ("e", "f"))]
