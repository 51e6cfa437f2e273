"""One step: it is taken whole or not at all, and taken again it says the same."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from agents.advance import Partition, Posted
from agents.store import NOTHING, Answer, Loaded, Place, StoreError
from agents.store.memory import MemoryStore
from streams.findings import Findings
from streams.stages import Outgoing, Output, Source
from streams.stages.shape import StageName
from streams.states import States


class Seen(Struct, array_like=True):
    """How often a letter came."""

    times: int = 0


class Letters:
    """A stage of this test: counts letters, and tells every third time it sees one."""

    name: StageName = "observe"

    def __init__(self) -> None:
        self.decoded = 0

    @property
    def nothing(self) -> Sequence[str]:
        return ()

    def needs(self, items: Sequence[str], states: States) -> set[str]:
        """The letters; and for a capital, once it is at hand, its small letter too: asked again, it names more."""
        return {*items, *(item.lower() for item in items if item in states)}

    def decode(self, _key: str, stored: bytes | None) -> object:
        self.decoded += 1
        return Seen() if stored is None else msgspec.msgpack.decode(stored, type=Seen)

    def encode(self, _key: str, state: object) -> bytes:
        return msgspec.msgpack.encode(state)

    def fold(self, source: Source, items: Sequence[str], states: States) -> Output:
        output = Output()
        for item in items:
            seen = states.change(item, Seen)
            seen.times += 1
            states.read(item.lower(), Seen)
            output.tally["letters"] += 1
            if seen.times % 3 == 0:
                said = Findings(source.partition, source.log, seen.times, 0, 7, [])
                output.records.append(Outgoing("findings", said, 7, partition=1, key=item))
        return output


class FlakyStore(MemoryStore):
    """A store that fails when told to: before a commit, or after it, when the answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.loads = 0

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        self.loads += 1
        return await super().load(place, keys)

    async def commit(self, place: Place, **step: Any) -> Answer:  # noqa: ANN401  handed on as it is
        failure = self.failures.pop() if self.failures else "none"
        if failure == "before":
            raise StoreError("The store is gone.")
        answer = await super().commit(place, **step)
        if failure == "after":
            raise StoreError("The answer was lost.")
        return answer


@pytest.fixture
def store() -> FlakyStore:
    return FlakyStore()


def partition_of(store: MemoryStore, *, states_at_hand: int = 100) -> Partition[Sequence[str]]:
    return Partition(Letters(), 5, store, states_at_hand=states_at_hand)


async def opened(store: MemoryStore, *, states_at_hand: int = 100) -> Partition[Sequence[str]]:
    partition = partition_of(store, states_at_hand=states_at_hand)
    await partition.open()
    return partition


async def times(store: MemoryStore, letter: str) -> int | None:
    """How often the store says that a letter came."""
    (stored,) = (await store.load(Place("observe", 5), [letter])).values
    return None if stored is None else msgspec.msgpack.decode(stored, type=Seen).times


async def test_a_step_commits_what_changed_and_where_it_stands(store: FlakyStore) -> None:
    partition = await opened(store)
    advanced = await partition.advance(["a", "b", "A"], 2)
    assert (partition.offset, (await store.load(partition.place, ())).offset) == (2, 2)
    assert [await times(store, letter) for letter in "abAc"] == [1, 1, 1, None]
    assert advanced.output.tally["letters"] == 3


async def test_what_was_only_read_is_not_written(store: FlakyStore) -> None:
    await (await opened(store)).advance(["A"], 0)
    assert await times(store, "a") is None


async def test_records_leave_encoded_in_their_order_behind_what_was_refused(store: FlakyStore) -> None:
    refused = (Posted("dlq", None, b"k", b"bad", (("reason", b"not_json"),)),)
    advanced = await (await opened(store)).advance(["a", "b"] * 3, 5, refused)
    assert [(posted.topic, posted.key, posted.partition) for posted in advanced.posted] == [
        ("dlq", b"k", None),
        ("findings", b"a", 1),
        ("findings", b"b", 1),
    ]
    assert msgspec.json.decode(advanced.posted[1].value or b"", type=Findings) == Findings(5, "", 3, 0, 7, [])
    assert advanced.posted[1].appended_at_ms == 7


async def test_a_key_of_any_letters_can_be_sent(store: FlakyStore) -> None:
    advanced = await (await opened(store)).advance(["\ud800"] * 3, 2)
    assert advanced.posted[0].key == "\ud800".encode("utf-8", "surrogatepass")


async def test_after_a_restart_what_the_last_step_left_to_send_is_sent_again(store: FlakyStore) -> None:
    advanced = await (await opened(store)).advance(["a"] * 3, 2, (Posted("dlq", 0, None, None),))
    again = partition_of(store)
    assert again.offset == NOTHING
    assert await again.open() == advanced.posted
    assert again.offset == 2


async def test_after_a_step_that_left_nothing_nothing_is_sent_again(store: FlakyStore) -> None:
    partition = await opened(store)
    await partition.advance(["a"] * 3, 2)
    await partition.advance(["a"], 3)
    assert await partition_of(store).open() == ()


async def test_a_place_that_holds_nothing_opens_before_the_first_offset(store: FlakyStore) -> None:
    partition = partition_of(store)
    assert await partition.open() == ()
    assert partition.offset == NOTHING


async def test_a_step_that_was_not_written_is_forgotten_and_can_be_taken_again(store: FlakyStore) -> None:
    partition = await opened(store)
    await partition.advance(["a"], 0)
    store.failures = ["before"]
    with pytest.raises(StoreError):
        await partition.advance(["a"], 1)
    assert (partition.offset, partition.states_at_hand) == (0, 0)
    await partition.advance(["a"], 1)
    assert await times(store, "a") == 2


async def test_a_step_of_which_the_answer_was_lost_is_not_taken_twice(store: FlakyStore) -> None:
    partition = await opened(store)
    store.failures = ["after"]
    with pytest.raises(StoreError):
        await partition.advance(["a"] * 3, 2)
    assert (await partition.advance(["a"] * 3, 2)).answer == Answer("duplicate", 2)
    assert partition.states_at_hand == 0
    assert len(await partition.open()) == 1
    assert (partition.offset, await times(store, "a")) == (2, 3)


async def test_who_lost_the_partition_cannot_write(store: FlakyStore) -> None:
    old, new = await opened(store), partition_of(store)
    await old.advance(["a"], 0)
    await new.open()
    await new.advance(["a"], 1)
    assert (await old.advance(["a", "a", "a"], 3)).answer == Answer("refused", 1)
    assert (old.offset, old.states_at_hand) == (0, 0)
    assert await times(store, "a") == 2


async def test_states_stay_at_hand_and_those_used_longest_ago_are_let_go_first(store: FlakyStore) -> None:
    partition = await opened(store, states_at_hand=2)
    used = ["x:a", "x:b", "x:a", "x:c", "x:a", "x:d", "x:a", "x:e", "x:a", "x:f"]
    for offset, key in enumerate(used):
        await partition.advance([key], offset)
    assert partition.states_at_hand <= 6
    assert store.loads == 6
    await partition.advance(["x:a", "x:f"], 10)
    assert store.loads == 6
    await partition.advance(["x:b"], 11)
    assert store.loads == 7
    assert [await times(store, f"x:{letter}") for letter in "abf"] == [6, 2, 2]


async def test_a_step_larger_than_what_is_kept_at_hand_is_taken_whole(store: FlakyStore) -> None:
    partition = await opened(store, states_at_hand=2)
    await partition.advance([f"x:{letter}" for letter in "abcdefgh"], 7)
    assert partition.states_at_hand == 4
    assert [await times(store, key) for key in ("x:a", "x:h")] == [1, 1]


async def test_a_step_larger_than_what_is_kept_at_hand_keeps_what_every_step_needs(store: FlakyStore) -> None:
    partition = await opened(store, states_at_hand=2)
    await partition.advance(["model", *(f"account:{number}" for number in range(100)), "shard"], 101)
    loads = store.loads
    await partition.advance(["model", "shard"], 103)
    assert store.loads == loads


async def test_without_items_the_offset_may_stay(store: FlakyStore) -> None:
    partition = await opened(store)
    await partition.advance(["a"], 0)
    assert (await partition.advance((), 0)).posted == ()
    assert partition.offset == 0


@given(
    st.lists(st.sampled_from("abAB"), max_size=40),
    st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["none", "none", "before", "after", "restart"])), min_size=40
    ),
)
async def test_whatever_fails_and_whenever_nothing_is_lost_and_nothing_counted_twice(
    letters: list[str], steps: list[tuple[int, str]]
) -> None:
    """A worker that dies or loses its store starts again from the store, and sends again what may not have left."""
    store = FlakyStore()
    partition = await opened(store, states_at_hand=2)
    sent: list[Posted] = []

    async def start() -> None:
        for posted in await partition.open():
            if posted not in sent:
                sent.append(posted)

    for size, failure in steps:
        if failure == "restart":
            partition = partition_of(store, states_at_hand=2)
            await start()
            continue
        first = partition.offset + 1
        batch = letters[first : first + size]
        if not batch:
            continue
        store.failures = [failure]
        try:
            advanced = await partition.advance(batch, first + len(batch) - 1)
        except StoreError:
            await start()
        else:
            sent.extend(advanced.posted)
    done = letters[: partition.offset + 1]
    assert [await times(store, letter) or 0 for letter in "abAB"] == [done.count(letter) for letter in "abAB"]
    assert tuple(sent) == (await (await opened(MemoryStore())).advance(done, len(done))).posted


async def test_a_partition_that_was_not_opened_cannot_write(store: FlakyStore) -> None:
    assert (await partition_of(store).advance(["a"], 0)).answer.kind == "refused"
    assert await times(store, "a") is None
