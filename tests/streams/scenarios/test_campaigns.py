"""Each campaign shows what its disclosure describes, and reacts to being limited as its docstring says."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import mean, pstdev

import msgspec
import pytest

from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, Stage, Truth, play, simulate
from streams.scenarios.adaptive import Attacker
from streams.scenarios.fixed_prompt import SYSTEM
from streams.scenarios.prompts.extraction import STRENGTHS, TEMPLATES
from streams.scenarios.stage import DAY_MS, HOUR_MS, MINUTE_MS, Cover

Records = list[RequestRecord]


class Limits:
    """Everyone who has spoken by `at_ms`, or whom `who` holds, is limited from then on."""

    def __init__(self, at_ms: int, share: float = 1.0) -> None:
        self.at_ms = at_ms
        self.share = share
        self.who: set[str] = set()

    def limited(self, account_id: str, at_ms: int) -> bool:
        return at_ms >= self.at_ms and account_id in self.who

    def turned_away(self, *_: object, **__: object) -> None:
        """Nobody asks here."""


def day(name: str, scale: float, days: int = 1) -> Records:
    return list(simulate([name], seed=11, scale=scale, days=days))


def limited_at(name: str, scale: float, days: int, at_ms: int) -> list[tuple[RequestRecord, Truth]]:
    """The script when all accounts that spoke before `at_ms` are limited then."""
    limits = Limits(at_ms)
    lines = []
    for line in play([Stage(name, 11, scale, MONDAY_MS, days, limits=limits)]):
        if line[0].occurred_at_ms < at_ms:
            limits.who.add(line[0].account_id)
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    ("name", "scale", "share"),
    [
        ("relay", 0.1, 0.3),
        ("hydra", 0.004, 0.5),
        ("quiet_relay", 0.5, 0.5),
        ("diluted_10", 3.0, 0.9),
        ("thin", 0.1, 0.0),
    ],
)
def test_what_unrelated_customers_send_and_what_hides_is_told_as_cover(name: str, scale: float, share: float) -> None:
    lines = list(play([Stage(name, 11, scale, MONDAY_MS)]))
    cover = [isinstance(truth, Cover) for _, truth in lines]
    assert mean(cover) == pytest.approx(share, abs=0.06)
    assert {truth.label for _, truth in lines} == {f"campaign:{name}"}
    assert not any(isinstance(truth, Cover) for _, truth in play([Stage("ordinary", 11, 0.01, MONDAY_MS)]))


def test_the_truth_of_an_account_does_not_tell_with_what_it_was_said() -> None:
    truth = Truth("a", "campaign:relay", "relay")
    assert msgspec.json.encode(Cover(*msgspec.structs.astuple(truth))) == msgspec.json.encode(truth)


def accounts(records: Iterable[RequestRecord]) -> set[str]:
    return {record.account_id for record in records}


def text(record: RequestRecord) -> str:
    content = (record.messages or [])[-1].content
    return content if isinstance(content, str) else "".join(part.text or "" for part in content or ())


def an_account(records: Records) -> float:
    return len(records) / len(accounts(records))


def test_synchronised_accounts_send_equal_shares_in_the_same_minute() -> None:
    records = day("synchronised", 0.1)
    assert {record.occurred_at_ms // MINUTE_MS % 15 for record in records} == {0}
    assert set(Counter(record.account_id for record in records).values()) == {3 * 4 * 18}
    assert len({record.payment_hash for record in records}) == 4
    for wave in {record.occurred_at_ms // (15 * MINUTE_MS) for record in records[:1_000]}:
        mine = [text(record) for record in records if record.occurred_at_ms // (15 * MINUTE_MS) == wave]
        assert len({prompt.rpartition("\n\n")[2] for prompt in mine}) == 1


def test_what_a_limited_synchronised_account_sent_is_carried_by_the_others() -> None:
    limits = Limits(MONDAY_MS + 12 * HOUR_MS)
    stage = Stage("synchronised", 11, 0.1, MONDAY_MS, limits=limits)
    limits.who = {stage.account(number) for number in range(30)}
    late = [record for record, _ in play([stage]) if record.occurred_at_ms >= limits.at_ms]
    assert len(late) == 60 * 3 * 4 * 12
    assert accounts(late) == {stage.account(number) for number in range(30, 60)}


def test_access_paths_have_payments_and_networks_of_their_own() -> None:
    records = day("access_paths", 0.05)
    payments, networks = defaultdict(set), defaultdict(set)
    for record in records:
        payments[record.access_path].add(record.payment_hash)
        networks[record.access_path].add(record.network_type)
    assert networks == {
        "first_party_api": {"residential"},
        "cloud_reseller": {"hosting"},
        "partner": {"hosting"},
    }
    assert not set.intersection(*payments.values())
    assert 800 < an_account(records) < 1_000  # 18 of 24 hours


def test_half_of_the_pivot_is_on_the_new_model_a_day_after_its_release() -> None:
    records = day("release_pivot", 0.003, days=4)
    release_ms = MONDAY_MS + 2 * DAY_MS
    new = [record.request_model == "large-6" for record in records if record.occurred_at_ms >= release_ms + DAY_MS]
    assert 0.45 < mean(new) < 0.55
    assert not any(record.request_model == "large-6" for record in records if record.occurred_at_ms < release_ms)


def test_the_hydra_is_half_unrelated_and_prefers_its_first_accounts() -> None:
    records = day("hydra", 0.005)
    ends = tuple(of.ends[0].pattern for templates in TEMPLATES.values() for of in templates)
    assert 0.45 < mean(text(record).endswith(ends) for record in records) < 0.55
    assert len(accounts(records)) == 100
    assert len({record.client_address for record in records}) == 100
    assert len({record.payment_hash for record in records}) == 13


def test_the_hydra_replaces_what_it_loses_within_hours() -> None:
    noon_ms = MONDAY_MS + 12 * HOUR_MS
    lines = limited_at("hydra", 0.005, 1, noon_ms)
    later = [record for record, _ in lines if record.occurred_at_ms >= noon_ms + HOUR_MS]
    new = accounts(later) - accounts(record for record, _ in lines if record.occurred_at_ms < noon_ms)
    assert len(new) > 80
    first = min(record.occurred_at_ms for record in later if record.account_id in new)
    assert noon_ms + 2 * HOUR_MS < first < noon_ms + 6 * HOUR_MS
    assert all((record.account_created_at_ms or 0) > noon_ms for record in later if record.account_id in new)
    assert {truth.campaign_id for _, truth in lines} == {"hydra"}


def test_the_fixed_prompt_is_in_every_request_and_its_addresses_are_not_the_same() -> None:
    records = day("fixed_prompt", 0.003)
    assert {(record.messages or [])[0].content for record in records} == {SYSTEM}
    assert len({text(record).partition("\n\n")[0] for record in records}) == 1
    assert 580 < an_account(records) < 700  # 857 in 24 hours
    assert all(len({it.client_address for it in records if it.account_id == who}) > 50 for who in accounts(records))


def test_the_second_pool_of_the_fixed_prompt_comes_two_days_after_the_ban() -> None:
    lines = limited_at("fixed_prompt", 0.001, 4, MONDAY_MS + DAY_MS)
    after = [record.occurred_at_ms for record, _ in lines if record.occurred_at_ms > MONDAY_MS + DAY_MS + HOUR_MS]
    assert MONDAY_MS + DAY_MS + 44 * HOUR_MS < min(after) < MONDAY_MS + DAY_MS + 52 * HOUR_MS


def test_accounts_near_their_maximum_use_nearly_all_of_their_plan() -> None:
    records = day("near_maximum", 0.1)
    used: Counter[str] = Counter()
    for record in records:
        used[record.account_id] += record.input_tokens + record.output_tokens
    shares = [tokens * 24 / 18 / 600_000 for tokens in used.values()]
    assert 0.9 < mean(shares) < 1.0
    assert pstdev(shares) < 0.1
    assert all(record.occurred_at_ms - (record.account_created_at_ms or 0) < 4 * DAY_MS for record in records)


def test_the_thin_send_ten_requests_a_day_by_day() -> None:
    records = day("thin", 0.1, days=5)
    assert len(accounts(records)) == 150
    assert 8 < an_account(records) / 5 < 12
    hours = Counter((record.occurred_at_ms - MONDAY_MS) // HOUR_MS % 24 for record in records)
    assert hours[10] > 5 * hours[3]


def test_users_of_four_requests_come_once() -> None:
    records = day("four_requests", 0.5, days=3)
    assert 3.5 < an_account(records) < 4.5
    assert 650 < len(accounts(records)) < 850
    for who in list(accounts(records))[:100]:
        times = [record.occurred_at_ms for record in records if record.account_id == who]
        assert times[-1] - times[0] < HOUR_MS


@pytest.mark.parametrize(("name", "share"), [("diluted_5", 0.05), ("diluted_10", 0.10), ("diluted_25", 0.25)])
def test_a_diluted_account_extracts_with_its_share_of_requests(name: str, share: float) -> None:
    lines = list(play([Stage(name, 11, 10.0, MONDAY_MS)]))
    ends = tuple(of.ends[0].pattern for templates in TEMPLATES.values() for of in templates)
    assert 0.85 * share < mean(text(record).endswith(ends) for record, _ in lines) < 1.15 * share
    assert len({truth.campaign_id for _, truth in lines}) == 10
    assert 1_300 < len(lines) / 10 < 1_700


def test_the_quiet_relay_shares_no_payment_and_is_half_unrelated() -> None:
    records = day("quiet_relay", 0.2, days=2)
    assert len({record.payment_hash for record in records}) == len(accounts(records)) == 100
    assert 30 < an_account(records) / 2 < 45
    single = Counter(record.conversation_id for record in records)
    assert 0.4 < mean(single[record.conversation_id] == 1 for record in records) < 0.75


def attack(share: float, days: int = 3) -> tuple[Attacker, list[RequestRecord]]:
    """The attacker's days when each hour that share of its accounts is limited."""
    limits = Limits(MONDAY_MS + DAY_MS)
    stage = Stage("adaptive", 11, 0.1, MONDAY_MS, days, limits=limits)
    records = []
    hour = 0
    seen: dict[str, None] = {}
    for record, _ in play([stage]):
        records.append(record)
        seen[record.account_id] = None
        if record.occurred_at_ms // HOUR_MS != hour:
            hour = record.occurred_at_ms // HOUR_MS
            live = [who for who in seen if who not in limits.who]
            limits.who.update(live[: round(share * len(live))])
    return Attacker(stage), records


def test_an_attacker_who_loses_nothing_changes_nothing() -> None:
    _, records = attack(0.0)
    last = [record for record in records if record.occurred_at_ms > MONDAY_MS + 2 * DAY_MS]
    assert 250 < an_account(last) < 350
    assert len({record.user_agent for record in records}) == 3
    assert len({record.payment_hash for record in records}) == 3


def test_an_attacker_who_loses_accounts_changes_prompts_hours_proxies_payments_and_volume() -> None:
    _, records = attack(0.5)
    first = [record for record in records if record.occurred_at_ms < MONDAY_MS + DAY_MS]
    last = [record for record in records if record.occurred_at_ms > MONDAY_MS + 2 * DAY_MS]
    assert len(last) < 0.25 * len(first) * 24 / 18
    assert len({record.user_agent for record in last}) > 10
    assert len({record.payment_hash for record in last}) > 10
    ends = tuple(of.ends[0].pattern for templates in TEMPLATES.values() for of in templates)
    assert mean(text(record).endswith(ends) for record in first) == 1.0
    assert mean(text(record).endswith(ends) for record in last) < 0.7


def test_the_attacker_begins_bluntly() -> None:
    attacker = Attacker(Stage("adaptive", 11, 0.1, MONDAY_MS))
    assert STRENGTHS[attacker.strength] == "words"
    assert attacker.volume == 1.0
