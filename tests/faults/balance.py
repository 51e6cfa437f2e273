"""The ledger's last line: what was found, held against what was expected, to the last bucket."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from streams.decisions import Decision
from tests.faults.reference import Expected, Windows, campaigns_of, verdicts_of

NOTHING_COUNTED = (0, 0, 0, 0, 0)
Poison = Mapping[tuple[int, int], tuple[bytes | None, bytes | None]]
"""Records that nobody can read: by partition and offset, their key and value."""


class Letter(Struct, frozen=True):
    """One dead letter: where its record stood among the requests, and its bytes."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Found(Struct, frozen=True):
    """What a deployment holds: windows, distinct decisions, a sentence for each rule that they break, dead letters."""

    accounts: Windows
    links: Windows
    decisions: Sequence[Decision]
    broken: Sequence[str]
    letters: Sequence[Letter]


class Balance(Struct, frozen=True):
    """`lost` was expected and is not there, `twice` is there beyond what was expected; every difference in words."""

    lost: int
    twice: int
    differences: tuple[str, ...]


def balance(expected: Expected, found: Found, poison: Poison, *, same_offsets: bool) -> Balance:
    """Compare everything. `same_offsets`: the log began at offset 0 and held nothing but its events."""
    lost = twice = 0
    differences = list(found.broken)
    for what, wanted, counted in (
        ("account", expected.accounts, found.accounts),
        ("link", expected.links, found.links),
    ):
        for name, less, more, sentence in _differing(wanted, counted):
            lost, twice = lost + less, twice + more
            differences.append(f"{what} {name}: {sentence}")
    for what, want, have in _sets(expected, found, poison, same_offsets=same_offsets):
        lost, twice = lost + len(want - have), twice + len(have - want)
        differences += [f"{what} missing: {it}" for it in want - have]
        differences += [f"{what} too many: {it}" for it in have - want]
    return Balance(lost, twice, tuple(sorted(differences)))


def _differing(wanted: Windows, found: Windows) -> Iterator[tuple[str, int, int, str]]:
    """Each subject whose buckets differ: its name, the requests it lacks, those it has too many, and one difference."""
    for name in wanted.keys() | found.keys():
        want, have = wanted.get(name, {}), found.get(name, {})
        if want == have:
            continue
        wrong = sorted(it for it in want.keys() | have.keys() if want.get(it) != have.get(it))
        surplus = [
            have.get(it, NOTHING_COUNTED)[0] - want.get(it, NOTHING_COUNTED)[0] for it in wrong if it[0] == "days"
        ]
        first = wrong[0]
        sentence = f"{len(wrong)} buckets differ; {first} holds {have.get(first)}, not {want.get(first)}"
        yield name, -sum(it for it in surplus if it < 0), sum(it for it in surplus if it > 0), sentence


def _sets(
    expected: Expected, found: Found, poison: Poison, *, same_offsets: bool
) -> Iterator[tuple[str, frozenset[Any], frozenset[Any]]]:
    """What must be there once, in no order: its name, what is wanted, what is there. A repeated letter is one."""
    ids = frozenset(it.decision_id for it in found.decisions if it.subject_kind == "account")
    yield "verdict", expected.verdicts, verdicts_of(found.decisions)
    yield "decision id", expected.decision_ids, ids if same_offsets else expected.decision_ids
    yield "campaign", frozenset(expected.campaigns.items()), frozenset(campaigns_of(found.decisions).items())
    yield (
        "dead letter",
        frozenset((*place, *record) for place, record in poison.items()),
        frozenset((it.partition, it.offset, it.key, it.value) for it in found.letters),
    )
