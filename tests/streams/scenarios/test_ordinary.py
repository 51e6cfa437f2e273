"""Ordinary customers look as ordinary customers do, in the respects a detector may look at."""

from collections import Counter, defaultdict
from statistics import mean, median

import pytest

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, simulate

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def day() -> list[RequestRecord]:
    return list(simulate(["ordinary"], seed=3, scale=0.2))


def text(record: RequestRecord) -> str:
    assert record.messages
    content = record.messages[-1].content
    return content if isinstance(content, str) else "".join(part.text or "" for part in content or ())


def test_volume_is_heavy_tailed(day: list[RequestRecord]) -> None:
    volumes = sorted(Counter(record.account_id for record in day).values())
    assert 20 < mean(volumes) < 30
    assert median(volumes) < 0.8 * mean(volumes)
    assert volumes[-1] > 10 * mean(volumes)


def test_a_country_sleeps_at_night(day: list[RequestRecord]) -> None:
    local_hours = Counter((record.occurred_at_ms - MONDAY_MS) // HOUR_MS for record in day if record.country == "DE")
    asleep, awake = sum(local_hours[hour] for hour in (0, 1, 2, 3)), sum(local_hours[hour] for hour in (7, 8, 9, 10))
    assert asleep * 4 < awake


def test_conversations_grow_by_a_question_and_an_answer(day: list[RequestRecord]) -> None:
    conversations = defaultdict(list)
    for record in day:
        conversations[record.conversation_id].append(record)
    assert 2.5 < len(day) / len(conversations) < 4
    for turns in conversations.values():
        assert [len(turn.messages or ()) for turn in turns] == [2 * turn + 1 for turn in range(len(turns))]
        assert len({turn.client_address for turn in turns}) == 1


def test_errors_and_refusals_are_few(day: list[RequestRecord]) -> None:
    assert 0.015 < mean(record.status_code != 200 for record in day) < 0.025
    assert 0.003 < mean(record.finish_reason == "refusal" for record in day) < 0.008


def test_first_prompts_are_of_many_lengths_and_hardly_ever_alike(day: list[RequestRecord]) -> None:
    prompts = [text(record) for record in day if len(record.messages or ()) == 1]
    lengths = sorted(map(len, prompts))
    assert 30 <= lengths[0] < 60
    assert 130 < median(lengths) < 260
    assert 900 < lengths[-1] < 1_400
    assert len(set(prompts)) > 0.97 * len(prompts)


def test_some_networks_are_shared_and_some_addresses_churn(day: list[RequestRecord]) -> None:
    accounts_of_network, addresses_of_account = defaultdict(set), defaultdict(set)
    for record in day:
        address = record.client_address or ""
        accounts_of_network[address.rpartition(".")[0] or address].add(record.account_id)
        addresses_of_account[record.account_id].add(address)
    assert max(map(len, accounts_of_network.values())) >= 5
    assert max(map(len, addresses_of_account.values())) > 10
    assert median(map(len, addresses_of_account.values())) <= 4


def test_every_plan_is_taken_and_free_ones_are_not_paid_for(day: list[RequestRecord]) -> None:
    assert {record.plan for record in day} == {"free", "pro", "max", "api", "enterprise"}
    assert all((record.payment_hash is None) == (record.plan == "free") for record in day)
