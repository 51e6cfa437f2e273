"""The uses of links as rows, for a test to read."""

from collections.abc import Iterator
from typing import NamedTuple

from streams.links import Link, Links, Who


class Use(NamedTuple):
    """One event's use of one link; `who` is left out where the link cannot tie."""

    link: Link
    who: Who | None
    offset: int
    minute: int
    input_tokens: int
    output_tokens: int
    marks: int


def each_use(links: Links) -> Iterator[Use]:
    """Each use, in order."""
    rows = links.event_columns.T.tolist()
    for event, link in links.use_columns.T.tolist():
        offset, minute, _, input_tokens, output_tokens, marks, _, account = rows[event]
        who = None if account < 0 else links.accounts[account]
        yield Use(links.links[link], who, offset, minute, input_tokens, output_tokens, marks)
