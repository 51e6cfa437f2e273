"""What a gateway lets through, by the rules that stand in `streams.decisions.Decision`, as the judge plays it."""

from msgspec import Struct

from streams.decisions import Decision
from streams.enforcement import Ask, InForce, Standing
from streams.enforcement.in_force import harder


class Enforcing:
    """All decisions so far, as a gateway holds them, and what each throttled account has used of its window."""

    def __init__(self) -> None:
        """Nobody is limited."""
        self._in_force = InForce()
        self._used: dict[str, _Used] = {}

    def take(self, decision: Decision) -> None:
        """Put a decision into force."""
        self._in_force.take(decision)

    def over_account(self, account_id: str, at_ms: int) -> Standing | None:
        """What is in force for the account; None if nothing is."""
        return self._in_force.over_account(account_id, at_ms)

    def over_request(self, ask: Ask, at_ms: int) -> Standing | None:
        """What is in force for what the account asks, whoever asks it; None if nothing is, or not for this account."""
        return self._in_force.over_request(ask, at_ms)

    def over_payment(self, ask: Ask, at_ms: int) -> Standing | None:
        """What is in force for how the account pays; None if nothing is, or not for this account."""
        return self._in_force.over_payment(ask, at_ms)

    def admits(self, ask: Ask, at_ms: int) -> bool:
        """Whether a request passes. One of a throttled subject does while its window has room.

        Nobody who is challenged passes: what a campaign runs are programs.
        """
        account = harder(self.over_account(ask.account_id, at_ms), self.over_payment(ask, at_ms))
        request = self.over_request(ask, at_ms)
        if account is not None and not self._has_room(f"account:{ask.account_id}", account, at_ms, ask.tokens):
            return False
        return request is None or self._has_room(request.subject_id, request, at_ms, ask.tokens)

    def _has_room(self, key: str, standing: Standing, at_ms: int, tokens: int) -> bool:
        """Whether a subject under this decision has room for a request; what it then has used."""
        limits = standing.limits
        if standing.action != "throttle" or limits is None:
            return False
        window = at_ms // limits.window_ms
        used = self._used.get(key)
        if used is None or used.window != window:
            used = self._used[key] = _Used(window)
        if used.requests >= limits.requests or used.tokens + tokens > limits.tokens:
            return False
        used.requests += 1
        used.tokens += tokens
        return True


class _Used(Struct):
    """What an account has used of the window it is in."""

    window: int
    requests: int = 0
    tokens: int = 0
