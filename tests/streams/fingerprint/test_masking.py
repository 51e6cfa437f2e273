"""The template: what is a slot, where the template ends, and that the work is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.fingerprint.masking import (
    HEAD_CHARACTERS,
    MAX_TEMPLATE_WORDS,
    SLOT,
    TAIL_CHARACTERS,
    Masker,
    bounded,
    tokenised,
)

MASKER = Masker()


def template(text: str) -> str:
    """Return the template of `text` as one string."""
    return " ".join(MASKER.mask(text).template)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Add 3 and 4 to the sum", "Add 17 and 1,000.5 to the sum"),
        ('Translate "good day" into French', 'Translate "bye" into French'),
        ("Translate 'good day' into French", "Translate 'bye' into French"),
        ("Translate “good day” into French", "Translate “bye” into French"),
        ("Translate «good day» into French", "Translate «bye» into French"),
        ("What does `x = 1` print here?", "What does `print(2)` print here?"),
        ("Explain this code to me ```a\nb``` in short", "Explain this code to me ```\nimport os\n```"),
        ("Read report.pdf and list the risks", "Read ~/notes/may.txt and list the risks"),
        ("Open https://a.example/x?y=1 and list it", "Open http://b.example and list it"),
        ("Write to ann@example.com about rent", "Write to bob.b@example.org about rent"),
        ("Decode deadbeef00 for my job", "Decode aGVsbG8gd29ybGQhIQ== for my job"),
        (
            "Find 123e4567-e89b-12d3-a456-426614174000 in the log",
            "Find 00000000-0000-0000-0000-000000000000 in the log",
        ),
        ("Sort the list [1, 2, 3] for me", "Sort the list [4, 5, 6, 7, 8] for me"),
        ("Summarise the following article:\nCats purr.", "Summarise the following article:\nRates rose by 3 %."),
        ("Translate to French: good day", "Translate to French: see you soon"),
        ("Summarise this article <doc>Cats</doc>", "Summarise this article <text>Rates rose</text>"),
        ("Summarise this article\n---\nCats purr", "Summarise this article\n---\nRates rose"),
        ("Grade the essay\n### Essay\nCats purr", "Grade the essay\n### Essay\nRates rose"),
        (
            "Write a function that tells whether a number is prime.\nseven",
            "Write a function that tells whether a number is prime.\nnine",
        ),
        ("Summarise this report:\nCats purr.\nDogs bark.", "Summarise this report:\nRates rose.\nWages fell."),
        ("Summarise this report:   \n\nCats purr.", "Summarise this report:   \n\nRates rose."),
        ('Summarise this report: """\nCats purr.\n"""', 'Summarise this report: """\nRates rose.\n"""'),
        ("Summarise this report: >\nCats purr.\nDogs bark.", "Summarise this report: >\nRates rose.\nWages fell."),
        (
            "Rate clarity, rigour and style of this essay: cats purr.\nDogs bark.",
            "Rate clarity, rigour and style of this essay: rates rose.\nWages fell.",
        ),
    ],
)
def test_only_a_slot_differs_so_the_template_is_the_same(one: str, other: str) -> None:
    assert template(one) == template(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Add 3 and 4 to the sum", "Subtract 3 and 4 from the sum"),
        ("Summarise the following article: x", "Summarise the following poem: x"),
        ("Don't add the sum, it's wrong", "Do add the sum, it's right"),
        ("请总结以下文章", "请翻译以下文章"),
    ],
)
def test_the_words_differ_so_the_template_does(one: str, other: str) -> None:
    assert template(one) != template(other)


def test_an_instruction_after_its_input_is_the_template() -> None:
    closing = "Think step by step and put the final answer last."
    questions = ["Of 12 stamps, seven are blue. How many are not, if none is lost?", "Why is the sky blue?\n\nAnd red?"]
    assert {template(f"{question}\n\n{closing}\n") for question in questions} == {template(closing)}


def test_an_instruction_after_a_long_document_is_the_template() -> None:
    closing = "Summarise the text above in three bullet points."
    assert template("Cats purr and sleep. " * 2_000 + "\n" + closing) == template(closing)


def test_an_instruction_before_its_input_stays_the_template_whatever_the_input_ends_with() -> None:
    opening = "Solve the problem below, show every step and state the final answer at the end."
    endings = ["How many are not blue?", "Explain the result.", "Final answer:"]
    assert {template(f"{opening}\n\nOf 12 stamps five are blue.\n\n{ending}") for ending in endings} == {
        template(opening)
    }


def test_an_apostrophe_in_a_word_opens_no_quotation() -> None:
    assert template("I don't know what it's about") == "i don t know what it s about"


def test_a_courtesy_before_a_heading_is_no_instruction() -> None:
    grading = "###Task Description:\nAn instruction and a response to evaluate are given here.\n###Response: {}"
    assert template("Please help me with this: " + grading) == template(grading.format("x"))


def test_a_courtesy_with_a_colon_does_not_end_the_template() -> None:
    assert template("Kindly do this for me: list the rivers of Spain").endswith("rivers of spain")


def test_a_colon_within_the_line_that_instructs_does_not_end_the_template() -> None:
    opening = "Write out each step: the thought, the tool you call, and what you expect back."
    inputs = ["Which refunds are due on Friday?", "Find the lease of Cairo:\nthe one of May."]
    assert {template(f"{opening}\n\n{text}") for text in inputs} == {template(opening + "\n\n.")}
    assert template(f"{opening}\n\n{inputs[0]}").endswith("what you expect back")


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "1 2 3 4", "Hello there", "?!", "`" * 50, "\ud800 \udfff"])
def test_fewer_than_three_words_are_too_generic(text: str) -> None:
    assert not MASKER.mask(text).says_enough


def test_a_script_without_spaces_has_its_characters_as_words() -> None:
    assert template("请总结以下文章：猫") == "请 总 结 以 下 文 章"


def test_full_width_and_invisible_characters_change_nothing() -> None:
    assert template("Ｔｅｌｌ me\u200b the ca\u00adpital") == template("tell me the capital")


@given(st.text())
def test_any_text_has_a_template_and_masking_it_again_changes_nothing(text: str) -> None:
    once = template(text)
    assert template(once) == once


@given(st.text(alphabet=st.characters(codec=None, categories=None)))
def test_lone_surrogates_are_text_like_any_other(text: str) -> None:
    assert isinstance(template(text), str)


@given(
    st.integers(),
    st.integers(),
    st.text(alphabet="abc XYZ.,:-", min_size=1),
    st.text(alphabet="abc XYZ.,:-", min_size=1),
)
def test_changing_the_values_of_slots_keeps_the_template(n: int, m: int, a: str, b: str) -> None:
    form = 'Tell me in {} words what "{}" means to a child'
    assert template(form.format(n, a)) == template(form.format(m, b))


@pytest.mark.parametrize(
    "unit", ["7", '"', "`", "```", "[[[[", "'", "“", "a", "a ", "\n", " ", "\x00", "\ud800", "ﷺ", "'a ", '"\n', ":"]
)
def test_a_megabyte_is_read_only_at_its_ends(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    read = bounded(text)
    assert len(read) == HEAD_CHARACTERS + 1 + TAIL_CHARACTERS
    assert tokenised(text) == tokenised(read)
    assert template(text) == template(text * 2)


def test_the_end_of_a_long_text_is_read_too() -> None:
    assert "rubric" in tokenised("word " * 100_000 + "rubric")


def test_a_text_at_the_bound_is_read_whole() -> None:
    text = "x" * (HEAD_CHARACTERS + TAIL_CHARACTERS)
    assert bounded(text) == text


def test_a_template_is_no_longer_than_its_bound() -> None:
    assert len(MASKER.mask("word 请请请请 " * 1_000).template) == MAX_TEMPLATE_WORDS
    assert SLOT not in MASKER.mask("plain words only").template
