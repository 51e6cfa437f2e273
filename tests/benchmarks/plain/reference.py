"""What the plain job must come to: slow, and obviously so. It shares no arithmetic with any contestant."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from tests.benchmarks.plain.job import Alert, Windows


class Truth(Struct, frozen=True):
    """The windows at the end of the log, and every alert.

    `alerts_by_minute` is for a contestant that cannot see the order of events inside a minute: an alert for each minute
    with which an account's window is above the limit, while it was not with the last minute the account was seen in.
    """

    windows: Windows
    alerts: frozenset[Alert]
    alerts_by_minute: frozenset[Alert]


class Reference:
    """Counts every event that it is shown into buckets that never expire, and adds 60 of them up after each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._newest: dict[str, int] = {}
        self._above: set[str] = set()
        self._requests: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._tokens: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._networks: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._alerts: set[Alert] = set()

    def see(self, values: Iterable[bytes]) -> None:
        """Take events in the order of the log."""
        for value in values:
            event = json.loads(value)
            account, minute = event["account_id"], event["occurred_at_ms"] // 60_000
            self._requests[account][minute] += 1
            self._tokens[account][minute] += event["output_tokens"]
            self._networks[event["network_hash"]][minute] += 1
            self._newest[account] = newest = max(minute, self._newest.get(account, 0))
            tokens = self._tokens[account]
            total = sum(tokens[it] for it in range(newest - 59, newest + 1) if it in tokens)
            if total <= self._limit:
                self._above.discard(account)
            elif account not in self._above:
                self._above.add(account)
                self._alerts.add(Alert(account, event["event_id"], event["occurred_at_ms"], total))

    def truth(self) -> Truth:
        """What has come of the events so far."""
        windows = Windows()
        for account, requests in self._requests.items():
            tokens = self._tokens[account]
            windows.add_account(account, {minute: (count, tokens[minute]) for minute, count in requests.items()})
        for network, counts in self._networks.items():
            windows.add_network(network, counts)
        return Truth(windows, frozenset(self._alerts), frozenset(self._by_minute()))

    def _by_minute(self) -> Iterator[Alert]:
        for account, tokens in self._tokens.items():
            before = 0
            for minute in sorted(self._requests[account]):
                total = sum(tokens[it] for it in range(minute - 59, minute + 1) if it in tokens)
                if total > self._limit >= before:
                    yield Alert(account, "minute", minute * 60_000, total)
                before = total
