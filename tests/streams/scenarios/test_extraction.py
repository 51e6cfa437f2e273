"""Templates of extractors: the stronger the rewording, the less two prompts of one template have in common."""

from itertools import combinations
from random import Random
from statistics import mean

import pytest

from streams.events import CAPABILITIES
from streams.scenarios.prompts.extraction import STRENGTHS, TEMPLATES, Strength, Template


class OneQuestion:
    """Always the same question, so that what differs is the frame around it."""

    def opening(self, _random: Random, _capability: object, beside: int = 0) -> str:
        return f"What is {beside * 0}?"


def frames(template: Template, strength: Strength, count: int = 60) -> list[str]:
    random = Random(7)
    return [template.write(random, OneQuestion(), strength).partition("Candidate answer")[0] for _ in range(count)]


def overlap(one: str, other: str) -> float:
    """The Jaccard similarity of their words."""
    first, second = set(one.lower().split()), set(other.lower().split())
    return len(first & second) / len(first | second)


def likeness(template: Template, strength: Strength) -> float:
    return mean(overlap(one, other) for one, other in combinations(frames(template, strength), 2))


def test_every_capability_that_campaigns_extract_has_templates() -> None:
    assert set(TEMPLATES) == set(CAPABILITIES) - {"other"}
    assert all(template.capability == capability for capability, of in TEMPLATES.items() for template in of)


@pytest.mark.parametrize("capability", TEMPLATES)
def test_each_strength_leaves_less_in_common_than_the_one_before(capability: str) -> None:
    for template in TEMPLATES[capability]:  # type: ignore[index]
        alike = [likeness(template, strength) for strength in STRENGTHS]
        assert alike[0] == 1.0
        assert alike == sorted(alike, reverse=True)
        assert alike[1] > 0.6
        assert alike[2] < 0.6


@pytest.mark.parametrize("capability", TEMPLATES)
def test_rewording_whole_sentences_gives_many_frames(capability: str) -> None:
    for template in TEMPLATES[capability]:  # type: ignore[index]
        assert len(set(frames(template, "sentences", 500))) > 30


@pytest.mark.parametrize("strength", STRENGTHS)
def test_no_slot_is_left_open(strength: Strength) -> None:
    for templates in TEMPLATES.values():
        for template in templates:
            for frame in frames(template, strength):
                assert "%s" not in frame
                assert "{" not in frame
                assert " | " not in frame


def test_a_judge_is_given_an_answer_to_judge() -> None:
    (template,) = TEMPLATES["rubric_grading"]
    assert "Candidate answer: " in template.write(Random(1), OneQuestion(), "fixed")
