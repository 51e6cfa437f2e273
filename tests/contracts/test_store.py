"""What every store keeps to, whatever holds the states."""

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator

import pytest

from agents.store import NOTHING, Answer, Loaded, Place, Store
from agents.store.memory import MemoryStore
from agents.store.redis import RedisStore
from tests.contracts.conftest import SERVERS, RedisOf, Servers

PLACE = Place("observe", 3)
Everything = dict[str, object]


class Bench:
    """Stores on the same data, which nobody else has, and a look at all of it."""

    def __init__(self, servers: Servers | None) -> None:
        self._servers = servers
        self._memory = MemoryStore()
        self._prefix = uuid.uuid4().hex
        self._opened: list[Store] = []

    def another(self) -> Store:
        """One more store, as another process has it."""
        if self._servers is None:
            return self._memory
        self._opened.append(RedisStore(self._servers.url, prefix=self._prefix))
        return self._opened[-1]

    def everything(self) -> Everything:
        """All that is held, with the seconds that it stays, to see whether anything was written."""
        if self._servers is None:
            return {f"{place}": copy.deepcopy(vars(held)) for place, held in self._held.items()}
        found: Everything = {}
        for server in self._servers.servers:
            with server.client() as client:
                for key in client.keys(f"{self._prefix}:*"):
                    found[key.decode()] = (client.get(key), client.ttl(key) > 0)
        return found

    def lose_everything(self) -> None:
        """What FLUSHALL does."""
        self._held.clear()
        for server in self._servers.servers if self._servers else ():
            with server.client() as client:
                for key in client.keys(f"{self._prefix}:*"):
                    client.delete(key)

    async def close(self) -> None:
        for store in self._opened:
            await store.close()

    @property
    def _held(self) -> dict[Place, object]:
        return self._memory._places  # type: ignore[return-value]  # noqa: SLF001  there is no other look at everything


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.redis) for name in SERVERS)])
async def bench(request: pytest.FixtureRequest, redis_of: RedisOf) -> AsyncIterator[Bench]:
    bench = Bench(None if request.param == "memory" else redis_of(request.param))
    yield bench
    await bench.close()


@pytest.fixture
def store(bench: Bench) -> Store:
    return bench.another()


class Writer:
    """Opens a place and commits to it."""

    def __init__(self, store: Store, place: Place = PLACE) -> None:
        self.store = store
        self.place = place
        self.owner = ""

    async def open(self) -> tuple[int, bytes, str]:
        """Take the place over: its offset, outbox and log."""
        opened = await self.store.open(self.place)
        self.owner = opened.owner
        return opened.offset, opened.outbox, opened.log

    async def commit(
        self,
        expected: int,
        offset: int,
        values: dict[str, bytes] | None = None,
        outbox: bytes = b"",
        log: str = "",
        *,
        appends: dict[str, bytes] | None = None,
    ) -> Answer:
        return await self.store.commit(
            self.place,
            owner=self.owner,
            expected=expected,
            offset=offset,
            values=values or {},
            outbox=outbox,
            log=log,
            appends=appends or {},
        )


@pytest.fixture
async def writer(store: Store) -> Writer:
    """A writer that has opened the place."""
    writer = Writer(store)
    await writer.open()
    return writer


async def test_a_place_that_nobody_wrote_to_holds_nothing(store: Store) -> None:
    assert await store.load(PLACE, ("account:a", "model")) == Loaded(NOTHING, (None, None))
    assert await Writer(store).open() == (NOTHING, b"", "")


async def test_what_is_appended_stands_behind_what_was_there(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 0, {"a": b"1"}, appends={"b": b"x"})
    await writer.commit(0, 1, {"c": b"3"}, appends={"a": b"2", "b": b"y"})
    assert await store.load(PLACE, ("a", "b", "c")) == Loaded(1, (b"12", b"xy", b"3"))
    await writer.commit(1, 2, {"a": b"new"})
    assert await store.load(PLACE, ("a",)) == Loaded(2, (b"new",))


async def test_a_commit_that_is_not_taken_appends_nothing(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 0, {"a": b"1"})
    assert (await writer.commit(NOTHING, 0, appends={"a": b"2"})).kind == "duplicate"
    assert await store.load(PLACE, ("a",)) == Loaded(0, (b"1",))


async def test_a_commit_moves_offset_states_outbox_and_log_together(store: Store, writer: Writer) -> None:
    answer = await writer.commit(NOTHING, 41, {"a": b"1", "b": b"2"}, b"to send", "log-1")
    assert answer == Answer("applied", 41)
    assert await store.load(PLACE, ("b", "a")) == Loaded(41, (b"2", b"1"))
    assert await writer.open() == (41, b"to send", "log-1")


async def test_opening_a_place_changes_nothing_but_its_owner(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 41, {"a": b"1"}, b"to send", "log-1")
    owners = set()
    for _ in range(3):
        assert await writer.open() == (41, b"to send", "log-1")
        owners.add(writer.owner)
    assert len(owners) == 3
    assert all(len(owner) == 16 for owner in owners)
    assert await store.load(PLACE, ("a",)) == Loaded(41, (b"1",))


async def test_states_that_a_commit_does_not_name_stay(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 0, {"a": b"1", "b": b"2"})
    await writer.commit(0, 9, {"b": b"3"})
    assert await store.load(PLACE, ("a", "b")) == Loaded(9, (b"1", b"3"))


async def test_an_outbox_is_replaced_not_added_to(writer: Writer) -> None:
    await writer.commit(NOTHING, 0, outbox=b"first")
    await writer.commit(0, 1, outbox=b"second")
    assert (await writer.open())[1] == b"second"
    await writer.commit(1, 2)
    assert (await writer.open())[1] == b""


async def test_a_commit_may_stay_at_its_offset_again_and_again(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 7, {"a": b"1"})
    for value in (b"2", b"3"):
        assert await writer.commit(7, 7, {"a": value}, b"left for later") == Answer("applied", 7)
        assert await store.load(PLACE, ("a",)) == Loaded(7, (value,))
    assert await writer.open() == (7, b"left for later", "")


async def test_a_place_that_holds_nothing_may_be_settled_too(writer: Writer) -> None:
    assert await writer.commit(NOTHING, NOTHING, {"a": b"1"}, b"out") == Answer("applied", NOTHING)
    assert await writer.open() == (NOTHING, b"out", "")


async def test_the_offset_may_go_back_when_the_log_is_another(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 900, {"a": b"1"}, log="log-1")
    assert await writer.commit(900, 5, log="log-2") == Answer("applied", 5)
    assert await store.load(PLACE, ("a",)) == Loaded(5, (b"1",))
    assert await writer.open() == (5, b"", "log-2")


async def test_offsets_are_numbers_not_words(writer: Writer) -> None:
    await writer.commit(NOTHING, 9)
    assert await writer.commit(10, 11) == Answer("gap", 9)
    await writer.commit(9, 10)
    assert await writer.commit(9, 11) == Answer("duplicate", 10)
    large = 2**53 - 1
    assert await writer.commit(10, large) == Answer("applied", large)
    assert await writer.commit(large - 1, large) == Answer("duplicate", large)


async def test_who_opened_the_place_earlier_is_refused_and_writes_nothing(bench: Bench, writer: Writer) -> None:
    await writer.commit(NOTHING, 5, {"a": b"1"}, b"kept", "log")
    successor = Writer(bench.another())
    assert await successor.open() == (5, b"kept", "log")
    before = bench.everything()
    for expected in (5, 4, 6, NOTHING):
        assert await writer.commit(expected, 8, {"a": b"2", "b": b"2"}, b"lost", "other") == Answer("refused", 5)
    assert bench.everything() == before
    assert await successor.commit(5, 8) == Answer("applied", 8)


async def test_who_never_opened_the_place_is_refused(bench: Bench) -> None:
    stranger = Writer(bench.another())
    for owner in ("", "0123456789abcdef"):
        stranger.owner = owner
        assert await stranger.commit(NOTHING, 1, {"a": b"2"}, b"lost") == Answer("refused", NOTHING)
    assert bench.everything() == {}


async def test_a_commit_that_was_applied_and_not_answered_is_a_duplicate_and_writes_nothing(
    bench: Bench, writer: Writer
) -> None:
    await writer.commit(NOTHING, 5, {"a": b"1"}, b"kept", "log")
    before = bench.everything()
    assert await writer.commit(NOTHING, 5, {"a": b"1", "b": b"2"}, b"again") == Answer("duplicate", 5)
    assert await writer.commit(4, 9, {"a": b"2"}, b"again") == Answer("duplicate", 5)
    assert bench.everything() == before


async def test_a_place_that_stands_before_the_expected_offset_is_a_gap_and_writes_nothing(
    bench: Bench, writer: Writer
) -> None:
    before = bench.everything()
    assert await writer.commit(5, 8, {"a": b"2"}, b"lost") == Answer("gap", NOTHING)
    assert bench.everything() == before
    await writer.commit(NOTHING, 5, {"a": b"1"}, b"kept", "log")
    before = bench.everything()
    assert await writer.commit(6, 6, {"a": b"2", "b": b"2"}, b"lost") == Answer("gap", 5)
    assert bench.everything() == before


async def test_a_place_that_was_lost_refuses_its_owner_and_opens_empty(bench: Bench, writer: Writer) -> None:
    await writer.commit(NOTHING, 5, {"a": b"1"}, b"kept", "log")
    bench.lose_everything()
    assert await writer.commit(5, 8, {"a": b"2"}, b"lost") == Answer("refused", NOTHING)
    assert bench.everything() == {}
    assert await writer.open() == (NOTHING, b"", "")
    assert await writer.commit(5, 8) == Answer("gap", NOTHING)
    assert await writer.commit(NOTHING, 3) == Answer("applied", 3)


async def test_places_are_apart(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 5, {"shard": b"1"}, b"out", "log")
    for other in (Place("observe", 4), Place("networks", 3), Place("observe", 33)):
        assert await store.load(other, ("shard",)) == Loaded(NOTHING, (None,))
        assert await Writer(store, other).open() == (NOTHING, b"", "")
    assert await writer.commit(5, 6) == Answer("applied", 6)


@pytest.mark.parametrize("value", [b"\0", bytes(range(256)), b"\r\n$3\r\n", b"\xff\xfe" * 50_000])
async def test_values_and_outboxes_come_back_byte_for_byte(store: Store, writer: Writer, value: bytes) -> None:
    await writer.commit(NOTHING, 0, {"a": value}, value)
    assert await store.load(PLACE, ("a",)) == Loaded(0, (value,))
    assert (await writer.open())[1] == value


async def test_a_state_without_a_byte_is_none_and_may_come_again(store: Store, writer: Writer) -> None:
    await writer.commit(NOTHING, 0, {"a": b"1", "b": b"2"})
    await writer.commit(0, 1, {"a": b"", "c": b""})
    assert await store.load(PLACE, ("a", "b", "c")) == Loaded(1, (None, b"2", None))
    await writer.commit(1, 2, {"a": b"3"}, b"")
    assert await store.load(PLACE, ("a", "b", "c")) == Loaded(2, (b"3", b"2", None))
    assert (await writer.open())[1] == b""


@pytest.mark.parametrize(
    "key",
    ["account:", "account:a b\r\nc", "account:{x}:offset", "account:\0", "account:é\U0001f600", "account:" + "n" * 128],
)
async def test_any_key_that_an_account_may_choose_is_a_key(store: Store, writer: Writer, key: str) -> None:
    await writer.commit(NOTHING, 0, {key: b"1", "account:other": b"2"})
    assert await store.load(PLACE, (key, "account:other")) == Loaded(0, (b"1", b"2"))


@pytest.mark.parametrize("count", [0, 1, 252, 253, 254, 255, 256, 257, 512, 20_000])
async def test_any_number_of_states_changes_in_one_commit(store: Store, writer: Writer, count: int) -> None:
    """Lua hands a command some 8,000 words at the most, and a command leaves in pieces of 256 words."""
    values = {f"account:{number}": f"{number}".encode() * 20 for number in range(count)}
    assert await writer.commit(NOTHING, 4_999, values) == Answer("applied", 4_999)
    assert await store.load(PLACE, tuple(values)) == Loaded(4_999, tuple(values.values()))


async def test_of_two_that_open_at_once_exactly_one_writes(bench: Bench) -> None:
    writers = [Writer(bench.another()), Writer(bench.another())]
    for offset in range(20):
        await asyncio.gather(*(writer.open() for writer in writers))
        answers = await asyncio.gather(
            *(writer.commit(offset - 1, offset, {"a": writer.owner.encode()}, b"out") for writer in writers)
        )
        assert sorted(answer.kind for answer in answers) == ["applied", "refused"]
        winner = writers[[answer.kind for answer in answers].index("applied")]
        for writer in writers:
            assert await writer.store.load(PLACE, ("a",)) == Loaded(offset, (winner.owner.encode(),))


async def test_of_two_tries_of_one_commit_at_once_exactly_one_is_applied(bench: Bench, writer: Writer) -> None:
    other = Writer(bench.another())
    other.owner = writer.owner
    for offset in range(20):
        answers = await asyncio.gather(*(it.commit(offset - 1, offset, {"a": b"1"}) for it in (writer, other)))
        assert sorted(answer.kind for answer in answers) == ["applied", "duplicate"]
        assert {answer.offset for answer in answers} == {offset}


async def test_what_one_writer_committed_the_next_takes_up(bench: Bench, writer: Writer) -> None:
    await writer.commit(NOTHING, 5, {"a": b"1"}, b"left to be sent")
    second = Writer(bench.another())
    assert await second.store.load(PLACE, ("a",)) == Loaded(5, (b"1",))
    assert (await second.open())[1] == b"left to be sent"
