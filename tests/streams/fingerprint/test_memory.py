"""The memory: answers are the function's, computed once, and kept within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from streams.fingerprint.memory import MAX_KEPT_CHARACTERS, Memory


def test_a_question_that_comes_back_is_not_computed_again() -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return question.upper()

    memory = Memory(answer)
    assert [memory["a"], memory["a"], memory["b"]] == ["A", "A", "B"]
    assert asked == ["a", "b"]


def test_a_long_question_is_answered_and_not_kept() -> None:
    memory = Memory(len)
    question = "x" * (MAX_KEPT_CHARACTERS + 1)
    assert memory[question] == len(question)
    assert len(memory) == 0


@given(st.lists(st.text()))
def test_a_full_memory_is_emptied_and_goes_on_answering(questions: list[str]) -> None:
    memory = Memory(len, most=2)
    for question in questions:
        assert memory[question] == len(question)
        assert len(memory) <= 2
