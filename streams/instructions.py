"""What one account opens conversations with, again and again: up to eight instructions, each in all its wordings.

A request of one message, or of two (a system prompt comes first), opens a conversation. It has the same instruction as
a kept one if their sketches share 9 of 20 of their words; otherwise it founds an instruction of its own, and the one
that was asked least often makes way. An instruction is forgotten when more than half of its conversations were followed
up, because people talk; and when it is asked again 48 hours after it was first asked, so that nothing adds up for ever.
So of somebody who converses a few openings are kept, of somebody who extracts their template.

An instruction is *reworded* if it came in at least four wordings (templates), and in two more of them, and a quarter
more, than it has words beyond those of its first wording. Words that take each other's place at several places, as
synonyms do, make many wordings of few words; a slot filled from a list makes one wording more than it has words, and
slots filled from a spreadsheet use words without end (more than 24 are no rewording). Two slots, each filled from a
short list, look like synonyms: nothing here can tell.
"""

from msgspec import Struct


class Instruction(Struct, array_like=True):
    """One instruction, laid out: `words` are those of its first wording (12-bit hashes, as sketches have them).

    `asked` conversations were opened with it, `followed` of them followed up, `extracted` asked for what campaigns
    extract. `wordings` is a bitmap of 62 for its templates; two that share a bit count once, so there are no fewer than
    it says. `more_words` are up to 25 words of other wordings; `open` are the newest conversations by `hash32`, up to
    four, that were not followed up yet, the newest first.
    """

    words: tuple[int, ...]
    asked: int
    followed: int
    extracted: int
    since_hour: int
    wordings: int
    more_words: tuple[int, ...]
    open: tuple[int, ...]
