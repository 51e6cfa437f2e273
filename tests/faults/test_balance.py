"""The suite's own measure sees what it is there to see."""

import pytest
from msgspec.structs import replace

from tests.faults import traffic
from tests.faults.balance import Balance, Found, Letter, balance
from tests.faults.reference import LINKS, Expected, Sent, account_windows, expected_of, link_windows, undisturbed

PARTITIONS = 2
POISON = {(0, 7): (b"key", b"value")}
LETTER = Letter(0, 7, b"key", b"value")


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    return [Sent(it, it.occurred_at_ms) for it in traffic.world(5, accounts=20, events=1_200)]


@pytest.fixture(scope="module")
def expected(sent: list[Sent]) -> Expected:
    return expected_of(sent, partitions=PARTITIONS)


@pytest.fixture(scope="module")
def right(sent: list[Sent]) -> Found:
    """What a deployment holds that did everything right, a repeated dead letter included."""
    decisions = undisturbed(sent, partitions=PARTITIONS)
    return Found(account_windows(sent), link_windows(sent), decisions, [], [LETTER, LETTER])


def held(expected: Expected, found: Found) -> Balance:
    return balance(expected, found, POISON, same_offsets=True)


def test_the_world_is_decided_about(expected: Expected) -> None:
    assert len(expected.decision_ids) == len(expected.verdicts) > 10
    assert [len(members) for members in expected.campaigns] == [traffic.CAMPAIGN_ACCOUNTS]


def test_what_is_right_balances(expected: Expected, right: Found) -> None:
    assert held(expected, right) == Balance(0, 0, ())


def test_an_event_that_is_missing_is_lost(expected: Expected, right: Found, sent: list[Sent]) -> None:
    found = held(expected, replace(right, accounts=account_windows(sent[:-1])))
    assert (found.lost, found.twice) == (1, 0)


def test_an_event_that_is_there_again_is_counted_twice(expected: Expected, right: Found, sent: list[Sent]) -> None:
    found = held(expected, replace(right, links=link_windows([*sent, sent[-1]])))
    assert found.lost == 0
    shared = sum(getattr(sent[-1].event, name) is not None for name in LINKS.values())
    assert found.twice == len(found.differences) == shared


def test_a_token_too_many_is_a_difference(expected: Expected, right: Found, sent: list[Sent]) -> None:
    richer = replace(sent[0], event=replace(sent[0].event, input_tokens=sent[0].event.input_tokens + 1))
    found = held(expected, replace(right, accounts=account_windows([richer, *sent[1:]])))
    assert (found.lost, found.twice) == (0, 0)
    assert len(found.differences) == 1


def test_a_decision_that_is_missing_is_lost(expected: Expected, right: Found) -> None:
    about_account = next(it for it in right.decisions if it.subject_kind == "account")
    others = [it for it in right.decisions if it is not about_account]
    assert held(expected, replace(right, decisions=others)).lost == 2  # its id, and what it said


def test_a_campaign_with_another_member_is_another_campaign(expected: Expected, right: Found) -> None:
    last = max((it for it in right.decisions if it.subject_kind == "campaign"), key=lambda it: it.sequence)
    others = [it for it in right.decisions if it is not last]
    found = held(expected, replace(right, decisions=[*others, replace(last, members=("somebody",))]))
    assert (found.lost, found.twice) == (1, 1)


def test_a_dead_letter_that_is_missing_or_changed_is_seen(expected: Expected, right: Found) -> None:
    assert held(expected, replace(right, letters=[])).lost == 1
    changed = held(expected, replace(right, letters=[replace(LETTER, value=b"valu")]))
    assert (changed.lost, changed.twice) == (1, 1)
