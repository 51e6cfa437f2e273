"""What one partition of links keeps beside its links: where its sources stand, and which hour they have come to."""

from msgspec import Struct, field

from streams.anomaly import Drift
from streams.links import ERASED_FOR_MS, MINUTE, Links
from streams.networks import NetworkState
from streams.windows import MINUTE_MS

SILENT_HOURS = 6


class NetworksShard(Struct, array_like=True):
    """What one partition of links keeps beside its links.

    `subjects` is how many links it holds, `sources` maps a source of links to the last offset applied of it,
    `known_accounts` is how many accounts there were when `hour` began (all of them: templates bring each account to
    every partition), `open_links` are those to be looked at when their minute closes, `hour` is the newest hour of
    event time, `minute` the newest minute in which a link that can tie was used, `hours` the hour of each source,
    `offset` and `parts` number what leaves. `erased` are accounts that no link shall name for what they did until then:
    each link forgets them when it is used next, and one that is not used expires before they are dropped here.
    """

    subjects: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    known_accounts: int = 0
    open_links: set[str] = field(default_factory=set)
    hour: int = 0
    hours: dict[int, int] = field(default_factory=dict)
    drift: Drift = field(default_factory=Drift)
    offset: int = 0
    parts: int = 0
    appended_at_ms: int = 0
    journal_bytes: int = 0
    minute: int = 0
    erased: dict[str, int] = field(default_factory=dict)

    @property
    def settled_hour(self) -> int:
        """The newest hour that every source has left behind; a source hours behind the newest has fallen silent."""
        come_to = [min(hour, self.hour) for hour in self.hours.values() if self.hour - hour <= SILENT_HOURS]
        return min(come_to, default=0) - 1

    def forget_erased(self, state: NetworkState, minute: int) -> None:
        """Drop the members that are erased and did nothing since, once the link has come to a later minute than that.

        By event time, so that it comes to the same however the log was cut into batches.
        """
        for name in state.members.keys() & self.erased.keys():
            if state.members[name].last_minute <= self.erased[name] // MINUTE_MS < minute:
                del state.members[name]
                state.touched.discard(name)

    def note(self, links: Links) -> bool:
        """Note how far the source of a record has been taken, and which hour it has come to; False if it was before."""
        name = links.source.name
        if links.source_offset <= self.sources.get(name, -1):
            return False
        self.sources[name] = links.source_offset
        newest = int(links.event_columns[MINUTE].max(initial=0)) // 60
        self.hours[links.source_partition] = max(newest, self.hours.get(links.source_partition, 0))
        self.appended_at_ms = max(self.appended_at_ms, links.appended_at_ms)
        if links.erased:
            newest_ms = max(links.erased.values())
            both = {**self.erased, **links.erased}
            self.erased = {name: until_ms for name, until_ms in both.items() if newest_ms - until_ms <= ERASED_FOR_MS}
        return True
