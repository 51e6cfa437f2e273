"""campaigns and reviewers: who is no member any more, which campaigns are let go, and which stay limited."""

from typing import Any

import pytest
from msgspec.structs import replace

from streams.decisions import Decision
from streams.events import LATEST_MS
from streams.feedback import ReviewedKind, Verdict, Word
from streams.findings import Findings
from streams.joining import found
from streams.learning import FEATURES, Learner, Lesson
from streams.links import Source
from streams.policy import FeedbackPolicy, ModelUse
from streams.reviewing import REVIEWER
from streams.stages import Output
from streams.stages.campaign_feedback import EXEMPT, LEARNER, Exempt, take_verdict
from streams.stages.campaign_saying import Cause
from streams.stages.campaign_states import campaign_key
from streams.stages.campaigns import PlacedFindings
from streams.stages.shape import NO_REQUEST
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_by_template import YOUNG_MS, of, relay, said, taken
from tests.streams.stages.test_campaigns_stage import CHALLENGE, NOON_MS, POLICY, THROTTLE, Bench, bench, finding

FOUR_WEEKS = 28 * 24
DAY = 24 * 60
ID = found(finding("abc")).campaign_id


def verdict(word: Word, subject: str, minutes: int = 5, kind: ReviewedKind = "account") -> Verdict:
    return Verdict(
        subject_kind=kind, subject_id=subject, verdict=word, decided_at_ms=NOON_MS + minutes * MINUTE_MS, reviewer="r"
    )


def about(word: Word, subject: str = ID, minutes: int = 5) -> Verdict:
    return verdict(word, subject, minutes, "campaign")


def hear(campaigns: Bench, *verdicts: Verdict, offset: int = 100) -> list[Decision]:
    """One record of verdicts, and the decisions that it led to; states go through their stored form."""
    items = [PlacedFindings(offset, Findings(0, "feedback-1", 0, 0, NOON_MS, [], list(verdicts)))]
    before = len(campaigns.said("enforcement"))
    campaigns.states.begin_step()
    while missing := campaigns.states.missing(sorted(campaigns.stage.needs(items, campaigns.states))):
        for key in missing:
            campaigns.states.held[key] = campaigns.stage.decode(key, None)
    output = campaigns.stage.fold(Source(0, "findings-1"), items, campaigns.states)
    for key, state in campaigns.states.held.items():
        campaigns.states.held[key] = campaigns.stage.decode(key, campaigns.stage.encode(key, state))
    campaigns.left.extend(output.records)
    assert output.records == [it for it in output.records if it.appended_at_ms == 0]
    return campaigns.said("enforcement")[before:]


def limited(members: str = "abcd") -> Bench:
    """A campaign that was just throttled, for six hours."""
    campaigns = bench()
    campaigns.take(finding(members))
    assert [it.members for it in campaigns.said("enforcement")] == [tuple(members)]
    return campaigns


def told(decisions: list[Decision]) -> list[tuple[str, str, int, int]]:
    """Of each: subject, action, sequence and when it expires, in hours after it was decided."""
    return [
        (it.subject_id, it.action, it.sequence, (it.expires_at_ms - it.decided_at_ms) // HOUR_MS) for it in decisions
    ]


def test_an_innocent_account_leaves_its_campaign_which_says_nothing_of_it() -> None:
    campaigns = limited()
    assert hear(campaigns, verdict("innocent", "a")) == []
    (campaign,) = campaigns.campaigns().values()
    assert (set(campaign.members), set(campaign.seen)) == (set("bcd"), set("bcd"))
    assert campaign.view(campaign.belonging()).accounts == 3


def test_an_innocent_account_is_not_named_again_until_its_exemption_ends() -> None:
    campaigns = limited()
    hear(campaigns, verdict("innocent", "a"))
    campaigns.take(finding("aef", "q", minutes=10), finding("abef", "r", minutes=11))
    campaigns.take(finding("ag", "p", minutes=27 * DAY))
    assert "a" not in {name for it in campaigns.said("enforcement")[1:] for name in it.members}
    assert all("a" not in it.members for it in campaigns.campaigns().values())
    campaigns.take(finding("a", "p", minutes=29 * DAY))
    assert any("a" in it.members for it in campaigns.campaigns().values())
    assert "a" in {name for it in campaigns.said("enforcement")[1:] for name in it.members}


def test_an_innocent_account_that_waits_for_the_cap_is_not_named() -> None:
    campaigns = bench(replace(POLICY, blast_radius=replace(POLICY.blast_radius, accounts_per_hour=2)))
    campaigns.take(finding("abcd"))
    hear(campaigns, verdict("innocent", "c"))
    campaigns.take(finding("e", minutes=60), finding("f", minutes=120))
    assert [it.members for it in campaigns.said("enforcement")] == [("a", "b"), ("d", "e"), ("f",)]


def test_a_campaign_whose_members_are_innocent_is_too_small_to_be_limited() -> None:
    campaigns = bench()
    campaigns.take(finding("ab"))
    hear(campaigns, verdict("innocent", "a"), verdict("innocent", "b"))
    campaigns.take(finding("abcd", minutes=10))
    assert campaigns.left == []
    campaigns.take(finding("e", minutes=11))
    assert [it.members for it in campaigns.said("enforcement")] == [tuple("cde")]


def test_a_finding_about_the_innocent_alone_founds_nothing() -> None:
    campaigns = bench()
    hear(campaigns, *(verdict("innocent", name) for name in "abc"))
    campaigns.take(finding("abc", minutes=10))
    assert campaigns.left == []
    assert campaigns.campaigns() == {}


def test_to_the_templates_of_the_campaign_an_innocent_account_is_a_stranger() -> None:
    campaigns = taken(*relay(accounts=12, wordings=4))
    (campaign,) = campaigns.campaigns().values()
    hear(campaigns, verdict("innocent", "m1"))
    campaigns.take(said(3, ["m1", "m3"], minutes=10, uses=9, opened_ms=YOUNG_MS))
    (campaign,) = campaigns.campaigns().values()
    assert "m1" not in campaign.seen
    strangers = {name: "m1" in link.strangers for name, link in campaign.links.items()}
    assert strangers == {f"template:t{number}": number % 2 == 1 for number in range(4)}


def test_a_payment_of_the_innocent_alone_makes_nobody_a_member() -> None:
    campaigns = limited()
    (campaign,) = campaigns.campaigns().values()
    campaign.seen["a"].payment_hash = "p1"
    campaign.seen["b"].payment_hash = campaign.seen["c"].payment_hash = "p2"
    campaign.payments |= {"p1", "p2"}
    hear(campaigns, verdict("innocent", "a"), verdict("innocent", "b"))
    (campaign,) = campaigns.campaigns().values()
    assert campaign.payments == {"p2"}


def test_a_confirmed_account_may_be_named_again() -> None:
    campaigns = limited()
    hear(campaigns, verdict("innocent", "a"), verdict("confirmed", "a", minutes=6))
    campaigns.take(finding("a", "p", minutes=10))
    assert campaigns.said("enforcement")[-1].members == ("a",)


def test_an_innocent_campaign_is_let_go_with_its_templates() -> None:
    campaigns = taken(*relay())
    (name,) = campaigns.campaigns()
    templates = {it.subject_id for it in of(campaigns, "network")}
    assert len(templates) > 5
    released = hear(campaigns, about("innocent", name, minutes=60))
    assert [(it.subject_id, it.action) for it in released] == [(it, "release") for it in (name, *sorted(templates))]
    assert {it.expires_at_ms - it.decided_at_ms for it in released} == {28 * DAY_MS}
    assert {(it.campaign_id, it.model_version, it.members, it.limits) for it in released} == {
        (name, REVIEWER, (), None)
    }
    before = len(campaigns.left)
    campaigns.take(*(replace(it, as_of_ms=it.as_of_ms + 2 * HOUR_MS) for it in relay(accounts=16)))
    assert campaigns.left[before:] == []


def test_the_templates_of_a_confirmed_campaign_stay_limited_at_least_as_long_as_it_does() -> None:
    campaigns = taken(*relay())
    (name,) = campaigns.campaigns()
    before = {it.subject_id: it for it in campaigns.said("enforcement")}
    (action,) = {it.action for it in before.values()}
    confirmed = hear(campaigns, about("confirmed", name, minutes=60))
    assert {it.subject_id: it.wording for it in confirmed} == {it.subject_id: it.wording for it in before.values()}
    assert any(it.wording for it in confirmed)
    assert {it.subject_id for it in confirmed} == before.keys()
    assert {it.action for it in confirmed} == {action}
    for it in confirmed:
        assert it.sequence == before[it.subject_id].sequence + 1
        assert it.limits == before[it.subject_id].limits
        assert it.expires_at_ms == max(confirmed[0].expires_at_ms, before[it.subject_id].expires_at_ms)


def test_an_innocent_campaign_is_not_limited_again_until_its_exemption_ends() -> None:
    campaigns = limited()
    assert told(hear(campaigns, about("innocent"))) == [(ID, "release", 2, FOUR_WEEKS)]
    assert campaigns.campaigns()[ID].found_ms == LATEST_MS
    campaigns.take(finding("efgh", families=CHALLENGE, minutes=10))
    assert len(campaigns.said("enforcement")) == 2
    assert set(campaigns.campaigns()[ID].members) == set("abcdefgh")
    campaigns.take(finding("i", families=CHALLENGE, minutes=29 * DAY))
    assert (campaigns.said("enforcement")[-1].action, campaigns.said("enforcement")[-1].sequence) == ("challenge", 3)


def test_an_innocent_campaign_neither_shields_another_nor_is_limited_with_it() -> None:
    campaigns = limited()
    hear(campaigns, about("innocent"))
    campaigns.take(finding("xyz", "q", minutes=10))
    campaigns.take(finding("abcxyz", "r", minutes=11))
    other = found(finding("xyz", "q", minutes=10)).campaign_id
    assert campaigns.campaigns().keys() == {ID, other}
    assert campaigns.campaigns()[ID].links.keys() == {"payment:p"}
    assert campaigns.campaigns()[other].links.keys() == {"payment:q", "payment:r"}
    assert {it.subject_id for it in campaigns.said("enforcement")[2:]} == {other}


def test_what_is_confirmed_stays_four_times_as_long_and_its_members_with_it() -> None:
    campaigns = limited()
    (decision,) = hear(campaigns, about("confirmed"))
    assert told([decision]) == [(ID, "throttle", 2, 24)]
    assert (decision.members, decision.score, decision.limits) == ((), 1.0, campaigns.said("enforcement")[0].limits)
    campaigns.take(finding("abcd", minutes=20 * 60))
    assert len(campaigns.said("enforcement")) == 2
    campaigns.take(finding("abcd", minutes=22 * 60))
    assert told(campaigns.said("enforcement")[2:]) == [(ID, "throttle", 3, 6)]


def test_a_new_member_does_not_shorten_what_was_confirmed() -> None:
    campaigns = limited()
    (confirmed,) = hear(campaigns, about("confirmed"))
    campaigns.take(finding("e", minutes=30))
    last = campaigns.said("enforcement")[-1]
    assert (last.members, last.sequence, last.expires_at_ms) == (("e",), 3, confirmed.expires_at_ms)


def test_what_was_confirmed_stays_as_hard_and_as_long_when_another_takes_it_in() -> None:
    campaigns = bench()
    campaigns.take(finding("abc", "p1", THROTTLE, minutes=0))
    campaigns.take(finding("def", "p2", CHALLENGE, minutes=1))
    (younger,) = (it.campaign_id for it in campaigns.campaigns().values() if "d" in it.members)
    (confirmed,) = hear(campaigns, about("confirmed", younger, minutes=2))
    campaigns.take(finding("def", "p2", THROTTLE, minutes=70))
    before = len(campaigns.said("enforcement"))
    campaigns.take(finding("abde", "p3", THROTTLE, minutes=71))
    released, taken_in = campaigns.said("enforcement")[before:]
    assert (released.subject_id, released.action) == (younger, "release")
    assert (taken_in.action, taken_in.expires_at_ms) == ("challenge", confirmed.expires_at_ms)
    assert {*taken_in.members} >= {*"def"}


@pytest.mark.parametrize("later", [0, 1])
def test_nor_is_it_lost_where_who_took_it_in_is_taken_in_itself_whether_at_once_or_later(later: int) -> None:
    campaigns = bench()
    campaigns.take(finding("ghi", "p0", THROTTLE, minutes=0))
    campaigns.take(finding("abc", "p1", THROTTLE, minutes=1))
    campaigns.take(finding("def", "p2", CHALLENGE, minutes=2))
    (youngest,) = (it.campaign_id for it in campaigns.campaigns().values() if "d" in it.members)
    (confirmed,) = hear(campaigns, about("confirmed", youngest, minutes=3))
    merges = finding("abde", "p3", THROTTLE, minutes=71), finding("ghab", "p4", THROTTLE, minutes=71 + later)
    campaigns.take(*merges)
    (heir,) = (it for it in campaigns.campaigns().values() if it.merged_into is None)
    assert (heir.enforcement.action, heir.enforcement.expires_at_ms) == ("challenge", confirmed.expires_at_ms)


@pytest.mark.parametrize(("hours", "times", "stays"), [(6, 100, 600), (500, 4, 672)])
def test_nothing_stays_longer_than_a_decision_may(hours: int, times: int, stays: int) -> None:
    ladder = replace(POLICY.campaign, throttle=replace(POLICY.campaign.throttle, expires_hours=hours))
    campaigns = bench(replace(POLICY, campaign=ladder, feedback=FeedbackPolicy(extend_times=times)))
    campaigns.take(finding("abcd"))
    assert told(hear(campaigns, about("confirmed"))) == [(ID, "throttle", 2, stays)]


def test_a_confirmed_campaign_that_was_innocent_is_watched_and_then_limited_again() -> None:
    campaigns = limited()
    answer = hear(campaigns, about("innocent"), about("confirmed", minutes=6))
    assert told(answer) == [(ID, "release", 2, FOUR_WEEKS), (ID, "observe", 3, 24)]
    campaigns.take(finding("e", minutes=10))
    assert campaigns.said("enforcement")[-1].action == "throttle"


@pytest.mark.parametrize("subject", [verdict("innocent", "a"), about("innocent"), about("confirmed")])
def test_a_verdict_that_comes_again_or_late_changes_nothing(subject: Verdict) -> None:
    campaigns = limited()
    hear(campaigns, subject)
    before = (campaigns.stored(), list(campaigns.left))
    earlier: dict[str, Any] = {"decided_at_ms": subject.decided_at_ms - 1, "verdict": "innocent"}
    hear(campaigns, subject, replace(subject, **earlier), offset=101)
    assert (campaigns.stored(), campaigns.left) == before


def test_nothing_follows_for_a_campaign_that_nobody_knows_or_that_another_took_in() -> None:
    campaigns = bench()
    older, younger = finding("abc"), finding("xyz", "q", minutes=1)
    campaigns.take(older, younger)
    campaigns.take(finding("abxy", "r", minutes=2))
    answer = hear(campaigns, about("innocent", "c-0123456789abcdef"), about("innocent", found(younger).campaign_id))
    assert answer == []
    assert campaigns.campaigns()[ID].enforcement.action == "throttle"


def test_an_innocent_account_is_found_through_those_that_took_its_campaign_in() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"), finding("xyz", "q", minutes=1))
    campaigns.take(finding("abxy", "r", minutes=2))
    hear(campaigns, verdict("innocent", "z"))
    assert campaigns.memberships() == {frozenset("abcxy")}


def test_verdicts_are_forgotten_when_they_say_no_more() -> None:
    campaigns = bench()
    hear(campaigns, verdict("innocent", "a"), verdict("confirmed", "b", minutes=DAY))
    hear(campaigns, verdict("innocent", "c", minutes=28 * DAY + 6), offset=101)
    assert campaigns.states.read(EXEMPT, Exempt).rulings.keys() == {"b", "c"}


def test_verdicts_are_looked_through_once_an_hour_of_their_time() -> None:
    exempt = Exempt()
    kept = [verdict("innocent", name, minutes) for name, minutes in (("a", 0), ("b", 30), ("c", 28 * DAY))]
    assert [exempt.take(it, POLICY) for it in kept] == [True, True, True]
    assert exempt.swept_ms == NOON_MS + 28 * DAY_MS
    assert exempt.rulings.keys() == {"b", "c"}
    assert exempt.take(verdict("innocent", "d", 28 * DAY + 59), POLICY)
    assert exempt.rulings.keys() == {"b", "c", "d"}
    assert exempt.among("abcd", NOON_MS + 28 * DAY_MS + 59 * MINUTE_MS) == {"c", "d"}
    assert exempt.take(verdict("innocent", "e", 28 * DAY + 60), POLICY)
    assert exempt.rulings.keys() == {"c", "d", "e"}


def test_a_verdict_about_a_campaign_that_nobody_knows_or_another_took_in_is_counted() -> None:
    campaigns = bench()
    campaigns.take(finding("abc"), finding("xyz", "q", minutes=1))
    campaigns.take(finding("abxy", "r", minutes=2))
    (heir,) = (it for it in campaigns.campaigns().values() if it.merged_into is None)
    founded = {found(it).campaign_id for it in (finding("abc"), finding("xyz", "q", minutes=1))}
    (gone,) = founded - {heir.campaign_id}
    unknown = "c-0123456789abcdef"
    campaigns.states.held[campaign_key(unknown)] = campaigns.stage.decode(campaign_key(unknown), None)
    for subject, counted in ((unknown, "verdict_unknown"), (gone, "verdict_taken_in"), (heir.campaign_id, "")):
        output = Output()
        cause = Cause("findings/100/verdict/0", NO_REQUEST, output, POLICY)
        take_verdict(about("innocent", subject), cause, campaigns.states)
        assert {name: count for name, count in output.tally.items() if name.startswith("verdict_")} == (
            {counted: 1} if counted else {}
        )


def learner_of(campaigns: Bench) -> Learner:
    return campaigns.states.read(LEARNER, Learner)


def campaign_ids(campaigns: Bench, count: int) -> list[str]:
    """So many campaigns that share nothing, each decided about."""
    starts = [finding((f"{number}{letter}" for letter in "abc"), f"p{number}") for number in range(count)]
    campaigns.take(*starts)
    return [found(it).campaign_id for it in starts]


def test_a_verdict_teaches_how_its_campaign_looked_when_it_was_decided_about() -> None:
    campaigns = limited()
    decided = campaigns.campaigns()[ID].decided
    assert len(decided) == len(FEATURES)
    hear(campaigns, about("confirmed"))
    assert learner_of(campaigns).state.lessons == [Lesson(decided, confirmed=True, weight=1.0)]


def test_a_campaign_that_was_decided_about_by_other_signals_teaches_nothing() -> None:
    """As after an upgrade that brings a signal."""
    campaigns = limited()
    campaigns.campaigns()[ID].decided = campaigns.campaigns()[ID].decided[:-1]
    hear(campaigns, about("confirmed"), verdict("confirmed", "a"))
    assert learner_of(campaigns).state.lessons == []


def test_a_verdict_about_an_account_counts_as_much_as_it_is_of_its_campaign() -> None:
    campaigns = limited("abcd")
    hear(campaigns, verdict("innocent", "a"), verdict("innocent", "stranger"))
    assert [(it.confirmed, it.weight) for it in learner_of(campaigns).state.lessons] == [(False, 0.25)]


def test_a_campaign_teaches_once_a_day_and_so_do_its_members() -> None:
    campaigns = limited()
    words: tuple[Word, ...] = ("confirmed", "innocent", "confirmed")
    hear(campaigns, *(about(word, minutes=5 + number) for number, word in enumerate(words)))
    hear(campaigns, *(verdict("confirmed", name, minutes=10) for name in "abcd"), offset=101)
    assert [it.weight for it in learner_of(campaigns).state.lessons] == [1.0, 0.25]
    hear(campaigns, about("confirmed", minutes=5 + DAY), offset=102)
    assert [it.weight for it in learner_of(campaigns).state.lessons] == [1.0, 0.25, 1.0]


def test_what_comes_again_teaches_nothing_and_neither_does_a_campaign_that_was_never_decided_about() -> None:
    campaigns = bench()
    campaigns.take(finding("ab"))
    hear(campaigns, about("confirmed", found(finding("ab")).campaign_id), verdict("confirmed", "a"))
    assert learner_of(campaigns).state.lessons == []
    campaigns = limited()
    hear(campaigns, about("confirmed"))
    hear(campaigns, about("confirmed"), about("innocent", minutes=4))
    assert learner_of(campaigns).counts == (0, 1)


def taught_to_release(model: ModelUse) -> tuple[Bench, Output]:
    """Reviewers called nearly all campaigns innocent; then one like them is found, hard enough to be challenged."""
    campaigns = bench(replace(POLICY, feedback=FeedbackPolicy(model=model)))
    names = campaign_ids(campaigns, 60)
    hear(campaigns, *(about("confirmed", name) for name in names[:10]))
    hear(campaigns, *(about("innocent", name) for name in names[10:]), offset=101)
    return campaigns, campaigns.take(finding("xyz", "new", CHALLENGE, minutes=10))


def test_in_shadow_the_model_is_measured_and_decides_nothing() -> None:
    campaigns, output = taught_to_release("shadow")
    assert campaigns.said("enforcement")[-1].action == "challenge"
    ((name, probability),) = output.measured
    assert (name, probability < 0.5) == ("campaign_probability", True)


def test_switched_on_it_softens_a_challenge_to_a_throttle() -> None:
    campaigns, _ = taught_to_release("on")
    assert campaigns.said("enforcement")[-1].action == "throttle"


def test_switched_off_it_neither_learns_nor_speaks() -> None:
    campaigns, output = taught_to_release("off")
    assert campaigns.said("enforcement")[-1].action == "challenge"
    assert (output.measured, learner_of(campaigns).state.lessons) == ([], [])


def test_each_lesson_is_a_question_first_and_its_answer_is_measured() -> None:
    campaigns = bench()
    names = campaign_ids(campaigns, 22)
    verdicts = [about("confirmed" if number % 2 else "innocent", name) for number, name in enumerate(names)]
    items = [PlacedFindings(0, Findings(0, "feedback-1", 0, 0, NOON_MS, [], verdicts))]
    while missing := campaigns.states.missing(sorted(campaigns.stage.needs(items, campaigns.states))):
        campaigns.states.held.update({key: campaigns.stage.decode(key, None) for key in missing})
    output = campaigns.stage.fold(Source(0, "findings-1"), items, campaigns.states)
    warming = {key: count for key, count in output.tally.items() if key.endswith("_warming")}
    assert warming == {"lesson_innocent_warming": 10, "lesson_confirmed_warming": 10}
    answered = {key: count for key, count in output.tally.items() if key.endswith(("_right", "_wrong"))}
    assert sum(answered.values()) == 2
    assert [name for name, _ in output.measured] == ["lesson_loss", "lesson_loss"]


def test_an_erased_account_is_neither_member_nor_seen_nor_a_stranger() -> None:
    campaigns = limited()
    assert hear(campaigns, verdict("innocent", "a"), verdict("confirmed", "b")) == []
    assert hear(campaigns, verdict("erased", "a", 10), verdict("erased", "b", 10)) == []
    (campaign,) = campaigns.campaigns().values()
    assert (set(campaign.members), set(campaign.seen)) == (set("cd"), set("cd"))
    assert [evidence.strangers for evidence in campaign.links.values()] == [set()]
    exempt = campaigns.states.read(EXEMPT, Exempt)
    assert (exempt.rulings, set(exempt.erased)) == ({}, {"a", "b"})
    for name in "ab":
        assert campaigns.stage.encode(f"member:{name}", campaigns.states.held[f"member:{name}"]) == b""


def test_who_is_erased_is_left_out_of_what_was_found_before_and_seen_anew_after() -> None:
    campaigns = limited()
    hear(campaigns, verdict("erased", "a", 10))
    campaigns.take(finding("abcd", "q", minutes=10), offset=101)
    assert all("a" not in it.seen for it in campaigns.campaigns().values())
    campaigns.take(finding("abcd", "q", minutes=11, since=11), offset=102)
    (campaign,) = campaigns.campaigns().values()
    assert campaign.seen["a"].since_ms == NOON_MS + 11 * MINUTE_MS
    campaigns.take(finding("abcde", "q", minutes=12, since=11), offset=103)
    assert set(campaign.seen) == set("abcde"), "it is not forgotten a second time"


def test_a_campaign_that_only_saw_an_account_forgets_it_when_it_is_looked_at_next() -> None:
    campaigns = bench()
    campaigns.take(finding("abcd", "t", kind="template"))
    (campaign,) = campaigns.campaigns().values()
    assert "a" in campaign.seen
    assert "a" not in campaign.members
    hear(campaigns, verdict("erased", "a", 10))
    campaigns.take(finding("e", "t", kind="template", minutes=30), offset=101)
    (campaign,) = campaigns.campaigns().values()
    assert set(campaign.seen) == set("bcde")
    assert "a" not in campaign.links["template:t"].strangers


def test_links_that_others_use_on_do_not_bring_an_erased_account_back() -> None:
    campaigns = limited()
    hear(campaigns, verdict("erased", "a", 0))
    before = len(campaigns.said("enforcement"))
    campaigns.take(finding("abcd", "q", minutes=30, since=-1), offset=101)
    assert campaigns.memberships() == {frozenset("bcd")}
    campaigns.take(finding("ae", "q", minutes=40), offset=102)
    assert campaigns.memberships() == {frozenset("bcde")}
    assert "a" not in {name for it in campaigns.said("enforcement")[before:] for name in it.members}
    campaigns.take(finding("a", "q", minutes=50, since=50), offset=103)
    assert campaigns.said("enforcement")[-1].members == ("a",)


def test_what_was_found_of_an_account_since_its_last_event_is_forgotten_too() -> None:
    """Others used the link after that, so it was found as of then."""
    campaigns = bench()
    campaigns.take(finding("abcd", minutes=5))
    hear(campaigns, verdict("erased", "a", 0))
    (campaign,) = campaigns.campaigns().values()
    assert (set(campaign.members), set(campaign.seen)) == (set("bcd"), set("bcd"))


def test_an_erasure_that_comes_again_takes_nothing_of_what_the_account_did_since() -> None:
    """As it does where observe is built again."""
    campaigns = limited()
    hear(campaigns, verdict("erased", "a", 10))
    campaigns.take(finding("abcd", "q", minutes=30, since=30), offset=101)
    before = campaigns.stored()
    hear(campaigns, verdict("erased", "a", 10), offset=102)
    assert campaigns.stored() == before
    assert "a" in next(iter(campaigns.campaigns().values())).members


def test_a_campaign_that_is_looked_at_because_an_erased_account_came_back_keeps_what_is_new() -> None:
    campaigns = bench()
    campaigns.take(finding("abcd", "t", kind="template"))
    hear(campaigns, verdict("erased", "a", 10))
    campaigns.take(finding("a", "t", kind="template", minutes=30, since=30), offset=101)
    (campaign,) = campaigns.campaigns().values()
    assert (campaign.seen["a"].since_ms, set(campaign.seen)) == (NOON_MS + 30 * MINUTE_MS, set("abcd"))


def test_who_was_erased_two_months_ago_is_not_kept_in_mind_as_such() -> None:
    """An account may be erased 29 days after its last event, and states that name it last 29 days after that."""
    campaigns = bench()
    hear(campaigns, verdict("erased", "a", 10))
    hear(campaigns, verdict("erased", "b", 10 + 60 * DAY))
    assert set(campaigns.states.read(EXEMPT, Exempt).erased) == {"a", "b"}
    hear(campaigns, verdict("erased", "c", 11 + 60 * DAY))
    assert set(campaigns.states.read(EXEMPT, Exempt).erased) == {"b", "c"}


def test_nothing_is_learnt_of_an_erasure_and_none_of_a_campaign_is_taken() -> None:
    campaigns = limited()
    hear(campaigns, verdict("erased", "a", 10), about("erased"))
    assert campaigns.states.read(LEARNER, Learner).counts == (0, 0)
    (campaign,) = campaigns.campaigns().values()
    assert set(campaign.members) == set("bcd")


def test_a_campaign_that_lost_its_members_lets_its_templates_go_when_its_own_limit_is_over() -> None:
    campaigns = taken(*relay())
    templates = {it.subject_id for it in of(campaigns, "network")}
    members = sorted({name for campaign in campaigns.campaigns().values() for name in campaign.members})
    hear(campaigns, *(verdict("innocent", name, minutes=60) for name in members))
    before = len(campaigns.left)
    campaigns.take(said(3, ["another"], minutes=61))
    assert campaigns.left[before:] == []
    campaigns.take(said(3, ["one more"], minutes=13 * 60))
    last = {it.subject_id: it.action for it in of(campaigns, "network")}
    assert last == dict.fromkeys(templates, "release")


def test_to_confirm_a_campaign_whose_limit_is_over_says_nothing_of_its_templates() -> None:
    """Or they would be a reviewer's word, and go at the next finding that says little."""
    campaigns = taken(*relay())
    (name,) = campaigns.campaigns()
    assert hear(campaigns, about("confirmed", name, minutes=13 * 60)) == []


def test_to_confirm_a_campaign_says_nothing_of_a_template_that_a_crowd_has_back() -> None:
    campaigns = taken(*relay(60), said(3, [f"user {number}" for number in range(300)], minutes=30))
    (name,) = campaigns.campaigns()
    spoken = {it.subject_id for it in hear(campaigns, about("confirmed", name, minutes=60))}
    assert "template:t3" not in spoken
    assert len(spoken) > 5
