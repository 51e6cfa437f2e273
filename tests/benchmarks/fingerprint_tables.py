"""The tables of `deploy/fingerprint.md`: `python tests/benchmarks/fingerprint_tables.py`. Needs ../shared/data.

All figures are of half "test" of the corpora (`tests/evaluation/prompt_corpora.py`). Takes about a minute.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations
from random import Random

from streams.events import CAPABILITIES
from streams.fingerprint.capability import Shape, score
from streams.fingerprint.masking import SLOT, Masker, tokenised
from streams.fingerprint.sketch import MIN_WORDS
from streams.fingerprint.words import STOP_WORDS
from streams.scenarios.prompts import GRAMMAR
from streams.scenarios.relay import FAMILIES
from tests.benchmarks.sketch_candidates import CANDIDATES, Candidate
from tests.evaluation.prompt_corpora import DIRECTORY, NAMES, REWORDINGS, reworded, rows, sample

PROMPTS = 300
RESEMBLES = 0.5
MASKER = Masker()


def subjects(text: str) -> set[str]:
    """Return the words a sketch is made of."""
    return {word for word in MASKER.mask(text).template if word != SLOT and word not in STOP_WORDS}


def sketched(texts: Iterable[str]) -> list[tuple[str, set[str]]]:
    """Return the texts that say enough for a sketch, with their words."""
    pairs = ((text, subjects(text)) for text in texts)
    return [(text, words) for text, words in pairs if len(words) >= MIN_WORDS]


def recall(candidate: Candidate, name: str, how: str) -> float:
    """Return the share of prompts whose rewording still resembles them."""
    random = Random(7)
    pairs = sketched(sample(name, "test", PROMPTS))
    found = 0
    for text, words in pairs:
        after = subjects(reworded(text, how, random))
        if len(after) >= MIN_WORDS:
            likeness = candidate.similarity(candidate.sketch(words), candidate.sketch(after))
            found += likeness >= RESEMBLES
    return found / len(pairs)


def collisions(candidate: Candidate, name: str) -> float:
    """Return the share of pairs of different prompts that resemble each other."""
    sketches = [candidate.sketch(words) for _, words in sketched(sample(name, "test", 150))]
    alike = [candidate.similarity(one, other) >= RESEMBLES for one, other in combinations(sketches, 2)]
    return sum(alike) / len(alike)


def table(title: str, head: Iterable[str], body: Iterable[Iterable[str]]) -> None:
    """Print a table in Markdown."""
    columns = list(head)
    print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in body:
        print(f"| {' | '.join(row)} |")


def per_corpus(measure: Callable[[Candidate, str], float], digits: int) -> list[list[str]]:
    """Return a row of every candidate: its measure on every corpus, written with so many digits."""
    return [[each.name, *(f"{measure(each, name):.{digits}f}" for name in NAMES)] for each in CANDIDATES]


def print_sketch_tables() -> None:
    """Print recall by rewording and collisions, of the sketch in use and of what it was chosen from."""
    head = ["sketch", *NAMES]
    for how in REWORDINGS:
        table(f"Recall at similarity >= {RESEMBLES}: {how}", head, per_corpus(partial(recall, how=how), 2))
    table(f"Pairs of different prompts at similarity >= {RESEMBLES}", head, per_corpus(collisions, 5))


def print_template_table() -> None:
    """Print how often distinct prompts share a template, and how many have none."""
    body = []
    for name in NAMES:
        masked = [MASKER.mask(row.text) for row in rows(name, "test")]
        templates = Counter(" ".join(each.template) for each in masked if each.says_enough)
        sharing = sum(count for count in templates.values() if count > 1)
        without = 1 - sum(templates.values()) / len(masked)
        most = max(templates.values())
        body.append(
            [
                name,
                f"{len(masked):,}",
                f"{without:.3f}",
                f"{len(templates):,}",
                f"{sharing / len(masked):.3f}",
                str(most),
            ]
        )
    head = [
        "corpus",
        "distinct prompts",
        "without a template",
        "templates",
        "share of prompts that share one",
        "largest group",
    ]
    table("Templates", head, body)


def print_capability_table() -> None:
    """Print what is called in each corpus, and in grading prompts without their opening and instructions."""
    corpora = {name: [row.text for row in rows(name, "test")] for name in NAMES if name != "benign_chat"}
    for source in ("bfcl_live", "realhumaneval"):
        corpora[f"benign_chat: {source}"] = [row.text for row in rows("benign_chat", "test") if row.source == source]
    grading = corpora["distill_rubric_grading"]
    corpora["grading, first line removed"] = [text.partition("\n")[2] for text in grading]
    corpora["grading, from the graded instruction on"] = [text[text.index("###The instruction") :] for text in grading]
    for name in ("benign_hard_questions", "distill_codegen", "distill_tool_use"):
        corpora[f"{name}, first 100 characters"] = [text[:100] for text in corpora[name] if len(text) >= 100]
    body = []
    for name, texts in corpora.items():
        called = Counter(score(tokenised(text), Shape())[0] for text in texts)
        body.append([name, *(f"{called[capability] / len(texts):.3f}" for capability in CAPABILITIES)])
    table("Capability called, share of prompts", ["corpus", *CAPABILITIES], body)


def print_relay_table() -> None:
    """Print how the reworded template families of the simulated relay come out, whatever fills their slots."""
    random = Random(1)
    body = []
    for number, family in enumerate(FAMILIES, 1):
        masked = [MASKER.mask(family.write(random, GRAMMAR, "words")).template for _ in range(PROMPTS)]
        sketches = [CANDIDATES[0].sketch(set(words)) for words in masked]
        pairs = [random.sample(sketches, 2) for _ in range(1_000)]
        alike = sum(CANDIDATES[0].similarity(*pair) >= RESEMBLES for pair in pairs) / len(pairs)
        body.append([f"{number}: {family.capability}", str(len(set(map(tuple, masked)))), f"{alike:.3f}"])
    table(f"The relay's families, {PROMPTS} prompts each", ["family", "templates", "pairs that resemble"], body)


def main() -> None:
    """Print the tables, or say that the corpora are not there."""
    if not DIRECTORY.is_dir():
        sys.exit(f"The prompt corpora are not at {DIRECTORY}.")
    print_sketch_tables()
    print_template_table()
    print_capability_table()
    print_relay_table()


if __name__ == "__main__":
    main()
