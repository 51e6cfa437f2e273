"""Whether a decision that the decider made is one to act on now: signatures do not grow old, decisions do."""

from typing import Final, Literal

from streams.decisions import Decision
from streams.windows import DAY_MS

Age = Literal["fresh", "expired", "replayed", "older", "early"]
"""How a decision stands to the clock and to what is known of its subject.

fresh: to be acted on. expired: its time is over. replayed: its sequence is the one that counts already, as when Kafka
delivers twice, or when somebody writes a known record again. older: a later one is known. early: it is from further in
the future than clocks are wrong.
"""

EARLY_MS: Final = DAY_MS
"""How far ahead of this gateway's clock a decision may be: its time is of events, whose clocks are not ours."""


def age(decision: Decision, latest: int, now_ms: int) -> Age:
    """How old a decision is. `latest` is the highest sequence known of its subject (`InForce.latest`), 0 if none is.

    An early one is not to be given to `InForce`: its sequence would stand above all that the decider says until then.
    The others may be, and what is not fresh is not enforced there: of an expired one the sequence and the members are
    learned (rules 1 and 3 of `Decision`), of an older or replayed one the members, whom the decider named.
    """
    if decision.sequence <= latest:
        return "replayed" if decision.sequence == latest else "older"
    if decision.decided_at_ms > now_ms + EARLY_MS:
        return "early"
    return "expired" if now_ms >= decision.expires_at_ms else "fresh"
