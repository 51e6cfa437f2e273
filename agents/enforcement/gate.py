"""The gate: decisions in, and for each request an answer out of this process's own memory.

An innocent request costs two lookups. Only where a throttle is in force is anybody else asked, the limiter, and its
answer comes within its deadline.
"""

import time
from collections.abc import Callable

from agents import clock as clocks
from agents.enforcement.checker import UNKNOWN
from agents.enforcement.limiter import Limiter
from agents.enforcement.metrics import EnforcementMetrics
from streams.decisions import Decision, SubjectKind
from streams.enforcement import Ask, Breaker, InForce, Room, Standing, Verdict
from streams.enforcement.asking import PASS
from streams.enforcement.in_force import harder
from streams.policy import Policy
from streams.windows import HOUR_MS


class Gate:
    """A `Checker` over the decisions it was given."""

    def __init__(
        self,
        limiter: Limiter,
        policy: Policy,
        metrics: EnforcementMetrics,
        clock: Callable[[], int] = clocks.now_ms,
    ) -> None:
        """Nobody is limited, and nothing known: until `ready` the policy says what to answer.

        The accounts and payments that the policy's allowlist names are spared whatever is decided.
        """
        enforcement = policy.enforcement
        self._limiter = limiter
        self._metrics = metrics
        self._clock = clock
        self._spared, self._spared_payments = policy.allowlist.accounts, policy.allowlist.payments
        self._in_force = InForce()
        self._breaker = Breaker(
            self._in_force, accounts=enforcement.accounts_per_hour, templates=enforcement.templates_per_hour
        )
        self._in_shadow = InForce(shadow=True)
        self._has_shadows = False
        self._unknown = UNKNOWN[enforcement.fail]
        self._is_ready = False
        self._forgot_ms = clock()

    @property
    def is_ready(self) -> bool:
        """Whether all decisions up to the start are known."""
        return self._is_ready

    def ready(self) -> None:
        """From now on who is not limited passes because nothing is decided about it."""
        self._is_ready = True
        self._metrics.ready.set(1)

    def take(self, decision: Decision, appended_at_ms: int | None = None) -> bool:
        """Put a decision into force, as far as the breaker lets it in the hour of its append; whether it is news."""
        self._has_shadows |= decision.shadow
        self._in_shadow.take(decision)
        is_news = self._breaker.take(decision, appended_at_ms)
        self._meter_breaker()
        return is_news

    def latest(self, kind: SubjectKind, subject_id: str, decided_at_ms: int | None = None) -> int:
        """What `InForce.latest` says."""
        return self._in_force.latest(kind, subject_id, decided_at_ms)

    def tick(self) -> None:
        """Let the breaker's hour pass, and drop what is over and too old to come again; call it every few seconds."""
        now_ms = self._clock()
        self._breaker.advance(now_ms)
        self._meter_breaker()
        if now_ms - self._forgot_ms >= HOUR_MS:
            self._forgot_ms = now_ms
            self._breaker.forget(now_ms)
            self._in_shadow.forget(now_ms)

    def _meter_breaker(self) -> None:
        held = self._breaker.held
        self._metrics.held.labels("account").set(held.accounts)
        self._metrics.held.labels("payment").set(held.payments)
        self._metrics.held.labels("network").set(held.templates)

    async def check(self, ask: Ask) -> Verdict:
        """Answer; where a throttle is in force, by what all gateways together have let through."""
        began = time.perf_counter()
        now_ms = self._clock()
        verdict, throttles = self._judged(ask, now_ms)
        for key, standing in throttles:
            verdict = _within(standing, await self._room(key, standing, ask), verdict, now_ms)
            if verdict.answer != "pass":
                break
        return self._told(ask, verdict, now_ms, began)

    def check_now(self, ask: Ask) -> Verdict:
        """Answer without any wait, by what this process knows and has leased."""
        began = time.perf_counter()
        now_ms = self._clock()
        verdict, throttles = self._judged(ask, now_ms)
        for key, standing in throttles:
            room = self._limiter.take_now(key, standing.limits, ask.tokens) if standing.limits else _NO_ROOM
            verdict = _within(standing, room, verdict, now_ms)
            if verdict.answer != "pass":
                break
        return self._told(ask, verdict, now_ms, began)

    def _judged(self, ask: Ask, now_ms: int) -> tuple[Verdict, list[tuple[str, Standing]]]:
        """The answer as far as it is known here, and the throttles that have to have room, each with its key."""
        if self._is_spared(ask):
            return PASS, []
        account = self._in_force.over_account(ask.account_id, now_ms)
        paid = None
        if ask.payment_hash is not None:
            paid = self._in_force.over_payment(ask, now_ms, self._breaker.holds_payment)
        request = self._in_force.over_request(ask, now_ms, self._breaker.holds_network)
        if account is None and paid is None and request is None:
            return PASS if self._is_ready else self._unknown, []
        if account is not None and self._breaker.holds_account(ask.account_id):
            account = None
        account = harder(account, paid)
        hardest = harder(account, request)
        if hardest is not None and hardest.action != "throttle":
            return _refused(hardest, now_ms), []
        throttles = [] if account is None else [(f"account:{ask.account_id}", account)]
        return PASS, throttles if request is None else [*throttles, (request.subject_id, request)]

    def _is_spared(self, ask: Ask) -> bool:
        return ask.account_id in self._spared or ask.payment_hash in self._spared_payments

    async def _room(self, key: str, standing: Standing, ask: Ask) -> Room:
        return _NO_ROOM if standing.limits is None else await self._limiter.take(key, standing.limits, ask.tokens)

    def _told(self, ask: Ask, verdict: Verdict, now_ms: int, began: float) -> Verdict:
        self._metrics.count(verdict)
        if self._has_shadows and verdict.answer == "pass":
            shadow = (
                self._in_shadow.over_account(ask.account_id, now_ms)
                or self._in_shadow.over_payment(ask, now_ms)
                or self._in_shadow.over_request(ask, now_ms)
            )
            if shadow is not None and shadow.action is not None and not self._is_spared(ask):
                self._metrics.count_shadow(shadow.action)
        self._metrics.check_seconds.observe(time.perf_counter() - began)
        return verdict


_NO_ROOM = Room(admitted=False, remaining=0, retry_after_ms=0, is_local=True)


def _refused(standing: Standing, now_ms: int) -> Verdict:
    """Refused until the decision runs out."""
    if standing.action is None or standing.action == "observe" or standing.action == "release":  # noqa: PLR1714
        raise ValueError(standing)
    return Verdict(
        answer=standing.action,
        decision_id=standing.decision_id,
        subject_kind=standing.subject_kind,
        subject_id=standing.subject_id,
        until_ms=standing.until_ms,
        retry_after_ms=standing.until_ms - now_ms,
    )


def _within(standing: Standing, room: Room, before: Verdict, now_ms: int) -> Verdict:
    """Passed within the limits or refused for now; of two throttles that pass the tighter one is told."""
    if room.admitted and before.remaining is not None and before.remaining <= room.remaining:
        return before
    until_ms = standing.until_ms
    return Verdict(
        answer="pass" if room.admitted else "throttle",
        decision_id=standing.decision_id,
        subject_kind=standing.subject_kind,
        subject_id=standing.subject_id,
        until_ms=until_ms,
        limits=standing.limits,
        remaining=room.remaining,
        retry_after_ms=None if room.admitted else max(1, min(room.retry_after_ms or until_ms, until_ms - now_ms)),
    )
