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

MIN_SCORE = 3.0
"""Below this sum nothing is called: one strong cue, or three weak ones, in a request of ordinary length."""

ORDINARY_TOKENS = 48
"""A request of so many tokens is not damped; one of twice as many counts 1 / 1.5, and so on with the logarithm."""

HALF_STRENGTH = 4.0
"""The sum at which the strength is one half."""

_WORDS: dict[Capability, dict[int, str]] = {
    "reasoning": {
        3: "theorem lemma prove proof derive deduce puzzle riddle step-by-step reasoning chain-of-thought equation integral derivative "
        "probability combinatorics polynomial",
        2: "logic logical solve deduction mathematical math maths geometry algebra calculus calculate hypothesis paradox infer premise "
        "inequality contradiction prime modulo",
        1: "think explain why steps step sum square root angle reason conclude assume analyse analyze compare argument divided times",
    },
    "coding": {
        3: "python javascript typescript java c++ c# rust golang kotlin php ruby html css sql bash compile compiler "
        "refactor debug stacktrace traceback def const printf println codebase regex numpy fortran nodejs node.js react django "
        "``` function() unittest pytest typeerror syntaxerror nullpointerexception haskell perl scala matlab powershell lambda recursion",
        2: "code function script program class method algorithm variable syntax loop api bug compiling programming array "
        "string boolean integer int struct pointer module import return implement snippet repository git docker linux command fix",
        1: "write list output input object error server file test software parameter argument sort element elements takes",
    },
    "tool_use": {
        3: "pretrained pre-trained huggingface torchhub tensorflowhub plugin webhook endpoint tool-call function-call tensorflow",
        2: "api apis tool tools library invoke model models orchestrate workflow automate agent agents",
        1: "call recommend suggest provide search find select detect classify classification recognize generate audio speech video "
        "convert service book schedule application app",
    },
    "data_analysis": {
        3: "dataset datasets dataframe pandas csv spreadsheet excel regression correlation visualization visualisation histogram pivot "
        "anova forecast quartile outliers tableau",
        2: "data column columns rows row chart plot graph statistics statistical table trend median variance mean cluster clustering "
        "metrics aggregate tabular survey",
        1: "average analyze analyse analysis summary report sales revenue percentage group distribution total",
    },
    "vision": {
        3: "screenshot ocr",
        2: "image images photo photos picture pictures",
        1: "camera visual pixel diagram drawing figure caption bounding scanned",
    },
    "rubric_grading": {
        3: "rubric rubrics grader grading",
        2: "score scores scoring judge rate rating grade evaluate evaluating evaluation evaluator criteria criterion assess assessing "
        "feedback preference pairwise",
        1: "response responses answer answers assistant reference scale quality helpful helpfulness harmless honest verdict "
        "better instruction instructions integer strictly accurate",
    },
    "policy_sensitive": {
        3: "censorship censored censor dissident dissidents jailbreak authoritarian authoritarianism propaganda uncensored "
        "disallowed genocide tiananmen extremist bioweapon",
        2: "political politically sensitive controversial regime protest protests refuse refusal harmful illegal weapon weapons explosive "
        "bypass policy-compliant democracy dictatorship surveillance hate drugs malware exploit suicide bomb hack steal",
        1: "policy government party leader leaders rewrite neutral safe unsafe compliant rights guidelines topic racist violence police",
    },
}


class Cue(NamedTuple):
    """A word that speaks for capabilities: (position in CAPABILITIES, weight) pairs."""

    word: str
    weights: tuple[tuple[int, int], ...]


class Shape(NamedTuple):
    """What is asked for beside the words: images sent, tools offered, tool calls in the conversation, effort."""

    images: int = 0
    tools: int = 0
    tool_parts: int = 0
    reasoning_effort: str | None = None


_EFFORT = {"high": 3.0, "xhigh": 3.0, "max": 3.0, "medium": 1.0}
_ENDINGS = ("", ".", ",", ":", ";", "?", "!", ")", "].", ").", "),", "**", ":**", "'s")
_OPENINGS = ("", "(", "**", "#", "##", "###", "[", "-")


def _cues() -> dict[str, Cue]:
    """Return the cues by every token they may come as: looking a token up is cheaper than taking it apart."""
    by_word: dict[str, list[tuple[int, int]]] = {}
    for capability, words_by_weight in _WORDS.items():
        for weight, words in words_by_weight.items():
            for word in words.split():
                by_word.setdefault(word, []).append((CAPABILITIES.index(capability), weight))
    cues = [Cue(word, tuple(weights)) for word, weights in by_word.items()]
    return {f"{before}{cue.word}{after}": cue for before in _OPENINGS for after in _ENDINGS for cue in cues}


_CUES = _cues()
_TOKENS_OF_CUES = frozenset(_CUES)


def score(tokens: list[str], shape: Shape) -> tuple[Capability, float]:
    """Return the capability that `tokens` and `shape` ask for, and its strength (0..1, two digits)."""
    scores = [0.0] * len(CAPABILITIES)
    for cue in {_CUES[token] for token in _TOKENS_OF_CUES.intersection(tokens)}:
        for position, weight in cue.weights:
            scores[position] += weight
    if len(tokens) > ORDINARY_TOKENS:
        damping = 1 + log2(len(tokens) / ORDINARY_TOKENS) / 2
        scores = [each / damping for each in scores]
    _add_shape(scores, shape)
    best = max(scores)
    if best < MIN_SCORE:
        return "other", 0.0
    return CAPABILITIES[scores.index(best)], round(best / (best + HALF_STRENGTH), 2)


def _add_shape(scores: list[float], shape: Shape) -> None:
    """Add to `scores` what the shape of the request says."""
    if shape.images:
        scores[CAPABILITIES.index("vision")] += 6.0
    if shape.tool_parts:
        scores[CAPABILITIES.index("tool_use")] += 5.0
    elif shape.tools:
        scores[CAPABILITIES.index("tool_use")] += 3.0
    if shape.reasoning_effort is not None:
        scores[CAPABILITIES.index("reasoning")] += _EFFORT.get(shape.reasoning_effort.lower(), 0.0)
