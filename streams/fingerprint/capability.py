"""What a request asks of the model, and how strongly: words and shape, scored in one pass.

Each capability has cues: words that speak for it with a weight of 1 (weak) to 3 (strong). A cue counts once however
often it comes, so a long document does not outweigh a short question by repetition, and the sum is damped by the
length of what was read, because a long text meets more words of every kind. Images, tools and a raised reasoning
effort speak for themselves. The capability with the highest sum wins if it reaches `MIN_SCORE`, otherwise it is
`other`. No cue is a whole phrase or a fixed opening, so a grading prompt is found by what it asks, not by its first
line. The weights are set by hand on one half of the corpora; `deploy/fingerprint.md` has the recall on the other.
"""

from math import log2
from typing import NamedTuple

from streams.events import CAPABILITIES, Capability
from streams.fingerprint.cues import CUES

MIN_SCORE = 3.0
"""Below this sum nothing is called: one strong cue, or three weak ones, in a request of ordinary length."""

ORDINARY_TOKENS = 48
"""A request of so many tokens is not damped; one of twice as many counts 1 / 1.5, and so on with the logarithm."""

MIN_FRAME_SCORE = 10.0
"""A grading prompt is a frame around some other task: from this sum of its cues on, the frame counts double."""

HALF_STRENGTH = 4.0
"""The sum at which the strength is one half."""


class Shape(NamedTuple):
    """What is asked for beside the words: images sent, tools offered, tool calls in the conversation, effort."""

    images: int = 0
    tools: int = 0
    tool_parts: int = 0
    reasoning_effort: str | None = None


_REASONING, _TOOL_USE, _VISION, _RUBRIC = map(
    CAPABILITIES.index,
    ("reasoning", "tool_use", "vision", "rubric_grading"),
)
_EFFORT = {"high": 3.0, "xhigh": 3.0, "max": 3.0, "medium": 1.0}
_ENDINGS = ("", ".", ",", ":", ";", "?", "!", ")")
_DRESSED = ("({}", "({})", "##{}", "##{}:", "###{}", "###{}:", "**{}", "**{}**", "**{}:**", "[{}]", "{}'s")

_LANE = 16
"""A cue's weights for all capabilities are one integer, 16 bits each, so that adding up is one sum."""


def _cues() -> tuple[dict[str, int], list[int]]:
    """Return the numbers of the cues by every token they come as, and their weights (see `_LANE`) by number.

    Looking a token up is cheaper than taking its punctuation off; the table has some 10,000 entries.
    """
    by_word: dict[str, list[tuple[int, int]]] = {}
    for capability, words_by_weight in CUES.items():
        for weight, words in words_by_weight.items():
            for word in words.split():
                by_word.setdefault(word, []).append((CAPABILITIES.index(capability), weight))
    numbers: dict[str, int] = {}
    for number, word in enumerate(by_word):
        numbers |= dict.fromkeys([word + ending for ending in _ENDINGS], number)
        numbers |= dict.fromkeys([form.format(word) for form in _DRESSED], number)
    return numbers, [sum(weight << _LANE * position for position, weight in pairs) for pairs in by_word.values()]


_LANE_MASK = 2**_LANE - 1
_SHIFTS = range(0, _LANE * len(CAPABILITIES), _LANE)
_NUMBERS, _WEIGHTS = _cues()
_TOKENS = frozenset(_NUMBERS)


def score(tokens: list[str], shape: Shape) -> tuple[Capability, float]:
    """Return the capability that `tokens` and `shape` ask for, and its strength (0..1, two digits)."""
    found = {_NUMBERS[token] for token in _TOKENS.intersection(tokens)}
    total = sum([_WEIGHTS[number] for number in found])
    damping = 1 + max(0.0, log2(len(tokens) / ORDINARY_TOKENS)) / 2 if tokens else 1.0
    scores = [(total >> shift & _LANE_MASK) / damping for shift in _SHIFTS]
    if scores[_RUBRIC] * damping >= MIN_FRAME_SCORE:
        scores[_RUBRIC] *= 2
    _add_shape(scores, shape)
    best = max(scores)
    if best < MIN_SCORE:
        return "other", 0.0
    return CAPABILITIES[scores.index(best)], round(best / (best + HALF_STRENGTH), 2)


def _add_shape(scores: list[float], shape: Shape) -> None:
    """Add to `scores` what the shape of the request says."""
    if shape.images:
        scores[_VISION] += 6.0
    if shape.tool_parts:
        scores[_TOOL_USE] += 5.0
    elif shape.tools:
        scores[_TOOL_USE] += 3.0
    if shape.reasoning_effort is not None:
        scores[_REASONING] += _EFFORT.get(shape.reasoning_effort.lower(), 0.0)
