"""The plain job, by Stillwatch and by its peers, on one Kafka and one Redis of this machine.

    python -m tests.benchmarks.plain [--quick] [--only stillwatch,floor] [--runs 2] [--accounts 10000,100000,1000000]

What the job is stands in `job.py`, the data in `traffic.py`, who takes part in `field.py`. Each contestant runs in a
process of its own, in an environment of its own, and is watched from outside. In a second part each is killed with
kill -9 in the middle and started again. Exit code 1 when Stillwatch is below a bar, with a sentence for each.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agents.embedded import ServerError, servers
from tests.benchmarks.plain import report
from tests.benchmarks.plain.arena import Arena, Log, Result
from tests.benchmarks.plain.environments import NotInstalledError
from tests.benchmarks.plain.field import FIELD, Contestant, chosen
from tests.benchmarks.plain.reference import Reference
from tests.benchmarks.plain.report import Outcome
from tests.benchmarks.plain.traffic import Traffic
from tests.benchmarks.plain.watching import ContestantError

CACHE = Path(".stillwatch") / "bench"
QUICK = (60_000, 6_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    asked = _asked(arguments)
    try:
        field = chosen(asked.only)
        counts = [int(it) for it in asked.accounts.split(",")] if asked.accounts else []
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    events, slow = QUICK if asked.quick else (asked.events, asked.slow_events)
    with tempfile.TemporaryDirectory(prefix="plain-job-") as name:
        folder = Path(name)
        try:
            with servers.running(folder / "servers") as found:
                arena = Arena(found, folder, asked.cache.resolve(), seed=asked.seed)
                outcomes: list[Outcome] = []
                if not asked.no_race:
                    outcomes = _compete(
                        arena, field, events, slow, runs=asked.runs, kills=0 if asked.no_kill else asked.kills
                    )
                scan = {}
                for it in counts:
                    scan[it] = _scan(arena, events, it)
                    _note(report.scanned(scan)[-1])
        except ServerError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    if scan:
        _say(*report.scanned(scan))
    if asked.json is not None:
        about = {"events": events, "slow_events": slow, "runs": asked.runs, "at": int(time.time())}
        asked.json.write_bytes(report.written(outcomes, scan, about))
    sentences = report.missed(outcomes, killed=not asked.no_kill)
    if asked.no_bars or not outcomes:
        return 0
    _say(*(f"BELOW A BAR: {it}" for it in sentences))
    return 1 if sentences else 0


def _compete(
    arena: Arena, field: Sequence[Contestant], events: int, slow: int, *, runs: int, kills: int
) -> list[Outcome]:
    """Both parts, with the tables."""
    _say(
        f"The plain job: {events:,} events of 10,000 accounts ({slow:,} for the slow), 8 partitions, 150 minutes long."
    )
    logs: dict[str, Log] = {}
    for name, count in (("long", events), ("short", slow)):
        if any(it.log == name for it in field):
            logs[name] = arena.produce(Traffic(count), f"plain.{name}")
    outcomes = [Outcome(it) for it in field]
    for number in range(runs):
        for outcome in outcomes:
            _race(arena, outcome, logs[outcome.contestant.log], number)
    _say("", *report.speeds(outcomes))
    for outcome in outcomes:
        if outcome.contestant.keeps_windows and outcome.whole is not None:
            for number in range(kills):
                _ambush(arena, outcome, logs[outcome.contestant.log], number)
    if kills:
        _say("", *report.kills(outcomes))
    return outcomes


def _race(arena: Arena, outcome: Outcome, course: Log, number: int) -> None:
    """One run; the fastest of all is kept: what a busy machine adds to the others is not the contestant's."""
    if outcome.skipped:
        return
    _note(f"{outcome.contestant.name}, run {number + 1}")
    try:
        result = arena.race(outcome.contestant, course)
    except (NotInstalledError, ContestantError) as error:
        outcome.skipped = _first_line(error)
        sys.stderr.write(f"{outcome.contestant.name}: {error}\n")
        return
    if outcome.whole is None or _better(result, outcome.whole):
        outcome.whole = result


def _better(result: Result, best: Result) -> bool:
    """An inexact run is never hidden behind a fast one."""
    if result.verdict.exact != best.verdict.exact:
        return not result.verdict.exact
    return result.per_second > best.per_second


def _ambush(arena: Arena, outcome: Outcome, course: Log, number: int) -> None:
    _note(f"{outcome.contestant.name}, killed {number + 1}")
    assert outcome.whole is not None
    try:
        outcome.killed.append(arena.ambush(outcome.contestant, course, outcome.whole.measured.seconds))
    except ContestantError as error:
        outcome.skipped = _first_line(error)
        sys.stderr.write(f"{outcome.contestant.name}, killed: {error}\n")


def _scan(arena: Arena, events: int, accounts: int) -> Result:
    """What an event costs Stillwatch when so many accounts are in Redis already."""
    _note(f"{accounts:,} accounts")
    traffic = Traffic(events, accounts)
    reference = Reference(traffic.limit)
    topic = f"plain.accounts-{accounts}"
    arena.create(topic)
    before = arena.extend(reference, traffic.limit, topic, traffic.first_sight(), judged=False)
    return arena.refill(FIELD[0], before, lambda: arena.extend(reference, traffic.limit, topic, traffic.records()))


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.plain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=400_000, help="of the long log")
    parser.add_argument("--slow-events", type=int, default=40_000, help="of the short log, for slow contestants")
    parser.add_argument("--quick", action="store_true", help="small logs: whether all works, not how fast")
    parser.add_argument("--runs", type=int, default=1, help="of each contestant, of which the fastest counts")
    parser.add_argument("--kills", type=int, default=1, help="of each contestant; when it is hit is chance")
    parser.add_argument("--only", help="names with commas between")
    parser.add_argument("--no-kill", action="store_true", help="leave the second part out")
    parser.add_argument("--no-race", action="store_true", help="only what --accounts asks for")
    parser.add_argument("--no-bars", action="store_true", help="end with 0, however fast Stillwatch was")
    parser.add_argument("--accounts", help="numbers with commas between: what an event costs Stillwatch with so many")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the contestants' environments are kept")
    parser.add_argument("--seed", type=int, default=20_261_124, help="of the moments of kill -9")
    return parser.parse_args(arguments)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _note(what: str) -> None:
    sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] {what}\n")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
