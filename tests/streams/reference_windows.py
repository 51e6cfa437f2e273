"""Events counted into sliding windows one after the other: what the compiled folds must equal."""

from msgspec.structs import replace

from streams.windows import MINUTE_MS, SPANS, Counts, Windows


def count(windows: Windows, at_ms: int, counts: Counts) -> bool:
    """Count an event of time `at_ms`; True if it was late (older than the newest minute seen)."""
    late = at_ms // MINUTE_MS < windows.newest_ms // MINUTE_MS
    windows.newest_ms = max(windows.newest_ms, at_ms)
    for resolution, (width, kept) in SPANS.items():
        buckets = windows.buckets(resolution)
        bucket = buckets.get(at_ms // width)
        if bucket is None:
            _open(buckets, at_ms // width, windows.newest_ms // width - kept, counts)
        else:
            bucket.add(counts)
    return late


def _open(buckets: dict[int, Counts], index: int, expired: int, counts: Counts) -> None:
    """Open bucket `index` with `counts` unless it has expired; and clear out the buckets that have."""
    if index <= expired:
        return
    for old in [key for key in buckets if key <= expired]:
        del buckets[old]
    buckets[index] = replace(counts)
