"""Which payment instruments are none: what a log writes where it knows of none, seen by how many accounts have it.

Kept is a sample of the accounts of one partition with the instrument that each paid with last, uniform over accounts
however much each sends: those with the smallest hashes (bottom-k; Cohen and Kaplan, "Summarizing data using bottom-k
sketches", PODC 2007). An instrument that a tenth of them have, and not only a few, is no instrument.
"""

from collections import Counter
from itertools import pairwise

import numpy as np
from msgspec import Struct, field

from streams.batch import NO_HASH
from streams.compiled import Bools, Ints

SAMPLE = 512
COMMONEST_SHARE = 0.1
FEWEST_ACCOUNTS = 24
KEPT_DAYS = 7
_FULL = 1 << 32


class Payers(Struct, array_like=True):
    """The sample: of each account, by its 32 bits, its instrument (32 bits, `NO_HASH` for none) and the day of that.

    Accounts from the `ceiling` on are not sampled; it was looked at on `swept_day`.
    """

    paid: dict[int, tuple[int, int]] = field(default_factory=dict)
    ceiling: int = _FULL
    swept_day: int = 0

    def note(self, account: Ints, payment: Ints, day: Ints) -> tuple[Bools, bool]:
        """Take events in the order of the log: (n,) accounts, instruments and days since the epoch.

        Of each event whether its instrument is none, by what was known then; and whether the sample changed.
        """
        reached = np.maximum.accumulate(day)
        ends = [*np.flatnonzero(reached[1:] > reached[:-1]) + 1, len(day)]
        is_none, changed = np.zeros(len(day), np.bool_), False
        for start, end in pairwise([0, *ends]):
            if start < end:
                swept = self._sweep(int(reached[start]))
                is_none[start:end], noted = self._note(account[start:end], payment[start:end], day[start:end])
                changed = changed or swept or noted
        return is_none, changed

    def _note(self, account: Ints, payment: Ints, day: Ints) -> tuple[Bools, bool]:
        changed = False
        counts = Counter(paid for paid, _ in self.paid.values())
        common = self._common(counts)
        known = [(0, common)]
        for event in self._news(account, payment, day):
            if self._take(int(account[event]), int(payment[event]), int(day[event]), counts):
                changed = True
                if (now := self._common(counts)) != common:
                    common = now
                    known.append((event, common))
        is_none = np.zeros(len(account), np.bool_)
        for start, common in known:
            is_none[start:] = np.isin(payment[start:], list(common)) if common else False
        return is_none, changed

    def forget(self, account: int) -> bool:
        """Drop an account, by its 32 bits, from the sample; False if it was not in it."""
        return self.paid.pop(account, None) is not None

    def _news(self, account: Ints, payment: Ints, day: Ints) -> list[int]:
        """The events of accounts of the sample, in order, but for those that say what the account's last one did."""
        sampled = np.flatnonzero(account < self.ceiling)
        sampled = sampled[np.argsort(account[sampled], kind="stable")]
        said = np.stack((account[sampled], payment[sampled], day[sampled]))
        is_news = np.ones(len(sampled), np.bool_)
        is_news[1:] = (said[:, 1:] != said[:, :-1]).any(axis=0)
        return sorted(sampled[is_news].tolist())

    def _take(self, account: int, payment: int, day: int, counts: Counter[int]) -> bool:
        before = self.paid.get(account)
        if account >= self.ceiling or before == (payment, day) or (before is not None and before[1] > day):
            return False
        self.paid[account] = payment, day
        counts[payment] += 1
        if before is not None:
            counts[before[0]] -= 1
        if len(self.paid) > SAMPLE:
            self.ceiling = max(self.paid)
            counts[self.paid.pop(self.ceiling)[0]] -= 1
        return True

    def _common(self, counts: Counter[int]) -> frozenset[int]:
        fewest = max(FEWEST_ACCOUNTS, COMMONEST_SHARE * len(self.paid))
        return frozenset(payment for payment, count in counts.items() if count >= fewest and payment != NO_HASH)

    def _sweep(self, day: int) -> bool:
        """On a new day forget who was not seen for a week; where few are left, make room for more."""
        if day <= self.swept_day:
            return False
        self.swept_day = day
        self.paid = {account: it for account, it in self.paid.items() if it[1] > day - KEPT_DAYS}
        if len(self.paid) < SAMPLE // 2:
            self.ceiling = min(_FULL, 2 * self.ceiling)
        return True
