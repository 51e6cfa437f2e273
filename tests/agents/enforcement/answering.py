"""Checkers whose answers a test chooses."""

from collections import Counter

from streams.decisions import Limits
from streams.enforcement import Ask, Verdict
from streams.enforcement.asking import PASS

LIMITS = Limits(requests=3, tokens=1_000, window_ms=60_000)


class Answering:
    """Suspends and throttles the accounts and templates that it is given, and remembers what it was asked."""

    def __init__(self, *, suspended: frozenset[str] = frozenset(), throttled: frozenset[str] = frozenset()) -> None:
        self.asked: list[Ask] = []
        self._suspended = suspended
        self._throttled = throttled
        self._passed: Counter[str] = Counter()

    async def check(self, ask: Ask) -> Verdict:
        return self.check_now(ask)

    def check_now(self, ask: Ask) -> Verdict:
        self.asked.append(ask)
        if {ask.account_id, ask.template_hash} & self._suspended:
            return Verdict("suspend", "decision-1", "account", ask.account_id, retry_after_ms=3_600_000)
        if ask.account_id not in self._throttled:
            return PASS
        left = LIMITS.requests - self._passed[ask.account_id] - 1
        if left < 0:
            return Verdict("throttle", "decision-2", limits=LIMITS, remaining=0, retry_after_ms=12_345)
        self._passed[ask.account_id] += 1
        return Verdict("pass", "decision-2", limits=LIMITS, remaining=left)


class Broken:
    """Breaks its word never to raise."""

    async def check(self, ask: Ask) -> Verdict:
        raise KeyError(ask.account_id)

    def check_now(self, ask: Ask) -> Verdict:
        raise KeyError(ask.account_id)
