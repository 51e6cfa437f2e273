"""Records of links folded into the links that are shared, against the sequential reference: equal, not only close."""

from collections.abc import Sequence
from random import Random
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import kernel as machine_code
from streams.distinct import hash32
from streams.events import CAPABILITIES
from streams.holders import Holders
from streams.links import ACCOUNT_HASH, LINK_KINDS, TYING_KINDS, Link, Links, link_hash
from streams.networks import Counted, NetworkState
from streams.used import FoldedLinks, Moment, PlacedLinks, Uses, uses_after
from streams.windows import DAY_MS, MINUTE_MS
from tests.streams.interpreted import interpreted
from tests.streams.link_bench import DAY, HOUR, NOON, Act, links
from tests.streams.reference_networks import ReferencePartition

INTERPRETED = interpreted("streams.kernel")
NOON_MS = NOON * MINUTE_MS
few = settings(max_examples=max(10, settings().max_examples // 5))
"""For the interpreted twin, which takes a millisecond a use."""


class Partition:
    """The shared links of one partition, folded step by step. `watch`: every link is."""

    def __init__(self, kernel: ModuleType = machine_code, *, watch: bool = True) -> None:
        self.states: dict[Link, NetworkState] = {}
        self.moments: list[tuple[Link, Moment]] = []
        self.late = self.founded = 0
        self._kernel = kernel
        self._watch = watch
        self._holders = Holders(places=4_096)
        self._next = 0

    def take(self, *records: Links) -> FoldedLinks:
        """One step of records, with all its moments."""
        folded, named = self.begin(*records)
        for moment in folded.moments:
            assert folded.counted(moment.key, self.states[named[moment.key]]) == moment.counted
            folded.take(moment)
            self.moments.append((named[moment.key], moment))
        with patch("streams.kernel.view_link", self._kernel.view_link):
            for name, link in named.items():
                assert folded.counted(name, self.states[link]) == self.states[link].counted()
        return folded

    def begin(self, *records: Links) -> tuple[FoldedLinks, dict[str, Link]]:
        """One step of records, of whose moments none is taken, and the links by their keys."""
        uses = Uses(records, [-1] * len(records))
        noted = self._holders.note(*uses.held())
        places = uses.shared(noted.status)
        named = {str(place): uses.links[place] for place in places.tolist()}
        states = {key: self.states.setdefault(link, NetworkState()) for key, link in named.items()}
        with patch("streams.kernel.fold_links", self._kernel.fold_links):
            folded = FoldedLinks(uses, noted, places, states, set(states) if self._watch else ())
        self.late += folded.late
        self.founded += folded.founded
        return folded, named


def act_drawn(random: Random, *, wild: bool, accounts: int = 4) -> Act:
    minutes = [0, 0, 1, 2, HOUR, -1]
    if wild:
        minutes = [0, 1, -3, HOUR, -2 * HOUR, DAY, -DAY, 9 * DAY, -30 * DAY, 40 * DAY]
    return Act(
        f"account-{random.randrange(accounts)}",
        NOON + random.choice(minutes),
        random.choice(LINK_KINDS),
        random.choice("vw"),
        random.randrange(len(CAPABILITIES)),
        random.choice((None, NOON_MS - 8 * DAY_MS, NOON_MS - DAY_MS)),
        random.choice((None, "o")),
        random.choice((None, *(f"network-{number}" for number in range(accounts)))),
        random.random() < 0.2,
        random.random() < 0.3,
        random.random() < 0.3,
    )


@st.composite
def logs(draw: st.DrawFn) -> list[list[Act]]:
    """Batches of acts."""
    random = Random(draw(st.integers(0, 2**32)))
    wild = draw(st.booleans())
    return [
        [act_drawn(random, wild=wild) for _ in range(size)] for size in draw(st.lists(st.integers(1, 12), max_size=5))
    ]


def assert_equals_the_reference(steps: Sequence[Sequence[Act]], kernel: ModuleType = machine_code) -> None:
    partition, reference = Partition(kernel), ReferencePartition()
    seen = []
    for acts in steps:
        partition.take(links(acts))
        seen += list(reference.step(acts))
    assert [(link, moment.minute) for link, moment in partition.moments] == [(link, minute) for link, minute, _ in seen]
    for (_, moment), (_, _, counted) in zip(partition.moments, seen, strict=True):
        assert moment.counted == (counted or Counted(0, 0, 0, 0, 0, 0, 0, 0, CAPABILITIES.index("other"), 0.0))
    assert partition.states.keys() == reference.links.keys()
    assert partition.founded == len(partition.states)
    assert partition.late == sum(link.late for link in reference.links.values())
    for link, expected in reference.links.items():
        state = partition.states[link]
        assert state.laid_out() == expected.laid_out()
        assert (state.requests, state.late) == (expected.requests, expected.late)
        assert state.newest_ms == expected.windows.newest_ms
        assert state.counted() == expected.counted()


@given(logs())
def test_the_fold_equals_the_reference_before_each_minute_and_after_all(steps: list[list[Act]]) -> None:
    assert_equals_the_reference(steps)


@few
@given(logs())
def test_the_same_lines_interpreted_equal_the_reference(steps: list[list[Act]]) -> None:
    assert_equals_the_reference(steps, INTERPRETED)


@pytest.mark.parametrize("seed", range(6))
def test_thousands_of_uses_by_hundreds_of_accounts_equal_the_reference(seed: int) -> None:
    """Sketches fill and slide: their ceilings fall and rise again."""
    random = Random(seed)
    log = [act_drawn(random, wild=seed % 2 == 1, accounts=300) for _ in range(3_000)]
    size = (7, 300, 1_000)[seed % 3]
    assert_equals_the_reference([log[start : start + size] for start in range(0, len(log), size)])


def test_machine_code_and_python_make_the_same_bytes_of_a_busy_log() -> None:
    random = Random(5)
    record = links([act_drawn(random, wild=number % 2 == 1, accounts=200) for number in range(1_500)])
    machine, python = Partition(), Partition(INTERPRETED)
    machine.take(record)
    python.take(record)
    assert machine.states == python.states
    assert machine.moments == python.moments


@given(logs())
def test_a_moment_names_those_who_used_a_link_that_can_tie_them(steps: list[list[Act]]) -> None:
    partition = Partition()
    for acts in steps:
        before = len(partition.moments)
        partition.take(links(acts))
        for link, moment in partition.moments[before:]:
            ties = link.kind in TYING_KINDS
            users = [act.who for act in acts if (act.link, act.minute) == (link, moment.minute) and not act.exempt]
            # The uses before the one that made the link shared are not counted.
            assert list(moment.members) == (users[len(users) - len(moment.members) :] if ties else [])


@given(logs())
def test_a_link_that_nobody_watches_has_moments_only_from_where_it_is_judged(steps: list[list[Act]]) -> None:
    """The others are the same, and so is what is counted; what a moment leaves behind is what the next one finds."""
    quiet, watched = Partition(watch=False), Partition()
    expected = []
    for acts in steps:
        record, known, told = links(acts), set(watched.states), len(watched.moments)
        for partition in (quiet, watched):
            for state in partition.states.values():
                state.judge_at = 5
            partition.take(record)
        # A link that is new in a batch is judged at 16, and a batch has no more than 12 uses.
        expected += [
            (link, moment.minute, moment.requests)
            for link, moment in watched.moments[told:]
            if link.kind in TYING_KINDS or (link in known and moment.requests >= 5)
        ]
    assert [(link, moment.minute, moment.requests) for link, moment in quiet.moments] == expected
    assert quiet.states == watched.states


@given(logs())
def test_a_link_stands_where_its_last_moment_left_it(steps: list[list[Act]]) -> None:
    partition = Partition()
    for acts in steps:
        before = {link: (state.requests, state.newest_ms) for link, state in partition.states.items()}
        folded, named = partition.begin(links(acts))
        for link in named.values():
            state = partition.states[link]
            assert (state.requests, state.newest_ms) == before.get(link, (0, 0))
        for moment in folded.moments:
            folded.take(moment)
            state = partition.states[named[moment.key]]
            assert (state.requests, state.newest_ms) == (moment.requests, moment.newest_ms)


@given(logs(), st.integers(0, 40), st.integers(0, 40))
def test_of_a_record_only_what_comes_after_the_mark_is_used(records: list[list[Act]], mark: int, again: int) -> None:
    """The same log cut in another way: the first cut was taken up to a mark, wherever that is in the second."""
    log = [act for acts in records for act in acts]
    first, rest = log[:mark], log[max(0, mark - again) :]
    items = [
        PlacedLinks(number, links(acts, start))
        for number, (acts, start) in enumerate(((first, 0), (rest, max(0, mark - again))))
        if acts
    ]
    whole, cut = Uses([links(log)], [-1]), uses_after(items, {})
    assert [used(cut, use) for use in range(len(cut.link))] == [used(whole, use) for use in range(len(whole.link))]


def used(uses: Uses, use: int) -> tuple[Link, int, int]:
    """A use, readable."""
    return uses.links[int(uses.link[use])], int(uses.minute[use]), int(uses.events[ACCOUNT_HASH, uses.event[use]])


def test_what_was_taken_of_one_source_says_nothing_of_another() -> None:
    record = links([Act("a"), Act("b")], 7, source=3, log="k1")
    items = [PlacedLinks(0, record)]
    for taken, left in (
        ({}, 2),
        ({"k1/3": 6}, 2),
        ({"k1/3": 7}, 1),
        ({"k1/3": 8}, 0),
        ({"/3": 8, "k2/3": 8, "k1/4": 8}, 2),
    ):
        assert len(uses_after(items, taken).link) == left


def test_a_record_that_comes_twice_in_one_step_is_used_once() -> None:
    items = [PlacedLinks(number, links([Act("a"), Act("b"), Act("b")])) for number in range(3)]
    assert len(uses_after(items, {}).link) == 3


def test_nothing_is_used_where_nothing_is_shared() -> None:
    for records in ([links([Act("a"), Act("a", NOON + 1), Act("b", value="w")])], []):
        partition = Partition()
        partition.take(*records)
        assert (partition.states, partition.moments) == ({}, [])


@given(logs())
def test_the_accounts_of_each_hour_are_all_that_did_anything(records: list[list[Act]]) -> None:
    log = [act for acts in records for act in acts]
    uses = Uses([links(acts, 100 * number) for number, acts in enumerate(records)], [-1] * len(records))
    hours = sorted({act.minute // HOUR for act in log})
    assert [(hour, sorted(set(accounts.tolist()))) for hour, accounts in uses.accounts_by_hour()] == [
        (hour, sorted({hash32(act.account) for act in log if act.minute // HOUR == hour})) for hour in hours
    ]
    assert uses.newest_minute // HOUR == max(hours, default=0)


@given(logs())
def test_links_and_accounts_are_asked_for_by_hash_and_hour(records: list[list[Act]]) -> None:
    log = [act for acts in records for act in acts]
    uses = Uses([links(acts, 100 * number) for number, acts in enumerate(records)], [-1] * len(records))
    asked = np.array(uses.held()).T.tolist()
    assert asked == [[link_hash(act.kind, act.value), hash32(act.account), act.minute // HOUR] for act in log]
