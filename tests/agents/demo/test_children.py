"""Processes that a demonstration starts, and the signals that end it."""

import signal
import sys
from pathlib import Path

import pytest

from agents.demo.children import Child, ChildError
from agents.demo.run import Interrupted, Wishes


def child(log: Path, program: str) -> Child:
    return Child("worker", (sys.executable, "-c", program), {}, log)


def test_a_child_that_ends_too_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with child(tmp_path / "log", "import sys; sys.exit('first\\nRedis is gone')") as it:
        it.process.wait()
        with pytest.raises(ChildError, match="The worker ended before its time: Redis is gone"):
            it.check()


def test_a_child_that_may_end_may_do_so_only_with_success(tmp_path: Path) -> None:
    with child(tmp_path / "good", "") as good, child(tmp_path / "bad", "raise SystemExit(3)") as bad:
        good.process.wait()
        bad.process.wait()
        good.check(may_end=True)
        with pytest.raises(ChildError, match="exit code 3"):
            bad.check(may_end=True)


def test_a_child_that_does_not_heed_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    with child(tmp_path / "log", deaf) as it:
        assert it.process.stdout is not None
        it.process.stdout.readline()
        it.patience_s = 0.1

    assert it.process.returncode == -signal.SIGKILL


def test_a_signal_ends_at_once_until_signals_are_deferred_and_then_where_it_is_heeded() -> None:
    at_once, later = Wishes(), Wishes()
    with at_once.heard(), pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGINT)

    with later.heard():
        later.defer()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted) as interrupted:
            later.heed()

    assert interrupted.value.number == signal.SIGTERM


def test_a_second_signal_changes_nothing() -> None:
    wishes = Wishes()
    with wishes.heard():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            wishes.heed()


def test_the_handlers_of_the_program_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Wishes().heard():
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before
