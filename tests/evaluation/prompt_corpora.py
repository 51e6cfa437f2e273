"""The prompt corpora of ../shared/data, halved for tuning and measuring, and ways to reword a prompt.

Halves are by the hash of what belongs together (the question that is graded, the account that asks, otherwise the
text), so that near-duplicates of one source do not stand on both sides. Thresholds and cues were chosen on half
"tune"; tables and tests report half "test".
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

import msgspec

DIRECTORY = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "prompts"
NAMES = (
    "benign_chat",
    "benign_hard_questions",
    "benign_intents",
    "distill_codegen",
    "distill_rubric_grading",
    "distill_tool_use",
)
Half = Literal["tune", "test"]

_GRADED = "###The instruction to evaluate:"
_COURTESIES = (
    "Could you please help me with this? ",
    "Hello, thank you in advance. ",
    "Kindly do this for me: ",
    "Hi there! I would really appreciate it. ",
)
_SYNONYMS = """
    write compose author | function routine procedure | text passage | number value figure | list sequence collection |
    array vector | find locate | show display present | code program source | return output yield |
    check verify confirm | create make produce build | input argument | image picture photo | detect spot recognise |
    model network | explain describe clarify | compute determine calculate | forecast outlook | account profile |
    help assist | tell inform | best finest optimal | get obtain fetch | change modify alter | good great fine |
    response answer reply | instruction prompt task | score rating mark | feedback critique comments |
    evaluate assess judge | quality merit | user customer client | new fresh | sort order arrange |
    company firm business | website site page | implement develop | card pass | book reserve | trip journey travel |
    money cash funds | bill invoice | cost price | large big | quick fast | weather climate | identify name |
    suggest recommend propose | sentence phrase | word term
"""


class Row(msgspec.Struct, frozen=True):
    """One prompt of a corpus; `source` and `account` where the corpus has them."""

    text: str
    source: str = ""
    account: int | None = None

    @property
    def group(self) -> str:
        """What must not be split: the graded question, the account, otherwise the text."""
        if _GRADED in self.text:
            return self.text.partition(_GRADED)[2].strip().partition("\n")[0]
        return self.text if self.account is None else f"account {self.account}"


@cache
def rows(name: str, half: Half) -> tuple[Row, ...]:
    """Return the distinct rows of a corpus in one half, in the order of the file."""
    with gzip.open(DIRECTORY / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        every = {row.text: row for row in (msgspec.json.decode(line, type=Row) for line in lines)}
    wanted = half == "tune"
    return tuple(row for row in every.values() if (hashlib.sha256(row.group.encode()).digest()[0] & 1) == wanted)


def sample(name: str, half: Half, most: int, seed: int = 1) -> list[str]:
    """Return at most `most` texts of a corpus in one half, the same ones for the same seed."""
    texts = [row.text for row in rows(name, half)]
    return Random(seed).sample(texts, min(most, len(texts)))


def reworded(text: str, how: str, random: Random) -> str:
    """Return `text` reworded: `courtesy`, `synonyms`, `reordered`, or `without 10 %` (20, 30) of its words."""
    words = text.split(" ")
    if how == "courtesy":
        return random.choice(_COURTESIES) + text
    if how == "synonyms":
        return " ".join(_synonyms().get(word.lower().strip(".,?:"), word) for word in words)
    if how == "reordered":
        size = max(1, len(words) // 3)
        parts = [words[start : start + size] for start in range(0, len(words), size)]
        random.shuffle(parts)
        return " ".join(word for part in parts for word in part)
    share = int(how.split()[1]) / 100
    return " ".join(word for word in words if random.random() >= share) or text


REWORDINGS = ("courtesy", "synonyms", "reordered", "without 10 %", "without 20 %", "without 30 %")


@cache
def _synonyms() -> dict[str, str]:
    """Return a replacement for every word of the synonym groups: the next word of its group."""
    groups = [group.split() for group in _SYNONYMS.split("|")]
    return {word: group[(place + 1) % len(group)] for group in groups for place, word in enumerate(group)}
