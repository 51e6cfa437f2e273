"""Every look-alike shares with a campaign what mission.md says it shares, and differs in the rest."""

from collections import Counter, defaultdict

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, simulate
from streams.scenarios.shared_framework import SYSTEM

HOUR_MS = 3_600_000


def day(name: str, scale: float = 1.0) -> list[RequestRecord]:
    return list(simulate([name], seed=5, scale=scale))


def last_text(record: RequestRecord) -> str:
    assert record.messages
    content = record.messages[-1].content
    assert isinstance(content, str)
    return content


def test_a_class_pastes_one_exercise_from_one_address_within_two_hours() -> None:
    records = day("classroom")
    starts = [record for record in records if len(record.messages or ()) == 1]
    assert len({record.client_address for record in records}) == 1
    assert len({last_text(record).partition("\n\nMy question")[0] for record in starts}) == 1
    assert starts[-1].occurred_at_ms - starts[0].occurred_at_ms < 2 * HOUR_MS


def test_two_classes_have_two_exercises_and_two_addresses() -> None:
    records = day("classroom", scale=2.0)
    assert len({record.client_address for record in records}) == 2


def test_the_nightly_evaluation_is_one_paying_account_with_one_rubric() -> None:
    records = day("nightly_evaluation")
    assert len({record.account_id for record in records}) == 1
    assert 3_700 < len(records) < 4_300
    assert len({last_text(record).partition("\n\nQuestion")[0] for record in records}) == 1
    assert all(2 <= (record.occurred_at_ms - MONDAY_MS) // HOUR_MS < 4 for record in records)
    used = sum(record.input_tokens + record.output_tokens for record in records)
    assert used < (records[0].plan_daily_tokens or 0)


def test_framework_users_share_a_system_prompt_and_nothing_else() -> None:
    records = day("shared_framework", scale=0.1)
    assert {record.messages[0].content for record in records if record.messages} == {SYSTEM}
    accounts = {record.account_id for record in records}
    # Offices and households share a payment, as they do among ordinary customers.
    assert len({record.payment_hash for record in records}) > 0.8 * len(accounts)
    assert len({record.asn for record in records}) > 20


def test_the_marketing_team_runs_one_template_over_about_800_rows() -> None:
    records = day("marketing_template")
    assert 700 < len(records) < 900
    assert len({record.account_id for record in records}) == 4
    assert len({record.payment_hash for record in records}) == 1
    assert len({last_text(record).partition(" to ")[0] for record in records}) == 1


def test_students_of_a_campus_share_its_network_but_not_their_prompts() -> None:
    records = day("campus_nat")
    assert len({(record.client_address or "").rpartition(".")[0] for record in records}) == 1
    starts = Counter(
        record.messages[0].content
        for record in records
        if record.messages and len(record.messages) == 1
        if isinstance(record.messages[0].content, str)
    )
    assert starts.most_common(1)[0][1] <= 3


def test_three_campuses_have_three_networks_of_300_students_each() -> None:
    students = defaultdict(set)
    for record in simulate(["campus_nat"], seed=5, scale=3.0):
        students[(record.client_address or "").rpartition(".")[0]].add(record.account_id)
    assert [len(accounts) for accounts in students.values()] == [300, 300, 300]
