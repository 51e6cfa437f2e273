"""`stillwatch state` over a store in memory: what it prints of an account, of its campaign, and of what is neither."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from agents.cli import main
from agents.routing import key_partition
from agents.store import NOTHING, Place
from agents.store.memory import MemoryStore
from streams.accounts import AccountState, Enforcement
from streams.campaigns import Campaign, LinkEvidence, Pointer

PARTITIONS = 8
CAMPAIGNS = Place("campaigns", 0)
UNTIL_MS = 1_790_812_800_000
Outcome = tuple[int, list[str], str]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The store that the command reads, empty."""
    held = MemoryStore()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("agents.cli.state.RedisStore", lambda _url, prefix: held)  # noqa: ARG005  its signature
    monkeypatch.setattr("agents.cli.state.partitions_of", lambda _servers, _names: PARTITIONS)
    return held


@pytest.fixture
def state(store: MemoryStore, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:  # noqa: ARG001  it is in place
    """Run the command: (exit code, the lines of stdout with single spaces, stderr)."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["state", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, [" ".join(line.split()) for line in out.splitlines()], err

    return run


def put(store: MemoryStore, place: Place, states: dict[str, msgspec.Struct]) -> None:
    values = {key: msgspec.msgpack.encode(state) for key, state in states.items()}

    async def commit() -> None:
        owner = (await store.open(place)).owner
        await store.commit(place, owner=owner, expected=NOTHING, offset=1, values=values, outbox=b"")

    asyncio.run(commit())


def put_account(store: MemoryStore, account_id: str) -> None:
    place = Place("observe", key_partition(account_id, PARTITIONS))
    put(store, place, {f"account:{account_id}": AccountState(requests=3)})


def suspended(members: int, *, links: int = 1, undecided: tuple[str, ...] = ()) -> Campaign:
    return Campaign(
        campaign_id="c-1",
        links={f"payment:p{number}": LinkEvidence(0, (), members=number) for number in range(links)},
        members={f"acct-{number:02}": number for number in range(members)},
        undecided=list(undecided),
        enforcement=Enforcement("suspend", UNTIL_MS, 4),
    )


@pytest.mark.parametrize("joined", ["c-1", "c-2"], ids=["its own", "one that was taken in"])
def test_an_account_says_what_is_decided_about_its_campaign(
    store: MemoryStore, state: Callable[..., Outcome], joined: str
) -> None:
    put_account(store, "acct-00")
    merged = Campaign(campaign_id="c-2", merged_into="c-1")
    states = {"campaign:c-1": suspended(3), "campaign:c-2": merged, "member:acct-00": Pointer(joined)}
    put(store, CAMPAIGNS, states)
    code, lines, _ = state("acct-00")
    assert code == 0
    assert lines[-1] == "campaign c-1: suspend until 2026-10-01 00:00:00 UTC (sequence 4)"


def test_an_account_that_no_decision_about_its_campaign_names_yet_is_said_to_be_undecided(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    put_account(store, "acct-00")
    put(store, CAMPAIGNS, {"campaign:c-1": suspended(3, undecided=("acct-00",)), "member:acct-00": Pointer("c-1")})
    assert state("acct-00")[1][-1] == "campaign c-1: not yet decided about"


def test_an_account_in_no_campaign_names_none(store: MemoryStore, state: Callable[..., Outcome]) -> None:
    put_account(store, "acct-00")
    assert state("acct-00")[1][-1] == "enforcement none"


def test_a_campaign_lists_its_first_members_and_its_largest_links(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    put(store, CAMPAIGNS, {"campaign:c-1": suspended(23, links=7)})
    _, lines, _ = state("c-1")
    assert "links payment:p6 (6), payment:p5 (5), payment:p4 (4), payment:p3 (3), payment:p2 (2), and 2 more" in lines
    assert [line for line in lines if line.startswith("member ")] == [f"member acct-{n:02}" for n in range(20)]
    assert lines[-1] == "and 3 more; --all lists them"
    _, lines, _ = state("c-1", "--all")
    assert lines[-23:] == [f"member acct-{n:02}" for n in range(23)]


@pytest.mark.parametrize("subject", ["bogus:x", "payment:", "acct:7"])
def test_what_is_neither_a_link_nor_a_known_account_is_one_sentence_with_the_kinds(
    state: Callable[..., Outcome], subject: str
) -> None:
    code, lines, err = state(subject)
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "network, asn, payment, template, tls" in err


def test_an_account_whose_id_has_a_colon_is_found(store: MemoryStore, state: Callable[..., Outcome]) -> None:
    put_account(store, "acct:7")
    assert state("acct:7")[0] == 0


def test_a_link_that_nobody_used_is_unknown(state: Callable[..., Outcome]) -> None:
    assert state("payment:nothing") == (1, [], "Nothing is known of payment:nothing.\n")
