"""Links: what accounts share (a network prefix, an ASN, a payment method, a template, a TLS fingerprint).

`observe` says of each event which links it used; `networks` adds up per link. A record of links has a row an event,
with the event's own offset, and nothing in it is summed: whoever has taken the log up to an offset can drop exactly
the rows up to it, however the log was cut into batches. Rows stand in columns, because JSON is slow at many small
objects.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

import xxhash
from msgspec import Meta, Struct

from streams.columns import Columns, columns_of, is_within
from streams.compiled import Ints
from streams.events import CAPABILITIES
from streams.windows import DAY_MS

LinkKind = Literal["network", "asn", "payment", "template", "tls"]
LINK_KINDS: tuple[LinkKind, ...] = ("network", "asn", "payment", "template", "tls")

TYING_KINDS: frozenset[LinkKind] = frozenset({"payment", "template"})
"""A shared address block, ASN or TLS fingerprint is context; it never ties an account to a campaign by itself."""

NonNegative = Annotated[int, Meta(ge=0)]


MARK_ERROR, MARK_REFUSAL, MARK_YOUNG = 1, 2, 4
"""Marks of an event: a status of 400 or more, a refusal, an account younger than seven days."""
CAPABILITY_BIT = 3

YOUNG_MS = 7 * DAY_MS

ERASED_FOR_MS = 60 * DAY_MS
"""How long an erased account is remembered as such, from the last that it did: it may be erased 29 days after that, and
after 29 more the last state is gone that names it and that nothing touched."""

OFFSET, MINUTE, ACCOUNT_HASH, INPUT_TOKENS, OUTPUT_TOKENS, MARKS, NETWORK, ACCOUNT = range(8)
EVENT_COLUMNS = 8


class Source(Struct, frozen=True):
    """Where a stage reads: a partition, and the identity of its log, because a topic made again counts from 0 again."""

    partition: int
    log: str = ""

    @property
    def name(self) -> str:
        """The key under which those who read on remember how far they have come."""
        return f"{self.log}/{self.partition}"


class Who(Struct, frozen=True, array_like=True, gc=False):
    """One account as an event names it. `exempt`: the policy's allowlist has it, so it is never a member of a link."""

    account_id: str
    org_id: str | None
    created_at_ms: int | None
    exempt: bool
    payment_hash: str | None = None


class Link(Struct, frozen=True, array_like=True, gc=False):
    """One shared thing. A template has the sketch of its words (`streams.fingerprint.sketch`): it follows from them."""

    kind: LinkKind
    value: str
    sketch: str | None = None


class Links(Struct, frozen=True, kw_only=True, dict=True):
    """A record on `stillwatch.links`: the events of one batch of `observe` that use links of one partition of links.

    `source_offset` is the last offset of the batch in partition `source_partition` of the requests, `source_log` the
    identity of that log: a topic that was made again counts from 0 again. `appended_at_ms` is when the log took the
    newest event of the batch, from which the delay of what follows is measured.

    `accounts` are those that used a link that can tie, `links` the links. What is left are columns of integers, in
    blocks as `streams.columns` packs them, in base64 on the bus: reading them so costs a twentieth of what lists of
    JSON numbers do. `link_hashes` has one entry for each of `links`. The columns of `events` (`OFFSET` to `ACCOUNT`)
    have one for each event: its offset; its event time in minutes; the 32 bits of its account; its input and output
    tokens; marks (`MARK_ERROR` and so on, and from `CAPABILITY_BIT` on the position of its capability); the 32 bits of
    its network, -1 for none; and the place of its account in `accounts`, -1 if it used no such link. The two of `uses`
    have one for each use, which is one event's use of one link, in the order of the log: places in those columns and in
    `links`.

    `erased` are accounts that a reviewer had forgotten, each with the time of its newest event by then. Such a record
    has no events, and its source is the feedback.
    """

    source_partition: NonNegative
    source_log: str
    source_offset: NonNegative
    appended_at_ms: int
    accounts: list[Who]
    links: list[Link]
    link_hashes: Columns
    events: Columns
    uses: Columns
    erased: dict[str, int] = {}

    def check(self) -> None:
        """Raise ValueError where a block is broken, or a place lies outside its table: of a record from the bus."""
        columns, (event, link) = self.event_columns, self.use_columns
        if self.hashes.shape[1] != len(self.links):
            raise ValueError("the columns of links have not one length")
        for places, least, end in (
            (event, 0, columns.shape[1]),
            (link, 0, len(self.links)),
            (columns[ACCOUNT], -1, len(self.accounts)),
            (columns[MARKS], 0, len(CAPABILITIES) << CAPABILITY_BIT),
        ):
            if not is_within(places, least, end):
                raise ValueError("a place lies outside its table")

    @property
    def source(self) -> Source:
        """Where the events come from."""
        return Source(self.source_partition, self.source_log)

    @cached_property
    def hashes(self) -> Ints:
        """(1, links): the hash of each."""
        return columns_of(self.link_hashes, 1)

    @cached_property
    def event_columns(self) -> Ints:
        """(8, events): `OFFSET` to `ACCOUNT`."""
        return columns_of(self.events, EVENT_COLUMNS)

    @cached_property
    def use_columns(self) -> Ints:
        """(2, uses): event and link of each."""
        return columns_of(self.uses, 2)


def link_hash(kind: LinkKind, value: str) -> int:
    """63 bits that stand for a link where its name would be too long; stable over processes and versions."""
    return xxhash.xxh64_intdigest(value.encode("utf-8", "surrogatepass"), LINK_KINDS.index(kind)) >> 1


def link_hashes(kind: LinkKind, values: Sequence[str]) -> list[int]:
    """`link_hash` of each value."""
    digest, seed = xxhash.xxh64_intdigest, LINK_KINDS.index(kind)
    try:
        return [digest(value.encode(), seed) >> 1 for value in values]
    except UnicodeEncodeError:  # half of a surrogate pair
        return [link_hash(kind, value) for value in values]


def link_partition(kind: LinkKind, value: str, partitions: int) -> int:
    """The partition of `stillwatch.links` that owns a link."""
    return link_hash(kind, value) % partitions
