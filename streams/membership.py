"""Who of a campaign is limited with it: an account for which what speaks for it alone would be enough."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from streams.decide import Verdict, verdict_of
from streams.decisions import LADDER, LIMITING, Reason
from streams.evidence import Seen, sharers
from streams.policy import Ladder


def limited_alone(members: Mapping[str, Seen], reasons: Sequence[Reason], ladder: Ladder) -> AbstractSet[str]:
    """The members that the ladder would limit for those `reasons` about their campaign that speak of them too.

    What is said of payments speaks of the members that share one. The rest is said of nearly all members, or of what
    all of them send.
    """
    if verdict_of([it for it in reasons if it.family != "identity"], ladder).action in LIMITING:
        return members.keys()
    return sharers(members) if verdict_of(reasons, ladder).action in LIMITING else frozenset()


def of_everybody(verdict: Verdict) -> Verdict:
    """What follows while hardly anybody is a member, from what is to be said of all who were seen.

    If it is enough for a challenge, that all of them are new above all, the campaign is throttled: its templates are,
    and nobody is named, for each of them may have come upon one.
    """
    is_enough = LADDER.index(verdict.action or "release") >= LADDER.index("challenge")
    return replace(verdict, action="throttle" if is_enough else None)
