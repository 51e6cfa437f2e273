"""Links: what accounts share (a network prefix, an ASN, a payment method, a template, a TLS fingerprint).

`observe` says of each event which links it used; `networks` adds up per link. A record of links has a row an event,
with the event's own offset, and nothing in it is summed: whoever has taken the log up to an offset can drop exactly
the rows up to it, however the log was cut into batches. Rows stand in columns, because JSON is quick at long lists of
numbers and slow at many small objects.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import xxhash
from msgspec import Meta, Struct

from streams.events import CAPABILITIES

LinkKind = Literal["network", "asn", "payment", "template", "tls"]
LINK_KINDS: tuple[LinkKind, ...] = ("network", "asn", "payment", "template", "tls")

TYING_KINDS: frozenset[LinkKind] = frozenset({"payment", "template"})
"""A shared address block, ASN or TLS fingerprint is context; it never ties an account to a campaign by itself."""

NonNegative = Annotated[int, Meta(ge=0)]


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

    `link_hash` has the `link_hash` of each of `links`. A column has an entry for each event: its `offset`, its event
    time in minutes, the place of its account in `accounts`, `failed` (1 an error, 2 a refusal), the position of its
    capability, and a hash of its network (32 bits, -1 for none). A use is one event's use of one link: places in those
    columns and in `links`, in the order of the log.
    """

    source_partition: NonNegative
    source_log: str
    source_offset: NonNegative
    appended_at_ms: int
    accounts: list[Who]
    links: list[Link]
    link_hash: list[int]
    offset: list[int]
    minute: list[int]
    account: list[int]
    input_tokens: list[int]
    output_tokens: list[int]
    failed: list[int]
    capability: list[int]
    network: list[int]
    use_event: list[int]
    use_link: list[int]

    def __post_init__(self) -> None:
        """Raise ValueError where a column is too short or a place lies beyond its table: types cannot tell.

        Every number in its bounds would cost a third of the time that reading takes, and only we write these records.
        """
        events, links = len(self.offset), len(self.links)
        of_events = (self.minute, self.account, self.input_tokens, self.output_tokens, self.failed)
        if any(len(column) != events for column in (*of_events, self.capability, self.network)):
            raise ValueError("the columns of events have not one length")
        if len(self.link_hash) != links or len(self.use_event) != len(self.use_link):
            raise ValueError("the columns of links or of uses have not one length")
        for places, size in (
            (self.account, len(self.accounts)),
            (self.capability, len(CAPABILITIES)),
            (self.use_event, events),
            (self.use_link, links),
        ):
            if max(places, default=-1) >= size:
                raise ValueError("a place lies beyond the end of its table")

    @property
    def source(self) -> Source:
        """Where the events come from."""
        return Source(self.source_partition, self.source_log)

    def uses(self) -> Iterator["Use"]:
        """Each use, in order; for a person or a test to read."""
        for event, link in zip(self.use_event, self.use_link, strict=True):
            yield Use(
                self.links[link],
                self.accounts[self.account[event]],
                self.offset[event],
                self.minute[event],
                self.input_tokens[event],
                self.output_tokens[event],
                self.failed[event] & 1,
                self.failed[event] >> 1,
                self.capability[event],
            )


class Use(NamedTuple):
    """One event's use of one link."""

    link: Link
    who: Who
    offset: int
    minute: int
    input_tokens: int
    output_tokens: int
    error: int
    refusal: int
    capability: int


def link_hash(kind: LinkKind, value: str) -> int:
    """63 bits that stand for a link where its name would be too long; stable over processes and versions."""
    return xxhash.xxh64_intdigest(value.encode("utf-8", "surrogatepass"), LINK_KINDS.index(kind)) >> 1


def link_partition(kind: LinkKind, value: str, partitions: int) -> int:
    """The partition of `stillwatch.links` that owns a link."""
    return link_hash(kind, value) % partitions
