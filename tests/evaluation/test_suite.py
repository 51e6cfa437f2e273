"""`make evaluate`: its seeds are its own, and its page says what it found, in a world small enough for a test."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.evaluation.bars import Bar
from tests.evaluation import evaluation_page, suite, tables
from tests.evaluation.evaluation_page import Found
from tests.evaluation.worlds import SMALL, reacted

ROOT = Path(__file__).parents[2]
TINY = replace(
    SMALL, days=0.5, ordinary=0.02, look_alikes=0.02, campaigns={"relay": 0.1, "diluted_25": 1.0, "thin": 0.02}
)


def test_nothing_but_the_suite_reads_the_unseen_seeds() -> None:
    files = [path for folder in ("streams", "agents", "tests") for path in (ROOT / folder).rglob("*.py")]
    naming = {path.name for path in files if "unseen_seeds" in path.read_text()}
    assert naming == {"suite.py", "evaluation_page.py", "test_suite.py"}
    seeds = suite.SEEDS.read_text().split()
    assert [path.name for path in files if any(seed in path.read_text() for seed in seeds)] == []


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_page_names_every_campaign_baseline_and_class() -> None:
    found = Found([reacted(TINY, 5)], suite.compared(TINY, 5))
    page = evaluation_page.written(found, Bar(), "now")
    for name in ("relay", "diluted_25", "thin", "shared framework", "Stillwatch", "PRADA", "MMD", "half-space trees"):
        assert f"| {name} |" in page
    assert "\nnow\n" in page
    assert "\n| 0.9 to 1.0 | " in page
    assert re.search(r"\nExpected calibration error 0\.\d{3}, Brier score 0\.\d{4}, over ", page)
    assert "On real prompts" not in page
    assert all(len(line) < 400 for line in page.splitlines())


def test_a_page_says_of_which_commit_and_which_seeds_it_is() -> None:
    said = suite.told("small", "0123456789ab-dirty", (3, 5), 14.4)
    assert said.startswith("`make evaluate SCALE=small` of commit 0123456789ab-dirty with seeds 3, 5 on ")
    assert said.endswith("; 14 minutes in all.")
    said = suite.told("weeks", None, (3,), 21)
    assert said.startswith("`make evaluate SCALE=weeks` of a commit that git does not tell with seed 3 on ")


def test_a_range_does_not_hide_on_which_side_of_a_bar_its_ends_are() -> None:
    assert tables.spread((0.0061, 0.0079, 0.0108)) == "0.8% (0.6% to 1.1%)"
    assert tables.spread((0.5, 0.5)) == "50.0%"
