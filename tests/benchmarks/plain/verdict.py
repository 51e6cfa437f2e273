"""Whether a contestant came to the truth, and by how much not."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tests.benchmarks.plain.job import Alert, Windows
from tests.benchmarks.plain.reference import Truth


class Verdict(Struct, frozen=True):
    """Requests in account and network windows that are missing or too many, and alerts.

    `wrong_tokens` is the sum of all differences in output tokens. Of the alerts, `sent` is how many records came,
    `repeated` how many of them came before, `missing` how many never came, `false` how many were never due.
    """

    lost: int = 0
    twice: int = 0
    wrong_tokens: int = 0
    due: int = 0
    sent: int = 0
    repeated: int = 0
    missing: int = 0
    false: int = 0

    @property
    def exact_windows(self) -> bool:
        """Every bucket is as it must be."""
        return not (self.lost or self.twice or self.wrong_tokens)

    @property
    def exact_alerts(self) -> bool:
        """Every alert came once, and no other."""
        return not (self.repeated or self.missing or self.false)

    @property
    def exact(self) -> bool:
        """Both."""
        return self.exact_windows and self.exact_alerts


def judge(truth: Truth, windows: Windows, alerts: Sequence[Alert], *, by_minute: bool = False) -> Verdict:
    """Compare what was left with what must be."""
    lost = twice = wrong = 0
    for due, found in (
        *_paired(truth.windows.accounts, windows.accounts),
        *_paired(truth.windows.networks, windows.networks),
    ):
        for minute in {*due, *found}:
            requests, tokens = _counts(due.get(minute))
            found_requests, found_tokens = _counts(found.get(minute))
            lost += max(0, requests - found_requests)
            twice += max(0, found_requests - requests)
            wrong += abs(tokens - found_tokens)
    sent = Counter(alerts)
    alerts_due = truth.alerts_by_minute if by_minute else truth.alerts
    return Verdict(
        lost,
        twice,
        wrong,
        due=len(alerts_due),
        sent=len(alerts),
        repeated=len(alerts) - len(sent),
        missing=len(alerts_due - sent.keys()),
        false=len(sent.keys() - alerts_due),
    )


Buckets = Mapping[int, int | list[int]]


def _paired(due: Mapping[str, Buckets], found: Mapping[str, Buckets]) -> list[tuple[Buckets, Buckets]]:
    return [(due.get(name, {}), found.get(name, {})) for name in {*due, *found}]


def _counts(bucket: int | list[int] | None) -> tuple[int, int]:
    """Requests and output tokens of a bucket; a network's has requests alone."""
    if bucket is None:
        return 0, 0
    return (bucket, 0) if isinstance(bucket, int) else (bucket[0], bucket[1])
