"""A batch folded into the accounts it touches: the compiled fold, with everything around it that is no number."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from msgspec import Struct

from streams.accounts import AccountView, Head, Profile, head_of, profile_of, view_of, with_head, with_profile
from streams.batch import EventBatch, words_of
from streams.kernel import EVENT_ROWS, VIEW_ACCOUNT, VIEW_EVENT, fold_accounts
from streams.policy import Allowlist, Evaluation
from streams.states import States


class DueView(Struct, frozen=True, gc=False):
    """An account that is due to be judged after one of its events: their places, and what was known by then."""

    account: int
    event: int
    view: AccountView
    profile: Profile


class FoldedAccounts:
    """The accounts of a batch after it. What is decided about them goes into their heads; then `write` them."""

    def __init__(self, batch: EventBatch, states: States, evaluation: Evaluation) -> None:
        """Fold `batch` into the stored accounts at hand."""
        self._batch = batch
        self._old = [states.held[key] for key in batch.keys]
        self._order = np.argsort(batch.account, kind="stable")
        self._starts = np.searchsorted(batch.account[self._order], np.arange(len(self._old) + 1))
        old_at = np.zeros(len(self._old) + 1, np.int64)
        np.cumsum([len(stored) for stored in self._old], out=old_at[1:])
        old = np.frombuffer(b"".join(self._old), np.uint8)
        folded, at, met, self._views, self._shares, self.late = fold_accounts(
            batch.columns,
            batch.opening_words,
            self._order,
            self._starts,
            old,
            old_at,
            evaluation.first_at,
            evaluation.every,
        )
        text, begins = folded.tobytes(), at.tolist()
        self._folded: list[bytes] = [text[begin:end] for begin, end in pairwise(begins)]
        self._changed = {account: self._profiles(account) for account in np.flatnonzero(met).tolist()}
        self._heads: dict[int, Head] = {}

    @property
    def founded(self) -> int:
        """How many accounts are new."""
        return sum(not stored for stored in self._old)

    def head(self, account: int) -> Head:
        """What is decided about an account so far; change it to decide more."""
        head = self._heads.get(account)
        if head is None:
            head = self._heads[account] = head_of(self._folded[account])
        return head

    def due(self) -> Iterator[DueView]:
        """The views that are due, in the order of the log."""
        for row in np.argsort(self._views[:, VIEW_EVENT]).tolist():
            view = self._views[row].tolist()
            event, account = view[VIEW_EVENT], view[VIEW_ACCOUNT]
            profile = self._profile(account, event)
            yield DueView(account, event, view_of(view, self._shares[row].tolist(), profile), profile)

    def exempt(self, allowlist: Allowlist) -> list[bool]:
        """Of each event, whether the allowlist has its account, or its organisation or payment by then."""
        names = self._batch.accounts
        if not (allowlist.accounts or allowlist.organisations or allowlist.payments):
            return [False] * len(self._batch)
        return [
            is_allowed(names[account], self._profile(account, event), allowlist)
            for event, account in enumerate(self._batch.account.tolist())
        ]

    def write(self, states: States) -> None:
        """Put the accounts back among the states, changed."""
        stored = self._folded
        for account, head in self._heads.items():
            stored[account] = with_head(stored[account], head)
        for account, profiles in self._changed.items():
            stored[account] = with_profile(stored[account], list(profiles.values())[-1])
        states.held.update(zip(self._batch.keys, stored, strict=True))
        states.changed.update(self._batch.keys)

    def _profiles(self, account: int) -> dict[int, Profile]:
        """The profile of an account after each of its events."""
        profile, said, place = self._old_profile(account), self._batch.profiles, self._batch.profile
        profiles = {}
        for event in self._order[self._starts[account] : self._starts[account + 1]].tolist():
            profile = profiles[event] = profile.after(said[place[event]])
        return profiles

    def _profile(self, account: int, event: int) -> Profile:
        changed = self._changed.get(account)
        return self._old_profile(account) if changed is None else changed[event]

    def _old_profile(self, account: int) -> Profile:
        stored = self._old[account]
        return profile_of(stored) if stored else Profile()


def is_allowed(account_id: str, profile: Profile, allowlist: Allowlist) -> bool:
    """True if the policy's allowlist has the account, its organisation or its payment instrument."""
    return (
        account_id in allowlist.accounts
        or profile.org_id in allowlist.organisations
        or profile.payment_hash in allowlist.payments
    )


def unseen() -> bytes:
    """An account of which no request came yet, as it is stored."""
    nothing = np.zeros(0, np.int64)
    stored, *_ = fold_accounts(
        np.zeros((EVENT_ROWS, 0), np.int64),
        words_of(()),
        nothing,
        np.zeros(2, np.int64),
        np.frombuffer(b"", np.uint8),
        np.zeros(2, np.int64),
        1,
        1,
    )
    return stored.tobytes()
