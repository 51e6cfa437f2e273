"""The breaker: how many accounts and templates one hour may newly limit here, whatever the decider says.

The decider has a blast radius of its own. This one is for the day on which the decider is wrong, or is not the decider.
As shipped it is above what the shipped policy lets the decider do in an hour: 2,000 accounts, as many again in
campaigns, and 20,000 of a campaign that is suspended.
"""

from msgspec import Struct

from streams.decisions import LIMITING, Decision
from streams.enforcement.in_force import InForce
from streams.windows import HOUR_MS


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
    """How many accounts and templates wait now."""

    accounts: int
    templates: int


class Breaker:
    """Gives decisions to `InForce`, and holds those they newly limit above so many an hour of the log.

    Who is held is limited as far as `InForce` knows, and not by a gateway, which asks `holds_account` and
    `holds_network` before it acts. Those that wait are let in when the next hour begins, in their order and as far as
    that hour has room, before what is decided in it. Whoever is limited already does not count again, and a release
    never waits.
    """

    def __init__(self, in_force: InForce, *, accounts: int, templates: int) -> None:
        """Begin with nobody held. `in_force` is changed by `take` only."""
        self._in_force = in_force
        self._accounts = _Fuse(accounts)
        self._templates = _Fuse(templates)
        self._members: dict[str, dict[str, None]] = {}
        self._hour = 0
        self.held_since_start = 0

    @property
    def held(self) -> Held:
        """How many wait now, also those that nothing limits any more: they are forgotten with the hour."""
        return Held(len(self._accounts.held), len(self._templates.held))

    def holds_account(self, account_id: str) -> bool:
        """Whether decisions about the account, and about campaigns it is in, are not to be enforced yet."""
        return account_id in self._accounts.held

    def holds_network(self, subject_id: str) -> bool:
        """Whether decisions about the network are not to be enforced yet."""
        return subject_id in self._templates.held

    def take(self, decision: Decision, at_ms: int | None = None) -> bool:
        """Put a decision into force, and hold what is above the limits; whether it is news.

        `at_ms` is when the log took it, which no decider chooses; when it was decided, where nobody knows.
        """
        at_ms = decision.decided_at_ms if at_ms is None else at_ms
        self.advance(at_ms)
        is_network = decision.subject_kind == "network"
        fuse = self._templates if is_network else self._accounts
        touched = self._touched(decision, at_ms)
        before = {it for it in touched if self._is_limited(it, at_ms, is_network=is_network)}
        is_news = self._in_force.take(decision)
        for name in touched:
            is_limited = self._is_limited(name, at_ms, is_network=is_network)
            if name in before and not is_limited:
                fuse.held.pop(name, None)
            elif is_limited and name not in before and not fuse.take(name, at_ms // HOUR_MS):
                self.held_since_start += 1
        return is_news

    def advance(self, at_ms: int) -> None:
        """Let in whom a new hour has room for. Call it now and then with the time, for hours without a decision."""
        hour = at_ms // HOUR_MS
        while self._hour < hour and (self._accounts.held or self._templates.held):
            self._hour += 1
            for fuse, is_network in ((self._accounts, False), (self._templates, True)):
                self._let_in(fuse, is_network=is_network)
        self._hour = max(hour, self._hour)

    def forget(self, at_ms: int) -> None:
        """Drop what `InForce` drops."""
        self._in_force.forget(at_ms)
        for campaign_id in [it for it in self._members if not self._in_force.latest("campaign", it)]:
            del self._members[campaign_id]

    def _let_in(self, fuse: _Fuse, *, is_network: bool) -> None:
        """Let in those who wait, in their order, as far as the hour that begins has room."""
        for name in list(fuse.held):
            if not self._is_limited(name, self._hour * HOUR_MS, is_network=is_network):
                del fuse.held[name]
            elif not fuse.take(name, self._hour):
                return

    def _touched(self, decision: Decision, at_ms: int) -> tuple[str, ...]:
        """Whose standing a decision may change: of a campaign that stays limited only that of the members it adds."""
        if decision.subject_kind != "campaign":
            return (decision.subject_id,)
        members = self._members.setdefault(decision.subject_id, {})
        added = dict.fromkeys(decision.members)
        members.update(added)
        stood = self._in_force.of("campaign", decision.subject_id, at_ms) is not None
        stays = stood and decision.action in LIMITING and not decision.shadow
        return tuple(added if stays else members)

    def _is_limited(self, name: str, at_ms: int, *, is_network: bool) -> bool:
        standing = self._in_force.of("network", name, at_ms) if is_network else self._in_force.over_account(name, at_ms)
        return standing is not None
