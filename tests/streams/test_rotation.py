"""Accounts that draw wordings, told from whoever has the same ones, few, their own, or the first so many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import or_
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.events import LATEST_MS
from streams.evidence import LinkEvidence, Rotation, Seen, bit_of
from streams.members import REPEATS
from streams.rotation import COMPARED, FEWEST_WORDINGS, INSTRUCTIONS, NESTED, are_drawn, rotation_of

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


def whole(templates: Mapping[str, LinkEvidence], seen: Iterable[Seen], found_ms: int = LATEST_MS) -> Rotation:
    return rotation_of(templates, {f"m{number}": it for number, it in enumerate(seen)}, found_ms)


def rotating(templates: Mapping[str, LinkEvidence], seen: Iterable[Seen], found_ms: int = LATEST_MS) -> float:
    return max(0.0, whole(templates, seen, found_ms).share)


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


@pytest.mark.parametrize("liked", [0.5, 1.0])
@pytest.mark.parametrize("asked", [15, 30, 60])
def test_users_of_forty_commands_who_like_some_better_do_not_rotate_them(liked: float, asked: int) -> None:
    users = [account_of(liking(Random(f"user {it}"), liked, asked)) for it in range(200)]
    assert rotating(instruction(NAMES), users) == 0


def liking(random: Random, liked: float, asked: int) -> list[str]:
    """What somebody asks whose taste for commands is gamma distributed of that shape; the first are liked by all."""
    weights = [random.gammavariate(liked, 1.0) / (rank + 1) ** 0.5 for rank in range(WORDINGS)]
    return random.choices(NAMES, weights, k=asked)


def account_of(asked: Sequence[str]) -> Seen:
    return account(asked, [name for name in {*asked} if asked.count(name) >= REPEATS])


@pytest.mark.parametrize("asked", [8, 15, 30])
def test_who_draws_of_a_hundred_comes_back_to_some_by_chance_and_rotates_them_all_the_same(asked: int) -> None:
    names = [f"template:{number}" for number in range(100)]
    seen = [account_of(Random(f"account {it}").choices(names, k=asked)) for it in range(ACCOUNTS)]
    assert any(it.repeated for it in seen) is (asked > 15)
    assert rotating(instruction(names), seen) > 0.8


def test_who_has_sent_most_of_the_wordings_does_not_rotate_them_whatever_he_repeats() -> None:
    most = [account(NAMES[it % 4 :], NAMES[it % 20 :]) for it in range(ACCOUNTS)]
    assert rotating(instruction(NAMES), most) == 0
    found, alone = whole(instruction(NAMES), [*drawing(), *most]), whole(instruction(NAMES), drawing())
    assert (found.accounts, found.templates) == (alone.accounts, alone.templates)
    assert found.share < 0.5 < alone.share


def test_the_keys_of_an_organisation_count_once_and_each_of_them_rotates() -> None:
    keys = drawing()
    for key in keys:
        key.org_id = "org"
    outsiders = [account(NAMES[it : it + 3]) for it in range(8)]
    assert rotating(instruction(NAMES), [*keys, *outsiders]) < 0.2
    found = whole(instruction(NAMES), [*keys, *drawing(40)[1:], *outsiders])
    assert 0.6 < found.share < 0.8
    assert found.accounts == {f"m{number}" for number in range(ACCOUNTS + 39)}


def test_who_comes_back_to_something_else_rotates_what_he_rotates() -> None:
    wordings = NAMES[:20]
    seen = [account(Random(it).sample(wordings, 7), OTHERS[:1]) for it in range(ACCOUNTS)]
    assert rotating(instruction(wordings), seen) == rotating(instruction(wordings), drawing(wordings=wordings))
    alike = [account([*Random(it).sample(wordings, 7), *OTHERS]) for it in range(ACCOUNTS)]
    assert rotating(instruction(wordings), alike) == rotating(instruction(wordings), drawing(wordings=wordings))


def of_all(names: Iterable[str]) -> int:
    return reduce(or_, map(bit_of, names))


OTHERS = [name for name in NAMES[20:] if not of_all(NAMES[:20]) & bit_of(name)]


def test_it_is_said_of_those_seen_until_it_was_found_or_of_all_if_that_is_more() -> None:
    before, after = drawing(), [account(NAMES[:2]) for _ in range(200)]
    for it in after:
        it.since_ms = 11
    for it in before:
        it.since_ms = 10
    both = [*before, *after]
    assert rotating(instruction(NAMES), both, 10) == rotating(instruction(NAMES), before)
    assert rotating(instruction(NAMES), both, 9) == rotating(instruction(NAMES), both) < 0.3
    few = [account(NAMES[:2]) for _ in range(6)]
    assert rotating(instruction(NAMES), [*few, *before], 0) == rotating(instruction(NAMES), [*few, *before]) > 0.7


def test_who_was_opened_since_it_was_found_and_sends_one_of_the_wordings_is_in_the_place_of_who_rotated_them() -> None:
    fresh = [account(NAMES[it : it + 1]) for it in range(3)] + [account(["template:other"], [])]
    for it, opened_ms in zip(fresh, (10, 9, None, 10), strict=True):
        it.since_ms, it.created_at_ms = 20, opened_ms
    assert not bit_of("template:other") & of_all(NAMES)
    found = whole(instruction(NAMES), [*drawing(), *fresh], 10)
    assert found.accounts == {f"m{number}" for number in range(ACCOUNTS + 1)}


def test_wordings_are_a_tools_if_a_tenth_of_those_who_send_several_come_back_to_some() -> None:
    first, second = instruction(NAMES[:20], "template:a"), instruction(NAMES[20:], "template:b")
    both = [account([*Random(it).sample(NAMES[:20], 7), *Random(-it).sample(NAMES[20:], 7)]) for it in range(50)]
    names = [name for name in NAMES[:20] if not bit_of(name) & of_all(NAMES[20:])]
    users = [account([], [names[it % len(names)]]) for it in range(6)]
    found = whole(first | second, [*both, *users])
    assert found.accounts == {f"m{number}" for number in range(50)}
    assert found.templates == second.keys()
    assert whole(first | second, [*both, *users[1:]]).templates == {*NAMES}
    assert whole(first, [*both, *users]) == whole(first, users) == whole(first, []) == Rotation()


def test_who_comes_back_to_some_of_them_does_not_rotate_them() -> None:
    """The commands of a tool, say, of which everybody has some that he likes."""
    users = [account(Random(it).sample(NAMES, 8), Random(-it).sample(NAMES, 2)) for it in range(ACCOUNTS)]
    assert rotating(instruction(NAMES), users) == 0
    assert rotating(instruction(NAMES), [*users, *drawing(20)]) < 0.3


def test_who_sends_two_or_one_again_and_again_counts_and_who_sent_one_does_not() -> None:
    once = [account(Random(it).sample(NAMES, 1)) for it in range(500)]
    two = [account(Random(it).sample(NAMES, 2)) for it in range(90)]
    again = [account((), Random(it).sample(NAMES, 1)) for it in range(5)]
    templates = instruction(NAMES)
    assert rotating(templates, [*drawing(), *once]) == rotating(templates, drawing())
    assert 0.3 < rotating(templates, [*drawing(), *two]) < 0.4
    assert rotating(templates, [*drawing(), *again]) < 0.9 < rotating(templates, drawing())


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
