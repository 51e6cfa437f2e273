"""Whether this machine, Redis and the brokers agree about the time.

Redis says what time it has. A broker says only when it took a record, so its clock is known to be ahead if it took one
in what is still our future, and to be behind if it took one, since we last looked, in what was then our past.
"""

from agents.doctor.found import Found, ill, well
from agents.doctor.progress import Seen

LARGEST_MS = 1_000
FIX = "let chrony or systemd-timesyncd set both clocks"


def judge_redis_clock(ahead_ms: int) -> Found:
    """What is to be said of Redis's clock, so far ahead of ours at least; below 0 behind."""
    if abs(ahead_ms) > LARGEST_MS:
        way = "ahead of" if ahead_ms > 0 else "behind"
        return ill(f"Redis's clock is {abs(ahead_ms) / 1000:.1f} s {way} this machine's: {FIX}.")
    return well(f"Redis and this machine agree about the time, within {LARGEST_MS / 1000:.0f} s.")


def judge_broker_clocks(before: Seen, after: Seen, read_ms: int) -> Found:
    """What is to be said of the brokers' clocks by the times of records; at `read_ms` the second look had ended."""
    newest = max((it.newest_ms for it in after.standings), default=-1)
    if newest - read_ms > LARGEST_MS:
        return ill(f"A broker's clock is {(newest - read_ms) / 1000:.1f} s ahead of this machine's at least: {FIX}.")
    behind = [
        before.at_ms - it.newest_ms
        for it in after.standings
        if (earlier := before.place(it.topic, it.partition)) is not None and it.end > earlier.end
    ]
    if max(behind, default=0) > LARGEST_MS:
        return ill(f"A broker's clock is {max(behind) / 1000:.1f} s behind this machine's at least: {FIX}.")
    if behind:
        return well("The brokers and this machine agree about the time, by what was written just now.")
    return well("No broker took a record in the future; nothing was written just now that would tell more.")
