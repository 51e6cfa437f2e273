"""What is asked for: words, shape, word boundaries, and that length alone says nothing."""

import pytest

from streams.events import CAPABILITIES
from streams.fingerprint.capability import Shape, score
from streams.fingerprint.cues import CUES
from streams.fingerprint.masking import tokenised


def called(text: str, shape: Shape = Shape()) -> str:  # noqa: B008 - immutable
    """Return the capability called for a prompt."""
    return score(tokenised(text), shape)[0]


@pytest.mark.parametrize(
    ("text", "capability"),
    [
        ("Prove the theorem and explain every step of the proof.", "reasoning"),
        ("Solve this equation step-by-step: 3x + 4 = 10.", "reasoning"),
        ("Write a Python function that reverses a linked list.", "coding"),
        ("Why does this not compile?\n```\nint main() { return 0 }\n```", "coding"),
        ("Which pre-trained model and API should I call to transcribe audio?", "tool_use"),
        ("Plot the correlation between the columns of this dataset as a chart.", "data_analysis"),
        ("Read the text in this screenshot.", "vision"),
        ("You are a strict judge. Rate the answer from 1 to 10 by this rubric: correct, clear.", "rubric_grading"),
        ("Score both responses against the criteria below and say which answer is better.", "rubric_grading"),
        ("Rewrite this so that it avoids politically sensitive words about censorship.", "policy_sensitive"),
        ("What should I cook for dinner tonight?", "other"),
        ("set an alarm for seven", "other"),
        ("", "other"),
    ],
)
def test_a_plain_request_is_called_by_what_it_asks(text: str, capability: str) -> None:
    assert called(text) == capability


@pytest.mark.parametrize("text", ["pythonesque", "misgrading", "a-rubrical", "thetheorem", "datasetter", "rubricated."])
def test_a_cue_inside_another_word_is_no_cue(text: str) -> None:
    assert called(text) == "other"


@pytest.mark.parametrize(
    "text", ["rubric", "Rubric:", "(rubric)", "###Rubric:", "**rubric**", "rubric?", "the rubric."]
)
def test_punctuation_does_not_hide_a_cue(text: str) -> None:
    assert called(text) == "rubric_grading"


def test_a_quoted_or_fenced_text_is_not_what_is_asked() -> None:
    assert called('Translate "prove the theorem in python" into Dutch') == "other"


def test_images_tools_and_effort_speak_for_themselves() -> None:
    assert called("", Shape(images=1)) == "vision"
    assert called("", Shape(tools=1)) == "tool_use"
    assert called("", Shape(tool_parts=1)) == "tool_use"
    assert called("", Shape(reasoning_effort="HIGH")) == "reasoning"
    assert called("", Shape(reasoning_effort="low")) == "other"


def test_tools_offered_do_not_outweigh_a_plain_programming_request() -> None:
    assert called("Refactor this Python class and debug the function", Shape(tools=12)) == "coding"


def test_grading_is_called_though_what_is_graded_is_code() -> None:
    grading = "Score the response with this rubric and criteria, then give feedback as an evaluator. "
    graded = "Write Python code, a function, a class, a method, a loop, a variable and a unittest in Django."
    assert called(grading + graded) == "rubric_grading"


def test_repeating_a_cue_adds_nothing() -> None:
    once = score(tokenised("solve the puzzle"), Shape())
    assert score(tokenised("solve the puzzle " + "puzzle " * 20), Shape()) == once


def test_a_longer_text_with_the_same_cues_is_weaker() -> None:
    short = score(tokenised("Prove the theorem by deduction"), Shape())[1]
    long = score(tokenised("Prove the theorem by deduction " + "lorem ipsum " * 200), Shape())[1]
    assert 0 <= long < short <= 1


def test_one_cue_in_a_long_text_calls_nothing() -> None:
    assert called("tell me about the garden of my aunt " * 40 + "python") == "other"


def test_every_cue_is_a_single_word_in_lower_case_and_no_capability_repeats_one() -> None:
    for capability, words_by_weight in CUES.items():
        words = [word for line in words_by_weight.values() for word in line.split()]
        assert capability in CAPABILITIES
        assert len(words) == len(set(words)), capability
        assert all(word == word.lower() for word in words)
