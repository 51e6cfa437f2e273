"""What an account opens conversations with, one event at a time with sets: what the compiled fold must equal."""

from collections.abc import Iterator
from fractions import Fraction

from msgspec import Struct, field

from streams.distinct import hash32
from streams.events import SKETCH_ALPHABET, RequestEvent
from streams.instructions import Instruction
from streams.windows import HOUR_MS

KEPT, OPEN_KEPT, FORGOTTEN_AFTER_HOURS = 8, 4, 48
OPENINGS_BEFORE_HALVING = 1024
WORDING_BITS, MORE_WORDS = 62, 24
FEWEST_WORDINGS = 4
SKETCH_WORDS, WORDS = 16, 4096


class Asked(Struct):
    """One instruction."""

    words: frozenset[int]
    since_hour: int
    asked: int = 0
    followed: int = 0
    extracted: int = 0
    wordings: set[int] = field(default_factory=set)
    more_words: set[int] = field(default_factory=set)
    open: list[int] = field(default_factory=list)

    def laid_out(self) -> Instruction:
        """The instruction as `streams.room` lays it out."""
        return Instruction(
            tuple(sorted(self.words)),
            self.asked,
            self.followed,
            self.extracted,
            self.since_hour,
            sum(1 << bit for bit in self.wordings),
            tuple(sorted(self.more_words)),
            tuple(self.open),
        )

    @property
    def is_reworded(self) -> bool:
        """Whether it came in several wordings out of few words."""
        bits, more = len(self.wordings), len(self.more_words)
        seen = Fraction(max(self.words) + 1, WORDS) if len(self.words) == SKETCH_WORDS else Fraction(1)
        return (
            bits >= FEWEST_WORDINGS
            and more <= MORE_WORDS
            and bits >= more / seen + 2
            and bits >= Fraction(5, 4) * more / seen
        )


class Instructions(Struct):
    """The kept ones, the one that was used longest ago first, and the habit of the account elsewhere."""

    kept: list[Asked] = field(default_factory=list)
    openings: int = 0
    continued: int = 0

    @property
    def followed_share(self) -> float:
        """How many of its other openings the account follows up."""
        return min(1.0, self.continued / self.openings) if self.openings else 0.0

    def most_missing(self) -> Asked | None:
        """The reworded instruction that lacks most follow-ups; None if none lacks any."""
        lacking = [one for one in self.kept if one.is_reworded and self._missing(one) > 0]
        return max(lacking, key=self._missing, default=None)

    def _missing(self, one: Asked) -> float:
        return one.asked * self.followed_share - one.followed


def note_turn(instructions: Instructions, event: RequestEvent, at_ms: int) -> None:
    """Note an event that opens a conversation, or is the first to continue one."""
    if event.conversation_id is None:
        return
    conversation = hash32(event.conversation_id)
    if 1 <= event.turn_count <= 2:
        _open(instructions, event, conversation, at_ms // HOUR_MS)
    elif 3 <= event.turn_count <= 4:
        _continue(instructions, conversation)


def _open(instructions: Instructions, event: RequestEvent, conversation: int, hour: int) -> None:
    words = words_of(event.sketch or "")
    found = max(
        (one for one in instructions.kept if 20 * len(one.words & words) >= 9 * len(one.words | words) > 0),
        key=lambda one: len(one.words & words) / len(one.words | words),
        default=None,
    )
    if found is not None and hour - found.since_hour >= FORGOTTEN_AFTER_HOURS:
        instructions.kept.remove(found)
        found = None
    if found is None:
        instructions.openings += 1
        if instructions.openings >= OPENINGS_BEFORE_HALVING:
            instructions.openings //= 2
            instructions.continued //= 2
        if not words:
            return
        if len(instructions.kept) == KEPT:
            instructions.kept.remove(min(instructions.kept, key=lambda one: one.asked))
        found = Asked(words, hour)
    elif conversation in found.open:
        return
    else:
        instructions.kept.remove(found)
    instructions.kept.append(found)
    found.asked += 1
    found.extracted += event.capability != "other"
    for word in sorted(words - found.words):
        if len(found.more_words) <= MORE_WORDS:
            found.more_words.add(word)
    if event.template_hash is not None:
        found.wordings.add(hash32(event.template_hash) % WORDING_BITS)
    found.open = [conversation, *found.open][:OPEN_KEPT]


def _continue(instructions: Instructions, conversation: int) -> None:
    found = next((one for one in instructions.kept if conversation in one.open), None)
    if found is None or found.asked == 1:
        instructions.continued += 1
    if found is None:
        return
    found.followed += 1
    found.open.remove(conversation)
    if 2 * found.followed > found.asked:
        instructions.kept.remove(found)


def words_of(sketch: str) -> frozenset[int]:
    """The words of a sketch: 12 bits for each of its first 16 pairs of characters, if they are of the alphabet."""
    return frozenset(_words(sketch[:32]))


def _words(sketch: str) -> Iterator[int]:
    for first, second in zip(sketch[::2], sketch[1::2], strict=False):
        if first in SKETCH_ALPHABET and second in SKETCH_ALPHABET:
            yield SKETCH_ALPHABET.index(first) * 64 + SKETCH_ALPHABET.index(second)
