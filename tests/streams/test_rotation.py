"""Accounts that draw wordings, told from whoever has the same ones, few, their own, or the first so many."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.evidence import LinkEvidence, Seen, bit_of
from streams.rotation import COMPARED, FEWEST_WORDINGS, INSTRUCTIONS, NESTED, are_drawn, rotating

WORDINGS = 40
ACCOUNTS = 60
NAMES = [f"template:{number:016x}" for number in range(WORDINGS)]
PARTS = [NAMES[start : start + 5] for start in range(0, WORDINGS, 5)]


def instruction(wordings: Iterable[str], label: str = "template:t") -> dict[str, LinkEvidence]:
    return {name: LinkEvidence(0, (), instruction=label, sketch=f"sketch of {name}") for name in wordings}


def account(used: Iterable[str], repeated: Iterable[str] = ()) -> Seen:
    seen = Seen(0)
    for name in repeated:
        seen.repeated |= bit_of(name)
    seen.templates = seen.repeated
    for name in used:
        seen.templates |= bit_of(name)
    return seen


def share(asked: Callable[[Random], Sequence[str]]) -> float:
    """The greatest of what is said of some crowds of accounts that each send what `asked` chooses."""
    crowds = [[account(asked(Random(f"{crowd} {it}"))) for it in range(ACCOUNTS)] for crowd in range(8)]
    return max(rotating(instruction(NAMES), crowd) for crowd in crowds)


def drawing(count: int = ACCOUNTS, wordings: Sequence[str] = NAMES) -> list[Seen]:
    return [account(Random(f"account {it}").sample(wordings, 8)) for it in range(count)]


def test_accounts_that_draw_a_wording_for_every_request_rotate_them() -> None:
    assert rotating(instruction(NAMES), drawing()) > 0.9


@pytest.mark.parametrize(
    "asked",
    [
        lambda random: random.sample(NAMES, random.randint(1, 4)),
        lambda _random: NAMES,
        lambda random: NAMES[: 1 + int(WORDINGS * random.random() ** 3)],
        lambda random: random.choice(PARTS),
        lambda random: [*chain(*random.sample(PARTS, 2))],
        lambda random: NAMES[(start := random.randrange(WORDINGS - 8)) : start + 8],
    ],
    ids=["few", "all", "the first so many", "one part", "two parts", "a stretch"],
)
def test_who_does_not_draw_them_does_not_rotate_them(asked: Callable[[Random], Sequence[str]]) -> None:
    assert share(asked) == pytest.approx(0, abs=1e-9)


def test_who_comes_back_to_some_of_them_does_not_rotate_them() -> None:
    """The commands of a tool, say, of which everybody has some that he likes."""
    users = [account(Random(it).sample(NAMES, 8), Random(-it).sample(NAMES, 2)) for it in range(ACCOUNTS)]
    assert rotating(instruction(NAMES), users) == 0
    assert rotating(instruction(NAMES), [*users, *drawing(20)]) < 0.3


def test_who_sends_two_or_one_again_and_again_counts_and_who_sent_one_does_not() -> None:
    once = [account(Random(it).sample(NAMES, 1)) for it in range(500)]
    two = [account(Random(it).sample(NAMES, 2)) for it in range(90)]
    again = [account((), Random(it).sample(NAMES, 1)) for it in range(90)]
    templates = instruction(NAMES)
    assert rotating(templates, [*drawing(), *once]) == rotating(templates, drawing())
    assert 0.3 < rotating(templates, [*drawing(), *two]) < 0.4
    assert 0.3 < rotating(templates, [*drawing(), *again]) < 0.4


def test_few_wordings_are_not_rotated_nor_is_what_is_no_wording_of_anything() -> None:
    seen = drawing(wordings=NAMES[: FEWEST_WORDINGS - 1])
    assert rotating(instruction(NAMES[: FEWEST_WORDINGS - 1]), seen) == 0
    assert rotating(instruction(NAMES, label=""), drawing()) == 0
    assert rotating({}, []) == 0
    assert rotating(instruction(NAMES), []) == 0


def test_wordings_with_the_same_sketch_count_once() -> None:
    templates = instruction(NAMES)
    for place, link in enumerate(templates.values()):
        link.sketch = f"sketch {place % (FEWEST_WORDINGS - 1)}"
    assert rotating(templates, drawing()) == 0


def test_what_was_stored_before_there_were_sketches_does_not_count() -> None:
    templates = instruction(NAMES)
    for link in templates.values():
        link.sketch = ""
    assert rotating(templates, drawing()) == 0


def test_each_instruction_is_looked_at_by_itself_and_who_rotates_one_counts_once() -> None:
    first, second = NAMES[:20], NAMES[20:]
    templates = instruction(first, "template:a") | instruction(second, "template:b")
    both = [account([*Random(it).sample(first, 7), *Random(-it).sample(second, 7)]) for it in range(ACCOUNTS)]
    assert rotating(templates, both) == rotating(instruction(first), both)
    parts = [account(Random(it).choice(PARTS[:4])) for it in range(ACCOUNTS)]
    assert rotating(templates, parts) == 0
    assert 0.3 < rotating(templates, [*parts, *drawing(wordings=second)]) < 0.5


def test_it_says_nothing_of_a_campaign_most_of_whose_templates_are_something_else() -> None:
    others = instruction([f"template:other {number}" for number in range(4 * WORDINGS)], label="")
    assert rotating(instruction(NAMES) | others, drawing()) == 0


def test_of_many_instructions_those_with_the_most_wordings_are_looked_at() -> None:
    templates: dict[str, LinkEvidence] = {}
    for label in range(INSTRUCTIONS):
        templates |= instruction(
            [f"template:{label} {number}" for number in range(FEWEST_WORDINGS)], f"template:{label}"
        )
    assert rotating(templates | instruction(NAMES), drawing()) > 0.9
    assert rotating(templates | instruction(NAMES[:FEWEST_WORDINGS]), drawing(wordings=NAMES[:FEWEST_WORDINGS])) == 0


def test_accounts_of_all_times_are_compared() -> None:
    alike = [account(PARTS[0]) for _ in range(4 * COMPARED)]
    for accounts in ([*alike, *drawing(COMPARED)], [*drawing(COMPARED), *alike]):
        assert rotating(instruction(NAMES), accounts) == 0
    assert rotating(instruction(NAMES), [*drawing(4 * COMPARED), *alike[:40]]) > 0.8


def reference(sets: Sequence[int]) -> tuple[float, float]:
    """The overlap and the dispersion, pair by pair."""
    pairs = [(one, other) for place, one in enumerate(sets) for other in sets[:place]]
    common = [(one & other).bit_count() for one, other in pairs]
    smaller = [min(one.bit_count(), other.bit_count()) for one, other in pairs if one & other]
    product = [one.bit_count() * other.bit_count() for one, other in pairs]
    expected = [it * sum(common) / sum(product) for it in product]
    spread = sum((have - should) ** 2 for have, should in zip(common, expected, strict=True))
    return sum(common) / sum(smaller), spread / sum(expected)


@given(st.lists(st.integers(1, 2**64 - 1) | st.sampled_from([1, 3, 7, 2**63]), max_size=20))
def test_they_are_drawn_if_it_looks_so_pair_by_pair(sets: list[int]) -> None:
    used = np.array(sets, np.uint64)
    if not any(one & other for place, one in enumerate(sets) for other in sets[:place]):
        assert not are_drawn(used)
        return
    overlap, dispersion = reference(sets)
    assume(abs(overlap - NESTED) > 1e-9 and abs(dispersion - 1) > 1e-9)
    assert are_drawn(used) is (overlap < NESTED and dispersion < 1)
