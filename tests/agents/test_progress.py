import logging
import threading

import pytest

from agents.progress import HUNG_EXIT_CODE, SLOW_FOR_S, Progress, Watchdog

EVENTS = ("stillwatch.requests", 0)
LINKS = ("stillwatch.links", 1)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    made = Progress(stall_after_s=60, clock=clock)
    made.assigned([EVENTS])
    return made


def test_a_partition_with_nothing_left_is_well_however_long_it_stands(progress: Progress, clock: Clock) -> None:
    progress.advanced(EVENTS, 5, 5)
    clock.now += 86_400
    assert progress.stalled() == ()


def test_a_partition_that_stands_while_records_wait_is_stalled(progress: Progress, clock: Clock) -> None:
    progress.advanced(EVENTS, 5, 9)
    clock.now += 60
    assert progress.stalled() == ()
    clock.now += 1
    assert progress.stalled() == (
        "Partition 0 of stillwatch.requests has stood at offset 5 for 61 s, with 4 records left.",
    )


def test_a_partition_that_moves_is_well_though_its_lag_grows(progress: Progress, clock: Clock) -> None:
    for step in range(10):
        progress.advanced(EVENTS, step, 1_000 * step + 1)
        clock.now += 50
        assert progress.stalled() == ()


def test_hearing_of_new_records_again_and_again_is_not_progress(progress: Progress, clock: Clock) -> None:
    for end_offset in range(6, 20):
        progress.advanced(EVENTS, 5, end_offset)
        clock.now += 10
    assert len(progress.stalled()) == 1


def test_the_time_counts_from_the_first_record_that_waits_and_not_from_the_last_one_done(
    progress: Progress, clock: Clock
) -> None:
    progress.advanced(EVENTS, 5, 5)
    clock.now += 3_600
    progress.advanced(EVENTS, 5, 6)
    assert progress.stalled() == ()
    clock.now += 61
    assert len(progress.stalled()) == 1


def test_a_seek_back_is_not_progress_but_what_is_processed_after_it_is(progress: Progress, clock: Clock) -> None:
    progress.advanced(EVENTS, 500, 900)
    clock.now += 61
    progress.advanced(EVENTS, 100, 900)
    assert len(progress.stalled()) == 1
    progress.advanced(EVENTS, 101, 900)
    assert progress.stalled() == ()


def test_a_partition_that_never_reports_is_stalled(progress: Progress, clock: Clock) -> None:
    clock.now += 61
    assert progress.stalled() == (
        "Partition 0 of stillwatch.requests has reported nothing since it was assigned 61 s ago.",
    )


def test_stalled_partitions_come_in_order_and_a_revoked_one_not_at_all(progress: Progress, clock: Clock) -> None:
    progress.assigned([LINKS])
    clock.now += 61
    assert [sentence.split(" has ")[0] for sentence in progress.stalled()] == [
        "Partition 1 of stillwatch.links",
        "Partition 0 of stillwatch.requests",
    ]
    progress.revoked([LINKS, ("stillwatch.unknown", 7)])
    assert len(progress.stalled()) == 1


def test_a_late_report_of_a_revoked_partition_is_ignored(progress: Progress, clock: Clock) -> None:
    progress.revoked([EVENTS])
    progress.advanced(EVENTS, 5, 9)
    clock.now += 61
    assert progress.stalled() == ()


def test_a_partition_that_comes_back_starts_anew(progress: Progress, clock: Clock) -> None:
    progress.advanced(EVENTS, 5, 9)
    clock.now += 61
    progress.assigned([EVENTS])
    assert progress.stalled() == ()


def test_a_worker_is_ready_once_assigned_and_once_the_stores_answered() -> None:
    progress = Progress()
    assert progress.unready() == "The worker is starting."
    progress.ready()
    assert progress.unready() == "No partitions have been assigned yet."
    progress.assigned([])
    assert progress.unready() is None
    progress.not_ready("Redis at 127.0.0.1:6379 does not answer.")
    assert progress.unready() == "Redis at 127.0.0.1:6379 does not answer."


def test_a_server_that_was_slow_once_and_is_asked_nothing_any_more_is_not_slow_for_ever(
    progress: Progress, clock: Clock
) -> None:
    progress.ready()
    progress.slow("redis", "Redis is slow.")
    clock.now += SLOW_FOR_S
    assert progress.unready() == "Redis is slow."
    progress.slow("kafka", "Kafka is slow.")
    clock.now += 1
    assert progress.unready() == "Kafka is slow."
    progress.slow("kafka", None)
    assert progress.unready() is None


def test_threads_may_report_and_ask_at_the_same_time(progress: Progress) -> None:
    failures: list[BaseException] = []

    def turn() -> None:
        try:
            for offset in range(300):
                progress.assigned([LINKS])
                progress.advanced(LINKS, offset, 300)
                progress.stalled()
                progress.revoked([LINKS])
        except BaseException as error:  # noqa: BLE001 - whatever a thread raises is what is tested
            failures.append(error)

    threads = [threading.Thread(target=turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def watchdog_of(progress: Progress, codes: list[int]) -> Watchdog:
    return Watchdog(progress, limit_s=30, end=codes.append)


def test_a_process_is_ended_at_the_second_look_that_finds_it_hung(
    progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    codes: list[int] = []
    watchdog = watchdog_of(progress, codes)
    clock.now += 31
    watchdog.check()
    assert codes == []
    with caplog.at_level(logging.CRITICAL):
        watchdog.check()
    assert codes == [HUNG_EXIT_CODE]
    assert caplog.messages == ["The event loop has not turned for 31 s: ending the process."]


def test_a_process_that_was_frozen_as_a_whole_is_spared_when_its_loop_turns_again(
    progress: Progress, clock: Clock
) -> None:
    codes: list[int] = []
    watchdog = watchdog_of(progress, codes)
    for _ in range(3):
        clock.now += 3_600
        watchdog.check()
        progress.heartbeat()
        watchdog.check()
    assert codes == []


def test_a_process_ends_even_when_its_last_words_cannot_be_written(
    progress: Progress, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr("agents.progress.logger.critical", lambda *_: never.wait())
    monkeypatch.setattr("agents.progress.LAST_WORDS_S", 0.01)
    codes: list[int] = []
    watchdog = watchdog_of(progress, codes)
    clock.now += 31
    watchdog.check()
    watchdog.check()
    assert codes == [HUNG_EXIT_CODE]
    never.set()
    for thread in threading.enumerate():
        if thread.name == "last words":
            thread.join()


def test_the_watchdog_looks_by_itself_on_its_own_thread(progress: Progress, clock: Clock) -> None:
    ended = threading.Event()
    watchdog = Watchdog(progress, limit_s=30, check_every_s=0.001, end=lambda _: ended.set())
    clock.now += 31
    watchdog.start()
    assert ended.wait(30)
    watchdog.stop()
