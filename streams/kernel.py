"""The folds, compiled: stored bytes and a batch in, stored bytes out, and views of what somebody has to look at.

Everything here is a plain loop over numbers that numba compiles; with NUMBA_DISABLE_JIT=1 the same lines run as Python.
One module, because numba's cache looks at the time of this file alone. What the state of an account or of a link *is*
stands in `streams.accounts` and `streams.networks`; `reference_accounts.py` and `reference_networks.py` in
tests/streams say the same with dictionaries, one event at a time, and tests hold the two against each other.

A stored account is a head of `HEAD_BYTES` (what was decided about it, which Python reads and patches), the profile
(MessagePack, which this module copies), and then numbers as unsigned LEB128, in the order of `_write`. The numbers of a
link begin with a version and go on in the order of `_write_link`.
"""

from typing import NamedTuple

import numpy as np

from streams.compiled import Bytes, Floats, Ints, Shorts, borrowing, compiled

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

(
    AT,
    INPUT,
    OUTPUT,
    ERROR,
    REFUSAL,
    ADDRESS,
    AGENT,
    TEMPLATE,
    CONVERSATION,
    CAPABILITY,
    PROFILE,
    CREATED,
    TURNS,
    SKETCH,
) = range(14)
"""Rows of the matrix of a batch: one column an event. A hash is 32 bits, -1 where the event has none, and so is
`CREATED`, the account's creation in ms; the fold takes no notice of that one. `TURNS` are the messages so far, of an
opening (at most `OPENS` of them) `SKETCH` is the place of its sketch among the batch's, -1 if it has none."""
EVENT_ROWS = 14
USER, YOUNG_USER, USER_NETWORK = ADDRESS, AGENT, TEMPLATE
"""What these rows hold for the fold of links: the account, the account if it is young, and its network."""

REQUESTS, LATE, EVALUATED, FIRST_MS, LAST_MS, PROFILE_HASH, TEMPLATE_REQUESTS, OPENINGS, CONTINUED, WEEK = range(10)
"""Numbers of one account; from `WEEK` on three words of 56 hours each, the newest hour in bit 0 of the first.
Openings and those that were continued are of conversations that began with no kept instruction."""
NUMBERS = 12

MINUTES, HOURS, DAYS, TEMPLATES_HELD, CAPABILITY_DAYS, INSTRUCTIONS_HELD, SKETCHES = range(7)
"""How many rows of each kind an account has; from `SKETCHES` on one a sketch, in the order of the rows of a batch."""
SIZES = 10

ASKED, FOLLOWED, EXTRACTED, SINCE_HOUR, WORDINGS, OPEN = range(6)
"""Columns of an instruction: how often it opened a conversation, how many of those were continued, how many asked for
what campaigns extract; the hour it was first seen in; a bit for each wording (`WORDING_BITS`); from `OPEN` on the
hashes of the `OPEN_KEPT` newest conversations that were not continued, -1 where there are fewer."""
OPEN_KEPT = 4
INSTRUCTION_COLUMNS = OPEN + OPEN_KEPT
INSTRUCTIONS_KEPT = 8
INSTRUCTION_HOURS = 48
WORDING_BITS = 62
SKETCH_WORDS = 16
MORE_WORDS = 24
NO_WORD = 4096
"""What fills a sketch of fewer words, and the words of an instruction beyond those of its first wording: at most
`MORE_WORDS`, and one that says that there were more."""
OPENS, CONTINUES = 2, 4
"""The messages up to which a request opens a conversation (a system prompt and the ask), and continues it first."""

(
    VIEW_EVENT,
    VIEW_ACCOUNT,
    VIEW_AS_OF,
    VIEW_REQUESTS,
    VIEW_TOKENS,
    VIEW_REQUESTS_1H,
    VIEW_ERRORS,
    VIEW_ACTIVE,
    VIEW_ACTIVE_7D,
    VIEW_ADDRESSES,
    VIEW_AGENTS,
    VIEW_TEMPLATES,
    VIEW_CONVERSATIONS,
    VIEW_REWORDED,
    VIEW_REWORDED_FOLLOWED,
    VIEW_REWORDED_EXTRACTED,
) = range(16)
"""Columns of a due view; four shares stand beside them: top template, capability, variation of the gap, and how many
of the account's other openings were continued."""
VIEW_COLUMNS = 16
SHARE_COLUMNS = 4

(
    MOMENT_LINK,
    MOMENT_MINUTE,
    MOMENT_START,
    MOMENT_END,
    MOMENT_REQUESTS,
    MOMENT_NEWEST_MS,
    COUNTED,
) = range(7)
"""Columns of a moment of a link: which link and minute, which places of the order, requests and newest ms after them.
From `COUNTED` on stands what was counted before them, in the order of `streams.networks.Counted`."""
MOMENT_COLUMNS = COUNTED + 9

LINK_REQUESTS, LINK_LATE, LINK_NEWEST_MS, LINK_JUDGE_AT, LINK_WATCHED, LINK_SKETCHES, LINK_HOLDER, LINK_HOLDER_HOUR = (
    range(8)
)
"""What the fold of links is told of each, in numbers; it moves the first three on."""
LINK_COLUMNS = 8
LINK_VERSION = 1

HEAD_BYTES = 30
"""Version, action, shadow, p-value known (1 byte each), expiry (8), sequence (4), taught hour (4), p-value (8),
bytes of the profile (2); little endian."""
VERSION = 2
_PROFILE_SIZE_AT = 28

SKETCH_ROWS = 64
WINDOW_HOURS = 24
WEEK_HOURS = 168
"""How long an account's sketches look back, and a link's."""
FULL = 1 << 32
"""The ceiling of a sketch that never filled."""
_KINDS_OF_SKETCH = 4
_KINDS_OF_LINK_SKETCH = 3
_TOP_TEMPLATES = 8
_TEMPLATES_BEFORE_HALVING = 1024
_OPENINGS_BEFORE_HALVING = 1024
ALIKE_OF_20 = 9
"""Wordings of one instruction share 9 of 20 of their words (Jaccard), an account's as well as a campaign's.

Measured in the simulated worlds of seeds 7001 and 7002: between .4 and .5 the rewordings of one instruction hang
together, and none of 1,300 shared templates of 100,000 ordinary customers hangs on to them.
"""
_FEWEST_WORDINGS = 4
_WORDINGS_BEYOND_WORDS = 2
_KEPT = np.array([60, 24, 28], dtype=np.int64)
_WIDTH = np.array([MINUTE_MS, HOUR_MS, DAY_MS], dtype=np.int64)
_WORD_HOURS = 56
_WORD = (1 << _WORD_HOURS) - 1
_CAPABILITIES = 8
_OTHER = 7
_GAP_WEIGHT = 1 / 32
_SEVEN_BITS, _MORE_FOLLOWS = 127, 128
_HASH_BYTES = 4
_GAPS_BYTES = 16
_GAP_CEILING_MS = HOUR_MS
_MORE_BYTES_AN_EVENT = 400
_MORE_BYTES_AN_ACCOUNT = 720
"""What a state can grow by. An event: three new buckets, four new entries of sketches, a template, a day of
capabilities, an instruction. An account: what says how long ago something was, each two bytes longer after years of
silence."""


class Room(NamedTuple):
    """Where one account is laid out while it is worked on; made once a batch."""

    numbers: Ints
    gaps: Floats
    sizes: Ints
    buckets: Ints
    counts: Ints
    hashes: Ints
    hours: Ints
    ceilings: Ints
    top_hashes: Ints
    top_counts: Ints
    days: Ints
    asked: Ints
    words: Ints
    more_words: Ints
    instructions: Ints


@compiled
def make_room() -> Room:
    """Room for one account: `buckets` and `counts` have a plane for minutes, hours and days each."""
    return Room(
        np.zeros(NUMBERS, np.int64),
        np.zeros(2, np.float64),
        np.zeros(SIZES, np.int64),
        np.zeros((3, 64), np.int64),
        np.zeros((3, 64, 5), np.int64),
        np.zeros((_KINDS_OF_SKETCH, SKETCH_ROWS + 2), np.int64),
        np.zeros((_KINDS_OF_SKETCH, SKETCH_ROWS + 2), np.int64),
        np.zeros((_KINDS_OF_SKETCH, 3), np.int64),
        np.zeros(_TOP_TEMPLATES + 1, np.int64),
        np.zeros(_TOP_TEMPLATES + 1, np.int64),
        np.zeros(32, np.int64),
        np.zeros((32, _CAPABILITIES), np.int64),
        np.zeros((INSTRUCTIONS_KEPT, SKETCH_WORDS), np.int64),
        np.zeros((INSTRUCTIONS_KEPT, MORE_WORDS + 1), np.int64),
        np.zeros((INSTRUCTIONS_KEPT, INSTRUCTION_COLUMNS), np.int64),
    )


@compiled
def fold_accounts(
    events: Ints, sketches: Ints, order: Ints, starts: Ints, old: Bytes, old_at: Ints, first_at: int, every: int
) -> tuple[Bytes, Ints, Bytes, Ints, Floats, int]:
    """Fold a batch into its accounts.

    `events` is (EVENT_ROWS, n), `sketches` (m, SKETCH_WORDS), each in order. `order` lists the n events account by
    account, each account's in the order of the log; account j has `order[starts[j]:starts[j + 1]]` and the stored bytes
    `old[old_at[j]:old_at[j + 1]]`, none if it is new. An account is due after `first_at` events, then at each doubling
    up to `every`, then at each `every`.

    The new bytes, where each account's begin (one more at the end), which accounts met another profile than the last
    (1), the due views with their shares, and how many events came late. Raises ValueError if another version of
    Stillwatch stored one of them.
    """
    accounts = len(starts) - 1
    room = make_room()
    out = np.empty(
        len(old) + _MORE_BYTES_AN_EVENT * len(order) + _MORE_BYTES_AN_ACCOUNT * accounts + HEAD_BYTES, np.uint8
    )
    out_at = np.zeros(accounts + 1, np.int64)
    met = np.zeros(accounts, np.uint8)
    views = np.zeros((64, VIEW_COLUMNS), np.int64)
    shares = np.zeros((64, SHARE_COLUMNS), np.float64)
    due = late = at = 0
    for account in range(accounts):
        head = old_at[account]
        if old_at[account + 1] > head and old[head] != VERSION:
            raise ValueError("an account is stored by another version of Stillwatch: use a new prefix, or flush Redis")
        at = _copy_head(old, head, old_at[account + 1], out, at)
        read_account(old, head, old_at[account + 1], room)
        for place in range(starts[account], starts[account + 1]):
            event = order[place]
            if room.numbers[PROFILE_HASH] != events[PROFILE, event]:
                room.numbers[PROFILE_HASH] = events[PROFILE, event]
                met[account] = 1
            late += _add(room, events, event)
            _add_turn(room, events, sketches, event)
            if _is_due(room.numbers, first_at, every):
                room.numbers[EVALUATED] = room.numbers[REQUESTS]
                if due == len(views):
                    views = np.concatenate((views, np.zeros_like(views)))
                    shares = np.concatenate((shares, np.zeros_like(shares)))
                views[due, VIEW_EVENT], views[due, VIEW_ACCOUNT] = event, account
                view_account(room, views[due], shares[due])
                due += 1
        at = _write(room, out, at)
        out_at[account + 1] = at
    return out[:at], out_at, met, views[:due], shares[:due], late


@borrowing
def _is_due(numbers: Ints, first_at: int, every: int) -> bool:
    done = numbers[EVALUATED]
    return bool(numbers[REQUESTS] >= (first_at if done == 0 else done + min(done, every)))


@borrowing
def _add(room: Room, events: Ints, event: int) -> int:
    """Add one event; 1 if it came late, that is in a minute before the newest."""
    numbers = room.numbers
    at_ms = events[AT, event]
    newest = max(numbers[LAST_MS], at_ms)
    late = 1 if at_ms // MINUTE_MS < numbers[LAST_MS] // MINUTE_MS else 0
    for plane in range(3):
        place = _open_bucket(room, plane, at_ms // _WIDTH[plane], newest // _WIDTH[plane] - _KEPT[plane])
        if place >= 0:
            room.counts[plane, place, 0] += 1
            for column in range(4):
                room.counts[plane, place, 1 + column] += events[INPUT + column, event]
    hour = at_ms // HOUR_MS
    for kind in range(_KINDS_OF_SKETCH):
        value = events[ADDRESS + kind, event]
        if value >= 0:
            _add_distinct(room, kind, value, hour, WINDOW_HOURS)
    if events[TEMPLATE, event] >= 0:
        _add_template(room, events[TEMPLATE, event])
    day = _open_day(room, at_ms // DAY_MS)
    if day >= 0:
        room.asked[day, events[CAPABILITY, event]] += 1
    _add_hour(numbers, hour)
    _add_gap(room, at_ms)
    numbers[REQUESTS] += 1
    numbers[LATE] += late
    return late


@borrowing
def _open_bucket(room: Room, plane: int, bucket: int, expired: int) -> int:
    """The place of `bucket`, -1 if it is gone already; a new bucket clears out those that are."""
    place, room.sizes[plane] = _open(room.buckets[plane], room.counts[plane], room.sizes[plane], bucket, expired)
    return place


@borrowing
def _open(index: Ints, rows: Ints, size: int, key: int, expired: int) -> tuple[int, int]:
    """The place of `key` in `index`, in order, and how many rows there are then.

    A new key has a row of zeros, and clears out the rows up to `expired`; its place is -1 if it is one of those.
    """
    place = size
    while place > 0 and index[place - 1] >= key:
        place -= 1
    if place < size and index[place] == key:
        return place, size
    if key <= expired:
        return -1, size
    gone = 0
    while gone < size and index[gone] <= expired:
        gone += 1
    if gone > 0:
        _shift(index, rows, gone, size, -gone)
        size, place = size - gone, place - gone
    _shift(index, rows, place, size, 1)
    index[place] = key
    rows[place] = 0
    return place, size + 1


@borrowing
def _shift(index: Ints, counts: Ints, first: int, end: int, by: int) -> None:
    """Move the rows `first` to `end` by so many places."""
    for step in range(end - first):
        row = end - 1 - step if by > 0 else first + step
        index[row + by] = index[row]
        for column in range(counts.shape[1]):
            counts[row + by, column] = counts[row, column]


@borrowing
def _add_distinct(room: Room, kind: int, value: int, hour: int, window: int) -> None:
    """Note a value's hash in a sketch over so many hours (`streams.distinct`)."""
    hashes, hours, ceiling = room.hashes[kind], room.hours[kind], room.ceilings[kind]
    size = room.sizes[SKETCHES + kind]
    if value >= ceiling[0]:  # no kept hash is
        if hour - ceiling[2] < window:
            return
        size = _raise_ceiling(hashes, hours, ceiling, size, hour, window)
        room.sizes[SKETCHES + kind] = size
        if value >= ceiling[0]:
            return
    place = np.searchsorted(hashes[:size], value)
    if place < size and hashes[place] == value:
        hours[place] = max(hours[place], hour)
        return
    for row in range(size - 1, place - 1, -1):
        hashes[row + 1], hours[row + 1] = hashes[row], hours[row]
    hashes[place], hours[place] = value, hour
    size += 1
    if size > SKETCH_ROWS:
        if hour > ceiling[1]:
            ceiling[1] = hour
            size = _forget(hashes, hours, size, hour - window)
        while size > SKETCH_ROWS:
            size -= 1
            ceiling[0], ceiling[2] = hashes[size], max(hour, ceiling[2])
    room.sizes[SKETCHES + kind] = size


@borrowing
def _raise_ceiling(hashes: Ints, hours: Ints, ceiling: Ints, size: int, hour: int, window: int) -> int:
    size = _forget(hashes, hours, size, hour - window)
    ceiling[2] = hour
    if size < SKETCH_ROWS // 2:
        ceiling[0] = min(FULL, ceiling[0] * SKETCH_ROWS // (2 * max(1, size)))
    return size


@borrowing
def _forget(hashes: Ints, hours: Ints, size: int, expired: int) -> int:
    """Drop what was last seen in hour `expired` or before; how many stay."""
    kept = 0
    for row in range(size):
        if hours[row] > expired:
            hashes[kept], hours[kept] = hashes[row], hours[row]
            kept += 1
    return kept


@borrowing
def _add_template(room: Room, template: int) -> None:
    """Count the commonest templates (Misra and Gries, "Finding repeated elements", 1982); halving makes it slide."""
    top, counts, size = room.top_hashes, room.top_counts, room.sizes[TEMPLATES_HELD]
    room.numbers[TEMPLATE_REQUESTS] += 1
    place = 0
    while place < size and top[place] != template:
        place += 1
    if place < size:
        counts[place] += 1
    elif size < _TOP_TEMPLATES:
        top[size], counts[size] = template, 1
        room.sizes[TEMPLATES_HELD] = size + 1
    else:
        for row in range(size):
            counts[row] -= 1
        _keep_templates(room, 1)
    if room.numbers[TEMPLATE_REQUESTS] >= _TEMPLATES_BEFORE_HALVING:
        room.numbers[TEMPLATE_REQUESTS] //= 2
        _keep_templates(room, 2)
        for row in range(room.sizes[TEMPLATES_HELD]):
            counts[row] //= 2


@borrowing
def _keep_templates(room: Room, least: int) -> None:
    """Keep the templates counted at least so often."""
    kept = 0
    for row in range(room.sizes[TEMPLATES_HELD]):
        if room.top_counts[row] >= least:
            room.top_hashes[kept], room.top_counts[kept] = room.top_hashes[row], room.top_counts[row]
            kept += 1
    room.sizes[TEMPLATES_HELD] = kept


@borrowing
def _add_turn(room: Room, events: Ints, sketches: Ints, event: int) -> None:
    """Note an event that opens a conversation among the instructions, or one that continues a conversation first."""
    turns, conversation = events[TURNS, event], events[CONVERSATION, event]
    if conversation < 0 or not 0 < turns <= CONTINUES:
        return
    if turns > OPENS:
        _continue(room, conversation)
        return
    hour, sketch = events[AT, event] // HOUR_MS, events[SKETCH, event]
    place = _alike(room, sketches[sketch], hour) if sketch >= 0 else -1
    if place < 0:
        _add_habit(room.numbers)
        if sketch < 0 or sketches[sketch, 0] >= NO_WORD:
            return
        place = _found_instruction(room, sketches[sketch], hour)
    elif _is_open(room.instructions[place], conversation):  # the same request once more, after an error
        return
    else:
        place = _move_to_end(room, place)
        for word in sketches[sketch]:
            if word < NO_WORD and not _is_among(room.words[place], word):
                _add_word(room.more_words[place], word)
    row = room.instructions[place]
    row[ASKED] += 1
    row[EXTRACTED] += 1 if events[CAPABILITY, event] != _OTHER else 0
    row[WORDINGS] |= np.int64(1) << events[TEMPLATE, event] % WORDING_BITS if events[TEMPLATE, event] >= 0 else 0
    for column in range(INSTRUCTION_COLUMNS - 1, OPEN, -1):
        row[column] = row[column - 1]
    row[OPEN] = conversation


@borrowing
def _add_habit(numbers: Ints) -> None:
    """Count an opening with no kept instruction; halving makes the habit slide."""
    numbers[OPENINGS] += 1
    if numbers[OPENINGS] >= _OPENINGS_BEFORE_HALVING:
        numbers[OPENINGS] //= 2
        numbers[CONTINUED] //= 2


@borrowing
def _found_instruction(room: Room, sketch: Ints, hour: int) -> int:
    """The place of a new instruction. Of too many the one that was asked least often, then longest ago, makes way."""
    if room.sizes[INSTRUCTIONS_HELD] == INSTRUCTIONS_KEPT:
        least = 0
        for place in range(1, INSTRUCTIONS_KEPT):
            if room.instructions[place, ASKED] < room.instructions[least, ASKED]:
                least = place
        _drop(room, least)
    last = int(room.sizes[INSTRUCTIONS_HELD])
    room.sizes[INSTRUCTIONS_HELD] += 1
    for column in range(SKETCH_WORDS):
        room.words[last, column] = sketch[column]
    room.more_words[last] = NO_WORD
    room.instructions[last] = 0
    room.instructions[last, SINCE_HOUR] = hour
    room.instructions[last, OPEN:] = -1
    return last


@borrowing
def _continue(room: Room, conversation: int) -> None:
    """Note that a conversation went on. What is mostly continued is no instruction: people talk."""
    for place in range(room.sizes[INSTRUCTIONS_HELD]):
        row = room.instructions[place]
        for column in range(OPEN, INSTRUCTION_COLUMNS):
            if row[column] == conversation:
                if row[ASKED] == 1:
                    room.numbers[CONTINUED] += 1
                row[FOLLOWED] += 1
                for later in range(column, INSTRUCTION_COLUMNS - 1):
                    row[later] = row[later + 1]
                row[INSTRUCTION_COLUMNS - 1] = -1
                if 2 * row[FOLLOWED] > row[ASKED]:
                    _drop(room, place)
                return
    room.numbers[CONTINUED] += 1


@borrowing
def _alike(room: Room, sketch: Ints, hour: int) -> int:
    """The instruction whose first wording shares most of its words with the sketch, -1 if none shares enough.

    One that was founded too long ago is forgotten.
    """
    best, best_common, best_either = -1, 0, 1
    size = _size(sketch)
    for place in range(room.sizes[INSTRUCTIONS_HELD]):
        common = _common(sketch, room.words[place])
        either = size + _size(room.words[place]) - common
        if 20 * common >= ALIKE_OF_20 * either and common * best_either > best_common * either:
            best, best_common, best_either = place, common, either
    if best >= 0 and hour - room.instructions[best, SINCE_HOUR] >= INSTRUCTION_HOURS:
        _drop(room, best)
        return -1
    return best


@borrowing
def _common(one: Ints, other: Ints) -> int:
    """How many words two sketches share."""
    count = at = place = 0
    while at < SKETCH_WORDS and place < SKETCH_WORDS and one[at] < NO_WORD:
        if one[at] == other[place]:
            count += 1
            at += 1
            place += 1
        elif one[at] < other[place]:
            at += 1
        else:
            place += 1
    return count


@compiled
def alike_to(rows: Shorts, words: Ints) -> Ints:
    """The places of the rows that are alike to `words`: (n, 16) and (16,), each its words, in order, then `NO_WORD`."""
    is_among = np.zeros(NO_WORD, np.bool_)
    size = _size(words)
    for word in words[:size]:
        is_among[word] = True
    places = np.empty(len(rows), np.int64)
    found = 0
    for place in range(len(rows)):
        common = held = 0
        while held < SKETCH_WORDS and rows[place, held] < NO_WORD:
            common += is_among[rows[place, held]]
            held += 1
        if common > 0 and 20 * common >= ALIKE_OF_20 * (size + held - common):
            places[found] = place
            found += 1
    return places[:found]


@borrowing
def _is_open(row: Ints, conversation: int) -> bool:
    return _is_among(row[OPEN:], conversation)


@borrowing
def _move_to_end(room: Room, place: int) -> int:
    """Put an instruction behind all others; where it is then."""
    last = int(room.sizes[INSTRUCTIONS_HELD]) - 1
    for at in range(place, last):
        for rows in (room.words, room.more_words, room.instructions):
            for column in range(rows.shape[1]):
                kept = rows[at, column]
                rows[at, column] = rows[at + 1, column]
                rows[at + 1, column] = kept
    return last


@borrowing
def _drop(room: Room, place: int) -> None:
    """Forget an instruction."""
    room.sizes[INSTRUCTIONS_HELD] = _move_to_end(room, place)


@borrowing
def _is_among(words: Ints, word: int) -> bool:
    for other in words:  # noqa: SIM110  numba knows no any() of a generator
        if other == word:
            return True
    return False


@borrowing
def _add_word(words: Ints, word: int) -> None:
    """Note a word among those in order, unless it is there or they are full."""
    if words[MORE_WORDS] < NO_WORD or _is_among(words, word):
        return
    place = MORE_WORDS
    while place > 0 and words[place - 1] > word:
        words[place] = words[place - 1]
        place -= 1
    words[place] = word


@borrowing
def _size(words: Ints) -> int:
    """How many words there are before `NO_WORD`."""
    size = 0
    while size < len(words) and words[size] < NO_WORD:
        size += 1
    return size


@borrowing
def _open_day(room: Room, day: int) -> int:
    """The place of `day` among those of capabilities, -1 if it has left the last 28; a new day clears out old ones."""
    size = room.sizes[CAPABILITY_DAYS]
    expired = max(room.days[size - 1] if size > 0 else day, day) - _KEPT[DAYS]
    place, room.sizes[CAPABILITY_DAYS] = _open(room.days, room.asked, size, day, expired)
    return place


@borrowing
def _add_hour(numbers: Ints, hour: int) -> None:
    """Mark `hour` in the last 168, of which bit 0 is the newest event's."""
    newest = numbers[LAST_MS] // HOUR_MS
    ahead = hour - newest
    if numbers[REQUESTS] == 0 or ahead >= WEEK_HOURS:
        numbers[WEEK], numbers[WEEK + 1], numbers[WEEK + 2] = 1, 0, 0
    elif ahead >= 0:
        while ahead >= _WORD_HOURS:
            numbers[WEEK + 2], numbers[WEEK + 1], numbers[WEEK] = numbers[WEEK + 1], numbers[WEEK], 0
            ahead -= _WORD_HOURS
        if ahead > 0:
            carry = _WORD_HOURS - ahead
            low, middle, high = numbers[WEEK], numbers[WEEK + 1], numbers[WEEK + 2]
            numbers[WEEK] = low << ahead & _WORD
            numbers[WEEK + 1] = (middle << ahead | low >> carry) & _WORD
            numbers[WEEK + 2] = (high << ahead | middle >> carry) & _WORD
        numbers[WEEK] |= 1
    elif -ahead < WEEK_HOURS:
        numbers[WEEK + -ahead // _WORD_HOURS] |= np.int64(1) << -ahead % _WORD_HOURS


@borrowing
def _add_gap(room: Room, at_ms: int) -> None:
    """Exponentially weighted mean and variance of the gap (Finch, "Incremental calculation of weighted mean", 2009)."""
    numbers, gaps = room.numbers, room.gaps
    if numbers[REQUESTS] == 0:
        numbers[FIRST_MS] = numbers[LAST_MS] = at_ms
        return
    gap = min(abs(at_ms - numbers[LAST_MS]), _GAP_CEILING_MS)
    if numbers[REQUESTS] == 1:
        gaps[0] = gap
    else:
        difference = gap - gaps[0]
        step = _GAP_WEIGHT * difference
        gaps[0] += step
        gaps[1] = (1 - _GAP_WEIGHT) * (gaps[1] + difference * step)
    numbers[FIRST_MS] = min(numbers[FIRST_MS], at_ms)
    numbers[LAST_MS] = max(numbers[LAST_MS], at_ms)


@borrowing
def view_account(room: Room, view: Ints, shares: Floats) -> None:
    """Write the account as signals see it, as of its newest event, into one row of views and one of shares."""
    numbers, sizes = room.numbers, room.sizes
    as_of = numbers[LAST_MS]
    view[VIEW_AS_OF] = as_of
    hour = as_of // HOUR_MS
    # Every bucket that is kept lies inside its window: a newer one clears out those that have left it.
    for row in range(sizes[HOURS]):
        counts = room.counts[HOURS, row]
        view[VIEW_REQUESTS] += counts[0]
        view[VIEW_TOKENS] += counts[1] + counts[2]
        view[VIEW_ERRORS] += counts[3]
        view[VIEW_ACTIVE] += 1
    for row in range(sizes[MINUTES]):
        view[VIEW_REQUESTS_1H] += room.counts[MINUTES, row, 0]
    for word in range(3):
        bits = numbers[WEEK + word]
        while bits:
            bits &= bits - 1
            view[VIEW_ACTIVE_7D] += 1
    for kind in range(_KINDS_OF_SKETCH):
        view[VIEW_ADDRESSES + kind] = _distinct(room, kind, hour - WINDOW_HOURS)
    best = 0
    for row in range(sizes[TEMPLATES_HELD]):
        best = max(best, room.top_counts[row])
    shares[0] = best / numbers[TEMPLATE_REQUESTS] if numbers[TEMPLATE_REQUESTS] else 0.0
    _, shares[1] = _focus(room, as_of // DAY_MS, _OTHER)
    shares[2] = np.sqrt(room.gaps[1]) / room.gaps[0] if room.gaps[0] > 0 else 0.0
    shares[3] = min(1.0, numbers[CONTINUED] / numbers[OPENINGS]) if numbers[OPENINGS] else 0.0
    missing = 0.0
    for place in range(sizes[INSTRUCTIONS_HELD]):
        row = room.instructions[place]
        if row[ASKED] * shares[3] - row[FOLLOWED] > missing and _is_reworded(
            row, room.words[place], room.more_words[place]
        ):
            missing = row[ASKED] * shares[3] - row[FOLLOWED]
            view[VIEW_REWORDED], view[VIEW_REWORDED_FOLLOWED] = row[ASKED], row[FOLLOWED]
            view[VIEW_REWORDED_EXTRACTED] = row[EXTRACTED]


@borrowing
def _is_reworded(row: Ints, words: Ints, more_words: Ints) -> bool:
    """Whether an instruction came in several wordings made of few words (`streams.instructions`).

    Of an instruction that fills its sketch only the words up to the last of the sketch are seen: so many of 4,096 parts
    of all words (as in Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002).
    """
    more, wordings = _size(more_words), _bits_of(row[WORDINGS])
    if more > MORE_WORDS or wordings < _FEWEST_WORDINGS:
        return False
    last = words[SKETCH_WORDS - 1]
    seen = last + 1 if last < NO_WORD else NO_WORD
    needed = max(more * NO_WORD + _WORDINGS_BEYOND_WORDS * seen, more * NO_WORD * 5 // 4)
    return bool(wordings * seen >= needed)


@borrowing
def _bits_of(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@borrowing
def _distinct(room: Room, kind: int, expired: int) -> int:
    live = 0
    for row in range(room.sizes[SKETCHES + kind]):
        if room.hours[kind, row] > expired:
            live += 1
    ceiling = room.ceilings[kind, 0]
    return live if ceiling == FULL else int(np.rint(live * FULL / ceiling))


@borrowing
def _focus(room: Room, day: int, among: int) -> tuple[int, float]:
    """Of the first `among` the capability asked for most on `day` and the day before, and its share of all requests."""
    top, most, of_all = _OTHER, 0, 0
    for capability in range(_CAPABILITIES):
        requests = 0
        for row in range(room.sizes[CAPABILITY_DAYS]):
            if day - 1 <= room.days[row] <= day:
                requests += room.asked[row, capability]
        of_all += requests
        if capability < among and requests > most:
            top, most = capability, requests
    return top, (most / of_all if most > 0 else 0.0)


@borrowing
def _put(out: Bytes, at: int, number: int) -> int:
    while number > _SEVEN_BITS:
        out[at] = number & _SEVEN_BITS | _MORE_FOLLOWS
        number >>= 7
        at += 1
    out[at] = number
    return at + 1


@borrowing
def _take(stored: Bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while stored[at] > _SEVEN_BITS:
        number |= (int(stored[at]) & _SEVEN_BITS) << shift
        shift += 7
        at += 1
    return number | int(stored[at]) << shift, at + 1


@borrowing
def _copy(source: Bytes, first: int, out: Bytes, at: int, count: int) -> int:
    """Copy so many bytes; where they end."""
    for byte in range(count):
        out[at + byte] = source[first + byte]
    return at + count


@borrowing
def _copy_head(old: Bytes, head: int, end: int, out: Bytes, at: int) -> int:
    """Copy the head and the profile, or make those of a new account; where the numbers begin."""
    if end == head:
        out[at : at + HEAD_BYTES] = 0
        out[at] = VERSION
        return at + HEAD_BYTES
    size = numbers_at(old, head) - head
    return _copy(old, head, out, at, size)


@borrowing
def numbers_at(stored: Bytes, head: int) -> int:
    """Where the numbers of a stored account begin."""
    size = int(stored[head + _PROFILE_SIZE_AT]) | int(stored[head + _PROFILE_SIZE_AT + 1]) << 8
    return head + HEAD_BYTES + size


@borrowing
def _write(room: Room, out: Bytes, at: int) -> int:
    """Store the numbers of the account; where they end."""
    numbers, sizes = room.numbers, room.sizes
    for field in (REQUESTS, LATE, EVALUATED, FIRST_MS):
        at = _put(out, at, numbers[field])
    at = _put(out, at, numbers[LAST_MS] - numbers[FIRST_MS])
    for field in range(PROFILE_HASH, NUMBERS):
        at = _put(out, at, numbers[field])
    if numbers[REQUESTS] > 1:
        at = _copy(room.gaps.view(np.uint8), 0, out, at, _GAPS_BYTES)
    for plane in range(3):
        at = _write_buckets(room, plane, out, at)
    for kind in range(_KINDS_OF_SKETCH):
        at = _write_sketch(room, kind, numbers[LAST_MS] // HOUR_MS, out, at)
    at = _put(out, at, sizes[TEMPLATES_HELD])
    for row in range(sizes[TEMPLATES_HELD]):
        at = _put(out, at, room.top_hashes[row])
        at = _put(out, at, room.top_counts[row])
    at = _write_instructions(room, out, at)
    return _write_days(room, out, at)


@borrowing
def _write_buckets(room: Room, plane: int, out: Bytes, at: int) -> int:
    """How long ago each bucket was, and its counts; errors and refusals only where there are any."""
    newest, size = room.numbers[LAST_MS] // _WIDTH[plane], room.sizes[plane]
    at = _put(out, at, size)
    for row in range(size):
        counts = room.counts[plane, row]
        failed = 1 if counts[3] or counts[4] else 0
        at = _put(out, at, newest - room.buckets[plane, row])
        at = _put(out, at, counts[0] << 1 | failed)
        for column in range(1, 5 if failed else 3):
            at = _put(out, at, counts[column])
    return at


@borrowing
def _write_sketch(room: Room, kind: int, hour: int, out: Bytes, at: int) -> int:
    """The hashes, in 4 bytes each, and how many hours before `hour` each was seen."""
    size, ceiling = room.sizes[SKETCHES + kind], room.ceilings[kind]
    filled = 1 if ceiling[0] != FULL or ceiling[1] or ceiling[2] else 0
    at = _put(out, at, size << 1 | filled)
    if filled:
        for column in range(3):
            at = _put(out, at, ceiling[column])
    for row in range(size):
        for byte in range(_HASH_BYTES):
            out[at + byte] = room.hashes[kind, row] >> 8 * byte & 255
        at = _put(out, at + _HASH_BYTES, hour - room.hours[kind, row])
    return at


@borrowing
def _write_instructions(room: Room, out: Bytes, at: int) -> int:
    """The words, each as how far it is from the one before, and the numbers; one that was asked once needs few."""
    at = _put(out, at, room.sizes[INSTRUCTIONS_HELD])
    for place in range(room.sizes[INSTRUCTIONS_HELD]):
        row, words = room.instructions[place], room.words[place]
        conversations = 0
        while conversations < OPEN_KEPT and row[OPEN + conversations] >= 0:
            conversations += 1
        at = _put_words(words, _size(words) << 3 | conversations, out, at)
        for column in range(OPEN, OPEN + conversations):
            for byte in range(_HASH_BYTES):
                out[at + byte] = row[column] >> 8 * byte & 255
            at += _HASH_BYTES
        at = _put(out, at, row[ASKED] << 1 | (1 if row[EXTRACTED] else 0))
        at = _put(out, at, room.numbers[LAST_MS] // HOUR_MS - row[SINCE_HOUR])
        if row[ASKED] > 1:
            at = _put(out, _put(out, at, row[EXTRACTED]), row[FOLLOWED])
            at = _put(out, at, row[WORDINGS])
            at = _put_words(room.more_words[place], _size(room.more_words[place]), out, at)
        else:
            at = _put(out, at, _bits_of(row[WORDINGS] - 1) + 1 if row[WORDINGS] else 0)
    return at


@borrowing
def _put_words(words: Ints, header: int, out: Bytes, at: int) -> int:
    at = _put(out, at, header)
    before = 0
    for word in words:
        if word < NO_WORD:
            at = _put(out, at, word - before)
            before = word
    return at


@borrowing
def _read_instructions(room: Room, stored: Bytes, at: int) -> int:
    held, at = _take(stored, at)
    room.sizes[INSTRUCTIONS_HELD] = held
    for place in range(held):
        row, words = room.instructions[place], room.words[place]
        row[:] = 0
        row[OPEN:] = -1
        room.more_words[place] = NO_WORD
        sizes, at = _take(stored, at)
        at = _take_words(words, sizes >> 3, stored, at)
        for column in range(OPEN, OPEN + (sizes & 7)):
            row[column] = 0
            for byte in range(_HASH_BYTES):
                row[column] |= int(stored[at + byte]) << 8 * byte
            at += _HASH_BYTES
        asked, at = _take(stored, at)
        row[ASKED], row[EXTRACTED] = asked >> 1, asked & 1
        back, at = _take(stored, at)
        row[SINCE_HOUR] = room.numbers[LAST_MS] // HOUR_MS - back
        if row[ASKED] > 1:
            row[EXTRACTED], at = _take(stored, at)
            row[FOLLOWED], at = _take(stored, at)
            row[WORDINGS], at = _take(stored, at)
            size, at = _take(stored, at)
            at = _take_words(room.more_words[place], size, stored, at)
        else:
            bit, at = _take(stored, at)
            row[WORDINGS] = np.int64(1) << bit - 1 if bit else 0
    return at


@borrowing
def _take_words(words: Ints, size: int, stored: Bytes, at: int) -> int:
    words[:] = NO_WORD
    before = 0
    for column in range(size):
        further, at = _take(stored, at)
        before += further
        words[column] = before
    return at


@borrowing
def _write_days(room: Room, out: Bytes, at: int) -> int:
    """How long ago each day was, a bit for each capability that was asked for, and how often each was."""
    at = _put(out, at, room.sizes[CAPABILITY_DAYS])
    for row in range(room.sizes[CAPABILITY_DAYS]):
        at = _put(out, at, room.numbers[LAST_MS] // DAY_MS - room.days[row])
        present = 0
        for capability in range(_CAPABILITIES):
            present |= (1 if room.asked[row, capability] else 0) << capability
        at = _put(out, at, present)
        for capability in range(_CAPABILITIES):
            if room.asked[row, capability]:
                at = _put(out, at, room.asked[row, capability])
    return at


@borrowing
def read_account(stored: Bytes, head: int, end: int, room: Room) -> None:
    """Lay out the account stored in `stored[head:end]`; a new one if that is empty."""
    _clear(room)
    numbers, sizes = room.numbers, room.sizes
    if end == head:
        return
    at = numbers_at(stored, head)
    for field in range(NUMBERS):
        numbers[field], at = _take(stored, at)
    numbers[LAST_MS] += numbers[FIRST_MS]
    if numbers[REQUESTS] > 1:
        _copy(stored, at, room.gaps.view(np.uint8), 0, _GAPS_BYTES)
        at += _GAPS_BYTES
    for plane in range(3):
        at = _read_buckets(room, plane, stored, at)
    for kind in range(_KINDS_OF_SKETCH):
        at = _read_sketch(room, kind, numbers[LAST_MS] // HOUR_MS, stored, at)
    sizes[TEMPLATES_HELD], at = _take(stored, at)
    for row in range(sizes[TEMPLATES_HELD]):
        room.top_hashes[row], at = _take(stored, at)
        room.top_counts[row], at = _take(stored, at)
    at = _read_instructions(room, stored, at)
    _read_days(room, stored, at)


@borrowing
def _clear(room: Room) -> None:
    room.numbers[:] = 0
    room.sizes[:] = 0
    room.gaps[:] = 0.0
    room.ceilings[:] = 0
    room.ceilings[:, 0] = FULL


@borrowing
def _read_buckets(room: Room, plane: int, stored: Bytes, at: int) -> int:
    newest = room.numbers[LAST_MS] // _WIDTH[plane]
    room.sizes[plane], at = _take(stored, at)
    for row in range(room.sizes[plane]):
        counts = room.counts[plane, row]
        back, at = _take(stored, at)
        room.buckets[plane, row] = newest - back
        requests, at = _take(stored, at)
        counts[0], counts[3], counts[4] = requests >> 1, 0, 0
        for column in range(1, 5 if requests & 1 else 3):
            counts[column], at = _take(stored, at)
    return at


@borrowing
def _read_sketch(room: Room, kind: int, hour: int, stored: Bytes, at: int) -> int:
    size, at = _take(stored, at)
    room.sizes[SKETCHES + kind] = size >> 1
    if size & 1:
        for column in range(3):
            room.ceilings[kind, column], at = _take(stored, at)
    for row in range(size >> 1):
        value = 0
        for byte in range(_HASH_BYTES):
            value |= int(stored[at + byte]) << 8 * byte
        back, at = _take(stored, at + _HASH_BYTES)
        room.hashes[kind, row], room.hours[kind, row] = value, hour - back
    return at


@borrowing
def _read_days(room: Room, stored: Bytes, at: int) -> None:
    room.sizes[CAPABILITY_DAYS], at = _take(stored, at)
    for row in range(room.sizes[CAPABILITY_DAYS]):
        back, at = _take(stored, at)
        room.days[row] = room.numbers[LAST_MS] // DAY_MS - back
        present, at = _take(stored, at)
        for capability in range(_CAPABILITIES):
            room.asked[row, capability] = 0
            if present >> capability & 1:
                room.asked[row, capability], at = _take(stored, at)


@compiled
def fold_links(
    events: Ints, order: Ints, starts: Ints, links: Ints, old: Bytes, old_at: Ints
) -> tuple[Bytes, Ints, Ints, Floats]:
    """Fold the uses of a batch into the links they are of.

    `events` is (EVENT_ROWS, n), of which `AT` holds whole minutes and a link takes no notice of what it does not count.
    `order` lists uses by their event, link by link, each link's by minute and then as in the log; link j has
    `order[starts[j]:starts[j + 1]]`, the numbers `links[j]`, of which requests, late ones and the newest ms move on,
    and the stored bytes `old[old_at[j]:old_at[j + 1]]`, none if it is new.

    The new bytes, where each link's begin (one more at the end), and a moment with a share (of the capability) for each
    link and minute before which somebody may have to look: of a link that is watched each, of others those that bring
    it to the requests at which it is judged, and all after.
    """
    room = make_room()
    out = np.empty(
        len(old) + _MORE_BYTES_AN_EVENT * len(order) + _MORE_BYTES_AN_ACCOUNT * len(links) + HEAD_BYTES, np.uint8
    )
    out_at = np.zeros(len(links) + 1, np.int64)
    moments = np.zeros((64, MOMENT_COLUMNS), np.int64)
    shares = np.zeros(64, np.float64)
    numbers = room.numbers
    found = at = 0
    for link in range(len(links)):
        facts = links[link]
        read_link(old, old_at[link], old_at[link + 1], facts, room)
        start, last = starts[link], starts[link + 1]
        while start < last:
            end = start + 1
            while end < last and events[AT, order[end]] == events[AT, order[start]]:
                end += 1
            is_seen = facts[LINK_WATCHED] or numbers[REQUESTS] + end - start >= facts[LINK_JUDGE_AT]
            if is_seen:
                if found == len(moments):
                    moments = np.concatenate((moments, np.zeros_like(moments)))
                    shares = np.concatenate((shares, np.zeros_like(shares)))
                moment = moments[found]
                moment[MOMENT_LINK], moment[MOMENT_MINUTE] = link, events[AT, order[start]] // MINUTE_MS
                moment[MOMENT_START], moment[MOMENT_END] = start, end
                shares[found] = _view_link(room, moment)
            if start == starts[link] and facts[LINK_HOLDER] >= 0:
                _add_distinct(room, 0, facts[LINK_HOLDER], facts[LINK_HOLDER_HOUR], WEEK_HOURS)
            _add_uses(room, events, order[start:end], facts[LINK_SKETCHES])
            if is_seen:
                moments[found, MOMENT_REQUESTS], moments[found, MOMENT_NEWEST_MS] = numbers[REQUESTS], numbers[LAST_MS]
                found += 1
            start = end
        facts[LINK_REQUESTS], facts[LINK_LATE], facts[LINK_NEWEST_MS] = (
            numbers[REQUESTS],
            numbers[LATE],
            numbers[LAST_MS],
        )
        at = _write_link(room, out, at)
        out_at[link + 1] = at
    return out[:at], out_at, moments[:found], shares[:found]


@borrowing
def _add_uses(room: Room, events: Ints, uses: Ints, sketches: int) -> None:
    """Add the uses of one minute, with so many sketches."""
    numbers = room.numbers
    at_ms = events[AT, uses[0]]
    hour = at_ms // HOUR_MS
    late = at_ms // MINUTE_MS < numbers[LAST_MS] // MINUTE_MS
    newest = numbers[LAST_MS] = max(numbers[LAST_MS], at_ms)
    numbers[REQUESTS] += len(uses)
    numbers[LATE] += len(uses) if late else 0
    for plane in range(3):
        place = _open_bucket(room, plane, at_ms // _WIDTH[plane], newest // _WIDTH[plane] - _KEPT[plane])
        if place >= 0:
            room.counts[plane, place, 0] += len(uses)
            for column in range(4):
                for event in uses:
                    room.counts[plane, place, 1 + column] += events[INPUT + column, event]
    day = _open_day(room, at_ms // DAY_MS)
    if day >= 0:
        for event in uses:
            room.asked[day, events[CAPABILITY, event]] += 1
    for kind in range(sketches):
        for event in uses:
            if events[USER + kind, event] >= 0:
                _add_distinct(room, kind, events[USER + kind, event], hour, WEEK_HOURS)


@borrowing
def _view_link(room: Room, moment: Ints) -> float:
    """Write what is counted of the link, as of its newest use, into one moment; the share of its capability."""
    as_of = room.numbers[LAST_MS]
    hour = as_of // HOUR_MS
    moment[COUNTED] = as_of
    # Every bucket that is kept lies inside its window: a newer one clears out those that have left it.
    for row in range(room.sizes[HOURS]):
        counts = room.counts[HOURS, row]
        moment[COUNTED + 1] += counts[0]
        moment[COUNTED + 2] += counts[1] + counts[2]
        moment[COUNTED + 3] += counts[3]
    for kind in range(_KINDS_OF_LINK_SKETCH):
        moment[COUNTED + 4 + kind] = _distinct(room, kind, hour - WEEK_HOURS)
    moment[COUNTED + 7] = room.sizes[HOURS]
    moment[COUNTED + 8], share = _focus(room, as_of // DAY_MS, _CAPABILITIES)
    return share


@compiled
def view_link(stored: Bytes, facts: Ints, moment: Ints) -> float:
    """As `fold_links` does before a minute, of a stored link as it stands."""
    room = make_room()
    read_link(stored, 0, len(stored), facts, room)
    return _view_link(room, moment)


@borrowing
def read_link(stored: Bytes, first: int, end: int, facts: Ints, room: Room) -> None:
    """Lay out the link stored in `stored[first:end]`; a new one if that is empty."""
    _clear(room)
    room.numbers[REQUESTS], room.numbers[LATE] = facts[LINK_REQUESTS], facts[LINK_LATE]
    room.numbers[LAST_MS] = facts[LINK_NEWEST_MS]
    if end == first:
        return
    ahead, at = _take(stored, first + 1)
    for plane in range(3):
        at = _read_buckets(room, plane, stored, at)
    for kind in range(_KINDS_OF_LINK_SKETCH):
        at = _read_sketch(room, kind, room.numbers[LAST_MS] // HOUR_MS + ahead, stored, at)
    _read_days(room, stored, at)


@borrowing
def _write_link(room: Room, out: Bytes, at: int) -> int:
    """Store the numbers of the link; where they end.

    Whoever held it alone until it was shared may have used it last in an hour `ahead` of its newest counted use.
    """
    newest = latest = room.numbers[LAST_MS] // HOUR_MS
    for row in range(room.sizes[SKETCHES]):
        latest = max(latest, room.hours[0, row])
    out[at] = LINK_VERSION
    at = _put(out, at + 1, latest - newest)
    for plane in range(3):
        at = _write_buckets(room, plane, out, at)
    for kind in range(_KINDS_OF_LINK_SKETCH):
        at = _write_sketch(room, kind, latest, out, at)
    return _write_days(room, out, at)
