"""Records of several partitions come in the order in which their logs took them."""

import asyncio
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from agents.copying.entry import Entry, Place, in_order

AT_ONCE = 3


class Logs:
    """A feed of a few entries at a time; it hands out those of some partitions later than asked, as a broker may."""

    def __init__(self, logs: Mapping[Place, Sequence[Entry]], lazy: Sequence[bool]) -> None:
        self.left = {place: list(entries) for place, entries in logs.items()}
        self.most_held = 0
        self._lazy = list(lazy)

    async def fill(self, wanted: Sequence[Place]) -> Mapping[Place, Sequence[Entry]]:
        has_any = [place for place in wanted if self.left[place]]
        if len(has_any) > 1 and self._lazy and self._lazy.pop():
            has_any = has_any[:1]
        found = {place: self.left[place][:AT_ONCE] for place in has_any}
        for place in has_any:
            del self.left[place][:AT_ONCE]
        return found


def logs_of(times: Sequence[Sequence[int]]) -> dict[Place, list[Entry]]:
    return {
        ("requests", number): [
            Entry("requests", number, offset, at_ms, None, None) for offset, at_ms in enumerate(partition)
        ]
        for number, partition in enumerate(times)
    }


def merged(logs: Mapping[Place, Sequence[Entry]], lazy: Sequence[bool] = ()) -> list[Entry]:
    async def collect() -> list[Entry]:
        return [entry async for entry in in_order(Logs(logs, lazy), list(logs))]

    return asyncio.run(collect())


partitions = st.lists(st.lists(st.integers(0, 20), max_size=12), min_size=1, max_size=4)


@given(partitions, st.lists(st.booleans(), max_size=20))
def test_everything_comes_once_and_each_partition_in_its_own_order(times: list[list[int]], lazy: list[bool]) -> None:
    logs = logs_of(times)
    found = merged(logs, lazy)
    assert {place: [it for it in found if it.place == place] for place in logs} == logs


@given(partitions, st.lists(st.booleans(), max_size=20))
def test_where_clocks_never_go_back_all_comes_by_time_then_place(times: list[list[int]], lazy: list[bool]) -> None:
    logs = logs_of([sorted(partition) for partition in times])
    entries = [entry for partition in logs.values() for entry in partition]
    assert merged(logs, lazy) == sorted(entries, key=lambda it: (it.at_ms, it.place, it.offset))


def test_a_clock_that_was_set_back_does_not_go_before_what_was_appended_before() -> None:
    found = merged(logs_of([[5, 1, 6], [4, 5, 7]]))
    assert [(it.partition, it.at_ms) for it in found] == [(1, 4), (0, 5), (0, 1), (1, 5), (0, 6), (1, 7)]
