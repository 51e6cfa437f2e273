"""Findings: what `networks` tells `campaigns` about a link that ties accounts together."""

from collections.abc import Collection
from typing import Annotated

from msgspec import Meta, Struct

from streams.decisions import Family, Reason
from streams.events import TimeMs
from streams.links import LinkKind

NonNegative = Annotated[int, Meta(ge=0)]

_LEADS: dict[LinkKind, str] = {"payment": "accounts_per_payment", "template": "accounts_per_template"}
"""The signal that must fire for a link of this kind to tie its ripe members to one campaign."""

_SECONDS: frozenset[Family] = frozenset({"rhythm", "lifecycle"})
"""For a template, which many may come upon by chance, one of these families must speak of the same link too."""


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


def ties(kind: LinkKind, reasons: Collection[Reason]) -> bool:
    """True if these reasons about a link of this kind are enough to say that it ties its members together."""
    leads = any(reason.signal == _LEADS.get(kind) for reason in reasons)
    return leads and (kind == "payment" or any(reason.family in _SECONDS for reason in reasons))
