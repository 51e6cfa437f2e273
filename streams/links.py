"""Links: what accounts share (a network prefix, an ASN, a payment method, a template, a TLS fingerprint).

`observe` says of each event which links it used; `networks` adds up per link. A record of links has a row an event,
with the event's own offset, and nothing in it is summed: whoever has taken the log up to an offset can drop exactly
the rows up to it, however the log was cut into batches. Rows stand in columns, because JSON is slow at many small
objects.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
import xxhash
from msgspec import Meta, Struct
from numpy.typing import NDArray

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

Column = bytes
_COLUMN = struct.Struct("<qB")
_WIDTHS = (1, 2, 4, 8)
Ints = NDArray[np.int64]


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


class Link(Struct, frozen=True, array_like=True, gc=False):
    """One shared thing."""

    kind: LinkKind
    value: str


class Links(Struct, frozen=True, kw_only=True):
    """A record on `stillwatch.links`: the events of one batch of `observe` that use links of one partition of links.

    `source_offset` is the last offset of the batch in partition `source_partition` of the requests, `source_log` the
    identity of that log: a topic that was made again counts from 0 again. `appended_at_ms` is when the log took the
    newest event of the batch, from which the delay of what follows is measured.

    `accounts` are those that used a link that can tie, `links` the links. Columns are integers as `column` packs them,
    in base64 on the bus: reading them so costs a twentieth of what a list of JSON numbers does. `link_hash` has an
    entry for each of `links`. Others have one for each event: its `offset`; its event time in minutes; `account_hash`,
    the 32 bits of its account; the place of its account in `accounts`, -1 if it used no such link; its tokens; `marks`
    (`MARK_ERROR` and so on, and from `CAPABILITY_BIT` on the position of its capability); and the 32 bits of its
    network, -1 for none. `use_event` and `use_link` have one for each use, which is one event's use of one link, in the
    order of the log: places in those columns and in `links`.
    """

    source_partition: NonNegative
    source_log: str
    source_offset: NonNegative
    appended_at_ms: int
    accounts: list[Who]
    links: list[Link]
    link_hash: Column
    offset: Column
    minute: Column
    account_hash: Column
    account: Column
    input_tokens: Column
    output_tokens: Column
    marks: Column
    network: Column
    use_event: Column
    use_link: Column

    def __post_init__(self) -> None:
        """Raise ValueError where a column is broken or too short, or a place lies outside its table."""
        event, link, account = ints(self.use_event), ints(self.use_link), ints(self.account)
        events = len(ints(self.offset))
        columns = (self.minute, self.account_hash, self.account, self.input_tokens)
        more = (self.output_tokens, self.marks, self.network)
        if any(len(ints(values)) != events for values in (*columns, *more)):
            raise ValueError("the columns of events have not one length")
        if len(ints(self.link_hash)) != len(self.links) or len(event) != len(link):
            raise ValueError("the columns of links or of uses have not one length")
        for places, size in (
            (event, events),
            (link, len(self.links)),
            (account[account >= 0], len(self.accounts)),
            (ints(self.marks) >> CAPABILITY_BIT, len(CAPABILITIES)),
        ):
            if len(places) and not 0 <= int(places.min()) <= int(places.max()) < size:
                raise ValueError("a place lies outside its table")

    @property
    def source(self) -> Source:
        """Where the events come from."""
        return Source(self.source_partition, self.source_log)

    def uses(self) -> Iterator["Use"]:
        """Each use, in order; for a person or a test to read."""
        columns = (self.offset, self.minute, self.input_tokens, self.output_tokens, self.marks)
        rows = list(zip(*(ints(values).tolist() for values in columns), strict=True))
        account = ints(self.account).tolist()
        for event, link in zip(ints(self.use_event).tolist(), ints(self.use_link).tolist(), strict=True):
            who = None if account[event] < 0 else self.accounts[account[event]]
            yield Use(self.links[link], who, *rows[event])


def column(values: Ints) -> Column:
    """The values as they stand in a record: how far each is above the smallest, in as few bytes as that takes.

    The smallest (8 bytes, signed), how many bytes each takes (1 byte: 1, 2, 4 or 8), and the distances; little-endian.
    Nothing where there are no values. Frame of reference (Goldstein et al., "Compressing relations and indexes", 1998).
    """
    if not len(values):
        return b""
    least = int(values.min())
    span = int(values.max()) - least
    width = next(width for width in _WIDTHS if span < 1 << 8 * width)
    return _COLUMN.pack(least, width) + (values - least).astype(f"<u{width}").tobytes()


def ints(values: Column) -> Ints:
    """The values of a column. Raises ValueError if it is not whole."""
    if not values:
        return np.zeros(0, np.int64)
    if len(values) < _COLUMN.size or values[_COLUMN.size - 1] not in _WIDTHS:
        raise ValueError("a column does not begin as columns do")
    least, width = _COLUMN.unpack_from(values)
    numbers: Ints = np.frombuffer(values, f"<u{width}", offset=_COLUMN.size).astype(np.int64)
    numbers += least
    return numbers


class Use(NamedTuple):
    """One event's use of one link; `who` is left out where the link cannot tie."""

    link: Link
    who: Who | None
    offset: int
    minute: int
    input_tokens: int
    output_tokens: int
    marks: int


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
