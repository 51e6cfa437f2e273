"""Who holds a link alone: a table of bounded size, so that only what is shared costs a state of its own.

Nearly every template is seen once and nearly every payment instrument pays for one account. A link says something
about accounts only from its second account on, so until then all that is kept is a row: the link (63 bits), its one
account (32 bits) and the event-time hour it was last used in. The second account makes the link *shared*, for good.

The table is set-associative: a link has one row of `WAYS` places, and where all are taken the one that was used
longest ago makes way. A link that made way and comes back is new. With `PLACES` places that takes a million other
links of the same partition, and a campaign's links come back sooner.

What changed leaves as a journal (place, link, word), which brings an older table up to date when it is applied in
order: a commit appends 20 bytes a changed place to what is stored, and only now and then stores the table anew. One
value holds both, so that one can never be at hand, or lost, without the other.
"""

import numpy as np
from msgspec import Struct

from streams.compiled import Ints, compiled

WAYS = 4
PLACES = 1 << 20
SHARED = 1 << 32
"""In place of the account: more than one."""
SINGLE, NEWLY_SHARED, KNOWN_SHARED = range(3)

HOUR_BITS = 24
_HOUR = (1 << HOUR_BITS) - 1
_ENTRY = np.dtype([("place", "<u4"), ("link", "<i8"), ("word", "<i8")])
_WHOLE_TABLE = (1 << 32) - 1
"""The place in an entry behind which a whole table follows, of as many places as the entry has for its link."""


@compiled
def note_uses(links: Ints, words: Ints, link: Ints, account: Ints, hour: Ints) -> tuple[Ints, Ints, Ints]:
    """Note uses one after the other: of a link (63 bits), by an account (32 bits), in an hour.

    Of each use: whether the link is held by its account alone (SINGLE), was made shared by it (NEWLY_SHARED) or was
    shared before (KNOWN_SHARED); where it was made shared, the word of its holder until then; and the place that
    changed, -1 if none did. A word is the account above 24 bits of hour.
    """
    status = np.zeros(len(link), np.int64)
    holder = np.zeros(len(link), np.int64)
    changed = np.full(len(link), -1, np.int64)
    rows = len(links) // WAYS
    for use in range(len(link)):
        # By the high bits: the low ones say which partition owns the link, so here they are much the same for all.
        first = (link[use] >> 32) % rows * WAYS
        place, oldest = -1, first
        for candidate in range(first, first + WAYS):
            if links[candidate] == link[use] and words[candidate] != 0:
                place = candidate
                break
            if words[candidate] & _HOUR < words[oldest] & _HOUR:
                oldest = candidate
        if place < 0:
            links[oldest], words[oldest] = link[use], account[use] << HOUR_BITS | hour[use]
            changed[use] = oldest
            continue
        held_by, last = words[place] >> HOUR_BITS, words[place] & _HOUR
        word = held_by << HOUR_BITS | max(last, hour[use])
        if held_by == SHARED:
            status[use] = KNOWN_SHARED
        elif held_by != account[use]:
            status[use], holder[use] = NEWLY_SHARED, words[place]
            word = np.int64(SHARED) << HOUR_BITS | max(last, hour[use])
        if word != words[place]:
            words[place] = word
            changed[use] = place
    return status, holder, changed


class Noted(Struct, frozen=True):
    """What a batch of uses says of its links: `status` and `holder` of each use, as `note_uses` has them.

    `journal` is what to append to the stored table.
    """

    status: Ints
    holder: Ints
    journal: bytes


class Holders:
    """The table of one partition of links."""

    def __init__(self, stored: bytes = b"", places: int = PLACES) -> None:
        """The stored table with all that was noted since; before one was stored, an empty one of `places` places."""
        first = np.frombuffer(stored[: _ENTRY.itemsize], _ENTRY)
        if len(first) and first["place"][0] == _WHOLE_TABLE:
            table = np.frombuffer(stored, np.int64, 2 * int(first["link"][0]), _ENTRY.itemsize)
            self.links, self.words = table.reshape(2, -1).copy()
            stored = stored[_ENTRY.itemsize + table.nbytes :]
        else:
            self.links, self.words = np.zeros((2, places), np.int64)
        entries = np.frombuffer(stored, _ENTRY)
        # Of a place that comes twice the later entry counts: numpy assigns in order.
        self.links[entries["place"]], self.words[entries["place"]] = entries["link"], entries["word"]

    def note(self, link: Ints, account: Ints, hour: Ints) -> Noted:
        """Note uses, in order."""
        status, holder, changed = note_uses(self.links, self.words, link, account, hour)
        places = np.unique(changed[changed >= 0])
        entries = np.empty(len(places), _ENTRY)
        entries["place"], entries["link"], entries["word"] = places, self.links[places], self.words[places]
        return Noted(status, holder, entries.tobytes())

    def stored(self) -> bytes:
        """The table as bytes, to which journals can be appended."""
        head = np.array([(_WHOLE_TABLE, len(self.links), 0)], _ENTRY)
        return head.tobytes() + self.links.tobytes() + self.words.tobytes()
