"""What the log of links says, read plainly: every use once, and the windows that they must lead to.

A link is shared from the first use of its second account on, in the order of its partition's log; its windows begin
there. Nothing here knows how the stage that reads this log works.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from streams.links import CAPABILITY_BIT, MARK_ERROR, MARK_REFUSAL, Links
from streams.windows import MINUTE_MS, SPANS, Counts

Buckets = dict[tuple[str, int], Counts]
"""By resolution (minutes, hours, days) and index of the bucket."""


class LinkUse(NamedTuple):
    """One event's use of one link (`kind:value`)."""

    link: str
    source: str
    offset: int
    account: int
    at_ms: int
    counts: tuple[int, int, int, int, int]
    capability: int


def uses_once(records: Iterable[Any]) -> Iterator[LinkUse]:
    """The uses in the order of the log (`records` are of one topic, by partition and offset), none of them twice."""
    taken: set[tuple[str, str, int]] = set()
    for record in records:
        links = msgspec.json.decode(record.value, type=Links)
        for use in _uses(links):
            key = (use.link, use.source, use.offset)
            if key not in taken:
                taken.add(key)
                yield use


def since_shared(uses: Iterable[LinkUse]) -> dict[str, list[LinkUse]]:
    """Of each shared link its uses from the first of its second account on."""
    holders: dict[str, int] = {}
    shared: dict[str, list[LinkUse]] = {}
    for use in uses:
        if use.link in shared:
            shared[use.link].append(use)
        elif holders.setdefault(use.link, use.account) != use.account:
            shared[use.link] = [use]
    return shared


def windows_of(uses: Iterable[LinkUse]) -> Buckets:
    """Every bucket inside a window as of the newest use."""
    counted = list(uses)
    newest_ms = max(use.at_ms for use in counted)
    buckets: Buckets = {}
    for use in counted:
        for resolution, (width, kept) in SPANS.items():
            if use.at_ms // width > newest_ms // width - kept:
                buckets.setdefault((resolution, use.at_ms // width), Counts()).add(Counts(*use.counts))
    return buckets


def differing(expected: Mapping[str, list[LinkUse]], states: Mapping[str, Any]) -> list[str]:
    """The shared links whose state counts anything else than their uses; `states` are `NetworkState`s by link."""
    wrong = list(expected.keys() ^ states.keys())
    for name in expected.keys() & states.keys():
        windows = states[name].laid_out().windows
        held = {
            (resolution, index): counts
            for resolution, (width, kept) in SPANS.items()
            for index, counts in windows.buckets(resolution).items()
            if index > windows.newest_ms // width - kept
        }
        if held != windows_of(expected[name]) or states[name].requests != len(expected[name]):
            wrong.append(name)
    return sorted(wrong)


def _uses(links: Links) -> Iterator[LinkUse]:
    rows = links.event_columns.T.tolist()
    for event, link in links.use_columns.T.tolist():
        offset, minute, account, tokens_in, tokens_out, marks, *_ = rows[event]
        named = links.links[link]
        counts = (1, tokens_in, tokens_out, int(bool(marks & MARK_ERROR)), int(bool(marks & MARK_REFUSAL)))
        name = f"{named.kind}:{named.value}"
        yield LinkUse(name, links.source.name, offset, account, minute * MINUTE_MS, counts, marks >> CAPABILITY_BIT)
