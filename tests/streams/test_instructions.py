"""What an account opens conversations with: what counts as one instruction reworded, and what never adds up."""

from collections.abc import Iterable, Iterator
from itertools import count, product
from random import Random

import pytest

from streams.accounts import AccountState, AccountView, account_of, current_view
from streams.events import SKETCH_ALPHABET, RequestEvent
from streams.instructions import Instruction
from streams.windows import HOUR_MS, MINUTE_MS
from tests.streams.account_bench import NOON_MS, event, folded
from tests.streams.reference_instructions import words_of

CORE = (100, 200, 300, 400, 500, 600)
SYNONYMS = ((1_001, 1_002, 1_003), (1_101, 1_102, 1_103), (1_201, 1_202, 1_203))


def sketch(words: Iterable[int]) -> str:
    """The sketch that has these words."""
    return "".join(SKETCH_ALPHABET[word >> 6] + SKETCH_ALPHABET[word & 63] for word in sorted(words))


def opening(number: int, words: Iterable[int], at_ms: int = NOON_MS, **fields: object) -> RequestEvent:
    """A request that opens conversation `number` in the wording that has these words."""
    wording = sketch(words)
    return event(
        at_ms, **{"turn_count": 1, "conversation_id": str(number), "sketch": wording, "template_hash": wording} | fields
    )


def second(number: int, at_ms: int = NOON_MS, **fields: object) -> RequestEvent:
    """The request that continues conversation `number` first."""
    return event(at_ms, **{"turn_count": 3, "conversation_id": str(number)} | fields)


def reworded(times: int, first: int = 0, at_ms: int = NOON_MS, **fields: object) -> list[RequestEvent]:
    """So many requests of one instruction with three words that are replaced by synonyms, none of them followed up."""
    wordings = [(*CORE, *words) for words in product(*SYNONYMS)]
    return [opening(first + number, wordings[number * 7 % 27], at_ms, **fields) for number in range(times)]


def conversations(times: int, first: int = 10_000, followed: int = 2, of: int = 3) -> Iterator[RequestEvent]:
    """So many conversations about something new each, of which so many are followed up."""
    random = Random(first)
    for number in range(first, first + times):
        yield opening(number, random.sample(range(2_000, 4_000), 12))
        if number % of < followed:
            yield second(number)


def view_of(events: Iterable[RequestEvent]) -> AccountView:
    return current_view(folded(list(events)).stored()["a"])


def state_of(events: Iterable[RequestEvent]) -> AccountState:
    return account_of(folded(list(events)).stored()["a"])


def test_an_instruction_that_is_reworded_and_never_followed_up_lacks_what_the_habit_of_the_account_would_bring() -> (
    None
):
    view = view_of([*conversations(300), *reworded(27, capability="coding")])
    assert (view.reworded, view.reworded_followed, view.reworded_extracted) == (27, 0, 27)
    assert view.followed_share == pytest.approx(200 / 301)
    assert view.missing_follow_ups == pytest.approx(27 * 200 / 301)


def test_it_is_found_among_twenty_times_as_many_ordinary_requests_in_any_order() -> None:
    hidden, ordinary = reworded(75), list(conversations(855))
    for seed in range(5):
        random = Random(seed)
        # Whole conversations change places, so that what follows up stays behind what opened.
        runs = [[one] for one in hidden]
        for one in ordinary:
            if one.turn_count == 1:
                runs.append([one])
            else:
                runs[-1].append(one)
        random.shuffle(runs)
        view = view_of(one for run in runs for one in run)
        assert view.reworded >= 60
        assert view.missing_follow_ups >= 35


def test_an_account_that_never_converses_lacks_nothing() -> None:
    view = view_of(reworded(500))
    assert (view.reworded, view.followed_share, view.missing_follow_ups) == (0, 0.0, 0.0)


def test_one_fixed_wording_is_not_reworded_however_often_it_is_asked() -> None:
    events = [*conversations(90), *(opening(number, CORE) for number in range(500))]
    assert view_of(events).reworded == 0
    assert state_of(events).instructions[-1].asked == 500


@pytest.mark.parametrize("values", [4, 12, 24])
def test_a_slot_filled_from_a_list_is_no_rewording(values: int) -> None:
    asked = [opening(number, (*CORE, 1_000 + number % values)) for number in range(200)]
    assert view_of([*conversations(90), *asked]).reworded == 0


def test_slots_filled_from_a_spreadsheet_are_no_rewording() -> None:
    random = Random(1)
    asked = [
        opening(number, (*CORE, random.randrange(1_000, 1_040), random.randrange(1_040, 1_080)))
        for number in range(300)
    ]
    assert view_of([*conversations(90), *asked]).reworded == 0


def test_wordings_of_the_same_words_in_another_order_are_rewordings() -> None:
    asked = [opening(number, CORE, template_hash=f"order {number % 6}") for number in range(30)]
    assert view_of([*conversations(90), *asked]).reworded == 30


def test_an_instruction_of_which_half_is_followed_up_is_forgotten() -> None:
    asked = reworded(40)
    followed = [one for number, each in enumerate(asked) for one in (each, second(number))[: 1 + number % 2]]
    assert view_of([*conversations(90), *followed]).missing_follow_ups == 0
    talked = [one for number, each in enumerate(asked) for one in (each, second(number))]
    assert not [one for one in state_of(talked).instructions if set(CORE) <= set(one.words)]


def test_a_few_follow_ups_count_against_what_is_missing() -> None:
    view = view_of([*conversations(300), *reworded(40), second(39), second(38), second(37)])
    assert (view.reworded, view.reworded_followed) == (40, 3)
    assert view.missing_follow_ups == pytest.approx(40 * view.followed_share - 3)


def test_the_same_conversation_opened_again_is_an_error_and_a_retry() -> None:
    once = reworded(20)
    again = [one for each in once for one in (each, each, each)]
    assert view_of([*conversations(90), *again]).reworded == 20


def test_nothing_adds_up_over_more_than_two_days() -> None:
    slow = [one for number in range(60) for one in reworded(1, number, NOON_MS + number * 12 * HOUR_MS)]
    assert view_of([*conversations(300), *slow]).reworded <= 4
    fast = [one for number in range(60) for one in reworded(1, number, NOON_MS + number * 10 * MINUTE_MS)]
    assert [one.asked for one in state_of([*conversations(300), *fast]).instructions][-1] == 60


def test_what_does_not_say_where_it_stands_in_a_conversation_is_passed_over() -> None:
    nothing = [*reworded(9, conversation_id=None), *reworded(9, turn_count=0), *reworded(9, turn_count=5)]
    state = state_of(nothing)
    assert (state.openings, state.continued, state.instructions) == (0, 0, ())


def test_a_system_prompt_before_the_ask_changes_nothing() -> None:
    with_system = [*conversations(300), *reworded(27, turn_count=2)]
    assert view_of(with_system).reworded == 27
    assert state_of([opening(1, CORE, turn_count=2), second(1, turn_count=4)]).continued == 1


def test_of_nine_instructions_the_one_that_was_asked_least_and_longest_ago_makes_way() -> None:
    different = [opening(number, range(100 * number, 100 * number + 8)) for number in range(8)]
    asked = [*different, opening(20, range(8)), opening(21, range(3_000, 3_008))]
    kept = state_of(asked).instructions
    assert [one.words[0] for one in kept] == [200, 300, 400, 500, 600, 700, 0, 3_000]
    assert [one.asked for one in kept] == [1, 1, 1, 1, 1, 1, 2, 1]


def test_an_instruction_is_laid_out_with_all_that_is_known_of_it() -> None:
    asked = [opening(1, CORE, capability="coding"), opening(2, (*CORE[1:], 9)), second(1)]
    (kept,) = state_of(asked).instructions
    assert (kept.words, kept.more_words, kept.wordings.bit_count()) == (CORE, (9,), 2)
    assert kept == Instruction(CORE, 2, 1, 1, NOON_MS // HOUR_MS, kept.wordings, (9,), kept.open)
    assert len(kept.open) == 1


@pytest.mark.parametrize("text", ["", "a", "é" * 40, " " * 32, "ab" * 60, "zzyyxx", "a\nb\x00cdef"])
def test_any_text_in_the_place_of_a_sketch_is_read_as_the_words_it_has(text: str) -> None:
    kept = state_of([opening(1, CORE, sketch=text)]).instructions
    assert [set(one.words) for one in kept] == [set(words_of(text))] * bool(words_of(text))


def test_the_habit_slides() -> None:
    numbers = count()
    talks = [one for _ in range(1_500) for one in conversations(1, next(numbers), followed=1, of=1)]
    searches = [one for _ in range(4_000) for one in conversations(1, next(numbers), followed=0)]
    assert view_of(talks).followed_share > 0.99
    assert view_of([*talks, *searches]).followed_share < 0.1
