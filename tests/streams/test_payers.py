"""An instrument that a tenth of the accounts have is none; told from a sample that is uniform over accounts."""

from collections import Counter
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.batch import NO_HASH
from streams.payers import FEWEST_ACCOUNTS, SAMPLE, Payers

PLACEHOLDER = 7
Event = tuple[int, int, int]
"""An account, its instrument and the day."""


def noted(payers: Payers, events: list[Event]) -> list[bool]:
    columns = np.array(events, np.int64).reshape(-1, 3).T
    return [bool(is_none) for is_none in payers.note(*columns)[0]]


def own(accounts: range, day: int = 1) -> list[Event]:
    return [(account, 1_000 + account, day) for account in accounts]


def test_an_instrument_of_some_accounts_and_a_tenth_of_all_is_none_from_the_event_on_that_makes_it_so() -> None:
    payers = Payers()
    others = own(range(1_000, 1_400))
    marks = noted(payers, others + [(account, PLACEHOLDER, 1) for account in range(60)])
    assert marks == [False] * (400 + 44) + [True] * 16


def test_a_card_of_fewer_accounts_and_a_card_of_fewer_than_a_tenth_are_instruments() -> None:
    few = [(account, PLACEHOLDER, 1) for account in range(FEWEST_ACCOUNTS - 1)]
    assert not any(noted(Payers(), few * 3))
    many = own(range(1_000, 1_460)) + [(account, PLACEHOLDER, 1) for account in range(50)]
    assert not any(noted(Payers(), many * 2))


def test_accounts_without_a_payment_are_no_sign_of_anything() -> None:
    payers = Payers()
    assert not any(noted(payers, [(account, NO_HASH, 1) for account in range(500)]))
    assert not any(noted(payers, [(account, PLACEHOLDER, 1) for account in range(500, 549)]))


def test_however_much_a_few_accounts_send_they_count_once() -> None:
    payers = Payers()
    noted(payers, own(range(1_000, 1_200)))
    assert not any(noted(payers, [(account % 12, PLACEHOLDER, 1) for account in range(5_000)]))


def test_what_everybody_changes_to_is_none_and_is_an_instrument_again_when_they_have_changed_back() -> None:
    payers = Payers()
    noted(payers, own(range(300)))
    noted(payers, [(account, PLACEHOLDER, 2) for account in range(300)])
    assert noted(payers, [(0, PLACEHOLDER, 2)]) == [True]
    noted(payers, own(range(280), 3))
    assert noted(payers, [(290, PLACEHOLDER, 3)]) == [False]


def test_who_was_not_seen_for_a_week_is_forgotten() -> None:
    payers = Payers()
    noted(payers, [(account, PLACEHOLDER, 1) for account in range(60)])
    assert noted(payers, [(0, PLACEHOLDER, 7)]) == [True]
    assert noted(payers, [(0, PLACEHOLDER, 8)]) == [False]
    assert set(payers.paid) == {0}


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from((0.0, 0.05, 0.2, 0.9)))
def test_of_a_hundred_thousand_accounts_the_sample_is_the_smallest_hashes_and_tells_shares(
    seed: int, share: float
) -> None:
    random = Random(seed)
    accounts = [random.getrandbits(32) for _ in range(20_000)]
    events = [(it, PLACEHOLDER if random.random() < share else it, 1) for it in accounts]
    payers = Payers()
    for start in range(0, len(events), 2_000):
        noted(payers, events[start : start + 2_000])
    assert sorted(payers.paid) == sorted(set(accounts))[:SAMPLE]
    assert noted(payers, [(2**32 - 1, PLACEHOLDER, 1)]) == [share >= 0.2]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 2), st.sampled_from((1, 1, 1, 7, 8, 9))), max_size=400),
    st.integers(1, 400),
)
def test_it_does_not_matter_how_the_log_is_cut(events: list[Event], cut: int) -> None:
    whole, cut_up = Payers(), Payers()
    marks = noted(whole, events)
    assert noted(cut_up, events[:cut]) + noted(cut_up, events[cut:]) == marks
    assert whole == cut_up


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 2), st.just(1)), max_size=400))
def test_kept_is_what_each_paid_with_last(events: list[Event]) -> None:
    payers = Payers()
    noted(payers, events)
    last = {account: payment for account, payment, _ in events}
    assert Counter(paid for paid, _ in payers.paid.values()) == Counter(last.values())


def test_a_week_that_is_over_within_a_batch_is_over_from_there_on_alone() -> None:
    payers = Payers()
    noted(payers, [(account, PLACEHOLDER, 1) for account in range(60)])
    assert noted(payers, [(0, PLACEHOLDER, 7), (1, PLACEHOLDER, 8), (2, PLACEHOLDER, 7)]) == [True, False, False]


def test_a_sample_that_shrank_takes_more_accounts_in_again() -> None:
    payers = Payers()
    noted(payers, [(number * 1_000, 1, 1) for number in range(2 * SAMPLE)])
    full = payers.ceiling
    noted(payers, [(0, 1, 9)])
    assert (len(payers.paid), payers.ceiling) == (1, 2 * full)


def test_what_changes_nothing_is_told_apart_so_that_it_is_not_stored_again() -> None:
    payers = Payers()
    columns = np.array([(1, 2, 3)], np.int64).T
    assert [payers.note(*columns)[1] for _ in range(2)] == [True, False]
    assert not payers.note(*np.zeros((3, 0), np.int64))[1]
