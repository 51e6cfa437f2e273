"""Which alerts a log of decisions makes, and that whoever missed any of them believes the right ones after the next."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import LIMITING, Decision, Reason
from streams.notifying import Alert, CampaignBook, Identity
from tests.streams.evaluation.deciding import decision

LARGE = 3
WHY = Reason("shared_payments", "identity", "They pay together.", 1.0, 0.3, 3.0)


def said(action: Any, at_ms: int, sequence: int = 1, subject: str = "c-1", **more: Any) -> Decision:  # noqa: ANN401
    fields = {"subject_kind": "campaign", "campaign_id": subject, "expires_at_ms": at_ms + 100, "reasons": (WHY,)}
    return decision(action, subject, at_ms, sequence, **fields | more)


def book_of(*decisions: Decision) -> CampaignBook:
    book = CampaignBook(LARGE)
    for it in decisions:
        book.take(it)
    return book


def standing(alerts: Sequence[Alert]) -> dict[str, Alert]:
    found = {it.identity.campaign_id: it for it in alerts if it.over is None}
    assert len(found) == sum(it.over is None for it in alerts), "one alert a campaign"
    return found


def test_a_campaign_is_one_alert_that_grows_and_ends_with_its_decision() -> None:
    book = book_of(said("throttle", 10, members=("a", "b")), said("throttle", 60, 2, members=("b",)))
    identity = Identity("c-1", "throttle", "none", shadow=False)
    assert book.alerts(61) == (
        Alert(identity=identity, since_ms=10, until_ms=160, members=2, reasons=(WHY,)),
    )  # fmt: skip
    assert book.alerts(159) == book.alerts(61)
    assert book.alerts(160) == ()


def test_severity_is_of_how_hard_and_how_large_it_is() -> None:
    few, many = ("a", "b"), ("a", "b", "c")
    expected = {
        ("throttle", few): "none",
        ("throttle", many): "ticket",
        ("challenge", few): "ticket",
        ("challenge", many): "page",
        ("suspend", few): "ticket",
        ("suspend", many): "page",
    }
    for (action, members), severity in expected.items():
        (alert,) = book_of(said(action, 10, members=members)).alerts(20)
        assert alert.identity.severity == severity
        (shadow,) = book_of(said(action, 10, members=members, shadow=True)).alerts(20)
        assert (shadow.identity.severity, shadow.identity.shadow) == ("none", True)


def test_a_harder_action_is_another_alert_and_the_one_before_is_told_as_over() -> None:
    book = book_of(said("throttle", 10, members=("a",)), said("suspend", 20, 2, members=("b", "c")))
    new, old = book.alerts(30)
    assert (new.identity.action, new.identity.severity, new.since_ms, new.members) == ("suspend", "page", 10, 3)
    assert (old.identity.action, old.until_ms, old.over) == ("throttle", 20, "goes on as suspend")
    assert [it.identity.action for it in book.alerts(110)] == ["suspend"], "nobody believes in the other any more"


def test_a_campaign_that_grows_large_becomes_a_page_by_its_members_alone() -> None:
    book = book_of(said("challenge", 10, members=("a", "b")), said("challenge", 20, 2, members=("c",)))
    new, old = book.alerts(30)
    assert (new.identity.severity, old.identity.severity, old.until_ms) == ("page", "ticket", 20)


def test_a_release_ends_it_and_so_does_an_heir() -> None:
    limited = said("suspend", 10, members=("a",))
    released = book_of(limited, said("release", 20, 2)).alerts(30)
    taken_in = book_of(limited, said("release", 20, 2, campaign_id="c-2")).alerts(30)
    watched = book_of(limited, said("observe", 20, 2)).alerts(30)
    assert [(it.over, it.until_ms) for it in (*released, *taken_in, *watched)] == [
        ("released", 20),
        ("taken in by c-2", 20),
        ("only watched now", 20),
    ]
    assert book_of(limited, said("release", 20, 2)).alerts(110) == ()


def test_a_time_that_was_cut_short_is_told_until_nobody_believes_the_longer_one() -> None:
    book = book_of(said("throttle", 10, expires_at_ms=200), said("throttle", 20, 2, expires_at_ms=100))
    assert [(it.over, it.until_ms) for it in book.alerts(99)] == [(None, 100)]
    assert [(it.over, it.until_ms) for it in book.alerts(199)] == [("expired", 100)]
    assert book.alerts(200) == ()


def test_of_two_times_that_ended_early_the_longer_one_is_believed() -> None:
    first, again = said("throttle", 10, expires_at_ms=500), said("throttle", 30, 3, expires_at_ms=60)
    book = book_of(first, said("release", 20, 2), again, said("release", 40, 4))
    assert [(it.over, it.until_ms) for it in book.alerts(499)] == [("released", 40)]


def test_it_is_limited_since_there_was_no_break() -> None:
    first, again = said("throttle", 10, expires_at_ms=20), said("throttle", 30, 2)
    harder = said("challenge", 40, 3)
    assert next(it.since_ms for it in book_of(first, again, harder).alerts(50)) == 30


def test_who_was_released_since_does_not_count_as_a_member() -> None:
    book = book_of(said("throttle", 10, members=("a", "b", "c")), decision("release", "a", 20))
    assert [it.members for it in book.alerts(30)] == [2]
    assert not book.take(decision("release", "a", 20))
    assert book.take(said("throttle", 40, 2, members=("a",)))
    assert [it.members for it in book.alerts(50)] == [3]


def test_a_reviewer_who_confirms_adds_no_reasons_and_takes_none_away() -> None:
    (alert,) = book_of(said("throttle", 10), said("throttle", 20, 2, reasons=(), expires_at_ms=900)).alerts(30)
    assert (alert.reasons, alert.until_ms) == ((WHY,), 900)


def test_what_is_not_about_a_campaign_changes_nothing() -> None:
    book = CampaignBook(LARGE)
    assert not book.take(decision("suspend", "account", 10))
    assert not book.take(said("suspend", 10, subject="template:t", subject_kind="network"))
    assert not book.take(said("observe", 10, subject_kind="network"))
    assert book.alerts(20) == ()


def test_a_repeat_and_an_older_decision_are_no_news() -> None:
    first, second = said("throttle", 10, members=("a",)), said("throttle", 20, 2, members=("b",))
    book = book_of(first, second)
    assert not book.take(second)
    assert not book.take(first)
    assert book.take(said("throttle", 30, 3))


def test_a_decision_ahead_of_the_clock_begins_no_later_than_now() -> None:
    book = book_of(said("suspend", 50), said("release", 60, 2))
    (over,) = book.alerts(40)
    assert (over.since_ms, over.until_ms) == (40, 40)


def test_what_is_over_for_as_long_as_the_log_keeps_it_is_forgotten() -> None:
    book = book_of(said("throttle", 10, members=("a",)), decision("release", "a", 10))
    book.forget(20)
    assert len(book.alerts(20)) == 1
    book.forget(10**10)
    assert book.take(said("throttle", 10, members=("a",))), "it is news again"


SUBJECTS = ("c-1", "c-2")


@st.composite
def logs(draw: st.DrawFn) -> list[Decision]:
    """Decisions about two campaigns in the order of the log, some of which come twice."""
    found: list[Decision] = []
    sequences = dict.fromkeys(SUBJECTS, 0)
    at_ms = 1_000
    for _ in range(draw(st.integers(1, 12))):
        at_ms += draw(st.integers(0, 60))
        subject = draw(st.sampled_from(SUBJECTS))
        sequences[subject] += 1
        found.append(
            said(
                draw(st.sampled_from(("throttle",) * 6 + ("challenge", "suspend", "release", "observe"))),
                at_ms,
                sequences[subject],
                subject,
                members=tuple(draw(st.lists(st.sampled_from("abcd"), max_size=3))),
                expires_at_ms=at_ms + draw(st.integers(1, 200)),
                shadow=draw(st.integers(0, 9)) == 0,
                campaign_id=draw(st.sampled_from(SUBJECTS)),
            )
        )
        if draw(st.integers(0, 4)) == 0:
            found.append(draw(st.sampled_from(found)))
    return found


@given(logs(), st.integers(1_000, 1_900))
def test_what_stands_is_what_the_newest_decision_about_each_campaign_says(log: list[Decision], at_ms: int) -> None:
    expected = {}
    for subject in SUBJECTS:
        about = [it for it in log if it.subject_id == subject]
        newest = max(about, key=lambda it: it.sequence, default=None)
        if newest is not None and newest.action in LIMITING and at_ms < newest.expires_at_ms:
            members = {member for it in about for member in it.members}
            expected[subject] = newest.action, newest.shadow, newest.expires_at_ms, len(members)
    found = standing(book_of(*log).alerts(at_ms))
    assert {
        name: (it.identity.action, it.identity.shadow, it.until_ms, it.members) for name, it in found.items()
    } == expected
    assert all(it.since_ms <= it.until_ms for it in book_of(*log).alerts(at_ms))


class Believer:
    """Alertmanager as far as this matters: of each identity it believes until when it stands.

    Of two that overlap the later end counts, unless the newer one is over already (`Alert.Merge` of Alertmanager).
    """

    def __init__(self) -> None:
        self.believed: dict[Identity, tuple[int, int]] = {}

    def hear(self, alerts: Sequence[Alert], at_ms: int) -> None:
        for it in alerts:
            since_ms, until_ms = self.believed.get(it.identity, (it.since_ms, it.until_ms))
            if since_ms < it.until_ms < until_ms or since_ms < it.since_ms < until_ms:
                latest_ms = max(until_ms, it.until_ms) if it.until_ms > at_ms else it.until_ms
                self.believed[it.identity] = min(since_ms, it.since_ms), latest_ms
            else:
                self.believed[it.identity] = it.since_ms, it.until_ms

    def active(self, at_ms: int) -> set[Identity]:
        return {identity for identity, (_, until_ms) in self.believed.items() if at_ms < until_ms}


@given(logs(), st.lists(st.sampled_from(("told", "lost", "notifier restarts", "believer restarts")), min_size=12))
def test_who_missed_rounds_believes_what_stands_after_the_next_one(log: list[Decision], fates: list[str]) -> None:
    believer, book = Believer(), CampaignBook(LARGE)
    for number, it in enumerate(log):
        book.take(it)
        now_ms, fate = it.decided_at_ms + number % 3, fates[number % len(fates)]
        if fate == "told":
            believer.hear(book.alerts(now_ms), now_ms)
        elif fate == "notifier restarts":
            book = book_of(*log[: number + 1])
        elif fate == "believer restarts":
            believer = Believer()
    end_ms = max(it.decided_at_ms for it in log) + 3
    believer.hear(book.alerts(end_ms), end_ms)
    for later_ms in range(end_ms, end_ms + 400, 7):
        believer.hear(book.alerts(later_ms), later_ms)
        assert believer.active(later_ms) == {it.identity for it in standing(book.alerts(later_ms)).values()}
