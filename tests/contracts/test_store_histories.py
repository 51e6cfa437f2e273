"""Any history of several workers on any store answers as an exact model does, word for word."""

import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from agents.store import NOTHING, Answer, Loaded, Place, Store
from agents.store.memory import MemoryStore
from agents.store.redis import RedisStore
from tests.contracts.conftest import SERVERS, RedisOf

KEYS = "abc"
_numbers = itertools.count()


class Open(Struct, frozen=True):
    """A worker takes a place over."""

    worker: int
    place: int


class Commit(Struct, frozen=True):
    """A worker moves a place by `step` from `drift` off where it believes that the place stands."""

    worker: int
    place: int
    drift: int
    step: int
    values: dict[str, bytes]
    outbox: bytes
    log: str


class Load(Struct, frozen=True):
    """Anybody reads."""

    place: int
    keys: list[str]


class Lose(Struct, frozen=True):
    """The store loses all of a place."""

    place: int


Operation = Open | Commit | Load | Lose
workers, places = st.integers(0, 2), st.integers(0, 1)
drifts = st.sampled_from([0, 0, 0, 0, 0, -1, 1, -3, 3])
operations: st.SearchStrategy[list[Operation]] = st.lists(
    st.one_of(
        st.builds(Open, workers, places),
        st.builds(
            Commit,
            workers,
            places,
            drifts,
            st.integers(-1, 4),
            st.dictionaries(st.sampled_from(KEYS), st.binary(min_size=1, max_size=4)),
            st.binary(max_size=3),
            st.sampled_from(["", "log-1", "log-2"]),
        ),
        st.builds(Load, places, st.lists(st.sampled_from(KEYS), max_size=4)),
        st.builds(Lose, places),
    ),
    max_size=30,
)


class Model:
    """What a place is, said again as plainly as possible. Owners are numbers here: how many opened before."""

    def __init__(self) -> None:
        self.owner = 0
        self.opened = 0
        self.content: tuple[int, bytes, str] = (NOTHING, b"", "")
        self.values: dict[str, bytes] = {}

    def open(self) -> int:
        self.opened += 1
        self.owner = self.opened
        return self.owner

    def commit(self, owner: int, expected: int, change: Commit) -> Answer:
        stands = self.content[0]
        if owner == 0 or owner != self.owner:
            return Answer("refused", stands)
        if expected < stands:
            return Answer("duplicate", stands)
        if expected > stands:
            return Answer("gap", stands)
        self.content = (expected + change.step, change.outbox, change.log)
        self.values = {**self.values, **change.values}
        return Answer("applied", expected + change.step)

    def lose(self) -> None:
        self.owner, self.content, self.values = 0, (NOTHING, b"", ""), {}


class History:
    """Runs operations on a store and on the model side by side."""

    def __init__(self, store: Store, lose: Callable[[Place], None]) -> None:
        self._store = store
        self._lose = lose
        self._places = [Place("observe", next(_numbers)) for _ in range(2)]
        self._models = [Model(), Model()]
        self._tokens: dict[tuple[int, int], tuple[str, int]] = {}
        self._believed: dict[tuple[int, int], int] = {}

    async def run(self, operations: list[Operation]) -> None:
        for operation in operations:
            await self._take(operation)
            for number, place in enumerate(self._places):
                expected = self._models[number]
                held = tuple(expected.values.get(key) for key in KEYS)
                assert await self._store.load(place, KEYS) == Loaded(expected.content[0], held)

    async def _take(self, operation: Operation) -> None:
        place, model = self._places[operation.place], self._models[operation.place]
        match operation:
            case Open(worker, number):
                opened = await self._store.open(place)
                assert (opened.offset, opened.outbox, opened.log) == model.content
                assert opened.owner not in {token for token, _ in self._tokens.values()}
                self._tokens[worker, number] = opened.owner, model.open()
                self._believed[worker, number] = opened.offset
            case Commit(worker, number):
                token, owner = self._tokens.get((worker, number), ("", 0))
                expected = max(NOTHING, self._believed.get((worker, number), NOTHING) + operation.drift)
                change = Commit(worker, number, 0, max(operation.step, NOTHING - expected), *_content(operation))
                answer = await self._store.commit(
                    place,
                    owner=token,
                    expected=expected,
                    offset=expected + change.step,
                    values=change.values,
                    outbox=change.outbox,
                    log=change.log,
                )
                assert answer == model.commit(owner, expected, change)
                if answer.kind == "applied":
                    self._believed[worker, number] = answer.offset
            case Load(_, keys):
                found = await self._store.load(place, keys)
                assert found.values == tuple(model.values.get(key) for key in keys)
            case Lose():
                self._lose(place)
                model.lose()


def _content(commit: Commit) -> tuple[dict[str, bytes], bytes, str]:
    return commit.values, commit.outbox, commit.log


@settings(max_examples=400, deadline=None)
@given(operations)
async def test_the_store_in_memory_answers_as_the_model(operations: list[Operation]) -> None:
    store = MemoryStore()

    def lose(place: Place) -> None:
        store._places.pop(place, None)  # noqa: SLF001  nothing else makes memory forget

    await History(store, lose).run(operations)


@pytest.fixture(params=SERVERS)
async def on_redis(request: pytest.FixtureRequest, redis_of: RedisOf) -> AsyncIterator[tuple[Store, Any]]:
    """A store, and how to let it lose a place."""
    servers, prefix = redis_of(request.param), uuid.uuid4().hex
    clients = [server.client() for server in servers.servers]

    def lose(place: Place) -> None:
        for client in clients:
            for key in client.keys(f"{prefix}:{{{place.stage}:{place.partition}}}:*"):
                client.delete(key)

    store = RedisStore(servers.url, prefix=prefix)
    yield store, lose
    await store.close()
    for client in clients:
        client.close()


@pytest.mark.redis
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
async def test_redis_answers_as_the_model(
    on_redis: tuple[Store, Callable[[Place], None]], operations: list[Operation]
) -> None:
    await History(*on_redis).run(operations)
