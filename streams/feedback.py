"""Feedback: what a reviewer says about an account or a campaign, which no signal can know."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from streams.events import Id64, Id128, TimeMs

Word = Literal["innocent", "confirmed", "erased"]
ReviewedKind = Literal["account", "campaign"]
Note = Annotated[str, Meta(max_length=500)]
PaymentHash = Annotated[str, Meta(min_length=1, max_length=128)]


class Verdict(Struct, frozen=True, kw_only=True, gc=False):
    """One verdict on `stillwatch.feedback` (key = subject_id).

    `innocent` releases the subject and keeps it from being limited for as long as the policy says; `confirmed` lets
    what is in force stay longer. Of the verdicts about one subject that with the latest `decided_at_ms` counts.
    `erased` is said of an account: what is known of it is dropped but for what is in force against it or for it; of an
    erasure that goes on to `campaigns`, `decided_at_ms` is the time of the account's newest event.
    `payment_hash` is how an account pays of which nothing else is known: it was refused for that at its first request.
    What goes on to `campaigns` has that of an account that is known too.
    `reviewer` is an opaque name. `note` is for whoever reads the topic: it stays there. But a
    record that is refused is kept whole, with its note, among the dead letters.
    """

    subject_kind: ReviewedKind
    subject_id: Id128
    verdict: Word
    decided_at_ms: TimeMs
    reviewer: Id64
    note: Note | None = None
    payment_hash: PaymentHash | None = None


class PlacedVerdict(Struct, frozen=True, gc=False):
    """A verdict with its own offset in the feedback, and when the log took it."""

    offset: int
    appended_at_ms: int
    verdict: Verdict

    @property
    def clamped(self) -> Verdict:
        """The verdict as it goes on: not ahead of its append time, and without its note."""
        return replace(self.verdict, decided_at_ms=min(self.verdict.decided_at_ms, self.appended_at_ms), note=None)


class Feedback(Struct, frozen=True):
    """The verdicts of one partition of the feedback that were not taken yet, up to `offset` of the log named `log`."""

    log: str
    offset: int
    verdicts: tuple[PlacedVerdict, ...] = ()


class Reached(Struct, frozen=True, array_like=True):
    """How far a partition of the feedback was taken: the last offset, and the identity of its log."""

    log: str = ""
    offset: int = -1
