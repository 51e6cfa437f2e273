"""The gate: what is in force decides, throttles are counted, and where it cannot know it says what it was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from agents.enforcement.gate import Gate
from agents.enforcement.limiting import LocalLimiter
from agents.enforcement.metrics import EnforcementMetrics
from streams.decisions import Action, Decision, Limits, Wording
from streams.enforcement import Ask, Verdict
from streams.enforcement.in_force import KEPT_MS
from streams.policy import DEFAULT_POLICY, Allowlist, EnforcementPolicy
from streams.windows import HOUR_MS
from tests.streams.evaluation.deciding import MINUTE, decision

TWO = Limits(2, 1_000, MINUTE)


@dataclass
class Clock:
    """A time that stands until it is moved."""

    now_ms: int = 1_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Made:
    """A gate with what it is made of."""

    gate: Gate
    clock: Clock
    registry: CollectorRegistry

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def gate(decisions: Sequence[Decision] = (), *, ready: bool = True, **enforcement: object) -> Made:
    """A gate that knows these decisions."""
    clock, registry = Clock(), CollectorRegistry()
    policy = replace(
        DEFAULT_POLICY,
        allowlist=Allowlist(accounts=frozenset({"spared"}), payments=frozenset({"allowed"})),
        enforcement=replace(EnforcementPolicy(), **enforcement),
    )
    limiter = LocalLimiter(clock=lambda: clock.now_ms * 1_000)
    made = Made(Gate(limiter, policy, EnforcementMetrics(registry), clock), clock, registry)
    for it in decisions:
        made.gate.take(it)
    if ready:
        made.gate.ready()
    return made


def answers(made: Made, *asks: Ask) -> list[str]:
    return [made.gate.check_now(ask).answer for ask in asks]


async def both(made: Made, ask: Ask) -> Verdict:
    """The answer, which is the same with and without waiting."""
    waited = await made.gate.check(ask)
    assert made.gate.check_now(ask) == waited
    return waited


async def test_about_whom_nothing_is_decided_passes() -> None:
    made = gate([decision("suspend", "b", 0)])
    assert await both(made, Ask("a", "t", "0a0b", 5)) == Verdict()
    assert made.count("stillwatch_checks_total", answer="pass", by="none") == 2


@pytest.mark.parametrize("action", ["challenge", "suspend"])
async def test_a_refusal_says_by_which_decision_and_until_when(action: Literal["challenge", "suspend"]) -> None:
    made = gate([decision(action, "a", 0, expires_at_ms=5_000)])
    verdict = await both(made, Ask("a"))
    assert verdict == Verdict(action, "a 1", "account", "a", 5_000, retry_after_ms=4_000)
    assert made.count("stillwatch_checks_total", answer=action, by="account") == 2
    made.clock.now_ms = 5_000
    assert await both(made, Ask("a")) == Verdict()


async def test_a_throttle_lets_its_requests_pass_and_says_what_is_left() -> None:
    made = gate([decision("throttle", "c", 0, members=("a", "b"), limits=TWO)])
    first, second, third = [await made.gate.check(Ask("a", tokens=1)) for _ in range(3)]
    assert (first.answer, first.remaining, second.answer, second.remaining) == ("pass", 1, "pass", 0)
    assert (third.answer, third.subject_kind, third.limits) == ("throttle", "campaign", TWO)
    assert third.retry_after_ms == MINUTE // 2
    made.clock.now_ms += MINUTE // 2
    assert answers(made, Ask("a"), Ask("a"), Ask("b")) == ["pass", "throttle", "pass"]


async def test_a_request_under_two_throttles_needs_room_in_both_and_is_told_the_tighter() -> None:
    template = decision("throttle", "template:t", 0, subject_kind="network", limits=Limits(3, 1_000, MINUTE))
    made = gate([decision("throttle", "a", 0, limits=TWO), template])
    assert (await made.gate.check(Ask("a", "t"))).remaining == 1
    assert answers(made, Ask("b", "t"), Ask("b", "t"), Ask("b", "t"), Ask("a", "t")) == [
        "pass",
        "pass",
        "throttle",
        "throttle",
    ]


async def test_of_account_and_template_the_harder_counts_whichever_it_is() -> None:
    template = decision("suspend", "template:t", 0, subject_kind="network", wording=Wording("0a0b", 0.5))
    made = gate([decision("throttle", "a", 0, limits=TWO), template])
    assert (await both(made, Ask("a", "u", "0a0b"))).subject_id == "template:t"
    made = gate([decision("suspend", "a", 0), replace(template, action="throttle", limits=TWO)])
    assert (await both(made, Ask("a", "t"))).subject_id == "a"


def test_whom_the_allowlist_names_passes_whatever_is_decided() -> None:
    template = decision("suspend", "template:t", 0, subject_kind="network")
    made = gate([decision("suspend", "spared", 0), template])
    assert answers(made, Ask("spared", "t"), Ask("b", "t")) == ["pass", "suspend"]


@pytest.mark.parametrize(("fail", "answer"), [("open", "pass"), ("closed", "suspend")])
async def test_until_it_knows_the_operators_word_counts_but_not_for_whom_it_knows_already(
    fail: str, answer: str
) -> None:
    made = gate([decision("challenge", "a", 0)], ready=False, fail=fail)
    verdict = await both(made, Ask("b"))
    assert (verdict.answer, verdict.is_static) == (answer, True)
    assert (await both(made, Ask("a"))).answer == "challenge"
    assert made.count("stillwatch_checks_total", answer=answer, by="unknown") == 2
    assert not made.gate.is_ready
    made.gate.ready()
    assert await both(made, Ask("b")) == Verdict()


async def test_a_throttle_without_limits_lets_nothing_pass() -> None:
    made = gate([decision("throttle", "a", 0, expires_at_ms=61_000)])
    verdict = await both(made, Ask("a"))
    assert (verdict.answer, verdict.retry_after_ms) == ("throttle", 60_000)


async def test_what_is_in_shadow_passes_and_is_counted() -> None:
    template = decision("challenge", "template:t", 0, subject_kind="network", shadow=True)
    made = gate([decision("suspend", "a", 0, shadow=True), template, decision("suspend", "spared", 0, shadow=True)])
    for ask in (Ask("a"), Ask("b", "t"), Ask("b"), Ask("spared")):
        assert await both(made, ask) == Verdict()
    assert made.count("stillwatch_would_refuse_total", answer="suspend") == 2
    assert made.count("stillwatch_would_refuse_total", answer="challenge") == 2


async def test_what_the_breaker_holds_is_not_enforced_until_its_hour_has_room() -> None:
    members = tuple(f"m{number}" for number in range(5))
    made = gate(
        [decision("suspend", "c", 0, members=members)]
        + [decision("suspend", f"template:{number}", 0, subject_kind="network") for number in range(3)],
        accounts_per_hour=2,
        templates_per_hour=1,
    )
    assert answers(made, *(Ask(name) for name in members)) == ["suspend"] * 2 + ["pass"] * 3
    assert answers(made, *(Ask("x", str(number)) for number in range(3))) == ["suspend", "pass", "pass"]
    assert (
        made.count("stillwatch_held_by_breaker", kind="account"),
        made.count("stillwatch_held_by_breaker", kind="network"),
    ) == (3, 2)
    made.clock.now_ms = HOUR_MS
    made.gate.tick()
    assert answers(made, *(Ask(name) for name in members)) == ["suspend"] * 4 + ["pass"]
    made.clock.now_ms = 2 * HOUR_MS
    made.gate.tick()
    assert answers(made, *(Ask(name) for name in members)) == ["suspend"] * 5
    assert made.count("stillwatch_held_by_breaker", kind="account") == 0


def test_what_is_over_for_ninety_days_is_forgotten() -> None:
    made = gate([decision("suspend", "a", 0, 7, expires_at_ms=MINUTE)])
    assert made.gate.latest("account", "a") == 7
    made.clock.now_ms = KEPT_MS + 1
    made.gate.tick()
    assert made.gate.latest("account", "a") == 0


def paying(account: str, payment: str = "card", opened_ms: int = 600) -> Ask:
    return Ask(account, payment_hash=payment, account_created_at_ms=opened_ms)


def paid(action: Action, at_ms: int = 500, **more: Any) -> Decision:  # noqa: ANN401
    return decision(action, "c-1", at_ms, members=("a",), payments=("card", "gift"), opened_from_ms=at_ms, **more)


async def test_who_pays_as_a_banned_campaign_and_was_opened_later_is_refused_at_its_first_request() -> None:
    made = gate([paid("suspend")])
    verdict = await both(made, paying("new"))
    assert (verdict.answer, verdict.subject_kind, verdict.subject_id) == ("suspend", "campaign", "c-1")
    others = [paying("new", "cash"), paying("old", opened_ms=499), paying("spared"), paying("new", "allowed")]
    assert answers(made, *others) == ["pass"] * 4


def test_a_throttle_is_counted_for_each_account_that_pays_so() -> None:
    made = gate([paid("throttle", limits=TWO)])
    asked = [paying(name) for name in ("x", "x", "x", "y")]
    assert answers(made, *asked) == ["pass", "pass", "throttle", "pass"]


def test_payments_above_the_cap_of_the_hour_wait_and_in_shadow_nobody_is_refused() -> None:
    made = gate([paid("suspend")], accounts_per_hour=1)
    assert sorted(answers(made, paying("x", "card"), paying("y", "gift"))) == ["pass", "suspend"]
    assert made.count("stillwatch_held_by_breaker", kind="payment") == 1
    shadowed = gate([paid("suspend", shadow=True)])
    assert answers(shadowed, paying("x")) == ["pass"]
    assert shadowed.count("stillwatch_would_refuse_total", answer="suspend") == 1
