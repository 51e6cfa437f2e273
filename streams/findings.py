"""Findings: what `networks` tells `campaigns` about a link that ties accounts together."""

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated

from msgspec import Meta, Struct

from streams.decisions import OPENED_BEFORE_DAYS, Reason
from streams.events import Capability, TimeMs
from streams.feedback import Verdict
from streams.links import LinkKind
from streams.policy import LONGEST_EXPIRY_MS
from streams.windows import DAY_MS

NonNegative = Annotated[int, Meta(ge=0)]

ACCOUNTS_A_RECORD = 4_096

LEADS: dict[LinkKind, str] = {"payment": "accounts_per_payment", "template": "accounts_per_template"}
"""The signal that must fire for a link of this kind to tie its ripe members to one campaign."""


class Tied(Struct, frozen=True, array_like=True, gc=False):
    """One account on a link: how often it used it, and what is known of the account.

    `since_ms` is the minute of the first of those uses. It tells whether `networks` counts what was erased since.
    """

    account_id: str
    uses: int = 1
    org_id: str | None = None
    payment_hash: str | None = None
    created_at_ms: int | None = None
    since_ms: int = 0

    @property
    def is_fresh(self) -> bool:
        """Whether it pays, for itself, and was opened so late before those uses that it may be refused for how."""
        if self.created_at_ms is None or self.payment_hash is None or self.org_id is not None:
            return False
        return self.created_at_ms >= self.since_ms - OPENED_BEFORE_DAYS * DAY_MS - LONGEST_EXPIRY_MS


class Finding(Struct, frozen=True):
    """One link, as of one closed minute, that ties accounts: why, and the members there is news about.

    `sketch` is that of a template, `capability` what is asked for most over the link.
    """

    kind: LinkKind
    value: str
    as_of_ms: TimeMs
    reasons: tuple[Reason, ...]
    members: tuple[Tied, ...]
    sketch: str | None = None
    capability: Capability = "other"


class Users(Struct, frozen=True):
    """Who uses a template that is too short to tie anybody, as of one closed minute: all that are listed.

    `fresh` are those of them that may be refused for how they pay (`Tied.is_fresh`).
    """

    value: str
    as_of_ms: TimeMs
    accounts: tuple[str, ...]
    sketch: str | None = None
    fresh: tuple[Tied, ...] = ()


class Crowd(Struct, frozen=True):
    """A payment that many accounts pay with, as of one closed minute: how many, within a week."""

    payment_hash: str
    as_of_ms: TimeMs
    accounts: int


def link_name(finding: Finding) -> str:
    """The link of a finding as one string."""
    return f"{finding.kind}:{finding.value}"


class Findings(Struct, frozen=True):
    """A record on `stillwatch.findings`: what one batch of `networks` found, or verdicts that `observe` passes on.

    Sources are as in `streams.links.Links`, of the links; where there are verdicts, of the feedback. `part` tells apart
    what was found at one offset: 0 by the batch that ended there, 1 and on what did not fit into that record, or was
    found by looking again when nothing more came. `users` are told of so that a campaign whose members they are can
    have the template limited; they found none. `crowds` are told of so that nobody is limited for paying as they do.
    """

    source_partition: NonNegative
    source_log: str
    source_offset: NonNegative
    part: NonNegative
    appended_at_ms: int
    findings: list[Finding]
    verdicts: list[Verdict] = []
    users: list[Users] = []
    crowds: list[Crowd] = []


def cut(users: Iterable[Users]) -> Iterator[list[Users]]:
    """The same in lists of so many accounts that each fits into a record; at least one list."""
    held, accounts = list[Users](), 0
    for one in users:
        accounts += len(one.accounts)
        if held and accounts > ACCOUNTS_A_RECORD:
            yield held
            held, accounts = [], len(one.accounts)
        held.append(one)
    yield held


def ties(kind: LinkKind, reasons: Collection[Reason]) -> bool:
    """True if these reasons about a link of this kind are enough to say that it ties its members together."""
    return any(reason.signal == LEADS.get(kind) for reason in reasons)
