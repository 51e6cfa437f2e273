"""Cases: which decisions change something, and that it is told once, in order, and nothing else is."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.exporting.cases import Cases, Change
from streams.decisions import Decision
from streams.reviewing import REVIEWER
from tests.agents.exporting.campaigning import AT, HOUR, LIMITS, TEMPLATE, about, histories, of_template
from tests.streams.explaining.deciding import FOUR, decision

Told = tuple[str, tuple[str, ...]]


def told(*decisions: Decision) -> list[Told]:
    return [(it.activity, it.what) for it in Cases().take_all(decisions)]


LATER = AT + HOUR


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (about(at_ms=LATER, sequence=2), None),
        (about(at_ms=LATER, sequence=2, score=0.99), None),
        (about(at_ms=LATER, sequence=2, members=("a",)), None),
        (about(at_ms=LATER, sequence=1, members=("b",)), None),
        (about("suspend", LATER, 2), ("action",)),
        (about(at_ms=LATER, sequence=2, shadow=True), ("shadow",)),
        (about(at_ms=LATER, sequence=2, limits=LIMITS), ("limits",)),
        (about(at_ms=LATER, sequence=2, members=("b",)), ("members",)),
        (about(at_ms=LATER, sequence=2, reasons=FOUR[:2]), ("reasons",)),
        (about(at_ms=LATER, sequence=2, reasons=(), model_version=REVIEWER), ("confirmed",)),
        (about("suspend", LATER, 2, members=("b",), reasons=FOUR[:1]), ("action", "reasons", "members")),
        (of_template(at_ms=LATER), ("templates",)),
        (of_template(at_ms=LATER, campaign_id=None), None),
        (of_template(at_ms=LATER, campaign_id="c-2"), None),
        (decision("suspend", "a", LATER), None),
        (about(at_ms=AT + 25 * HOUR, sequence=1, expires_at_ms=AT + 30 * HOUR), ("reopened",)),
    ],
)
def test_only_a_decision_that_changes_something_is_told(after: Decision, what: tuple[str, ...] | None) -> None:
    first = ("create", ("new",))
    expired = [("close", ("expired",))] if what == ("reopened",) else []
    assert told(about(members=("a",)), after) == [first, *expired, *([] if what is None else [("update", what)])]


def test_what_expired_is_closed_when_it_expired_and_opened_again_by_the_next_decision() -> None:
    cases = Cases()
    changes = list(cases.take_all([about(), about(subject="c-2", at_ms=AT + 7 * HOUR)]))
    assert [(it.activity, it.decision.subject_id, it.at_ms) for it in changes] == [
        ("create", "c-1", AT),
        ("close", "c-1", AT + 6 * HOUR),
        ("create", "c-2", AT + 7 * HOUR),
    ]
    assert cases.expire(AT + 13 * HOUR - 1) == []
    (over,) = cases.expire(AT + 13 * HOUR)
    assert (over.activity, over.ending, over.at_ms) == ("close", "expired", AT + 13 * HOUR)
    assert cases.expire(AT + 99 * HOUR) == []


def test_one_that_was_decided_again_does_not_expire_with_the_first() -> None:
    assert told(about(), about(at_ms=AT + 3 * HOUR, sequence=2), about(subject="c-2", at_ms=AT + 8 * HOUR)) == [
        ("create", ("new",)),
        ("create", ("new",)),
    ]


def test_a_release_closes_by_whom_it_was_said_and_what_was_taken_in_is_told_of_the_heir() -> None:
    changes = list(
        Cases().take_all(
            [
                about(subject="c-2", members=("a", "b")),
                about(),
                about("release", LATER, 2, subject="c-2", campaign_id="c-1"),
                about(at_ms=LATER + 1, sequence=2, members=("a", "b")),
                about("release", LATER + 2, 3),
                about("release", LATER + 3, 4),
            ]
        )
    )
    assert [(it.activity, it.decision.subject_id, it.ending, it.took_in, it.accounts) for it in changes] == [
        ("create", "c-1", None, (), 0),
        ("create", "c-2", None, (), 2),
        ("close", "c-2", "taken_in", (), 2),
        ("update", "c-1", None, ("c-2",), 2),
        ("close", "c-1", "released", ("c-2",), 2),
    ]


def test_a_template_is_told_once_and_again_when_it_is_limited_otherwise() -> None:
    changes = list(
        Cases().take_all(
            [
                of_template("throttle", AT - 1),
                about(),
                of_template("throttle", LATER, 2),
                of_template("suspend", LATER + 1, 3),
                of_template("suspend", LATER + 2, 4, subject="template:other"),
            ]
        )
    )
    assert [(it.activity, it.at_ms, it.new_templates, it.templates) for it in changes] == [
        ("create", AT, (TEMPLATE,), 1),
        ("update", LATER + 1, (TEMPLATE,), 1),
        ("update", LATER + 2, ("template:other",), 2),
    ]


def test_a_template_that_is_let_go_is_told_and_is_no_evidence_any_more() -> None:
    changes = list(
        Cases().take_all(
            [about(), of_template("throttle", LATER), of_template("release", LATER + 1, 2), about(at_ms=LATER + 2)]
        )
    )
    assert [(it.activity, it.what, it.new_templates, it.templates) for it in changes] == [
        ("create", ("new",), (), 0),
        ("update", ("templates",), (TEMPLATE,), 1),
        ("update", ("templates",), (), 0),
    ]


def test_members_are_new_once() -> None:
    changes = list(
        Cases().take_all(
            [about(members=("a", "b")), about(at_ms=LATER, sequence=2, members=("b", "c")), about("release", LATER, 3)]
        )
    )
    assert [(it.new_members, it.accounts) for it in changes] == [(("a", "b"), 2), (("c",), 3), ((), 3)]


@given(histories(), st.randoms(use_true_random=False))
def test_partitions_and_repeats_change_nothing_of_what_is_told(history: list[Decision], random: Random) -> None:
    def all_told(decisions: list[Decision]) -> list[Change]:
        cases = Cases()
        return [*cases.take_all(decisions), *cases.expire(AT + 10_000 * HOUR)]

    shuffled = random.sample(history, len(history))
    assert all_told(shuffled + history) == all_told(history)


@given(histories())
def test_a_campaign_is_created_once_and_never_closed_twice(history: list[Decision]) -> None:
    cases = Cases()
    changes = [*cases.take_all(history), *cases.expire(AT + 10_000 * HOUR)]
    assert sorted(changes, key=lambda it: it.at_ms) == changes
    for name in cases.known:
        activities = [it.activity for it in changes if it.decision.subject_id == name]
        assert activities.count("create") <= 1
        assert "create" not in activities[1:]
        assert ("close", "close") not in pairwise(activities)
        assert activities == [] or activities[-1] == "close"
    assert {it.decision.subject_id for it in changes} == {
        it.subject_id for it in history if it.subject_kind == "campaign"
    }


def test_a_decision_of_a_decider_that_forgot_the_campaign_counts_again() -> None:
    old = replace(about(sequence=9), expires_at_ms=AT + 72 * HOUR)
    anew = about("suspend", AT + 30 * HOUR, 1)
    assert told(old, anew) == [("create", ("new",)), ("update", ("action",))]
