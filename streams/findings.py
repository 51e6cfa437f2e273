"""Findings: what `networks` tells `campaigns` about a link that ties accounts together."""

from typing import Annotated

from msgspec import Meta, Struct

from streams.decisions import Reason
from streams.events import TimeMs
from streams.links import LinkKind

NonNegative = Annotated[int, Meta(ge=0)]


class Finding(Struct, frozen=True):
    """One link, as of one closed minute, that ties accounts: why, and the members that no finding named before."""

    kind: LinkKind
    value: str
    as_of_ms: TimeMs
    reasons: tuple[Reason, ...]
    members: tuple[str, ...]


class Findings(Struct, frozen=True):
    """A record on `stillwatch.findings`: what one batch of `networks` found.

    Sources are as in `streams.links.Links`, of the links. `part` tells apart what was found at one offset: 0 by the
    batch that ended there, 1 and on by looking again when nothing more came.
    """

    source_partition: NonNegative
    source_log: str
    source_offset: NonNegative
    part: NonNegative
    appended_at_ms: int
    findings: list[Finding]
