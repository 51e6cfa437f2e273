"""Shared links, folded one use at a time with dictionaries: slow, sequential, and what the compiled fold must equal."""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from streams.capabilities import CapabilityDays
from streams.distinct import Distinct, hash32
from streams.events import CAPABILITIES
from streams.kernel import WEEK_HOURS
from streams.links import Link
from streams.networks import Counted, LinkNumbers
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, Counts, Windows
from tests.streams.link_bench import HOUR, Act
from tests.streams.reference_capabilities import focus, note
from tests.streams.reference_windows import count

_DAY_HOURS = 24


class ReferenceLink(Struct):
    """Everything that is counted of one shared link."""

    windows: Windows = field(default_factory=Windows)
    accounts: Distinct = field(default_factory=Distinct)
    young_accounts: Distinct = field(default_factory=Distinct)
    networks: Distinct = field(default_factory=Distinct)
    capability_days: CapabilityDays = field(default_factory=dict)
    requests: int = 0
    late: int = 0

    def add(self, act: Act, *, is_late: bool) -> None:
        """Count one use."""
        at_ms, hour = act.minute * MINUTE_MS, act.minute // HOUR
        count(self.windows, at_ms, Counts(1, 10, 20, int(act.error), int(act.refusal)))
        self.requests += 1
        self.late += is_late
        self.accounts.add(act.account, hour, window_hours=WEEK_HOURS)
        if act.is_young:
            self.young_accounts.add(act.account, hour, window_hours=WEEK_HOURS)
        if act.network is not None and act.kind != "network":
            self.networks.add(act.network, hour, window_hours=WEEK_HOURS)
        note(self.capability_days, at_ms // DAY_MS, act.capability, 1)

    def counted(self) -> Counted:
        """What is counted of it as of its newest use."""
        as_of_ms = self.windows.newest_ms
        hour = as_of_ms // HOUR_MS
        day = self.windows.total("hours", as_of_ms)
        capability, share = focus(self.capability_days, as_of_ms // DAY_MS, CAPABILITIES)
        return Counted(
            as_of_ms=as_of_ms,
            requests=day.requests,
            tokens=day.tokens,
            errors=day.errors,
            accounts=self.accounts.count(hour, window_hours=WEEK_HOURS),
            young_accounts=self.young_accounts.count(hour, window_hours=WEEK_HOURS),
            networks=self.networks.count(hour, window_hours=WEEK_HOURS),
            active_hours=sum(1 for index in self.windows.hours if hour - _DAY_HOURS < index <= hour),
            capability=CAPABILITIES.index(capability),
            capability_share=share,
        )

    def laid_out(self) -> LinkNumbers:
        """As `NetworkState` lays itself out."""
        return LinkNumbers(self.windows, self.accounts, self.young_accounts, self.networks, self.capability_days)


class ReferencePartition:
    """All links, the shared ones and who holds the others alone, over as many steps as there are."""

    def __init__(self) -> None:
        self.links: dict[Link, ReferenceLink] = {}
        self._holders: dict[Link, tuple[str, int]] = {}

    def step(self, acts: Iterable[Act]) -> Iterator[tuple[Link, int, Counted | None]]:
        """Take the acts of a batch, in order; of each minute of a shared link what was counted before it, if anything.

        In a batch the minutes of a link come in order, and in a minute the link that was used first.
        """
        minutes: dict[tuple[int, int, Link], list[Act]] = {}
        first: dict[tuple[int, Link], int] = {}
        new: dict[Link, tuple[str, int]] = {}
        for number, act in enumerate(acts):
            if act.link not in self.links:
                name, hour = self._holders.get(act.link, (act.account, act.minute // HOUR))
                self._holders[act.link] = (name, max(hour, act.minute // HOUR))
                if name == act.account:
                    continue
                self.links[act.link] = ReferenceLink()
                new[act.link] = (name, hour)
            place = first.setdefault((act.minute, act.link), number)
            minutes.setdefault((act.minute, place, act.link), []).append(act)
        for minute, _, link in sorted(minutes, key=lambda key: key[:2]):
            state = self.links[link]
            yield link, minute, state.counted() if state.requests else None
            if link in new:
                name, hour = new.pop(link)
                state.accounts.add_hash(hash32(name), hour, window_hours=WEEK_HOURS)
            is_late = minute * MINUTE_MS < state.windows.newest_ms
            for act in minutes[minute, first[minute, link], link]:
                state.add(act, is_late=is_late)
