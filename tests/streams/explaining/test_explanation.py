"""Which decisions count about a subject, and what is told of them."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.decisions import Action, Decision
from streams.distinct import hash32
from streams.enforcement import Ask, InForce
from streams.explaining import Explanation, History, Pays, explain
from tests.streams.explaining.deciding import FOUR, POLICY, decision, reason

HOUR = 3_600_000


def explained(decisions: list[Decision], subject: str, at_ms: int = 10, **more: Any) -> Explanation:  # noqa: ANN401
    history = History(subject, **more)
    history.take_all(decisions)
    found = explain(history, POLICY, at_ms)
    assert found is not None
    return found


def states(found: Explanation) -> list[tuple[str, str, str]]:
    return [(it.subject_id, it.state, it.action) for it in found.forces]


def test_who_no_decision_names_is_not_explained() -> None:
    history = History("b")
    history.take_all([decision("suspend", "a", 0), decision("suspend", "c-1", 0, members=("a",))])
    assert explain(history, POLICY, 10) is None
    assert history.newest_ms == 0


@pytest.mark.parametrize("order", range(5))
def test_an_account_is_told_of_its_own_and_of_its_campaigns_the_hardest_first(order: int) -> None:
    decisions = [
        decision("throttle", "a", 0),
        decision("challenge", "c-1", 1, members=("b", "a")),
        decision("suspend", "c-1", 2, 2, members=("d",)),
        decision("suspend", "c-2", 2, members=("b",)),
        decision("suspend", "b", 2),
        decision("observe", "c-3", 3, members=("a",)),
    ]
    by_subject = random.Random(order)  # subjects are in any order, each by itself in its own
    decisions.sort(key=lambda it: by_subject.random() if it.subject_id != "c-1" else 0.5)
    found = explained(decisions, "a")
    assert found.subject_kind == "account"
    assert states(found) == [
        ("c-1", "enforced", "suspend"),
        ("a", "enforced", "throttle"),
        ("c-3", "observed", "observe"),
    ]
    assert [(it.subject_id, it.sequence) for it in found.cases] == [("c-1", 2), ("a", 1), ("c-3", 1)]


def test_the_highest_sequence_counts_and_repeats_change_nothing() -> None:
    newer, older = decision("suspend", "a", 5, 2), decision("throttle", "a", 1, 1)
    found = explained([newer, older, newer, older], "a")
    assert states(found) == [("a", "enforced", "suspend")]
    assert [it.sequence for it in found.history] == [1, 2]


def test_since_is_when_the_action_began_without_a_break() -> None:
    decisions = [
        decision("suspend", "a", 0, 1, expires_at_ms=10),
        decision("suspend", "a", 20, 2, expires_at_ms=60),
        decision("suspend", "a", 50, 3, expires_at_ms=90),
        decision("suspend", "a", 90, 4, expires_at_ms=130),
    ]
    (force,) = explained(decisions, "a", 100).forces
    assert (force.since_ms, force.until_ms, force.sequence) == (20, 130, 4)


def test_a_harder_action_begins_anew() -> None:
    decisions = [decision("throttle", "a", 0, 1), decision("suspend", "a", 5, 2)]
    (force,) = explained(decisions, "a").forces
    assert (force.action, force.since_ms) == ("suspend", 5)


def test_what_has_expired_is_told_as_that_with_its_evidence() -> None:
    found = explained([decision("suspend", "a", 0, expires_at_ms=10, reasons=FOUR)], "a", 10)
    assert states(found) == [("a", "expired", "suspend")]
    assert [(it.sequence, it.stands) for it in found.cases] == [(1, False)]


def test_a_shadow_is_told_as_one() -> None:
    assert states(explained([decision("suspend", "a", 0, shadow=True)], "a")) == [("a", "shadow", "suspend")]


def test_the_past_is_told_as_it_stood() -> None:
    decisions = [decision("throttle", "a", 0, 1), decision("suspend", "a", 20, 2)]
    assert states(explained(decisions, "a", 19)) == [("a", "enforced", "throttle")]


def test_a_campaign_that_was_taken_in_counts_until_its_heir_may_speak() -> None:
    decisions = [
        decision("suspend", "c-1", 0, 1, members=("a",), reasons=FOUR),
        decision("release", "c-1", 1_000, 2, members=(), campaign_id="c-2"),
    ]
    (waiting,) = explained(decisions, "a", 60_999).forces
    assert (waiting.state, waiting.action, waiting.sequence, waiting.heir) == ("enforced", "suspend", 1, "c-2")
    (over,) = explained(decisions, "a", 61_000).forces
    assert (over.state, over.heir) == ("taken_in", "c-2")


def test_a_campaign_has_members_templates_and_those_it_took_in() -> None:
    template: dict[str, Any] = {"subject_kind": "network", "campaign_id": "c-1"}
    decisions = [
        decision("suspend", "template:t", 0, **template),
        decision("throttle", "template:u", 0, **template),
        decision("suspend", "template:v", 0, expires_at_ms=5, **template),
        decision("suspend", "template:w", 0, subject_kind="network", campaign_id="c-9"),
        decision("throttle", "c-1", 1, 1, members=("a", "b"), campaign_id="c-1"),
        decision("suspend", "c-1", 2, 2, members=("b", "c"), campaign_id="c-1"),
        decision("suspend", "c-1", 20, 3, members=("d",), campaign_id="c-1"),
        decision("throttle", "c-0", 1, 1, members=("b",), campaign_id="c-0"),
        decision("release", "c-0", 2, 2, members=(), campaign_id="c-1"),
    ]
    found = explained(decisions, "c-1")
    assert states(found) == [("c-1", "enforced", "suspend")]
    assert (found.members, found.templates, found.took_in) == (3, {"suspend": 1, "throttle": 1}, ("c-0",))
    assert [it.subject_id for it in found.history] == ["c-1", "c-1"]
    assert explained(decisions, "c-1", 0).subject_kind == "campaign"


@pytest.mark.parametrize("order", range(4))
def test_a_campaign_has_the_templates_of_those_that_it_took_in_and_of_those_that_these_had(order: int) -> None:
    network: dict[str, Any] = {"subject_kind": "network"}
    decisions = [
        decision("suspend", "c-1", 0, members=("a",), campaign_id="c-1"),
        decision("throttle", "template:t", 0, campaign_id="c-2", **network),
        decision("suspend", "template:t", 4, 2, campaign_id="c-3", **network),
        decision("throttle", "template:u", 0, campaign_id="c-3", **network),
        decision("throttle", "template:v", 0, campaign_id="c-3", expires_at_ms=9, **network),
        decision("suspend", "template:w", 0, campaign_id="c-4", **network),
        decision("release", "c-3", 5, 2, members=(), campaign_id="c-2"),
        decision("release", "c-2", 7, 2, members=(), campaign_id="c-1"),
        decision("release", "c-4", 7, 2, members=(), campaign_id="c-4"),
    ]
    random.Random(order).shuffle(decisions)
    decisions.sort(key=lambda it: it.sequence)  # each subject's keep their order, and merges come in any
    assert explained(decisions, "c-1", 6).templates == {}
    assert explained(decisions, "c-1", 7).templates == {"suspend": 1, "throttle": 2}
    assert explained(decisions, "c-1", 9).templates == {"suspend": 1, "throttle": 1}
    assert explained(decisions, "c-3", 9).templates == {"suspend": 1, "throttle": 1}
    assert explained(decisions, "c-1", 9).decisions == 1


@st.composite
def decided(draw: st.DrawFn) -> list[Decision]:
    """What is decided about the account `a`, campaigns that may name it, and a template that it uses."""
    decisions: list[Decision] = []
    sequences = dict.fromkeys(("a", "c-1", "c-2", "template:t"), 0)
    at_ms = 0
    for _ in range(draw(st.integers(3, 12))):
        at_ms += draw(st.integers(0, 40_000))
        subject = draw(st.sampled_from(["a", "a", *sequences]))
        sequences[subject] += 1
        actions: list[Action] = ["observe", "throttle", "suspend", "release"]
        action = draw(st.sampled_from(actions))
        more: dict[str, Any] = {}
        if subject == "template:t":
            more = {"subject_kind": "network", "campaign_id": "c-1"}
        elif subject != "a":
            more = {"members": draw(st.sampled_from([("a",), ("a",), ("b",), ()])), "campaign_id": subject}
            if action == "release":
                more = {"members": (), "campaign_id": draw(st.sampled_from([subject, "c-9"]))}
        expires_at_ms = at_ms + draw(st.sampled_from([10_000, 50_000, 400_000]))
        shadow = draw(st.integers(0, 5)) == 0
        kept = decision(action, subject, at_ms, sequences[subject], expires_at_ms=expires_at_ms, shadow=shadow, **more)
        decisions.append(kept)
    return decisions


@settings(max_examples=400, deadline=None)
@given(decided())
def test_what_is_enforced_is_what_a_gateway_enforces_whoever_is_released(decisions: list[Decision]) -> None:
    history = History("a", sends={hash32("t")})
    history.take_all(decisions)
    for at_ms in sorted(
        {at + off for it in decisions for at in (it.decided_at_ms, it.expires_at_ms) for off in (0, 1)}
    ):
        gateway = InForce()
        for it in decisions:
            if it.decided_at_ms <= at_ms:
                gateway.take(it)
        found = explain(history, POLICY, at_ms)
        enforced = [it.action for it in found.forces if it.state == "enforced"] if found else []
        standing = gateway.over_account("a", at_ms)
        assert (enforced[0] if enforced else None) == (None if standing is None else standing.action)
        sent = [it.action for it in found.sent] if found else []
        over = gateway.over_request(Ask("a", "t"), at_ms)
        assert (sent[0] if sent else None) == (None if over is None else over.action)


def test_a_released_account_hears_of_nothing_until_the_release_expires_and_of_nothing_before_it_then() -> None:
    template: dict[str, Any] = {"subject_kind": "network", "campaign_id": "c-1"}
    decisions = [
        decision("suspend", "c-1", 0, members=("a",)),
        decision("suspend", "template:t", 0, **template),
        decision("release", "a", 1, expires_at_ms=100, shadow=True),
        decision("throttle", "c-2", 2, members=("a",)),
    ]
    during = explained(decisions, "a", 99, sends={hash32("t")})
    assert states(during) == [("a", "released", "release"), ("c-2", "exempt", "throttle")]
    assert during.sent == ()
    after = explained(decisions, "a", 100, sends={hash32("t")})
    assert states(after) == [("c-2", "enforced", "throttle"), ("a", "released", "release")]
    assert [it.subject_id for it in after.sent] == ["template:t"]


def test_a_template_that_a_reviewer_released_is_not_taken_in() -> None:
    template: dict[str, Any] = {"subject_kind": "network", "campaign_id": "c-1"}
    decisions = [
        decision("suspend", "template:t", 0, **template),
        decision("release", "template:t", 5, 2, **template),
        decision("suspend", "c-1", 0, members=("a",), campaign_id="c-1"),
    ]
    (force,) = explained(decisions, "template:t").forces
    assert (force.state, force.heir) == ("released", None)
    assert explained(decisions, "c-1").took_in == ()


def test_a_template_is_told_with_its_campaign() -> None:
    decided = decision("suspend", "template:t", 0, subject_kind="network", campaign_id="c-1")
    (force,) = explained([decided], "template:t").forces
    assert (force.subject_kind, force.campaign_id) == ("network", "c-1")


def test_an_account_hears_of_limited_templates_that_it_uses() -> None:
    template: dict[str, Any] = {"subject_kind": "network", "campaign_id": "c-1"}
    decisions = [decision("suspend", f"template:{it}", 0, **template) for it in "tuv"]
    found = explained(decisions, "a", sends={hash32("u"), hash32("x")})
    assert (found.subject_kind, found.forces, [it.subject_id for it in found.sent]) == ("account", (), ["template:u"])


def test_only_the_last_ten_decisions_are_told() -> None:
    found = explained([decision("observe", "a", at, at + 1) for at in range(12)], "a", 12)
    assert (found.decisions, [it.sequence for it in found.history]) == (12, list(range(3, 13)))


def test_a_campaign_may_stand_harder_than_its_evidence() -> None:
    (case,) = explained([decision("suspend", "c-1", 0, members=("a",), reasons=FOUR[:2], score=0.924142)], "a").cases
    assert (case.same_policy, case.same_score, case.judgement.action, case.stands_harder) == (
        True,
        True,
        "throttle",
        True,
    )


@pytest.mark.parametrize(("reasons", "score", "expected"), [(FOUR, 0.989013, True), (FOUR[:2], 0.924142, False)])
def test_a_throttle_for_want_of_members_is_known_by_its_evidence(reasons: Any, score: float, expected: bool) -> None:  # noqa: ANN401
    (case,) = explained([decision("throttle", "c-1", 0, members=(), reasons=reasons, score=score)], "c-1").cases
    assert (case.of_everybody, case.stands_harder, case.withheld) == (expected, False, False)


@pytest.mark.parametrize(("members", "expected"), [(4, True), (5, False)])
def test_where_the_model_may_have_softened_it_the_members_named_tell(members: int, expected: bool) -> None:
    softening = replace(POLICY, feedback=replace(POLICY.feedback, model="on"))
    history = History("c-1")
    names = tuple(f"a-{number}" for number in range(members))
    history.take(decision("throttle", "c-1", 0, members=names, reasons=FOUR, score=0.989013))
    found = explain(history, softening, 10)
    assert found is not None
    assert [it.of_everybody for it in found.cases] == [expected]


def test_a_decision_that_the_cap_made_milder_says_so() -> None:
    (case,) = explained([decision("observe", "a", 0, reasons=FOUR, score=0.989013)], "a").cases
    assert (case.withheld, case.stands_harder) == (True, False)


def test_another_policy_is_no_reason_to_say_that_a_decision_stands_harder() -> None:
    decided = decision("suspend", "a", 0, reasons=FOUR[:2], score=0.99, policy_version="q")
    (case,) = explained([decided], "a").cases
    assert (case.same_policy, case.same_score, case.stands_harder) == (False, False, False)


@pytest.mark.parametrize(("identity", "left"), [(FOUR, "throttle"), (FOUR[:2], None)])
def test_what_is_said_of_who_pays_may_not_speak_of_a_member(identity: Any, left: str | None) -> None:  # noqa: ANN401
    (case,) = explained([decision("suspend", "c-1", 0, members=("a",), reasons=identity)], "a").cases
    assert case.without_identity == left


def test_that_accounts_are_new_may_not_speak_of_a_member() -> None:
    reasons = reason("rewordings", "content", 3.6), reason("recent_accounts", "lifecycle", 3.0)
    (case,) = explained([decision("throttle", "c-1", 0, members=("a",), reasons=reasons)], "a").cases
    assert (case.judgement.action, case.without_lifecycle) == ("throttle", "observe")


def test_what_is_said_of_rotated_wordings_may_not_speak_of_a_member() -> None:
    reasons = reason("rotated_wordings", "content", 3.6), reason("extracted_capabilities", "capability", 1.0)
    (case,) = explained([decision("throttle", "c-1", 0, members=("a",), reasons=reasons)], "a").cases
    assert (case.judgement.action, case.without_rotation) == ("throttle", None)


def test_a_reason_alone_is_kept_in_its_own_words() -> None:
    odd = reason("x", "anomaly", 0.8)
    (case,) = explained([decision("observe", "a", 0, reasons=(odd,))], "a").cases
    assert case.judgement.reasons[0].sentence == odd.sentence


def test_whom_the_decider_forgot_has_a_life_after_the_other_though_sequences_begin_again() -> None:
    day = 24 * HOUR
    first = [decision("throttle", "a", 0, 1, expires_at_ms=HOUR), decision("suspend", "a", 5, 2, expires_at_ms=HOUR)]
    second = [
        decision("throttle", "a", 40 * day, 1, expires_at_ms=40 * day + 3 * HOUR),
        decision("challenge", "a", 40 * day + HOUR, 2, expires_at_ms=40 * day + 3 * HOUR),
    ]
    found = explained([*first, *second, *first], "a", 40 * day + 2 * HOUR)
    assert states(found) == [("a", "enforced", "challenge")]
    assert [(it.decided_at_ms, it.sequence) for it in found.history] == [
        (it.decided_at_ms, it.sequence) for it in (*first, *second)
    ]
    assert states(explained([*first, *second], "a", HOUR - 1)) == [("a", "enforced", "suspend")]
    history = History("a")
    history.take_all([*first, second[0]])
    assert history.sequence == 1


PAYS = Pays("card", 5)
PAID: dict[str, Any] = {"members": ("x",), "payments": ("card", "other"), "opened_from_ms": 5}


@pytest.mark.parametrize("pays", [PAYS, Pays("card", 4), Pays("cash", 9), None])
def test_an_account_is_told_of_the_campaigns_that_limit_it_for_how_it_pays(pays: Pays | None) -> None:
    history = History("a", pays=pays)
    history.take_all(
        [decision("suspend", "c-1", 5, reasons=FOUR, **PAID), decision("suspend", "c-2", 6, members=("a",))]
    )
    found = explain(history, POLICY, 10)
    assert found is not None
    by_payment = [("c-1", "enforced", True)] if pays == PAYS else []
    assert [(it.subject_id, it.state, it.is_by_payment) for it in found.forces] == [
        *by_payment,
        ("c-2", "enforced", False),
    ]


def test_who_is_named_and_pays_so_is_told_that_it_is_named() -> None:
    found = explained([decision("suspend", "c-1", 5, **PAID | {"members": ("a",)})], "a", pays=PAYS)
    assert [it.is_by_payment for it in found.forces] == [False]


@pytest.mark.parametrize(("name", "payments"), [("a", ()), ("x", ("card",)), ("x", ())])
def test_a_release_of_an_account_or_of_another_that_paid_so_takes_it_back(name: str, payments: tuple[str, ...]) -> None:
    decisions = [
        decision("suspend", "c-1", 5, **PAID),
        decision("release", name, 6, payments=payments, expires_at_ms=7),
        decision("suspend", "c-2", 8, **PAID),
    ]
    found = explained(decisions, "a", pays=PAYS)
    lifted = name == "a" or bool(payments)
    by_payment = {it.subject_id for it in found.forces if it.is_by_payment}
    assert by_payment == ({"c-2"} if lifted else {"c-1", "c-2"})
    gateway = InForce()
    for it in decisions:
        gateway.take(it)
    standing = gateway.over_payment(Ask("a", payment_hash="card", account_created_at_ms=5), 10)
    assert standing is not None
    assert standing.subject_id in by_payment


@pytest.mark.parametrize("back", [{"payments": ("card",), "opened_from_ms": 9}, {"action": "release"}])
def test_what_a_later_decision_takes_back_does_not_concern_the_account(back: dict[str, Any]) -> None:
    later = {"action": "suspend", "members": (), "campaign_id": "c-1"} | back
    decisions = [
        decision("suspend", "c-1", 5, reasons=FOUR, **PAID),
        decision(later.pop("action"), "c-1", 6, 2, **later),
        decision("suspend", "c-1", 7, 3, members=()),
        decision("observe", "a", 8),
    ]
    found = explained(decisions, "a", pays=PAYS)
    assert [it.subject_id for it in found.forces] == ["a"]
    assert {it.subject_id for it in found.history} == {"a"}
