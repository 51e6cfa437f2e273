"""Faults are counted, told, and in the log now and then, without a word of a client's."""

import logging

import pytest

from agents.enforcement.faults import FAULTS, Fault, Faults


@pytest.mark.parametrize("fault", FAULTS)
def test_each_is_counted_and_told(fault: Fault) -> None:
    told: list[Fault] = []
    faults = Faults(told.append)
    for _ in range(3):
        faults.count(fault)
    assert faults.counts == {fault: 3}
    assert told == [fault] * 3


def test_the_log_has_the_first_the_tenth_and_the_hundredth(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()
    with caplog.at_level(logging.WARNING):
        for _ in range(150):
            faults.count("late")
    assert [record.message for record in caplog.records] == [
        f"A request went without a whole check: late, {count} so far" for count in (1, 10, 100)
    ]


def test_the_log_has_the_place_of_an_error_and_not_its_words(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()
    try:
        int("what a client wrote")
    except ValueError as error:
        faults.count("broken", error)
    assert "ValueError at " in caplog.text
    assert "test_faults.py" in caplog.text
    assert "client wrote" not in caplog.text
