"""A checker that answers as it was told, until `agents.enforcement.gate.Gate` is there to be asked."""

import asyncio
from collections import Counter

from streams.decisions import Limits
from streams.enforcement.asking import PASS, Ask, Verdict

FOREVER_MS = 4_000_000_000_000
LIMITS = Limits(requests=3, tokens=1_000, window_ms=60_000)
RETRY_AFTER_MS = 20_000


def refused(answer: str, subject_id: str) -> Verdict:
    """What a decision about an account gives."""
    kind = "network" if subject_id.startswith("template:") else "account"
    return Verdict(answer, f"decision-{answer}", kind, subject_id, FOREVER_MS)  # type: ignore[arg-type]


class Scripted:
    """Suspends, challenges or throttles by name; `release` lets go. `asked` is every question so far."""

    def __init__(self) -> None:
        self.in_force = {
            "suspended": refused("suspend", "suspended"),
            "challenged": refused("challenge", "challenged"),
            "template:00000000deadbeef": refused("suspend", "template:00000000deadbeef"),
        }
        self.throttled = {"throttled"}
        self.asked: list[Ask] = []
        self.is_hanging = False
        self.began = asyncio.Event()
        self._taken: Counter[str] = Counter()

    def release(self, subject_id: str) -> None:
        """Let go of a subject, whatever is in force about it."""
        self.in_force.pop(subject_id, None)
        self.throttled.discard(subject_id)

    async def check(self, ask: Ask) -> Verdict:
        """The verdict; never while it hangs."""
        self.began.set()
        if self.is_hanging:
            await asyncio.Event().wait()
        return self.check_now(ask)

    def check_now(self, ask: Ask) -> Verdict:
        """The verdict."""
        self.asked.append(ask)
        for name in (ask.account_id, f"template:{ask.template_hash}"):
            if name in self.in_force:
                return self.in_force[name]
        return self._throttled(ask) if ask.account_id in self.throttled else PASS

    def _throttled(self, ask: Ask) -> Verdict:
        taken = self._taken[ask.account_id]
        has_room = taken < LIMITS.requests
        self._taken[ask.account_id] += has_room
        return Verdict(
            "pass" if has_room else "throttle",
            "decision-throttle",
            "account",
            ask.account_id,
            FOREVER_MS,
            LIMITS,
            LIMITS.requests - taken - has_room,
            None if has_room else RETRY_AFTER_MS,
        )
