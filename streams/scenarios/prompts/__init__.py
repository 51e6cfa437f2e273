"""Prompts from a grammar of our own, one file a capability, with thousands of distinct forms of each."""

from collections.abc import Mapping
from random import Random
from typing import Protocol

from streams.events import Capability
from streams.scenarios.prompts.chat import CHAT
from streams.scenarios.prompts.coding import CODING
from streams.scenarios.prompts.data_analysis import DATA_ANALYSIS
from streams.scenarios.prompts.grammar import Grammar, compose, elaborate, length, pick
from streams.scenarios.prompts.policy_sensitive import POLICY_SENSITIVE
from streams.scenarios.prompts.reasoning import REASONING
from streams.scenarios.prompts.rubric_grading import RUBRIC_GRADING
from streams.scenarios.prompts.tool_use import TOOL_USE
from streams.scenarios.prompts.vision import VISION
from streams.scenarios.prompts.words import LEAD_INS, REPLIES

LEAD_IN_SHARE, ELABORATED_SHARE = 0.4, 0.5

GRAMMARS: Mapping[Capability, Grammar] = {
    "reasoning": REASONING,
    "coding": CODING,
    "tool_use": TOOL_USE,
    "data_analysis": DATA_ANALYSIS,
    "vision": VISION,
    "rubric_grading": RUBRIC_GRADING,
    "policy_sensitive": POLICY_SENSITIVE,
    "other": CHAT,
}


class Prompts(Protocol):
    """A source of first messages."""

    def opening(self, random: Random, capability: Capability, beside: int = 0) -> str:
        """A first message that asks for `capability`, of a common length, with `beside` characters spoken for."""


class OwnGrammar:
    """Prompts of the grammar in this package."""

    def opening(self, random: Random, capability: Capability, beside: int = 0) -> str:
        """40 to 1,200 characters, heavy-tailed, with `beside` of them spoken for."""
        return compose(random.random, GRAMMARS[capability], length(random.gauss(0.0, 1.0)) - beside)


GRAMMAR = OwnGrammar()


def follow_up(random: Random, capability: Capability) -> str:
    """A later message: one short sentence, and in half of them some detail."""
    grammar = GRAMMARS[capability]
    parts = [pick(random.random, grammar.follow_ups)]
    if random.random() < LEAD_IN_SHARE:
        parts.insert(0, pick(random.random, LEAD_INS))
    if random.random() < ELABORATED_SHARE:
        parts += elaborate(random.random, grammar.details, length(random.gauss(0.0, 1.0)))
    return " ".join(parts)


def reply(random: Random) -> str:
    """What the model answered: one to five sentences, kept in the history of a conversation."""
    return " ".join([pick(random.random, REPLIES) for _ in range(1 + int(random.random() * 5))])
