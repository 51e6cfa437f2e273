"""Whether one account that hides extraction in ordinary use is told from innocents by what it did itself.

    python -m tests.evaluation.diluted [--seed 7064] [--accounts 100] [--innocents 400] [--prompts grammar]

Our third target: of accounts with 5 % extraction in 1,500 requests 90 % at no more than 3 in 1,000 innocents; and of
those with 10 % in 100 requests half. An account is found when `unfollowed_rewordings` fires at the shipped threshold
any time that `observe` looks at it within so many requests, and limited when all signals of one account together come
to a throttle or more then. Innocents are the same busy people without extraction, and every look-alike, looked at as
often. Nobody reacts, and nobody's window is picked in hindsight.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec import Struct

from streams.decide import verdict_of
from streams.decisions import LIMITING
from streams.evaluation.intervals import interval
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from streams.scenarios import LOOK_ALIKES, MONDAY_MS, Stage, diluted, play
from streams.scenarios.stage import Script, Sources
from streams.signals import ACCOUNT_SIGNALS, reasons_of
from tests.evaluation.corpora import sources
from tests.streams.account_bench import Accounts, Seen

KEY = b"evaluation, no secret: all is simulated"
WINDOWS = ((0.05, 1_500), (0.10, 100))
DAYS = 2
AT_ONCE = 2_000
NOTICES = "unfollowed_rewordings"


class Found(Struct):
    """Of so many accounts how many were found, and how many limited."""

    accounts: int
    found: int
    limited: int

    def __str__(self) -> str:
        """The shares, with the exact 95 % interval of the first."""
        known = interval(self.found, self.accounts)
        share = f"{known.share:.2%}, {known.low:.2%} to {known.high:.2%}"
        return f"{self.found} of {self.accounts} found ({share}), {self.limited} limited"


def main() -> None:
    """Print a line for each window and each kind of account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7064)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--innocents", type=int, default=400)
    parser.add_argument("--prompts", choices=("grammar", "corpora", "swapped"), default="grammar")
    asked = parser.parse_args()
    drawn_from = Sources() if asked.prompts == "grammar" else sources(swapped=asked.prompts == "swapped")

    def stage(name: str, scale: float) -> Stage:
        return Stage(name, asked.seed, scale, MONDAY_MS, DAYS, sources=drawn_from)

    requests = [window for _, window in WINDOWS]
    for share, window in WINDOWS:
        script = diluted._diluted(stage(f"diluted_{share:.0%}", asked.accounts), share)  # noqa: SLF001
        (found,) = judged(script, [window])
        sys.stdout.write(f"{asked.prompts}: {share:.0%} extraction, {window} requests: {found}\n")
    script = diluted._diluted(stage("undiluted", asked.innocents), 0.0)  # noqa: SLF001
    for window, found in zip(requests, judged(script, requests), strict=True):
        sys.stdout.write(f"{asked.prompts}: no extraction, {window} requests: {found}\n")
    script = play(stage(name, 0.5) for name in LOOK_ALIKES)
    for window, found in zip(requests, judged(script, requests), strict=True):
        sys.stdout.write(f"{asked.prompts}: look-alikes, {window} requests: {found}\n")


def judged(script: Script, windows: list[int]) -> list[Found]:
    """What is said of the accounts of a script after so many requests each."""
    benches = [Accounts(rule=DEFAULT_POLICY.evaluation) for _ in windows]
    taken, events = [Counter[str]() for _ in windows], _events(script)
    while batch := list(islice(events, AT_ONCE)):
        for window, bench, count in zip(windows, benches, taken, strict=True):
            within = [event for event in batch if _is_within(event, count, window)]
            if within:
                bench.take(within)
    return [_found(len(bench.stored()), bench.views()) for bench in benches]


def _events(script: Script) -> Iterator[RequestEvent]:
    fingerprinter = Fingerprinter(KEY)
    return (fingerprinter.event(record) for record, _ in script)


def _is_within(event: RequestEvent, count: Counter[str], window: int) -> bool:
    count[event.account_id] += 1
    return count[event.account_id] <= window


def _found(accounts: int, views: Iterable[Seen]) -> Found:
    found, limited = set[str](), set[str]()
    for seen in views:
        reasons = reasons_of(seen.view, ACCOUNT_SIGNALS, DEFAULT_POLICY.signals)
        if any(reason.signal == NOTICES for reason in reasons):
            found.add(seen.account)
        if verdict_of(reasons, DEFAULT_POLICY.account).action in LIMITING:
            limited.add(seen.account)
    return Found(accounts, len(found), len(limited))


if __name__ == "__main__":
    main()
