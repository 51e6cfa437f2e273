"""Accounts that rotate wordings, told from whoever has the same ones, few, or the first so many."""

from collections.abc import Callable, Iterable, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evidence import LinkEvidence, Seen, bit_of
from streams.rotation import COMPARED, FEWEST_WORDINGS, overlap, rotating

WORDINGS = 40
ACCOUNTS = 60


def names(count: int = WORDINGS) -> list[str]:
    """Of templates that have a bit each."""
    by_bit = {bit_of(f"template:t{number}"): f"template:t{number}" for number in range(2_000)}
    return sorted(by_bit.values())[:count]


def instruction(wordings: Iterable[str], label: str = "template:t") -> dict[str, LinkEvidence]:
    return {name: LinkEvidence(0, (), has_sibling=bool(label), instruction=label) for name in wordings}


def account(used: Iterable[str], repeated: Iterable[str] = ()) -> Seen:
    again = sum(bit_of(name) for name in repeated)
    return Seen(0, sum(bit_of(name) for name in used) | again, again)


def share(asked: Callable[[Random], Sequence[str]]) -> float:
    """What is said of accounts that each send what `asked` chooses."""
    return rotating(instruction(names()), [account(asked(Random(f"account {it}"))) for it in range(ACCOUNTS)])


def test_accounts_that_draw_a_wording_for_every_request_rotate_them() -> None:
    assert share(lambda random: random.sample(names(), random.randint(3, 9))) > 0.9


def test_accounts_with_a_wording_or_two_do_not() -> None:
    assert share(lambda random: random.sample(names(), random.randint(1, 2))) == 0


def test_who_keeps_to_one_wording_counts_and_who_was_seen_once_does_not() -> None:
    random = Random("some")
    rotate = [account(random.sample(names(), 5)) for _ in range(20)]
    keep = [account((), random.sample(names(), 1)) for _ in range(60)]
    once = [account(random.sample(names(), 1)) for _ in range(500)]
    templates = instruction(names())
    assert rotating(templates, [*rotate, *once]) == rotating(templates, rotate) > 0.8
    assert rotating(templates, [*rotate, *once, *keep]) < 0.4


def test_accounts_that_send_them_all_do_not_rotate_them() -> None:
    assert share(lambda _random: names()) == 0


def test_people_who_run_a_benchmark_and_stop_somewhere_do_not() -> None:
    assert share(lambda random: names()[: 1 + int(WORDINGS * random.random() ** 3)]) == 0


def test_people_who_run_the_parts_of_a_benchmark_that_they_chose_do_not() -> None:
    parts = [names()[start : start + 5] for start in range(0, WORDINGS, 5)]
    assert share(lambda random: random.choice(parts)) == 0


def test_few_wordings_are_not_rotated_nor_is_what_is_no_wording_of_anything() -> None:
    seen = [account(Random(f"account {it}").sample(names(11), 4)) for it in range(ACCOUNTS)]
    assert rotating(instruction(names(FEWEST_WORDINGS - 1)), seen) == 0
    assert rotating(instruction(names(), label=""), seen) == 0
    assert rotating({}, []) == 0


def test_each_instruction_is_looked_at_by_itself() -> None:
    first, second = names()[:20], names()[20:]
    templates = instruction(first, "template:a") | instruction(second, "template:b")
    apart = [account([*Random(it).sample(first, 2), *Random(it).sample(second, 2)]) for it in range(ACCOUNTS)]
    assert rotating(templates, apart) == 0
    rotate = [account(Random(it).sample(second, 5)) for it in range(ACCOUNTS)]
    assert rotating(templates, [*apart, *rotate]) > 0.9


def test_those_that_came_last_are_compared() -> None:
    fixed = [account(names()[:5]) for _ in range(COMPARED)]
    drawn = [account(Random(it).sample(names(), 5)) for it in range(COMPARED)]
    assert rotating(instruction(names()), [*fixed, *drawn]) > 0.9
    assert rotating(instruction(names()), [*drawn, *fixed]) == 0


def reference(sets: Sequence[int]) -> float:
    """The overlap, pair by pair."""
    pairs = [(one, other) for place, one in enumerate(sets) for other in sets[:place] if one & other]
    if not pairs:
        return 1.0
    common = sum((one & other).bit_count() for one, other in pairs)
    return common / sum(min(one.bit_count(), other.bit_count()) for one, other in pairs)


@given(st.lists(st.integers(1, 2**64 - 1) | st.sampled_from([1, 3, 7, 2**63]), max_size=20))
def test_overlap_is_what_it_is_pair_by_pair(sets: list[int]) -> None:
    assert overlap(np.array(sets, np.uint64)) == pytest.approx(reference(sets))
