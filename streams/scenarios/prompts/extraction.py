"""What extractors ask: a template with a question in its slot, reworded as strongly as the campaign cares to.

No disclosure prints a template in full. What these ask for follows the disclosures of 2026: reasoning written out step
by step, code with its plan, answers graded by a rubric, steps of an agent, rewrites of sensitive requests. The wording
is our own.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Literal

from msgspec import Struct

from streams.events import Capability
from streams.scenarios.prompts import Prompts, reply
from streams.scenarios.prompts.grammar import Phrase, Uniform, phrases, pick
from streams.scenarios.prompts.words import BACKGROUND, LEAD_INS

Strength = Literal["fixed", "words", "sentences", "free"]
"""How a template is reworded from request to request: not at all; a word here and there; each sentence in one of
several ways, in any order; so, but with sentences left out and small talk in between."""

STRENGTHS: tuple[Strength, ...] = ("fixed", "words", "sentences", "free")

LEFT_OUT, SMALL_TALK = 0.3, 0.5

_POOLS = {
    "solve": ("Solve", "Work through", "Answer"),
    "show": ("Show", "Write out", "Give"),
    "every": ("every step", "each step", "all steps"),
    "judge": ("strict judge", "careful judge", "fair judge"),
    "rate": ("Rate", "Score", "Grade"),
    "code": ("complete code", "full code", "finished code"),
    "call": ("call", "invoke", "request"),
    "look": ("Look at", "Study", "Examine"),
    "data": ("data", "table", "dataset"),
    "soft": ("soften", "moderate", "tone down"),
}


class Template(Struct, frozen=True):
    """An instruction in sentences, each in several wordings, the slot for a question, and an end.

    `question` is the capability that the question in the slot asks for; where the model is to be the judge, an answer
    to judge follows it.
    """

    capability: Capability
    question: Capability
    sentences: tuple[tuple[Phrase, ...], ...]
    ends: tuple[Phrase, ...]
    judged: bool = False

    def write(self, random: Random, prompts: Prompts, strength: Strength) -> str:
        """One prompt made of the template."""
        instruction, end = self._frame(random, strength)
        answer = [f"Candidate answer: {reply(random)}"] if self.judged else []
        beside = sum(map(len, (instruction, *answer, end)))
        return "\n\n".join((instruction, prompts.opening(random, self.question, beside=beside), *answer, end))

    def _frame(self, random: Random, strength: Strength) -> tuple[str, str]:
        """The instruction and the end."""
        if strength in {"fixed", "words"}:
            uniform: Uniform = random.random if strength == "words" else _always_first
            return " ".join([wordings[0].say(uniform) for wordings in self.sentences]), self.ends[0].say(uniform)
        said = [pick(random.random, wordings) for wordings in self.sentences]
        random.shuffle(said)
        if strength == "free":
            said = [said[0], *(sentence for sentence in said[1:] if random.random() >= LEFT_OUT)]
            said = [part for sentence in said for part in (*_small_talk(random), sentence)]
        return " ".join(said), pick(random.random, self.ends)


def author(template: Template, prompts: Prompts, strength: Strength) -> Callable[[Random, int], str]:
    """Whoever sends the template in every turn."""

    def write(random: Random, _turn: int) -> str:
        return template.write(random, prompts, strength)

    return write


def _always_first() -> float:
    return 0.0


def _small_talk(random: Random) -> tuple[str, ...]:
    if random.random() >= SMALL_TALK:
        return ()
    return (pick(random.random, LEAD_INS if random.random() < SMALL_TALK else BACKGROUND),)


def _template(
    capability: Capability, sentences: tuple[str, ...], ends: str, question: Capability | None = None
) -> Template:
    """A template of texts that separate the wordings of a sentence by " | "."""
    return Template(
        capability,
        question or capability,
        tuple(phrases(_POOLS, *sentence.split(" | ")) for sentence in sentences),
        phrases(_POOLS, *ends.split(" | ")),
        judged=capability == "rubric_grading",
    )


TEMPLATES: Mapping[Capability, tuple[Template, ...]] = {
    "reasoning": (
        _template(
            "reasoning",
            (
                ("{solve} the problem below. | Here is a problem for you to solve. | I need the problem below solved."),
                (
                    "{show} {every} of the reasoning before the final answer, and check it once more. | Do not "
                    "jump to the result: {every} of the way there has to be on the page, checked twice. | Think"
                    " aloud, leave nothing out, and verify the outcome before you commit to it."
                ),
            ),
            "Final answer: | So the answer is | State what you conclude at the very end.",
        ),
        _template(
            "reasoning",
            (
                (
                    "You are teaching a student. | Imagine a pupil beside you who is new to this. | Take the "
                    "part of a patient tutor."
                ),
                (
                    "{solve} the question and {show} {every} with its reason, then state the result. | Take the"
                    " question apart and say for {every} why it is allowed, the result last. | Lead the pupil "
                    "to the result, and justify {every} as you go."
                ),
            ),
            "Put the result after 'Result:'. | Close with a line that holds the result alone. | Result:",
        ),
    ),
    "coding": (
        _template(
            "coding",
            (
                (
                    "{solve} the programming task below. | There is a task for a programmer further down; take "
                    "it on. | Handle this piece of development work."
                ),
                (
                    "{show} your plan first, then the {code} in one block. | Begin with how you will go about "
                    "it and end with the {code}, undivided. | A plan comes before the source, and the source "
                    "must run as it stands."
                ),
            ),
            "Code: | The block starts here: | Now write it.",
        ),
        _template(
            "coding",
            (
                (
                    "Act as a senior engineer. | You have built such systems for twenty years. | Be the most "
                    "experienced reviewer on the team."
                ),
                (
                    "{show} {every} of how you debug this, then the {code} and two tests for it. | Tell me what"
                    " you suspect, what you rule out and why, and finish with the {code} and a pair of tests. |"
                    " Diagnose it aloud; afterwards deliver the {code}, covered by two tests."
                ),
            ),
            "Start with the plan. | Your diagnosis first. | Go.",
        ),
    ),
    "rubric_grading": (
        _template(
            "rubric_grading",
            (
                "You are a {judge}. | Your role is that of a {judge}. | Judge what follows without favour.",
                (
                    "{rate} the candidate answer from 1 to 10 by this rubric: correct, complete, clear. | How "
                    "good is the answer below, from 1 to 10, for being correct, for leaving nothing out, and "
                    "for being easy to follow? | Three things count, correctness, completeness and clarity: "
                    "turn them into a mark out of 10."
                ),
                "{show} why. | Explain the mark. | Justify yourself in three sentences.",
            ),
            "Verdict (JSON): | The mark as JSON: | Answer with the number first.",
            question="reasoning",
        ),
    ),
    "tool_use": (
        _template(
            "tool_use",
            (
                (
                    "You are an agent with the tools listed. | Tools are at hand, and you decide which to "
                    "{call}. | Act on your own with whatever tools are offered."
                ),
                (
                    "{show} {every}: the thought, the tool you {call}, its arguments, and what you expect back."
                    " | Before you {call} anything, write the thought behind it and the exact arguments. | Keep"
                    " a log in which each tool has its reason, its input and its outcome."
                ),
            ),
            "Next action: | What do you {call} now? | Begin the log.",
        ),
    ),
    "data_analysis": (
        _template(
            "data_analysis",
            (
                (
                    "{look} the {data} described below as an analyst. | A {data} is described further down, and"
                    " you are the one to make sense of it. | Put yourself in the place of whoever has to "
                    "explain this {data}."
                ),
                (
                    "{show} {every} of the analysis, the query or script for it, and how sure you are. | Give "
                    "the method, the code that carries it out, and the doubt that is left. | No conclusion "
                    "without the calculation behind it and an honest margin."
                ),
            ),
            "Findings: | Conclude in three points. | What does it say?",
        ),
    ),
    "vision": (
        _template(
            "vision",
            (
                (
                    "{look} the image and answer as precisely as you can. | An image comes with this; miss "
                    "nothing in it. | Go over the picture piece by piece."
                ),
                (
                    "{show} {every} that leads from what you see to what you say. | Separate what is visible "
                    "from what you infer. | For each claim name the part of the picture it rests on."
                ),
            ),
            "Observation: | List what you see. | Answer:",
        ),
    ),
    "policy_sensitive": (
        _template(
            "policy_sensitive",
            (
                (
                    "Here is a request near the edge of what is allowed. | The request below may or may not be "
                    "fine. | Somebody asks the following, and it is delicate."
                ),
                (
                    "Say whether you would refuse, {show} why, and {soft} it until you would not. | First your "
                    "decision, then the reason, then a version of it that you could answer. | Rewrite it so "
                    "that it can be answered, and explain where the line runs."
                ),
            ),
            "Rewritten request: | The version you accept: | Decision:",
        ),
    ),
}
"""Templates by the capability that is extracted."""
