"""The feed: a process that simulates traffic, fingerprints it and produces it, in step with the worker.

    python -m agents.demo.feed SCALE SEED

It writes a line of JSON (`Fed`) to standard output for every thousand records, and never runs ahead of the number of
records that it last read, a line each, from standard input. So the lag stays small, the latency that the worker
measures is that of a worker that keeps up, and the feed ends with the process that reads it.
"""

import sys
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from agents.ingest import Ingest, IngestError
from agents.settings import SettingsError, bootstrap_servers, fingerprint_key, read_settings
from agents.topics import TopicNames
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.scenarios import Truth, simulate_labelled

SCENARIOS: Final = ("ordinary", "relay", "campus_nat", "classroom")
"""Ordinary customers, the campaign to be found, and two look-alikes that must stay unharmed."""

UNUSABLE_EXIT_CODE: Final = 2


class Fed(Struct, frozen=True, array_like=True):
    """What was fed since the last such line: `records` in all, up to event time `newest_ms`.

    `accounts` are those that spoke for the first time, `exchanges` the (account, event time) of each request of a
    campaign.
    """

    records: int
    newest_ms: int
    accounts: tuple[Truth, ...]
    exchanges: tuple[tuple[str, int], ...]


class Feed:
    """Simulated events, held back until there is leave for them, and the notes about what went out."""

    def __init__(self, scale: float, seed: int, fingerprinter: Fingerprinter) -> None:
        self._script = simulate_labelled(SCENARIOS, seed=seed, scale=scale)
        self._fingerprinter = fingerprinter
        self._leave = 0
        self._newest_ms = 0
        self._known: set[str] = set()
        self._accounts: list[Truth] = []
        self._exchanges: list[tuple[str, int]] = []

    def events(self) -> Iterator[RequestEvent]:
        """The events of the day in order of time; blocks for leave, and ends early when nobody gives it any more."""
        for count, (record, truth) in enumerate(self._script):
            while count >= self._leave:
                line = sys.stdin.readline()
                if not line:
                    return
                self._leave = int(line)
            if truth.account_id not in self._known:
                self._known.add(truth.account_id)
                self._accounts.append(truth)
            if truth.campaign_id is not None:
                self._exchanges.append((truth.account_id, record.occurred_at_ms))
            self._newest_ms = record.occurred_at_ms
            yield self._fingerprinter.event(record)

    def report(self, records: int) -> None:
        """Write what was fed since the last report."""
        fed = Fed(records, self._newest_ms, tuple(self._accounts), tuple(self._exchanges))
        self._accounts.clear()
        self._exchanges.clear()
        sys.stdout.buffer.write(msgspec.json.encode(fed) + b"\n")
        sys.stdout.buffer.flush()


def main(scale: float, seed: int) -> None:
    """Feed one simulated day to the requests topic that the environment names."""
    try:
        feed = Feed(scale, seed, Fingerprinter(fingerprint_key()))
        topic = TopicNames.under(read_settings().prefix).requests
        ingest = Ingest(bootstrap_servers(), topic)
        ingest.put(feed.events(), taken=feed.report)
        ingest.close()
    except BrokenPipeError:
        sys.stderr.write("Nobody reads what the feed reports any more.\n")
        sys.exit(UNUSABLE_EXIT_CODE)
    except (IngestError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(UNUSABLE_EXIT_CODE)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
