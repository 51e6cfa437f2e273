"""Prompts, arrival times and sizes from ../shared/data, for simulations. A whole corpus serves one side only.

Rows of half "test" alone (`prompt_corpora`): the fingerprint's cues were chosen on the other. Lengths are matched: both
sides draw a length from the grammar's distribution, and get rows of about that length, put together if they are short
and cut if they are long.
"""

import csv
import gzip
from bisect import bisect
from collections.abc import Iterable
from datetime import datetime
from random import Random

from streams.events import Capability
from streams.scenarios.prompts.grammar import length
from streams.scenarios.stage import Sources
from tests.evaluation.prompt_corpora import DIRECTORY, Half, rows

TRAFFIC = DIRECTORY.parent / "traffic"
HALF: Half = "test"
NEARBY = 12
"""One of so many rows that are next in length is taken."""

DISTILL = ("distill_codegen", "distill_tool_use", "distill_rubric_grading")
BENIGN = ("benign_chat", "benign_hard_questions", "benign_intents")

CORPORA_OF: dict[Capability, frozenset[str]] = {
    "coding": frozenset({"distill_codegen", "benign_chat"}),
    "tool_use": frozenset({"distill_tool_use", "benign_chat"}),
    "rubric_grading": frozenset({"distill_rubric_grading"}),
    "reasoning": frozenset({"benign_hard_questions"}),
    "other": frozenset({"benign_intents"}),
}
"""Corpora that ask for a capability. Where a side has none, it takes whatever it has."""


class Corpora:
    """First messages out of some corpora."""

    def __init__(self, names: Iterable[str]) -> None:
        """Read the corpora of those names."""
        texts = {name: [row.text for row in rows(name, HALF)] for name in names}
        everything = sorted((text for each in texts.values() for text in each), key=len)
        self._texts: dict[str, list[str]] = {}
        for capability, wanted in CORPORA_OF.items():
            mine = sorted((text for name in texts if name in wanted for text in texts[name]), key=len)
            self._texts[capability] = mine or everything
        self._everything = everything

    def opening(self, random: Random, capability: Capability, beside: int = 0) -> str:
        """One or several rows, of the length of an ordinary prompt."""
        wanted = max(1, length(random.gauss(0.0, 1.0)) - beside)
        texts = self._texts.get(capability, self._everything)
        said = ""
        while len(said) < 0.7 * wanted:
            place = bisect(texts, wanted - len(said), key=len) - NEARBY // 2 + int(random.random() * NEARBY)
            said += (" " if said else "") + texts[max(0, min(place, len(texts) - 1))]
        return said[: int(1.3 * wanted)]


def sources(*, swapped: bool) -> Sources:
    """Distillation corpora for extractors and the others for innocents, or the other way round; real chat's traffic."""
    extracted, innocent = (BENIGN, DISTILL) if swapped else (DISTILL, BENIGN)
    offsets, tokens = _chat()
    return Sources(innocent=Corpora(innocent), extracted=Corpora(extracted), output_tokens=tokens, within_hour=offsets)


def _chat() -> tuple[tuple[float, ...], tuple[int, ...]]:
    """When in their hour the requests of the chat trace came, as shares of it in order, and the tokens of answers."""
    with gzip.open(TRAFFIC / "azure_conv.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        found = [(row["TIMESTAMP"][:26], int(row["GeneratedTokens"])) for row in csv.DictReader(lines)]
    seconds = [datetime.fromisoformat(at).timestamp() for at, _ in found]
    first, last = min(seconds), max(seconds)
    shares = sorted((at - first) / (last - first + 1) for at in seconds)
    return tuple(shares), tuple(tokens for _, tokens in found)
