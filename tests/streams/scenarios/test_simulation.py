"""What every scenario promises: order, repeatability, valid records, honest truth, opaque ids, and no haste."""

from itertools import islice

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, SCENARIOS, Truth, describe, simulate, simulate_labelled

DAY_MS = 86_400_000
SMALL = 0.01
SIZES = {
    "ordinary": 50,
    "relay": 2,
    "synchronised": 6,
    "access_paths": 4,
    "release_pivot": 20,
    "hydra": 200,
    "quiet_relay": 5,
    "fixed_prompt": 35,
    "near_maximum": 3,
    "thin": 15,
    "diluted_5": 1,
    "diluted_10": 1,
    "diluted_25": 1,
    "adaptive": 3,
    "classroom": 1,
    "campus_nat": 3,
    "shared_framework": 15,
    "prompt_plugin": 8,
    "editor_commands": 8,
    "marketing_template": 4,
    "nightly_evaluation": 1,
    "continuous_integration": 1,
    "reseller_gateway": 1,
    "synthetic_data": 3,
    "release_benchmark": 3,
    "outage_retries": 8,
    "holiday": 6,
    "new_teams": 12,
}
"""How many accounts there are in the smallest world. Users of `four_requests` come and go as they please."""


Lines = list[tuple[RequestRecord, Truth]]


def play(*names: str, seed: int = 1, scale: float = SMALL, days: int = 1) -> Lines:
    return list(simulate_labelled(names, seed=seed, scale=scale, days=days))


def written(lines: Lines) -> list[bytes]:
    return [msgspec.json.encode(record) for record, _ in lines]


def accounts(lines: Lines) -> set[str]:
    return {record.account_id for record, _ in lines}


@pytest.fixture(scope="module")
def world() -> Lines:
    """Every scenario, small, in one world."""
    return play(*SCENARIOS)


@pytest.mark.no_cover
def test_another_seed_gives_other_accounts(world: Lines) -> None:
    assert accounts(world).isdisjoint(accounts(play(*SCENARIOS, seed=2)))


def test_every_record_decodes_by_the_contract(world: Lines) -> None:
    for line in written(world):
        record = msgspec.json.decode(line, type=RequestRecord)
        assert MONDAY_MS <= record.occurred_at_ms < MONDAY_MS + DAY_MS
        assert record.messages


def test_no_account_is_used_before_it_was_created(world: Lines) -> None:
    for record, _ in world:
        assert record.account_created_at_ms is not None
        assert record.account_created_at_ms < record.occurred_at_ms


def test_scenarios_are_merged_by_time(world: Lines) -> None:
    times = [record.occurred_at_ms for record, _ in world]
    assert times == sorted(times)


def test_event_ids_are_unique_over_all_scenarios(world: Lines) -> None:
    assert len({record.event_id for record, _ in world}) == len(world)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_plays_the_same_alone_and_beside_others(world: Lines, name: str) -> None:
    alone = play(name)
    members = accounts(alone)
    assert alone == [line for line in world if line[1].account_id in members]


def test_a_scenario_that_is_named_twice_plays_once() -> None:
    assert play("campus_nat", "campus_nat") == play("campus_nat")


def test_records_come_without_the_truth_from_simulate() -> None:
    assert list(simulate(["campus_nat"], seed=1, scale=SMALL)) == [record for record, _ in play("campus_nat")]


def test_each_account_has_one_truth_and_it_is_its_own(world: Lines) -> None:
    labels: dict[str, str] = {}
    for record, truth in world:
        assert truth.account_id == record.account_id
        assert labels.setdefault(record.account_id, truth.label) == truth.label
    assert {label.partition(":")[0] for label in labels.values()} == {"benign", "look_alike", "campaign"}
    assert {label.partition(":")[2] for label in labels.values()} == {"", *SCENARIOS} - {"ordinary"}


def test_only_campaigns_have_a_campaign_id(world: Lines) -> None:
    for _, truth in world:
        assert (truth.campaign_id is not None) == truth.label.startswith("campaign:")


@pytest.mark.parametrize("name", SIZES)
def test_the_scale_says_how_many_accounts_there_are(world: Lines, name: str) -> None:
    label = "benign" if name == "ordinary" else f":{name}"
    assert len({truth.account_id for _, truth in world if truth.label.endswith(label)}) == SIZES[name]


@pytest.mark.parametrize("name", ["ordinary", "relay", "campus_nat", "thin", "hydra"])
def test_twice_the_scale_are_twice_the_accounts(name: str) -> None:
    assert len(accounts(play(name, scale=2 * SMALL))) == 2 * SIZES[name]


def test_every_scenario_has_a_size_or_counts_users() -> None:
    assert {*SIZES, "four_requests"} == set(SCENARIOS)


@pytest.mark.parametrize("identifier", ["account_id", "event_id", "conversation_id", "payment_hash", "api_key_id"])
def test_the_shape_of_an_id_is_the_same_for_every_label(world: Lines, identifier: str) -> None:
    lengths = set()
    for record, _ in world:
        value = getattr(record, identifier)
        if value is not None:
            assert set(value) <= set("0123456789abcdef")
            lengths.add(len(value))
    assert len(lengths) == 1


def test_a_label_cannot_be_guessed_from_where_its_ids_lie() -> None:
    lines = play("relay", "campus_nat", scale=0.5)
    campaign = {record.account_id for record, truth in lines if truth.campaign_id is not None}
    ranks = [rank for rank, account in enumerate(sorted(accounts(lines))) if account in campaign]
    size = len(accounts(lines))
    # The mean of n ranks drawn at random lies within four standard errors of the middle.
    assert abs(sum(ranks) / len(ranks) - (size - 1) / 2) < 4 * size / (12 * len(ranks)) ** 0.5


def test_the_first_records_of_a_large_world_come_before_the_rest_is_made() -> None:
    large = simulate(["ordinary", "relay"], seed=1, scale=10.0)
    assert len({record.account_id for record in islice(large, 1_000)}) > 100


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_described_in_one_sentence(name: str) -> None:
    sentence = describe(name)
    assert sentence.endswith(".")
    assert sentence.count(".") == 1
    assert 40 < len(sentence) < 140
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ["ordinary", "campus_nat", "thin", "quiet_relay", "diluted_25", "holiday"])
def test_three_days_are_about_three_times_one_day_and_no_account_is_renamed(name: str) -> None:
    one, three = play(name, scale=0.02), play(name, scale=0.02, days=3)
    assert 2 * len(one) < len(three) < 4.5 * len(one)
    assert three[-1][0].occurred_at_ms > MONDAY_MS + 2.5 * DAY_MS
    assert accounts(one) <= accounts(three)


def test_an_unknown_scenario_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        next(simulate(["nobody"], seed=1))


@pytest.mark.no_cover
def test_a_classifier_of_ids_alone_knows_nothing() -> None:
    """Least squares on the digits of an account's ids, learnt in one world and asked about another."""
    rows, labels = digits_of(play("ordinary", "relay", "thin", "campus_nat", scale=0.3))
    weights = np.linalg.lstsq(rows, labels - labels.mean(), rcond=None)[0]
    rows, labels = digits_of(play("ordinary", "relay", "thin", "campus_nat", scale=0.3, seed=2))
    ranks = np.argsort(np.argsort(rows @ weights)) + 1
    guilty, innocent = int(labels.sum()), int(len(labels) - labels.sum())
    area = (ranks[labels == 1].sum() - guilty * (guilty + 1) / 2) / (guilty * innocent)
    # Four standard errors of the area of a classifier that guesses (Mann and Whitney).
    assert abs(area - 0.5) < 4 * ((guilty + innocent + 1) / (12 * guilty * innocent)) ** 0.5


def digits_of(lines: Lines) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each account the hexadecimal digits of its ids and of its first request's, and whether it is guilty."""
    first: dict[str, tuple[RequestRecord, Truth]] = {}
    for record, truth in lines:
        first.setdefault(record.account_id, (record, truth))
    rows = [
        [int(digit, 16) / 15 - 0.5 for digit in f"{record.account_id}{record.event_id}{record.conversation_id}"]
        for record, _ in first.values()
    ]
    return np.array(rows), np.array([truth.campaign_id is not None for _, truth in first.values()], np.float64)
