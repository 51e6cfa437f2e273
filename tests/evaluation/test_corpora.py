"""Real prompts in simulations: one side each, lengths matched, times and sizes of real traffic."""

from random import Random
from statistics import median

import pytest

from streams.events import CAPABILITIES
from streams.scenarios import MONDAY_MS, Stage, play
from streams.scenarios.stage import HOUR_MS, Sources
from tests.evaluation.corpora import sources
from tests.evaluation.prompt_corpora import DIRECTORY

needs_corpora = pytest.mark.skipif(not DIRECTORY.is_dir(), reason=f"the prompt corpora are not at {DIRECTORY}")


def test_a_time_stays_in_its_hour_and_follows_the_shares() -> None:
    moved = Sources(within_hour=(0.0, 0.5)).moved
    assert [moved(at) for at in (0, HOUR_MS // 2 - 1, HOUR_MS // 2, HOUR_MS)] == [0, 0, HOUR_MS // 2, HOUR_MS]
    assert Sources().moved(1_234) == 1_234


@needs_corpora
@pytest.mark.parametrize("swapped", [False, True])
def test_both_sides_are_of_the_same_length(swapped: bool) -> None:
    random, drawn = Random(1), sources(swapped=swapped)
    for capability in CAPABILITIES:
        one = [len(drawn.innocent.opening(random, capability)) for _ in range(400)]
        other = [len(drawn.extracted.opening(random, capability)) for _ in range(400)]
        assert 0.6 < median(one) / median(other) < 1.6


@needs_corpora
def test_a_corpus_changes_sides_as_a_whole() -> None:
    straight, swapped = sources(swapped=False), sources(swapped=True)
    for capability in CAPABILITIES:
        seeds = range(50)
        innocents = {straight.innocent.opening(Random(seed), capability) for seed in seeds}
        assert innocents == {swapped.extracted.opening(Random(seed), capability) for seed in seeds}
        assert innocents.isdisjoint(straight.extracted.opening(Random(seed), capability) for seed in seeds)


@needs_corpora
def test_a_simulation_takes_its_prompts_and_sizes_from_there() -> None:
    drawn = sources(swapped=False)
    stages = [Stage("ordinary", 1, 0.005, MONDAY_MS, sources=drawn), Stage("relay", 1, 0.01, MONDAY_MS, sources=drawn)]
    records = [record for record, _ in play(stages)]
    answered = [record.output_tokens for record in records if record.finish_reason in {"stop", "tool_use", "length"}]
    assert set(answered) <= set(drawn.output_tokens)
