"""observe and reviewers: who is let go, who stays limited for longer, and what is passed on to campaigns."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from streams.batch import EventBatch
from streams.decisions import Decision
from streams.distinct import hash32
from streams.feedback import Feedback, PlacedVerdict, Reached, Verdict, Word
from streams.findings import Findings
from streams.links import Source
from streams.payers import Payers
from streams.policy import DEFAULT_POLICY, FeedbackPolicy
from streams.reviewing import REVIEWER
from streams.stages.observe_feedback import PAYERS
from streams.stages.observe_shard import SHARD, ObserveShard
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.stages.test_observe import LINK_PARTITIONS, NOON_MS, STRICT, Bench, bench, greedy

LATER_MS = NOON_MS + 30 * MINUTE_MS


def verdict(word: Word, account: str = "a", at_ms: int = LATER_MS, **more: Any) -> Verdict:  # noqa: ANN401
    fields: dict[str, Any] = {"subject_kind": "account", "subject_id": account, "verdict": word, "decided_at_ms": at_ms}
    return Verdict(**fields | {"reviewer": "r"} | more)


def hear(observe: Bench, *verdicts: Verdict, first: int = 0, log: str = "feedback-1", late_ms: int = 0) -> None:
    """Feedback with offsets from `first` on, appended when it says plus `late_ms`."""
    placed = [PlacedVerdict(number, it.decided_at_ms + late_ms, it) for number, it in enumerate(verdicts, start=first)]
    items = EventBatch(feedback=Feedback(log, first + len(verdicts) - 1, tuple(placed)))
    observe.states.begin_step()
    for key in observe.states.missing(sorted(observe.stage.needs(items, observe.states))):
        observe.states.held[key] = observe.stage.decode(key, None)
    output = observe.stage.fold(Source(0, "requests-1"), items, observe.states)
    for key in observe.states.changed:
        stored = observe.stage.encode(key, observe.states.held[key])
        observe.states.held[key] = observe.stage.decode(key, stored)
    observe.left.extend(output.records)
    observe.tally.update(output.tally)


def told(observe: Bench) -> list[tuple[str, int, int]]:
    """Each decision: action, sequence and when it expires, in hours after it was decided."""
    return [(it.action, it.sequence, (it.expires_at_ms - it.decided_at_ms) // HOUR_MS) for it in observe.decisions()]


def passed_on(observe: Bench) -> list[Findings]:
    return [record.value for record in observe.left if isinstance(record.value, Findings)]


def limited() -> Bench:
    """An account that was just throttled, for six hours."""
    observe = bench()
    observe.take(greedy(10))
    assert told(observe) == [("throttle", 1, 6)]
    return observe


def later(observe: Bench, days: int) -> list[Decision]:
    """What is decided about the same greedy account so many days later."""
    before = len(observe.decisions())
    observe.take(
        [replace(it, occurred_at_ms=it.occurred_at_ms + days * DAY_MS) for it in greedy(130)], first_offset=1_000 * days
    )
    return observe.decisions()[before:]


def test_an_innocent_account_is_let_go_at_once_by_the_next_sequence() -> None:
    observe = limited()
    hear(observe, verdict("innocent"))
    decision = observe.decisions()[-1]
    assert told(observe)[1:] == [("release", 2, 28 * 24)]
    assert (decision.subject_kind, decision.subject_id, decision.members) == ("account", "a", ())
    assert (decision.decided_at_ms, decision.reasons, decision.score) == (LATER_MS, (), 0.0)
    assert (decision.model_version, decision.limits) == (REVIEWER, None)


def test_nothing_is_decided_about_an_innocent_account_until_its_exemption_ends() -> None:
    observe = limited()
    hear(observe, verdict("innocent"))
    requests = observe.account("a").requests
    assert later(observe, 27) == []
    assert observe.account("a").requests == requests + 130
    assert later(observe, 29)[0].sequence == 3


def test_the_policy_says_how_long_that_is() -> None:
    observe = bench(replace(STRICT, feedback=FeedbackPolicy(exempt_days=3)))
    hear(observe, verdict("innocent"))
    assert told(observe) == [("release", 1, 72)]
    assert later(observe, 2) == []
    assert later(observe, 4)[0].sequence == 2


def test_an_account_that_nobody_saw_yet_is_exempt_when_it_comes() -> None:
    observe = bench()
    hear(observe, verdict("innocent"))
    observe.take(greedy(100))
    assert told(observe) == [("release", 1, 28 * 24)]
    plain = bench()
    plain.take(greedy(100))
    spared, other = observe.account("a"), plain.account("a")
    assert (spared.requests, spared.windows, spared.first_ms) == (other.requests, other.windows, other.first_ms)
    assert observe.states.read(SHARD, ObserveShard).subjects == plain.states.read(SHARD, ObserveShard).subjects == 1


def test_what_is_confirmed_stays_four_times_as_long() -> None:
    observe = limited()
    hear(observe, verdict("confirmed"))
    decision = observe.decisions()[-1]
    assert told(observe)[1:] == [("throttle", 2, 24)]
    assert (decision.limits, decision.reasons) == (observe.decisions()[0].limits, ())


def test_nothing_stays_longer_than_a_decision_may() -> None:
    observe = bench(replace(STRICT, feedback=FeedbackPolicy(extend_times=100)))
    observe.take(greedy(10))
    hear(observe, verdict("confirmed"), verdict("confirmed", at_ms=LATER_MS + HOUR_MS))
    assert told(observe)[1:] == [("throttle", 2, 600), ("throttle", 3, 600)]
    suspending = replace(STRICT.account, throttle=replace(STRICT.account.throttle, expires_hours=500))
    observe = bench(replace(STRICT, account=suspending))
    observe.take(greedy(10))
    hear(observe, verdict("confirmed"))
    assert told(observe) == [("throttle", 1, 500), ("throttle", 2, 672)]


def test_nothing_is_in_force_to_be_confirmed_about_a_stranger_or_once_it_expired() -> None:
    observe = limited()
    hear(observe, verdict("confirmed", "stranger"), verdict("confirmed", at_ms=NOON_MS + DAY_MS))
    assert told(observe) == [("throttle", 1, 6)]
    assert observe.states.read(SHARD, ObserveShard).subjects == 1


def test_who_was_innocent_and_is_confirmed_is_watched_again() -> None:
    observe = limited()
    hear(observe, verdict("innocent"), verdict("confirmed", at_ms=LATER_MS + 1))
    assert told(observe)[1:] == [("release", 2, 28 * 24), ("observe", 3, 24)]
    assert [it.action for it in later(observe, 1)][:1] == ["throttle"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("innocent", "confirmed", ["release"]), ("confirmed", "innocent", ["throttle"])],
)
def test_the_verdict_that_was_given_last_counts_whenever_it_comes(
    first: Word, second: Word, expected: list[str]
) -> None:
    observe = limited()
    hear(observe, verdict(first, at_ms=LATER_MS + 1), verdict(second))
    hear(observe, verdict(second, at_ms=LATER_MS + 1), first=2)
    assert [it.action for it in observe.decisions()[1:]] == expected


def test_feedback_that_was_taken_before_changes_nothing() -> None:
    observe = limited()
    hear(observe, verdict("innocent"), verdict("innocent", "b"))
    before = (list(observe.left), dict(observe.states.held))
    hear(observe, verdict("innocent"), verdict("innocent", "b"))
    hear(observe, verdict("innocent"))
    assert (observe.left, observe.states.held) == before
    assert observe.states.read(SHARD, ObserveShard).feedback == Reached("feedback-1", 1)
    assert observe.tally["duplicate"] == 3


def test_a_log_that_was_made_again_is_taken_from_its_beginning() -> None:
    observe = limited()
    hear(observe, verdict("confirmed"), first=7)
    hear(observe, verdict("innocent", at_ms=LATER_MS + 1), log="feedback-2")
    assert [it.action for it in observe.decisions()] == ["throttle", "throttle", "release"]
    assert observe.states.read(SHARD, ObserveShard).feedback == Reached("feedback-2", 0)


def test_a_verdict_from_a_clock_that_is_ahead_counts_from_when_the_log_took_it() -> None:
    observe = limited()
    hear(observe, verdict("innocent"), late_ms=-MINUTE_MS)
    assert observe.decisions()[-1].decided_at_ms == LATER_MS - MINUTE_MS
    assert passed_on(observe)[0].verdicts[0].decided_at_ms == LATER_MS - MINUTE_MS


def test_all_that_is_said_is_passed_on_to_campaigns_without_its_notes() -> None:
    observe = limited()
    about = verdict("confirmed", "c-0123456789abcdef", subject_kind="campaign")
    hear(observe, verdict("innocent", note="They showed us their invoices."), about, first=4)
    (findings,) = passed_on(observe)
    assert findings.verdicts == [verdict("innocent"), about]
    assert (findings.source_partition, findings.source_log, findings.source_offset) == (0, "feedback-1", 5)
    assert (findings.findings, findings.part) == ([], 0)
    assert [record.partition for record in observe.left if record.value is findings] == [0]


def test_a_campaign_is_none_of_the_accounts() -> None:
    observe = bench()
    hear(observe, verdict("innocent", "c-0123456789abcdef", subject_kind="campaign"))
    assert observe.decisions() == []
    assert set(observe.states.held) == {"shard", "model", "payers"}


def test_the_next_verdict_has_another_id_and_a_repeat_the_same() -> None:
    ids = []
    for offset in (3, 3, 4):
        observe = limited()
        hear(observe, verdict("innocent"), first=offset)
        ids.append(observe.decisions()[-1].decision_id)
    assert ids[0] == ids[1] != ids[2]


def test_the_shipped_policy_exempts_for_as_long_as_a_decision_may_last() -> None:
    assert DEFAULT_POLICY.feedback == FeedbackPolicy(exempt_days=28, extend_times=4, model="shadow")


def erased_on(observe: Bench) -> list[tuple[int | None, dict[str, int]]]:
    return [(partition, links.erased) for partition, links in observe.links() if links.erased]


def test_an_erased_account_is_as_if_it_had_never_come_but_for_what_is_in_force() -> None:
    observe = limited()
    newest_ms = observe.account("a").last_ms
    hear(observe, verdict("confirmed"))
    assert told(observe)[1][:2] == ("throttle", 2)
    hear(observe, verdict("erased"), first=1)
    assert len(told(observe)) == 2, "nothing is decided by it"
    left, unseen = observe.account("a"), bench()
    hear(unseen, verdict("innocent"))
    assert (left.head.enforcement.action, left.head.enforcement.sequence) == ("throttle", 2)
    assert replace(left, head=unseen.account("a").head) == unseen.account("a")
    assert left.head.p_value is None
    assert observe.stage.encode("verdict:a", observe.states.held["verdict:a"]) == b""
    assert erased_on(observe) == [(number, {"a": newest_ms}) for number in range(LINK_PARTITIONS)]
    (passed,) = passed_on(observe)[1:]
    assert [(it.subject_id, it.verdict, it.decided_at_ms) for it in passed.verdicts] == [("a", "erased", newest_ms)]
    assert later(observe, 1)[0].sequence == 3, "what is decided next is not taken for older"


def test_of_an_account_about_which_nothing_was_decided_not_even_a_state_is_left() -> None:
    observe = bench()
    observe.take(greedy(3))
    assert observe.states.read(SHARD, ObserveShard).subjects == 1
    assert set(observe.states.read(PAYERS, Payers).paid) == {hash32("a")}
    hear(observe, verdict("erased"))
    assert (observe.stored("a"), observe.states.read(SHARD, ObserveShard).subjects) == (b"", 0)
    assert observe.states.read(PAYERS, Payers).paid == {}
    observe.take(greedy(5), first_offset=10)
    assert (observe.account("a").requests, observe.states.read(SHARD, ObserveShard).subjects) == (5, 1)


def test_of_an_account_that_nobody_saw_what_was_sent_until_the_erasure_is_erased() -> None:
    observe = bench()
    hear(observe, verdict("erased"))
    assert erased_on(observe) == [(number, {"a": LATER_MS}) for number in range(LINK_PARTITIONS)]
    assert (observe.stored("a"), observe.states.read(SHARD, ObserveShard).subjects, told(observe)) == (b"", 0, [])


def test_to_erase_a_campaign_says_nothing() -> None:
    observe = bench()
    hear(observe, verdict("erased", "c-0123456789abcdef", subject_kind="campaign"))
    assert (erased_on(observe), told(observe)) == ([], [])


def test_an_erasure_that_comes_twice_is_taken_once_by_its_place_in_the_log() -> None:
    observe = limited()
    hear(observe, verdict("erased"))
    observe.take(greedy(4), first_offset=500)
    hear(observe, verdict("erased"))
    assert observe.account("a").requests == 4
    assert len(erased_on(observe)) == LINK_PARTITIONS


def test_a_release_tells_how_the_account_pays_so_that_nobody_is_limited_for_paying_so() -> None:
    observe = bench()
    observe.take([replace(it, payment_hash="card") for it in greedy(10)])
    hear(observe, verdict("innocent"))
    assert [(it.action, it.payments) for it in observe.decisions()] == [("throttle", ()), ("release", ("card",))]
    assert [it.payment_hash for record in passed_on(observe) for it in record.verdicts] == ["card"]


def test_what_is_passed_on_can_be_read_though_an_event_says_that_the_payment_is_nothing() -> None:
    observe = bench()
    observe.take([replace(it, payment_hash="") for it in greedy(10)])
    hear(observe, verdict("innocent"))
    (passed,) = passed_on(observe)
    read = msgspec.json.decode(msgspec.json.encode(passed), type=Findings)
    assert [it.payment_hash for it in read.verdicts] == [None]


def test_of_an_account_that_nothing_is_known_of_a_release_tells_the_payment_that_the_reviewer_names() -> None:
    observe = bench()
    hear(observe, verdict("innocent"), verdict("innocent", "refused", payment_hash="card"))
    assert [it.payments for it in observe.decisions()] == [(), ("card",)]
