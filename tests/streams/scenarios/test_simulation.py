"""What every scenario promises: order, repeatability, valid records, honest truth, opaque ids, and no haste."""

from itertools import islice

import msgspec
import pytest

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, SCENARIOS, describe, simulate, simulate_labelled

DAY_MS = 86_400_000
SMALL = 0.05


def lines(*names: str, seed: int = 1, scale: float = SMALL) -> list[bytes]:
    return [msgspec.json.encode(record) for record in simulate(names, seed=seed, scale=scale)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    assert lines(name) == lines(name)


@pytest.mark.parametrize("name", SCENARIOS)
def test_another_seed_gives_other_accounts(name: str) -> None:
    accounts = {record.account_id for record in simulate([name], seed=1, scale=SMALL)}
    others = {record.account_id for record in simulate([name], seed=2, scale=SMALL)}
    assert accounts.isdisjoint(others)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_record_decodes_by_the_contract(name: str) -> None:
    for line in lines(name):
        record = msgspec.json.decode(line, type=RequestRecord)
        assert MONDAY_MS <= record.occurred_at_ms < MONDAY_MS + DAY_MS
        assert record.messages


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_account_is_used_before_it_was_created(name: str) -> None:
    for record in simulate([name], seed=1, scale=SMALL):
        assert record.account_created_at_ms is not None
        assert record.account_created_at_ms < record.occurred_at_ms


def test_scenarios_are_merged_by_time() -> None:
    times = [record.occurred_at_ms for record in simulate(list(SCENARIOS), seed=1, scale=SMALL)]
    assert times == sorted(times)


def test_event_ids_are_unique_over_all_scenarios() -> None:
    ids = [record.event_id for record in simulate(list(SCENARIOS), seed=1, scale=SMALL)]
    assert len(ids) == len(set(ids))


def test_a_scenario_plays_the_same_alone_and_beside_others() -> None:
    alone = [line for line, _ in simulate_labelled(["relay"], seed=1, scale=SMALL)]
    beside = [
        line for line, truth in simulate_labelled(list(SCENARIOS), seed=1, scale=SMALL) if truth.label.endswith("relay")
    ]
    assert alone == beside


def test_a_scenario_that_is_named_twice_plays_once() -> None:
    assert lines("campus_nat", "campus_nat") == lines("campus_nat")


def test_each_account_has_one_truth_and_it_is_its_own() -> None:
    labels: dict[str, str] = {}
    for record, truth in simulate_labelled(list(SCENARIOS), seed=1, scale=SMALL):
        assert truth.account_id == record.account_id
        assert labels.setdefault(record.account_id, truth.label) == truth.label
    assert set(labels.values()) == {
        "benign",
        "campaign:relay",
        *(f"look_alike:{name}" for name in SCENARIOS if name not in {"ordinary", "relay"}),
    }


def test_only_campaigns_have_a_campaign_id() -> None:
    for _, truth in simulate_labelled(list(SCENARIOS), seed=1, scale=SMALL):
        assert (truth.campaign_id is not None) == truth.label.startswith("campaign:")


@pytest.mark.parametrize(
    ("name", "accounts"),
    [
        ("ordinary", 250),
        ("relay", 10),
        ("classroom", 2),
        ("nightly_evaluation", 1),
        ("shared_framework", 75),
        ("marketing_template", 4),
        ("campus_nat", 15),
    ],
)
def test_the_scale_multiplies_the_accounts(name: str, accounts: int) -> None:
    assert len({record.account_id for record in simulate([name], seed=1, scale=SMALL)}) == accounts
    more = {record.account_id for record in simulate([name], seed=1, scale=2 * SMALL)}
    assert len(more) == (accounts if accounts in {1, 4} else 2 * accounts)


@pytest.mark.parametrize("identifier", ["account_id", "event_id", "conversation_id", "payment_hash", "api_key_id"])
def test_the_shape_of_an_id_is_the_same_for_every_label(identifier: str) -> None:
    shapes: dict[str, set[int]] = {}
    for record, truth in simulate_labelled(list(SCENARIOS), seed=1, scale=SMALL):
        value = getattr(record, identifier)
        if value is not None:
            assert set(value) <= set("0123456789abcdef")
            shapes.setdefault(truth.label, set()).add(len(value))
    assert len({frozenset(lengths) for lengths in shapes.values()}) == 1


def test_a_label_cannot_be_guessed_from_where_its_ids_lie() -> None:
    ids = {
        truth.account_id: truth.label.startswith("campaign:")
        for _, truth in simulate_labelled(["ordinary", "relay"], seed=1, scale=0.2)
    }
    ranks = [rank for rank, account in enumerate(sorted(ids)) if ids[account]]
    middle = (len(ids) - 1) / 2
    # The mean of 40 ranks drawn at random lies within 4 standard errors of the middle.
    assert abs(sum(ranks) / len(ranks) - middle) < 4 * len(ids) / (12 * len(ranks)) ** 0.5


def test_the_first_records_of_a_huge_world_need_no_more_than_its_accounts() -> None:
    huge = simulate(["ordinary", "relay"], seed=1, scale=20.0)
    assert len({record.account_id for record in islice(huge, 1_000)}) > 100


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_described_in_one_sentence(name: str) -> None:
    sentence = describe(name)
    assert sentence.endswith(".")
    assert 40 < len(sentence) < 140
    assert "\n" not in sentence


def test_an_unknown_scenario_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        list(simulate(["nobody"], seed=1))
