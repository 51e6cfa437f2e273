"""The breaker: how many accounts, payments and templates one hour may newly limit here, whatever the decider says.

The decider has a blast radius of its own. This one is for the day on which the decider is wrong, or is not the decider.
As shipped it is above what the shipped policy lets the decider do in an hour: 2,000 accounts, as many again in
campaigns, and 20,000 of a campaign that is suspended.
"""

from typing import NamedTuple

from msgspec import Struct

from streams.decisions import LIMITING, Decision
from streams.enforcement.in_force import InForce
from streams.windows import HOUR_MS


class _Name(NamedTuple):
    """An account, a payment or a network."""

    kind: str
    name: str


class _Fuse:
    """At most `limit` names an hour. The rest wait in their order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held: dict[str, None] = {}
        self._spent: dict[int, int] = {}

    def take(self, name: str, hour: int) -> bool:
        """Whether there is room for one more in this hour; else it is held. Those that wait already go first."""
        if self._spent.get(hour, 0) < self.limit:
            self._spent[hour] = self._spent.get(hour, 0) + 1
            self.held.pop(name, None)
            return True
        self.held.setdefault(name)
        return False


class Held(Struct, frozen=True):
    """How many accounts, payments and templates wait now."""

    accounts: int
    payments: int
    templates: int


class Breaker:
    """Gives decisions to `InForce`, and holds those they newly limit above so many an hour of the log.

    Who is held is limited as far as `InForce` knows, and not by a gateway, which asks `holds_account`, `holds_payment`
    and `holds_network` before it acts. As many payments as accounts may be limited in an hour. Those that wait are let
    in when the next hour begins, in their order and as far as that hour has room, before what is decided in it. Whoever
    is limited already does not count again, and a release never waits.
    """

    def __init__(self, in_force: InForce, *, accounts: int, templates: int) -> None:
        """Begin with nobody held. `in_force` is changed by `take` only."""
        self._in_force = in_force
        self._fuses = {"account": _Fuse(accounts), "payment": _Fuse(accounts), "network": _Fuse(templates)}
        self._named: dict[str, dict[_Name, None]] = {}
        self._hour = 0

    @property
    def held(self) -> Held:
        """How many wait now, also those that nothing limits any more: they are forgotten with the hour."""
        return Held(*(len(fuse.held) for fuse in self._fuses.values()))

    def holds_account(self, account_id: str) -> bool:
        """Whether decisions about the account, and about campaigns it is in, are not to be enforced yet."""
        return account_id in self._fuses["account"].held

    def holds_payment(self, payment: str) -> bool:
        """Whether decisions about campaigns whose members pay so are not to be enforced yet for how others pay."""
        return payment in self._fuses["payment"].held

    def holds_network(self, subject_id: str) -> bool:
        """Whether decisions about the network are not to be enforced yet."""
        return subject_id in self._fuses["network"].held

    def take(self, decision: Decision, at_ms: int | None = None) -> bool:
        """Put a decision into force, and hold what is above the limits; whether it is news.

        `at_ms` is when the log took it, which no decider chooses; when it was decided, where nobody knows.
        """
        at_ms = decision.decided_at_ms if at_ms is None else at_ms
        self.advance(at_ms)
        touched = self._touched(decision, at_ms)
        before = {it for it in touched if self._is_limited(it, at_ms)}
        is_news = self._in_force.take(decision)
        for it in touched:
            fuse, is_limited = self._fuses[it.kind], self._is_limited(it, at_ms)
            if it in before and not is_limited:
                fuse.held.pop(it.name, None)
            elif is_limited and it not in before:
                fuse.take(it.name, at_ms // HOUR_MS)
        return is_news

    def advance(self, at_ms: int) -> None:
        """Let in whom a new hour has room for. Call it now and then with the time, for hours without a decision."""
        hour = at_ms // HOUR_MS
        while self._hour < hour and any(fuse.held for fuse in self._fuses.values()):
            self._hour += 1
            for kind in self._fuses:
                self._let_in(kind)
        self._hour = max(hour, self._hour)

    def forget(self, at_ms: int) -> None:
        """Drop what `InForce` drops."""
        self._in_force.forget(at_ms)
        for campaign_id in [it for it in self._named if not self._in_force.latest("campaign", it)]:
            del self._named[campaign_id]

    def _let_in(self, kind: str) -> None:
        """Let in those who wait, in their order, as far as the hour that begins has room."""
        fuse = self._fuses[kind]
        for name in list(fuse.held):
            if not self._is_limited(_Name(kind, name), self._hour * HOUR_MS):
                del fuse.held[name]
            elif not fuse.take(name, self._hour):
                return

    def _touched(self, decision: Decision, at_ms: int) -> tuple[_Name, ...]:
        """Whose standing a decision may change: of a campaign that stays limited only that of whom it names."""
        payments = [_Name("payment", it) for it in decision.payments]
        if decision.subject_kind != "campaign":
            return (_Name(decision.subject_kind, decision.subject_id), *payments)
        named = self._named.setdefault(decision.subject_id, {})
        added = dict.fromkeys([*(_Name("account", it) for it in decision.members), *payments])
        named.update(added)
        stood = self._in_force.of("campaign", decision.subject_id, at_ms) is not None
        stays = stood and decision.action in LIMITING and not decision.shadow
        return tuple(added if stays else named)

    def _is_limited(self, it: _Name, at_ms: int) -> bool:
        if it.kind == "payment":
            return self._in_force.limits_payment(it.name, at_ms)
        if it.kind == "network":
            return self._in_force.of("network", it.name, at_ms) is not None
        return self._in_force.over_account(it.name, at_ms) is not None
