"""Who holds a link alone: against a dictionary while there is room, and what makes way when there is none."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import holders
from streams.holders import HOUR_BITS, KNOWN_SHARED, NEWLY_SHARED, SHARED, SINGLE, WAYS, Holders
from streams.links import link_hash
from tests.streams.interpreted import interpreted

PLACES = 64
ROWS = PLACES // WAYS
HOUR = 497_556
INTERPRETED = interpreted("streams.holders")


class Use(NamedTuple):
    """A link, used by an account in an hour."""

    link: int
    account: int
    hour: int


def link(number: int) -> int:
    """Links of which each next one is in the next row."""
    return number << 32 | number


class Said(NamedTuple):
    """What one use says of its link; `holder` is (account, hour) where the use made the link shared."""

    status: int
    holder: tuple[int, int] | None


def note(table: Holders, uses: Sequence[Use]) -> tuple[list[Said], bytes]:
    """What the table says of each use, and the journal."""
    noted = table.note(*np.array(uses, np.int64).reshape(-1, 3).T.copy())
    said = [
        Said(status, (word >> HOUR_BITS, word & (1 << HOUR_BITS) - 1) if status == NEWLY_SHARED else None)
        for status, word in zip(noted.status.tolist(), noted.holder.tolist(), strict=True)
    ]
    return said, noted.journal


class Slot(NamedTuple):
    """A link that is held, by one account or shared, and the newest hour it was used in."""

    link: int
    account: int
    hour: int


class Model:
    """The same with lists: as many rows of `WAYS` slots, of which the one used longest ago makes way."""

    def __init__(self, rows: int = ROWS) -> None:
        self.rows: list[list[Slot | None]] = [[None] * WAYS for _ in range(rows)]

    def note(self, use: Use) -> Said:
        row = self.rows[(use.link >> 32) % len(self.rows)]
        for place, slot in enumerate(row):
            if slot is not None and slot.link == use.link:
                return self._use(row, place, slot, use)
        ages = [-1 if slot is None else slot.hour for slot in row]
        row[ages.index(min(ages))] = Slot(*use)
        return Said(SINGLE, None)

    def _use(self, row: list[Slot | None], place: int, slot: Slot, use: Use) -> Said:
        hour = max(slot.hour, use.hour)
        alone = slot.account == use.account
        row[place] = Slot(use.link, use.account if alone else SHARED, hour)
        if slot.account == SHARED:
            return Said(KNOWN_SHARED, None)
        return Said(SINGLE, None) if alone else Said(NEWLY_SHARED, (slot.account, slot.hour))

    def held(self) -> dict[int, tuple[int, int]]:
        return {slot.link: (slot.account, slot.hour) for row in self.rows for slot in row if slot is not None}


def held(table: Holders) -> dict[int, tuple[int, int]]:
    words = zip(table.links.tolist(), table.words.tolist(), strict=True)
    return {link: (word >> HOUR_BITS, word & (1 << HOUR_BITS) - 1) for link, word in words if word}


def uses_of(links: int) -> st.SearchStrategy[list[Use]]:
    one = st.builds(Use, st.integers(0, links - 1).map(link), st.integers(1, 4), st.integers(HOUR, HOUR + 5))
    return st.lists(one, max_size=60)


@given(uses_of(PLACES), st.integers(0, 60))
def test_while_nothing_makes_way_it_is_a_dictionary(uses: list[Use], cut: int) -> None:
    table = Holders(places=PLACES)
    said = [*note(table, uses[:cut])[0], *note(table, uses[cut:])[0]]
    known: dict[int, list[Use]] = {}
    for use, answer in zip(uses, said, strict=True):
        before = known.setdefault(use.link, [])
        accounts = {one.account for one in before}
        if len(accounts | {use.account}) == 1:
            assert answer == Said(SINGLE, None)
        elif len(accounts) == 1:
            assert answer == Said(NEWLY_SHARED, (before[0].account, max(one.hour for one in before)))
        else:
            assert answer == Said(KNOWN_SHARED, None)
        before.append(use)
    for one_link, (account, hour) in held(table).items():
        assert hour == max(one.hour for one in known[one_link])
        accounts = {one.account for one in known[one_link]}
        assert account == (min(accounts) if len(accounts) == 1 else SHARED)
    assert held(table).keys() == known.keys()


@given(uses_of(6 * PLACES), st.integers(0, 60))
def test_what_makes_way_is_what_was_used_longest_ago_in_its_row(uses: list[Use], cut: int) -> None:
    table, model = Holders(places=2 * WAYS), Model(rows=2)
    said = [*note(table, uses[:cut])[0], *note(table, uses[cut:])[0]]
    assert said == [model.note(use) for use in uses]
    assert held(table) == model.held()


@given(uses_of(6 * PLACES))
def test_the_same_lines_interpreted_say_the_same(uses: list[Use]) -> None:
    machine, python = Holders(places=2 * WAYS), INTERPRETED.Holders(places=2 * WAYS)
    assert note(machine, uses) == note(python, uses)
    assert machine.stored() == python.stored()


@given(st.lists(uses_of(6 * PLACES), max_size=6), st.integers(0, 6))
def test_a_journal_brings_an_older_table_up_to_date(batches: list[list[Use]], stored_after: int) -> None:
    table = Holders(places=2 * WAYS)
    stored = table.stored()
    for number, uses in enumerate(batches):
        _, journal = note(table, uses)
        stored = table.stored() if number == stored_after else stored + journal
    again = Holders(stored)
    assert (again.links.tolist(), again.words.tolist()) == (table.links.tolist(), table.words.tolist())
    assert note(again, batches[0] if batches else []) == note(table, batches[0] if batches else [])


def test_before_a_table_was_ever_stored_the_journals_alone_make_it() -> None:
    table = Holders()
    _, first = note(table, [Use(7, 1, HOUR), Use(8, 1, HOUR)])
    _, second = note(table, [Use(7, 2, HOUR + 1)])
    assert held(Holders(first + second)) == held(table) == {7: (SHARED, HOUR + 1), 8: (1, HOUR)}
    assert len(Holders().links) == holders.PLACES


def test_a_journal_has_what_changed_and_nothing_else() -> None:
    table = Holders(places=PLACES)
    _, first = note(table, [Use(7, 1, HOUR)] * 3)
    _, nothing = note(table, [Use(7, 1, HOUR), Use(7, 1, HOUR - 1)])
    assert (len(first), nothing) == (20, b"")
    assert note(table, []) == ([], b"")


def test_what_is_shared_stays_shared_however_few_use_it_later() -> None:
    table = Holders(places=PLACES)
    note(table, [Use(7, 1, HOUR), Use(7, 2, HOUR)])
    later = [Use(7, 2, HOUR + hour) for hour in range(1_000)]
    assert {answer.status for answer in note(table, later)[0]} == {KNOWN_SHARED}


def test_a_link_that_made_way_and_comes_back_is_new() -> None:
    table = Holders(places=WAYS)
    note(table, [Use(0, 1, HOUR), Use(0, 2, HOUR)])
    note(table, [Use(number, 1, HOUR + number) for number in range(1, WAYS + 1)])
    assert statuses(table, [Use(0, 1, HOUR + 9), Use(0, 2, HOUR + 9)]) == [SINGLE, NEWLY_SHARED]


def statuses(table: Holders, uses: Iterable[Use]) -> list[int]:
    return [answer.status for answer in note(table, list(uses))[0]]


@pytest.mark.parametrize("partitions", [1, 3, 8, 64])
def test_the_links_of_one_partition_use_the_whole_table(partitions: int) -> None:
    """Which partition owns a link follows from its hash too: did the row follow from the same bits, few would be."""
    mine = [
        hashed
        for number in range(20 * PLACES * partitions)
        if (hashed := link_hash("template", str(number))) % partitions == partitions - 1
    ]
    table = Holders(places=4 * PLACES)
    note(table, [Use(hashed, 1, HOUR) for hashed in mine])
    assert len(held(table)) == 4 * PLACES


@pytest.mark.parametrize("any_link", [0, 1, 2**63 - 1])
@pytest.mark.parametrize("account", [0, 2**32 - 1])
def test_any_link_and_any_account_can_be_held(any_link: int, account: int) -> None:
    table = Holders(places=PLACES)
    uses = [Use(any_link, one, HOUR) for one in (account, account, account ^ 1, account)]
    assert statuses(table, uses) == [SINGLE, SINGLE, NEWLY_SHARED, KNOWN_SHARED]


def test_what_is_used_again_makes_way_later() -> None:
    table = Holders(places=WAYS)
    note(table, [Use(number, 1, HOUR + number) for number in range(WAYS)])
    note(table, [Use(0, 1, HOUR + 9), Use(WAYS, 1, HOUR + 9)])
    assert held(table).keys() == {0, 2, 3, WAYS}
