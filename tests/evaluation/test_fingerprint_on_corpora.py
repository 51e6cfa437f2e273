"""The fingerprint on real prompts: what is recognised after rewording, and how often unrelated people collide.

The bounds leave room below what half "tune" gave (tables: `deploy/fingerprint.md`); asserted is half "test".
"""

from collections import Counter
from itertools import combinations
from random import Random

import pytest

from streams.events import Message, RequestEvent, RequestRecord
from streams.fingerprint import Fingerprinter
from streams.fingerprint.sketch import similarity
from tests.evaluation.prompt_corpora import DIRECTORY, reworded, rows, sample

pytestmark = pytest.mark.skipif(not DIRECTORY.is_dir(), reason=f"the prompt corpora are not at {DIRECTORY}")

FINGERPRINTER = Fingerprinter(b"a key for the corpora")
RESEMBLES = 0.5


def fingerprint(text: str) -> RequestEvent:
    """Return the event of a request with this prompt."""
    return FINGERPRINTER.event(
        RequestRecord(
            event_id="e",
            occurred_at_ms=1_780_000_000_000,
            account_id="a",
            operation="chat",
            request_model="m",
            messages=[Message("user", text)],
        )
    )


def recall(name: str, how: str) -> float:
    """Return the share of sketched prompts whose rewording still resembles them."""
    random = Random(7)
    found = []
    for text in sample(name, "test", 400):
        before = fingerprint(text).sketch
        after = fingerprint(reworded(text, how, random)).sketch
        if before is not None:
            found.append(after is not None and similarity(before, after) >= RESEMBLES)
    return sum(found) / len(found)


@pytest.mark.parametrize(
    ("name", "how", "least"),
    [
        ("distill_codegen", "courtesy", 0.95),
        ("distill_codegen", "synonyms", 0.50),
        ("distill_codegen", "without 10 %", 0.95),
        ("distill_codegen", "without 20 %", 0.90),
        ("distill_codegen", "without 30 %", 0.80),
        ("distill_tool_use", "courtesy", 0.95),
        ("distill_tool_use", "synonyms", 0.80),
        ("distill_tool_use", "reordered", 0.90),
        ("distill_tool_use", "without 10 %", 0.95),
        ("distill_tool_use", "without 30 %", 0.80),
        ("distill_rubric_grading", "courtesy", 0.95),
        ("distill_rubric_grading", "without 20 %", 0.80),
        ("benign_hard_questions", "courtesy", 0.90),
        ("benign_hard_questions", "without 20 %", 0.80),
    ],
)
def test_a_reworded_prompt_still_resembles_itself(name: str, how: str, least: float) -> None:
    assert recall(name, how) >= least


@pytest.mark.parametrize(
    ("name", "most"),
    [("benign_chat", 0.004), ("benign_hard_questions", 0.001), ("benign_intents", 0.003), ("distill_tool_use", 0.003)],
)
def test_prompts_of_different_people_hardly_ever_resemble_each_other(name: str, most: float) -> None:
    sketches = [sketch for text in sample(name, "test", 200) if (sketch := fingerprint(text).sketch) is not None]
    alike = [similarity(one, other) >= RESEMBLES for one, other in combinations(sketches, 2)]
    assert sum(alike) / len(alike) <= most


@pytest.mark.parametrize(
    ("name", "most"), [("benign_chat", 0.06), ("benign_hard_questions", 0.01), ("benign_intents", 0.06)]
)
def test_few_prompts_of_different_people_share_a_template(name: str, most: float) -> None:
    texts = [row.text for row in rows(name, "test")]
    templates = Counter(fingerprint(text).template_hash for text in texts)
    shared = sum(count for template, count in templates.items() if template is not None and count > 1)
    assert shared / len(texts) <= most


def test_a_grading_campaign_has_a_handful_of_templates_whatever_it_grades() -> None:
    templates = Counter(fingerprint(row.text).template_hash for row in rows("distill_rubric_grading", "test"))
    assert len(templates) <= 4


def called(texts: list[str]) -> Counter[str]:
    """Return how often each capability is called."""
    return Counter(fingerprint(text).capability for text in texts)


def test_grading_is_found_without_its_opening_and_without_its_instructions() -> None:
    texts = sample("distill_rubric_grading", "test", 600)
    without_opening = [text.partition("\n")[2] for text in texts]
    without_instructions = [text[text.index("###The instruction") :] for text in texts]
    assert called(texts)["rubric_grading"] >= 0.9 * len(texts)
    assert called(without_opening)["rubric_grading"] >= 0.9 * len(texts)
    assert called(without_instructions)["rubric_grading"] >= 0.7 * len(texts)


def test_coding_is_found_and_an_assistant_request_is_mostly_nothing_special() -> None:
    coding = sample("distill_codegen", "test", 1_000)
    intents = sample("benign_intents", "test", 2_000)
    assert called(coding)["coding"] >= 0.9 * len(coding)
    assert called(intents)["other"] >= 0.98 * len(intents)
    assert called(intents)["rubric_grading"] <= 0.005 * len(intents)


def test_questions_about_tools_are_found_more_often_than_not_only_among_extractors() -> None:
    extracting = sample("distill_tool_use", "test", 1_000)
    chatting = [row.text for row in rows("benign_chat", "test") if row.source == "bfcl_live"]
    assert called(extracting)["tool_use"] >= 0.4 * len(extracting)
    assert called(chatting)["tool_use"] <= 0.08 * len(chatting)


def test_length_alone_does_not_make_a_capability() -> None:
    """Every corpus cut to the same 200 characters still has its capability more often than benign ones have it."""
    cut = {
        name: [text[:200] for text in sample(name, "test", 500) if len(text) >= 100]
        for name in ("benign_hard_questions", "distill_codegen", "distill_tool_use")
    }
    share = {name: Counter(called(texts)) for name, texts in cut.items()}
    assert share["distill_codegen"]["coding"] / len(cut["distill_codegen"]) >= 0.9
    assert share["distill_tool_use"]["tool_use"] / len(cut["distill_tool_use"]) >= 0.4
    assert share["benign_hard_questions"]["tool_use"] / len(cut["benign_hard_questions"]) <= 0.08
