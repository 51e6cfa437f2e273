"""The relay shows what the disclosures describe, and nothing that gives it away at a glance."""

from collections import Counter, defaultdict
from itertools import pairwise
from statistics import mean

import pytest

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, simulate
from streams.scenarios.relay import FAMILIES

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture(scope="module")
def day() -> list[RequestRecord]:
    return list(simulate(["relay"], seed=4))


def family(record: RequestRecord) -> str | None:
    content = record.messages[-1].content if record.messages else None
    ends = [family.ends[0].pattern for family in FAMILIES]
    return next((end for end in ends if isinstance(content, str) and content.endswith(end)), None)


def by_account(day: list[RequestRecord]) -> dict[str, list[RequestRecord]]:
    accounts = defaultdict(list)
    for record in day:
        accounts[record.account_id].append(record)
    return accounts


def test_two_hundred_accounts_share_some_twenty_payment_instruments(day: list[RequestRecord]) -> None:
    assert len({record.account_id for record in day}) == 200
    assert 15 <= len({record.payment_hash for record in day}) <= 20


def test_accounts_are_young_and_born_in_bursts(day: list[RequestRecord]) -> None:
    births = sorted({record.account_id: record.account_created_at_ms or 0 for record in day}.values())
    assert births[0] > MONDAY_MS - 7 * DAY_MS
    assert births[-1] < MONDAY_MS
    near = sum(later - earlier < 5 * 60_000 for earlier, later in pairwise(births))
    assert near > 180


def test_no_account_stands_out(day: list[RequestRecord]) -> None:
    volumes = Counter(record.account_id for record in day).values()
    full_days = [volume * 24 / 18 for volume in volumes]
    assert 300 < mean(full_days) < 450
    assert max(volumes) < 2 * mean(volumes)


def test_every_account_keeps_its_own_proxy(day: list[RequestRecord]) -> None:
    addresses = {account: {record.client_address for record in records} for account, records in by_account(day).items()}
    assert all(len(own) == 1 for own in addresses.values())
    assert len({next(iter(own)) for own in addresses.values()}) == 200
    assert {record.network_type for record in day} == {"residential"}


def test_every_account_is_busy_in_nearly_every_hour_once_it_starts(day: list[RequestRecord]) -> None:
    assert min(record.occurred_at_ms for record in day) >= MONDAY_MS + 6 * HOUR_MS
    for records in by_account(day).values():
        hours = {(record.occurred_at_ms - MONDAY_MS) // HOUR_MS for record in records}
        assert len(hours) >= 14


def test_every_template_family_is_seen_on_nearly_every_account(day: list[RequestRecord]) -> None:
    accounts = defaultdict(set)
    for record in day:
        if (end := family(record)) is not None:
            accounts[end].add(record.account_id)
    assert len(accounts) == len(FAMILIES)
    assert all(len(seen) > 190 for seen in accounts.values())


def test_three_requests_in_ten_are_of_unrelated_customers(day: list[RequestRecord]) -> None:
    assert 0.26 < mean(family(record) is None for record in day) < 0.34


def test_a_batch_of_one_family_is_worked_off_by_all_accounts_together(day: list[RequestRecord]) -> None:
    batches: dict[int, Counter[str]] = defaultdict(Counter)
    for record in day:
        if (end := family(record)) is not None:
            batches[record.occurred_at_ms // (HOUR_MS // 2)][end] += 1
    assert all(max(batch.values()) > 0.6 * batch.total() for batch in batches.values())
