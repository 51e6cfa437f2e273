"""Every look-alike shares with a campaign what the brief says it shares, and differs in the rest."""

from collections import Counter, defaultdict

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, simulate
from streams.scenarios.editor_commands import COMMANDS, PREAMBLE
from streams.scenarios.prompt_plugin import PROMPTS
from streams.scenarios.shared_framework import SYSTEM
from streams.scenarios.stage import DAY_MS

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


def test_users_of_a_plug_in_share_a_handful_of_prompts_and_nothing_else() -> None:
    records = day("prompt_plugin", scale=0.1)
    accounts = {record.account_id for record in records}
    assert {last_text(record).partition("\n\n")[0] for record in records} <= {
        wording for _, *wordings in PROMPTS for wording in wordings
    }
    assert len({record.payment_hash for record in records}) > 0.8 * len(accounts)
    assert len({record.asn for record in records}) > 20


def test_users_of_an_editors_commands_share_these_and_use_several_and_some_more_than_once() -> None:
    records = day("editor_commands", scale=0.1)
    sent = Counter((record.account_id, last_text(record).partition("\n\n")[0]) for record in records)
    assert {text for _, text in sent} == {f"{PREAMBLE} {command}" for command in COMMANDS}
    each = Counter(account for account, _ in sent)
    assert len(each) > 40
    assert sum(count > 2 for count in each.values()) > 0.3 * len(each)
    assert sum(times > 3 for times in sent.values()) > 0.1 * len(each)
    assert len({record.payment_hash for record in records}) > 0.8 * len(each)


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


def test_continuous_integration_sends_the_same_thirty_prompts_from_ever_new_addresses() -> None:
    records = day("continuous_integration", scale=0.05)
    assert len({last_text(record) for record in records}) == 30
    assert len({record.client_address for record in records}) > 0.8 * len(records)
    assert len({record.api_key_id for record in records}) == 1


def test_a_gateway_is_one_account_with_many_devices_around_the_clock() -> None:
    records = day("reseller_gateway", scale=1.0)
    assert len({record.account_id for record in records}) == 1
    assert len({record.user_agent for record in records}) > 80
    assert len({(record.occurred_at_ms - MONDAY_MS) // HOUR_MS for record in records}) == 24


def test_a_synthetic_data_job_runs_one_template_over_its_documents() -> None:
    records = day("synthetic_data")
    assert len({record.account_id for record in records}) == 3
    assert len({record.payment_hash for record in records}) == 1
    assert 5_500 < len(records) < 6_500
    assert len({last_text(record).partition("\n\nDocument")[0] for record in records}) == 1
    assert all(8 <= (record.occurred_at_ms - MONDAY_MS) // HOUR_MS < 20 for record in records)


def test_everybody_runs_the_same_benchmarks_after_the_release_and_nobody_before() -> None:
    records = day("release_benchmark", scale=0.1)
    prompts: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        prompts[last_text(record)].add(record.account_id)
    assert len(prompts) <= 600
    assert max(map(len, prompts.values())) > 5
    assert min(record.occurred_at_ms for record in records) >= MONDAY_MS + 12 * HOUR_MS
    assert {record.request_model for record in records} == {"large-6"}


def test_an_outage_fails_every_request_and_each_is_sent_again_until_it_goes_through() -> None:
    records = day("outage_retries", scale=0.2)
    start, end = MONDAY_MS + 14 * HOUR_MS, MONDAY_MS + 14 * HOUR_MS + 35 * 60_000
    during = [record for record in records if start <= record.occurred_at_ms < end]
    assert {record.status_code for record in during} == {529}
    turns = {(record.conversation_id, len(record.messages or ())) for record in during}
    after = {
        (record.conversation_id, len(record.messages or ()))
        for record in records
        if end <= record.occurred_at_ms and record.status_code != 529
    }
    assert turns <= after
    assert len(during) > 2 * len(turns)


def test_travellers_are_abroad_and_up_late() -> None:
    records = day("holiday", scale=0.2)
    countries: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        countries[record.account_id].add(record.country or "")
    assert sum(len(seen) > 1 for seen in countries.values()) > 0.4 * len(countries)


def test_people_of_a_new_team_open_accounts_in_one_week_pay_together_and_share_nothing_else() -> None:
    records = day("new_teams", scale=0.2)
    teams: defaultdict[str, set[str]] = defaultdict(set)
    opened = {record.account_id: record.account_created_at_ms or 0 for record in records}
    for record in records:
        teams[record.payment_hash or ""].add(record.account_id)
    assert [len(team) for team in teams.values()] == [12, 12]
    assert all(0 < MONDAY_MS - at_ms <= 5 * DAY_MS for at_ms in opened.values())
    assert {record.org_id for record in records} == {None}
    together = []
    for team in teams.values():
        at: defaultdict[str, set[str]] = defaultdict(set)
        for record in records:
            if record.account_id in team and record.client_address and "." in record.client_address:
                at[record.client_address.rpartition(".")[0]].add(record.account_id)
        together.append(max(len(accounts) for accounts in at.values()))
    home, office = sorted(together)
    assert office >= 8
    assert home <= 4
