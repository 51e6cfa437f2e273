"""What every store keeps to, whatever holds the states."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from agents.store import NOTHING, FenceLostError, Loaded, Place, Store
from agents.store.memory import MemoryStore
from agents.store.redis import RedisStore
from tests.contracts.conftest import PROGRAMS, RedisOf

PLACE = Place("observe", 3)
OpenStore = Callable[[], Store]


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.redis) for name in PROGRAMS)])
async def open_store(request: pytest.FixtureRequest, redis_of: RedisOf) -> AsyncIterator[OpenStore]:
    """Opens stores, all on the same data, which nobody else has."""
    opened: list[Store] = []
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: memory
        return
    server, prefix = redis_of(request.param), uuid.uuid4().hex

    def open_redis() -> Store:
        opened.append(RedisStore(server.url, prefix=prefix))
        return opened[-1]

    yield open_redis
    for store in opened:
        await store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()


async def test_a_place_that_nobody_wrote_to_holds_nothing(store: Store) -> None:
    assert await store.load(PLACE, ("account:a", "model")) == Loaded(NOTHING, (None, None))
    assert await store.outbox(PLACE) == b""


async def test_a_commit_moves_offset_states_and_outbox_together(store: Store) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=41, values={"a": b"1", "b": b"2"}, outbox=b"to send")
    assert await store.load(PLACE, ("b", "a")) == Loaded(41, (b"2", b"1"))
    assert await store.outbox(PLACE) == b"to send"


async def test_states_that_a_commit_does_not_name_stay(store: Store) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=0, values={"a": b"1", "b": b"2"}, outbox=b"")
    await store.commit(PLACE, expected=0, offset=9, values={"b": b"3"}, outbox=b"")
    assert await store.load(PLACE, ("a", "b")) == Loaded(9, (b"1", b"3"))


async def test_an_outbox_is_replaced_not_added_to(store: Store) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=0, values={}, outbox=b"first")
    await store.commit(PLACE, expected=0, offset=1, values={}, outbox=b"second")
    assert await store.outbox(PLACE) == b"second"
    await store.commit(PLACE, expected=1, offset=2, values={}, outbox=b"")
    assert await store.outbox(PLACE) == b""


async def test_a_commit_may_stay_at_its_offset(store: Store) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=7, values={"a": b"1"}, outbox=b"")
    await store.commit(PLACE, expected=7, offset=7, values={"a": b"2"}, outbox=b"left for later")
    assert await store.load(PLACE, ("a",)) == Loaded(7, (b"2",))
    assert await store.outbox(PLACE) == b"left for later"


@pytest.mark.parametrize("expected", [NOTHING, 4, 6])
async def test_a_commit_from_another_offset_writes_nothing_and_says_where_the_place_stands(
    store: Store, expected: int
) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=5, values={"a": b"1"}, outbox=b"kept")
    with pytest.raises(FenceLostError) as caught:
        await store.commit(PLACE, expected=expected, offset=8, values={"a": b"2", "b": b"2"}, outbox=b"lost")
    assert caught.value.actual == 5
    assert await store.load(PLACE, ("a", "b")) == Loaded(5, (b"1", None))
    assert await store.outbox(PLACE) == b"kept"


async def test_a_commit_to_an_empty_place_that_expects_an_offset_is_refused(store: Store) -> None:
    with pytest.raises(FenceLostError) as caught:
        await store.commit(PLACE, expected=5, offset=8, values={"a": b"2"}, outbox=b"lost")
    assert caught.value.actual == NOTHING
    assert await store.load(PLACE, ("a",)) == Loaded(NOTHING, (None,))


async def test_places_are_apart(store: Store) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=5, values={"shard": b"1"}, outbox=b"out")
    for other in (Place("observe", 4), Place("networks", 3), Place("observe", 33)):
        assert await store.load(other, ("shard",)) == Loaded(NOTHING, (None,))
        assert await store.outbox(other) == b""


@pytest.mark.parametrize("value", [b"", b"\0", bytes(range(256)), b"\r\n$3\r\n", b"\xff\xfe" * 50_000])
async def test_values_and_outboxes_come_back_byte_for_byte(store: Store, value: bytes) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=0, values={"a": value}, outbox=value)
    assert await store.load(PLACE, ("a",)) == Loaded(0, (value,))
    assert await store.outbox(PLACE) == value


@pytest.mark.parametrize(
    "key",
    ["account:", "account:a b\r\nc", "account:{x}:offset", "account:\0", "account:é\U0001f600", "account:" + "n" * 128],
)
async def test_any_key_that_an_account_may_choose_is_a_key(store: Store, key: str) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=0, values={key: b"1", "account:other": b"2"}, outbox=b"")
    assert await store.load(PLACE, (key, "account:other")) == Loaded(0, (b"1", b"2"))


async def test_five_thousand_states_change_in_one_commit(store: Store) -> None:
    values = {f"account:{number}": f"{number}".encode() * 20 for number in range(5_000)}
    await store.commit(PLACE, expected=NOTHING, offset=4_999, values=values, outbox=b"")
    assert await store.load(PLACE, tuple(values)) == Loaded(4_999, tuple(values.values()))


async def test_of_two_writers_from_one_offset_exactly_one_wins(open_store: OpenStore) -> None:
    writers = {name: open_store() for name in (b"left", b"right")}
    for offset in range(20):
        answers = await asyncio.gather(
            *(
                store.commit(PLACE, expected=offset - 1, offset=offset, values={"a": name}, outbox=name)
                for name, store in writers.items()
            ),
            return_exceptions=True,
        )
        winners = [name for name, answer in zip(writers, answers, strict=True) if answer is None]
        losers = [answer for answer in answers if isinstance(answer, FenceLostError)]
        assert (len(winners), [loser.actual for loser in losers]) == (1, [offset])
        for store in writers.values():
            assert await store.load(PLACE, ("a",)) == Loaded(offset, (winners[0],))
            assert await store.outbox(PLACE) == winners[0]


async def test_what_one_writer_committed_the_next_takes_up(open_store: OpenStore) -> None:
    first = open_store()
    await first.commit(PLACE, expected=NOTHING, offset=5, values={"a": b"1"}, outbox=b"left to be sent")
    second = open_store()
    assert await second.load(PLACE, ("a",)) == Loaded(5, (b"1",))
    assert await second.outbox(PLACE) == b"left to be sent"
