"""A real gate with a few decisions in force, where time stands still."""

import asyncio

from prometheus_client import CollectorRegistry

from agents.enforcement.gate import Gate
from agents.enforcement.limiting import LocalLimiter
from agents.enforcement.metrics import EnforcementMetrics
from streams.decisions import Action, Decision, Limits, SubjectKind
from streams.enforcement import Ask, Verdict
from streams.policy import DEFAULT_POLICY

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
LIMITS = Limits(requests=3, tokens=1_000, window_ms=60_000)
TEMPLATE = "00000000deadbeef"


def decision(
    kind: SubjectKind, subject_id: str, action: Action, *, sequence: int = 1, limits: Limits | None = None
) -> Decision:
    """A decision made just now, in force for an hour."""
    return Decision(
        decision_id=f"decision-{action}-{sequence}",
        subject_kind=kind,
        subject_id=subject_id,
        action=action,
        reasons=(),
        score=1.0,
        decided_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + HOUR_MS,
        policy_version="test",
        model_version="test",
        shadow=False,
        sequence=sequence,
        limits=limits,
    )


def gate() -> Gate:
    """A gate that suspends, challenges and throttles the accounts of those names, and suspends a template."""
    limiter = LocalLimiter(clock=lambda: NOW_MS * 1_000)
    made = Gate(limiter, DEFAULT_POLICY, EnforcementMetrics(CollectorRegistry()), clock=lambda: NOW_MS)
    made.take(decision("account", "suspended", "suspend"))
    made.take(decision("account", "challenged", "challenge"))
    made.take(decision("account", "throttled", "throttle", limits=LIMITS))
    made.take(decision("network", f"template:{TEMPLATE}", "suspend"))
    made.ready()
    return made


class Gated:
    """A checker that asks a gate; `asked` is every question so far. With `is_hanging` a check never ends by itself."""

    def __init__(self) -> None:
        self.gate = gate()
        self.asked: list[Ask] = []
        self.is_hanging = False
        self.began = asyncio.Event()

    def release(self, account_id: str) -> None:
        """A reviewer lets go of an account."""
        self.gate.take(decision("account", account_id, "release", sequence=2))

    async def check(self, ask: Ask) -> Verdict:
        """The verdict; never while it hangs."""
        self.began.set()
        if self.is_hanging:
            await asyncio.Event().wait()
        self.asked.append(ask)
        return await self.gate.check(ask)

    def check_now(self, ask: Ask) -> Verdict:
        """The verdict without any wait."""
        self.asked.append(ask)
        return self.gate.check_now(ask)
