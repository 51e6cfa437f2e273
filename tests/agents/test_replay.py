"""replay: the same input, the same bytes, in any process, however the log is cut into batches."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.advance import Items, Partition
from agents.replay import Replay, Replayed
from agents.store import Place, Store
from streams.batch import account_key
from streams.decisions import LIMITING, Decision
from streams.distinct import hash32
from streams.events import CAPABILITIES, RequestEvent
from streams.feedback import ReviewedKind, Verdict, Word
from streams.networks import NetworkState
from streams.policy import DEFAULT_POLICY, Evaluation, Policy
from streams.policy_signals import SIGNALS
from streams.stages.networks import link_key
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, SPANS
from tests.streams.reference_links import links_of

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "data" / "replay" / "decisions.jsonl"
NOON_MS = 1_791_201_600_000
PARTITIONS = 8

WATCHFUL = Policy(
    version="watchful",
    evaluation=Evaluation(first_at=2, every=4),
    signals={
        **SIGNALS,
        "volume_against_plan": replace(SIGNALS["volume_against_plan"], weight=2.6),
        "accounts_per_payment": replace(SIGNALS["accounts_per_payment"], threshold=2),
        "accounts_per_template": replace(SIGNALS["accounts_per_template"], threshold=2),
    },
    account=replace(DEFAULT_POLICY.account, prior=-2, throttle=replace(DEFAULT_POLICY.account.throttle, families=1)),
    campaign=replace(DEFAULT_POLICY.campaign, minimum_accounts=2),
)
"""A policy under which a few hundred events of a few accounts already lead to decisions of every kind."""


class Ran(NamedTuple):
    """What a replay said, and what it holds."""

    out: list[Replayed]
    replay: Replay

    def about(self, kind: str) -> list[tuple[bytes, Decision]]:
        """What was said about subjects of one kind, as bytes and decoded."""
        said = ((record.value, msgspec.json.decode(record.value, type=Decision)) for record in self.out)
        return [(value, decision) for value, decision in said if decision.subject_kind == kind]


def traffic(seed: int, count: int, *, accounts: int = 6, late: bool = True) -> list[RequestEvent]:
    """Events of a few accounts that share payments, templates and networks, at an uneven pace, some of them late."""
    random = Random(seed)
    at_ms = NOON_MS
    events = []
    for number in range(count):
        at_ms += random.choice((0, 0, 500, 20_000, MINUTE_MS, 15 * MINUTE_MS))
        behind_ms = random.choice((0, 0, 0, MINUTE_MS, HOUR_MS)) if late else 0
        account = random.randrange(accounts)
        event = RequestEvent(
            event_id=f"{seed}-{number}",
            occurred_at_ms=at_ms - behind_ms,
            account_id=f"account-{account}",
            operation="chat",
            request_model="model",
            org_id=random.choice((None, None, "organisation")),
            account_created_at_ms=NOON_MS - (1, 30)[account % 2] * DAY_MS,
            plan="pro",
            plan_daily_tokens=2_000,
            payment_hash=f"payment-{account % 2}",
            address_hash=f"address-{random.randrange(9)}",
            network_hash=f"network-{random.randrange(5)}",
            asn=random.randrange(3),
            user_agent_hash=f"agent-{random.randrange(3)}",
            tls_fingerprint=f"tls-{random.randrange(2)}",
            conversation_id=f"conversation-{number // 3}",
            template_hash=f"template-{random.randrange(3)}",
            capability=random.choice(CAPABILITIES),
            input_tokens=random.randrange(500),
            output_tokens=random.randrange(900),
            status_code=random.choice((200, 200, 200, 429)),
            finish_reason=random.choice(("stop", "stop", "refusal")),
        )
        events.append(event)
    return events


def run(events: Sequence[RequestEvent], *, batch: int = 512, partitions: int = PARTITIONS) -> Ran:
    replay = Replay(WATCHFUL, partitions=partitions, batch=batch)
    return Ran(list(asyncio.run(replay.run(events))), replay)


def forgetting(partition: Partition[Items], store: Store) -> Partition[Items]:
    """The same partition of the same stage, which keeps one state at hand and loads all others again each time."""
    return Partition(partition.stage, partition.place.partition, store, states_at_hand=1)


def stored(ran: Ran, stage: str, keys: Iterable[str]) -> dict[str, bytes | None]:
    """The bytes of states by partition and key, None where there is none."""
    wanted = sorted(set(keys))
    places = [Place(stage, number) for number in range(len(ran.replay.observe))]
    return {
        f"{place.partition}/{key}": value
        for place in places
        for key, value in zip(wanted, asyncio.run(ran.replay.store.load(place, wanted)).values, strict=True)
    }


def accounts_of(ran: Ran, events: Iterable[RequestEvent]) -> dict[str, bytes | None]:
    return stored(ran, "observe", (account_key(event.account_id) for event in events))


def networks_of(ran: Ran, events: Iterable[RequestEvent]) -> dict[str, NetworkState | None]:
    keys = (link_key(kind, value) for event in events for kind, value in links_of(event))
    return {
        key: None if value is None else msgspec.msgpack.decode(value, type=NetworkState)
        for key, value in stored(ran, "networks", keys).items()
    }


def campaigns_of(ran: Ran) -> dict[str, Decision]:
    """What was last said about each campaign, with all members that were ever named, as if it were the first word."""
    last: dict[str, Decision] = {}
    for _, decision in ran.about("campaign"):
        before = last.get(decision.subject_id)
        members = {*decision.members, *(before.members if before else ())}
        last[decision.subject_id] = replace(decision, decision_id="", members=tuple(sorted(members)))
    return last


few = settings(max_examples=settings().max_examples // 6)  # each example is two whole replays
batches = st.one_of(st.sampled_from([1, 7, 512]), st.integers(2, 200))
seeds = st.integers(0, 2**32)
counts = st.integers(0, 300)


@few
@given(seeds, counts, batches)
def test_the_cut_into_batches_changes_no_account_and_no_decision_about_one(seed: int, count: int, batch: int) -> None:
    events = traffic(seed, count)
    whole, cut = run(events, batch=10_000), run(events, batch=batch)
    assert accounts_of(cut, events) == accounts_of(whole, events)
    assert sorted(value for value, _ in cut.about("account")) == sorted(value for value, _ in whole.about("account"))


@few
@given(seeds, counts, batches)
def test_the_cut_into_batches_changes_nothing_that_is_counted_of_a_network(seed: int, count: int, batch: int) -> None:
    """From one partition, late events and all: only when a link is judged follows from when what was late arrived."""
    events = traffic(seed, count)
    whole, cut = run(events, batch=10_000, partitions=1), run(events, batch=batch, partitions=1)
    one, other = networks_of(whole, events), networks_of(cut, events)
    assert one.keys() == other.keys()
    for key, state in one.items():
        assert counted(state) == counted(other[key])


def counted(state: NetworkState | None) -> object:
    """All that is counted of a link."""
    if state is None:
        return None
    numbers = state.laid_out()
    return (
        [numbers.windows.total(resolution, state.newest_ms) for resolution in SPANS],
        state.requests,
        numbers.capability_days,
        (numbers.accounts.seen, numbers.young_accounts.seen, numbers.networks.seen),
        {name: (member.last_minute, member.hours) for name, member in state.members.items()},
    )


@few
@given(seeds, counts, batches)
def test_every_account_of_a_shared_link_is_counted_however_many_partitions(seed: int, count: int, batch: int) -> None:
    """Which of two partitions is read first says whose requests came before the link was shared: no more than that."""
    events = traffic(seed, count)
    users: dict[str, Counter[str]] = {}
    for event in events:
        for kind, value in links_of(event):
            users.setdefault(link_key(kind, value), Counter())[event.account_id] += 1
    states = {
        key.partition("/")[2]: state for key, state in networks_of(run(events, batch=batch), events).items() if state
    }
    assert states.keys() == {key for key, accounts in users.items() if len(accounts) > 1}
    for key, state in states.items():
        accounts = users[key]
        assert state.laid_out().accounts.seen.keys() == {hash32(account) for account in accounts}
        assert accounts.total() - max(accounts.values()) <= state.requests < accounts.total()


@few
@given(seeds, counts, batches)
def test_from_one_partition_the_cut_into_batches_changes_nothing_at_all(seed: int, count: int, batch: int) -> None:
    """Of events in order. Only the place of a finding in its topic, which ids of campaign decisions name, differs."""
    events = traffic(seed, count, late=False)
    whole, cut = run(events, batch=10_000, partitions=1), run(events, batch=batch, partitions=1)
    assert accounts_of(cut, events) == accounts_of(whole, events)
    assert networks_of(cut, events) == networks_of(whole, events)
    assert campaigns_of(cut) == campaigns_of(whole)
    assert cut.replay.tally == whole.replay.tally
    assert [value for value, _ in cut.about("account")] == [value for value, _ in whole.about("account")]


def test_this_traffic_leads_to_decisions_about_accounts_and_campaigns() -> None:
    """Otherwise the tests of batch cuts would prove little."""
    ran = run(traffic(1, 300))
    assert {decision.action for _, decision in ran.about("account")} >= {"observe", "throttle"}
    assert campaigns_of(ran)


def test_an_account_that_changes_networks_within_a_minute_is_seen_on_both_whatever_the_batch() -> None:
    events = [
        replace(event, occurred_at_ms=NOON_MS, account_id=f"account-{number > 0}", network_hash=f"network-{number}")
        for number, event in enumerate(traffic(1, 5, accounts=1, late=False))
    ]
    for batch in (1, 512):
        counted = [
            state.laid_out().networks.count(NOON_MS // HOUR_MS)
            for key, state in networks_of(run(events, batch=batch), events).items()
            if state is not None and "payment" in key
        ]
        assert counted == [4]


def test_the_same_input_gives_the_same_bytes() -> None:
    events = traffic(2, 400)
    assert run(events).out == run(events).out


def test_what_was_decided_follows_from_the_events_even_where_few_states_are_kept_at_hand() -> None:
    events = traffic(3, 300, accounts=40)
    whole = run(events)
    forgetful = Replay(WATCHFUL, batch=5)
    forgetful.observe = [forgetting(partition, forgetful.store) for partition in forgetful.observe]
    forgetful.networks = [forgetting(partition, forgetful.store) for partition in forgetful.networks]
    forgetful.campaigns = forgetting(forgetful.campaigns, forgetful.store)
    ran = Ran(list(asyncio.run(forgetful.run(events))), forgetful)
    assert max(partition.states_at_hand for partition in forgetful.networks) <= 7
    assert accounts_of(ran, events) == accounts_of(whole, events)
    assert sorted(value for value, _ in ran.about("account")) == sorted(value for value, _ in whole.about("account"))


def test_nothing_in_is_nothing_out() -> None:
    assert run([]).out == []


def twelve_accounts_on_one_payment(hours: int = 20) -> list[RequestEvent]:
    """Events without any chance in them: two requests an hour of each account, for some hours, then nothing more.

    A third of the accounts are older than three days.
    """
    return [
        RequestEvent(
            event_id=f"{minute}-{account}",
            occurred_at_ms=NOON_MS + minute * MINUTE_MS + account * 1_000,
            account_id=f"account-{account:02}",
            operation="chat",
            request_model="model",
            account_created_at_ms=NOON_MS - (2, 2, 5)[account % 3] * DAY_MS,
            plan="pro",
            plan_daily_tokens=5_000,
            payment_hash="payment",
            network_hash=f"network-{account}",
            template_hash=f"template-{account % 3}",
            capability="reasoning",
            input_tokens=200,
            output_tokens=500,
        )
        for minute in range(0, hours * 60, 30)
        for account in range(12)
    ]


def enforced(ran: Ran) -> bytes:
    return b"".join(record.value + b"\n" for record in ran.out if record.topic == "enforcement")


def test_a_campaign_that_goes_on_stays_limited_and_one_that_ended_is_let_go() -> None:
    events = twelve_accounts_on_one_payment(hours=30)
    ends_ms = events[-1].occurred_at_ms
    said = [msgspec.json.decode(line, type=Decision) for line in enforced(run(events)).splitlines()]
    limits = [one for one in said if one.subject_kind == "campaign" and one.action in LIMITING]
    assert {member for one in limits for member in one.members} == {f"account-{number:02}" for number in range(12)}
    for before, after in pairwise(limits):
        assert after.decided_at_ms < before.expires_at_ms
    assert ends_ms < limits[-1].expires_at_ms <= ends_ms + 72 * HOUR_MS


def test_a_small_run_gives_the_decisions_that_are_committed() -> None:
    """Golden. After an intended change: `python tests/agents/test_replay.py > tests/data/replay/decisions.jsonl`."""
    assert enforced(run(twelve_accounts_on_one_payment())) == GOLDEN.read_bytes()


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    ran = subprocess.run(  # noqa: S603  this file itself
        [sys.executable, __file__], env=environment, cwd=ROOT, check=True, capture_output=True, timeout=60
    )
    assert ran.stdout == enforced(run(twelve_accounts_on_one_payment()))


if __name__ == "__main__":
    sys.stdout.buffer.write(enforced(run(twelve_accounts_on_one_payment())))


def heard(word: Word, subject: str, at_ms: int, kind: ReviewedKind = "account") -> Verdict:
    return Verdict(subject_kind=kind, subject_id=subject, verdict=word, decided_at_ms=at_ms, reviewer="r")


def run_with(events: Sequence[RequestEvent], verdicts: Sequence[Verdict]) -> list[Decision]:
    lines = asyncio.run(Replay(WATCHFUL, partitions=PARTITIONS).run(events, verdicts))
    return [msgspec.json.decode(it.value, type=Decision) for it in lines if it.topic == "enforcement"]


def test_verdicts_come_between_the_events_before_and_after_them() -> None:
    events = twelve_accounts_on_one_payment()
    plain = run_with(events, [])
    (first,) = [it for it in plain if it.members][:1]
    member, campaign, at_ms = first.members[0], first.subject_id, first.decided_at_ms + 2 * HOUR_MS
    said = run_with(events, [heard("confirmed", campaign, at_ms, "campaign"), heard("innocent", member, at_ms - 1)])
    assert [it for it in said if it.decided_at_ms < at_ms - 1] == [it for it in plain if it.decided_at_ms < at_ms - 1]
    by_reviewers = [it for it in said if it.model_version == "reviewer"]
    assert [(it.subject_id, it.action, it.decided_at_ms) for it in by_reviewers] == [
        (member, "release", at_ms - 1),
        (campaign, first.action, at_ms),
    ]
    assert not any(member in it.members for it in said if it.decided_at_ms >= at_ms)
    after = [it.sequence for it in said if it.subject_id == campaign]
    assert after == list(range(1, len(after) + 1))


def test_verdicts_after_the_last_event_are_taken_as_well_in_order_of_time() -> None:
    events = twelve_accounts_on_one_payment()
    late_ms = events[-1].occurred_at_ms + 1
    verdicts = [heard("confirmed", "nobody", late_ms + 1), heard("innocent", "nobody", late_ms)]
    assert [(it.action, it.sequence) for it in run_with(events, verdicts) if it.subject_id == "nobody"] == [
        ("release", 1),
        ("observe", 2),
    ]
