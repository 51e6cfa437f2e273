"""`stillwatch demo` as a person runs it, at a small size, in processes of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from kafka.admin import KafkaAdminClient

from agents.embedded.processes import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_SECONDS = 120.0
DEMO = (sys.executable, "-P", "-c", "from agents.cli import main; main()", "demo", "--scale")
SMALL, LONGER = "0.05", "0.5"
"""Sizes: a few seconds, and long enough that it cannot be over when its first line about events is there."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder to run in; whatever a failed test leaves running there is ended."""
    yield tmp_path
    for process in left_in(tmp_path):
        process.kill()


def left_in(folder: Path) -> list[psutil.Process]:
    """The processes that work in `folder`: everything a demonstration starts does."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline", "name"]):
        cwd = process.info["cwd"]
        if cwd and Path(cwd).is_relative_to(folder):
            found.append(process)
    return found


def children_in(folder: Path) -> list[psutil.Process]:
    """The worker and the feed of a demonstration in `folder`."""
    modules = {"agents.child", "agents.demo.feed"}
    return [process for process in left_in(folder) if modules & {*(process.info["cmdline"] or ())}]


def started(folder: Path, scale: str = SMALL, **given: str) -> "subprocess.Popen[str]":
    """A demonstration in `folder` with its own servers, or with those that are `given`."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {"KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL"}
    }
    return subprocess.Popen(  # noqa: S603  our own command
        (*DEMO, scale), cwd=folder, env={**environment, **given}, stdout=subprocess.PIPE, text=True
    )


def read_until(demo: "subprocess.Popen[str]", words: str) -> str:
    """Read its output up to a line with `words`."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if words in line:
            return line
    pytest.fail(f"the demonstration ended with {demo.wait()} before it said {words!r}")


def test_a_campaign_is_caught_on_given_servers_and_nothing_is_left_there(
    place: Path, kafka_bootstrap: str, redis_url: str
) -> None:
    demo = started(place, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap, REDIS_URL=redis_url)
    said, _ = demo.communicate(timeout=240)

    assert demo.returncode == 0, said
    assert "The campaign was caught" in said
    assert "10 of the campaign's 10 accounts (100.0%)" in said
    assert "17 of 17 look-alikes unharmed" in said
    assert [line for line in said.splitlines() if line.endswith(" ")] == []
    assert left_in(place) == []
    with KafkaAdminClient(bootstrap_servers=kafka_bootstrap) as admin:
        assert [topic for topic in admin.list_topics() if topic.startswith("demo-")] == []
        assert [group for group in admin.list_groups() if group["group_id"].startswith("demo-")] == []
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter("demo-*")) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_leaves_no_process_behind(place: Path, number: signal.Signals, code: int) -> None:
    demo = started(place)
    read_until(demo, " events, ")
    demo.send_signal(number)

    assert demo.wait(PATIENCE_SECONDS) == code
    assert left_in(place) == []


def test_a_signal_while_kafka_starts_leaves_no_process_behind(place: Path) -> None:
    demo = started(place)
    read_until(demo, "Starting Kafka")
    assert wait_until(lambda: any("java" in it.info["name"] for it in left_in(place)), seconds=PATIENCE_SECONDS)
    demo.send_signal(signal.SIGINT)

    assert demo.wait(PATIENCE_SECONDS) == 130
    assert left_in(place) == []


def test_after_sigkill_the_worker_and_the_feed_end_and_the_next_demonstration_removes_the_servers(place: Path) -> None:
    killed = started(place, LONGER)
    read_until(killed, " events, ")
    assert len(children_in(place)) == 2
    killed.kill()
    killed.wait()
    assert wait_until(lambda: not children_in(place), seconds=30)

    following = started(place)
    read_until(following, "Kafka is at")
    following.send_signal(signal.SIGTERM)
    assert following.wait(PATIENCE_SECONDS) == 143
    assert left_in(place) == []


def test_a_second_demonstration_in_the_same_folder_says_that_one_runs(place: Path) -> None:
    first = started(place)
    read_until(first, "Starting Kafka")
    second = subprocess.run(  # noqa: S603
        (*DEMO, SMALL), cwd=place, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    first.send_signal(signal.SIGTERM)

    assert second.returncode == 2
    assert "Another demonstration runs" in second.stderr
    assert first.wait(PATIENCE_SECONDS) == 143
    assert left_in(place) == []


def test_a_given_kafka_that_does_not_answer_is_one_sentence(place: Path) -> None:
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    demo = subprocess.run(  # noqa: S603
        (*DEMO, SMALL),
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert demo.returncode == 2
    assert demo.stderr.startswith("Error: ")
    assert "127.0.0.1:1" in demo.stderr
    assert len(demo.stderr.splitlines()) == 1
