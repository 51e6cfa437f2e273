"""Whether the accounts that one instrument pays for take turns, the one that waited longest next.

So a relay's scheduler uses them (the least recently used account), and people do not. Of an account that comes back
after a pause it is asked whether it is one of those that waited longest, which are k of n, as minutes tell. Against
chance, by which each of the n may be the next, that it is weighs log10(.9 n / k), for a scheduler may be out of step
one time in ten, and that it is not weighs log10(.1 n / (n - k)). These are added up and never fall below 0: the CUSUM
test of Page, "Continuous Inspection Schemes" (1954). By chance it comes to x only once in 10**x times that somebody
comes back, or less often.
"""

from collections.abc import Mapping
from math import log10

from streams.members import Member

PAUSE_MINUTES = 5
LONGEST_MINUTES = 12 * 60
"""Who was away for longer takes no turn, and is waited for by nobody: jobs of each night come in an order of theirs."""

FEWEST_ACCOUNTS, MOST_ACCOUNTS = 3, 64
OUT_OF_STEP = 0.1
MOST_EVIDENCE = 6.0


def turns_after(turns: float, account_id: str, members: Mapping[str, Member], minute: int) -> float:
    """The evidence, in powers of ten, once the account, one of these `members`, is seen in that minute as well.

    In each minute the first of them takes a turn, and no other: what starts at one time, as jobs do, has no order. Nor
    does what comes late say anything of it. Of more than 64 accounts nothing is known.
    """
    if len(members) > MOST_ACCOUNTS:
        return 0.0
    since = members[account_id].last_minute
    if not PAUSE_MINUTES <= minute - since <= LONGEST_MINUTES:
        return turns
    waiting = [it.last_minute for it in members.values() if minute - it.last_minute <= LONGEST_MINUTES]
    n = len(waiting)
    if n < FEWEST_ACCOUNTS or max(waiting) >= minute:
        return turns
    k = waiting.count(min(waiting))
    odds = (1 - OUT_OF_STEP) * n / k if since == min(waiting) else OUT_OF_STEP * n / (n - k)
    return min(MOST_EVIDENCE, max(0.0, turns + log10(odds)))
