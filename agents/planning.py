"""How large a deployment must be for so many requests a second: arithmetic on measured and on assumed figures.

Measured figures are those of deploy/benchmarks.md, on two cores; nothing larger was ever run. `SPARE` of each is left
free, as that page does.
"""

from collections.abc import Mapping
from math import ceil
from typing import Final

from msgspec import Struct

from agents.sizing import Need, need
from agents.topics import OUTCOME_MS, REPLAY_MS
from streams.windows import DAY_MS

SPARE: Final = 1 / 3
"""Of processor time and of disk, left free."""

WORKER_US: Final = 29.0
REDIS_US: Final = 5.1
KAFKA_US: Final = 3.3
"""Microseconds of processor time an event at full load, of four workers: the dearest of deploy/benchmarks.md."""

PROCESS_EVENTS: Final = 25_000
"""Events a second that one process of the worker takes when it catches up."""

CHECKS_IN_PROCESS: Final = 44_900
"""Checks a second on a core, by account, template and sketch, in a gateway's own process."""

CHECKS_OF_A_SERVICE: Final = 500
"""Checks a second of one `stillwatch enforce` behind Envoy with a p99 of 2.5 ms; more was not measured."""

REQUEST_BYTES: Final = 650
"""A request event of tests/benchmarks/traffic.py as JSON."""

LINKS_BYTES: Final = 330
"""What an event leaves in stillwatch.links: 261 bytes with 20 events an account, 327 with two."""

RECORD_BYTES: Final = 35
"""Key, header and share of the batch's header of a record (assumed). No record of ours is compressed."""

FEW: Final = 0.01
SELDOM: Final = 0.001
"""Of the requests' bytes, what findings, decisions and dead letters come to, and what alerts and verdicts (assumed)."""

FEWEST_PROCESSES: Final = 2
FEWEST_PARTITIONS: Final = 8
PARTITIONS_A_PROCESS: Final = 4
"""So that a process that is added or lost moves a fraction of the work."""

DAY_S: Final = 86_400
WINDOW_DAYS: Final = REPLAY_MS // DAY_MS
OUTCOME_DAYS: Final = OUTCOME_MS // DAY_MS


class Asked(Struct, frozen=True, kw_only=True):
    """What a deployment is to bear; `processes` None: as many as it needs."""

    requests_a_second: float
    accounts: int
    retention_days: int = WINDOW_DAYS
    replication: int = 3
    record_bytes: int = REQUEST_BYTES
    outage_hours: float = 1.0
    processes: int | None = None


class Plan(Struct, frozen=True):
    """What it takes. Bytes are of all brokers together, copies included; rates are bytes a second."""

    disk: Mapping[str, float]
    written: float
    copied: float
    read: float
    kafka_cores: int
    processes: int
    partitions: int
    redis: Need
    redis_shards: int
    gate_cores: float
    services: int
    backlog: float
    catch_up_hours: float | None
    """None: never, so many processes take less than arrives."""

    @property
    def disk_total(self) -> float:
        """What the records take."""
        return sum(self.disk.values())

    @property
    def disk_needed(self) -> float:
        """So much disk, so that `SPARE` of it stays free."""
        return self.disk_total / (1 - SPARE)


def bytes_an_event(record_bytes: int) -> dict[str, float]:
    """What one request leaves in each topic, by the topic's last word."""
    request = record_bytes + RECORD_BYTES
    return {
        "requests": request,
        "links": LINKS_BYTES,
        "findings": FEW * request,
        "feedback": SELDOM * request,
        "enforcement": FEW * request,
        "alerts": SELDOM * request,
        "dlq": FEW * request,
    }


def plan(asked: Asked) -> Plan:
    """What it takes to bear what is asked."""
    rate = asked.requests_a_second
    sizes = bytes_an_event(asked.record_bytes)
    days = {name: OUTCOME_DAYS if name in {"enforcement", "alerts", "dlq"} else asked.retention_days for name in sizes}
    written = rate * sum(sizes.values())
    processes = asked.processes or max(FEWEST_PROCESSES, cores(rate, WORKER_US))
    partitions = max(FEWEST_PARTITIONS, PARTITIONS_A_PROCESS * processes)
    backlog = rate * 3_600 * asked.outage_hours
    left = processes * PROCESS_EVENTS - rate
    return Plan(
        disk={name: rate * DAY_S * days[name] * size * asked.replication for name, size in sizes.items()},
        written=written,
        copied=written * (asked.replication - 1),
        read=written,
        kafka_cores=cores(rate, KAFKA_US),
        processes=processes,
        partitions=partitions,
        redis=need(asked.accounts, rate * DAY_S / asked.accounts, partitions),
        redis_shards=cores(rate, REDIS_US),
        gate_cores=rate / CHECKS_IN_PROCESS / (1 - SPARE),
        services=max(1, ceil(rate / CHECKS_OF_A_SERVICE)),
        backlog=backlog,
        catch_up_hours=backlog / left / 3_600 if left > 0 else None,
    )


def cores(rate: float, microseconds: float) -> int:
    """Whole cores for so many events a second that take so long each, `SPARE` of them left free; at least one."""
    return max(1, ceil(round(rate * microseconds / 1e6 / (1 - SPARE), 9)))
