"""Four partitions become six while requests keep coming, and the copier is killed on the way.

The copy has every record once, with its key and the time at which it was appended; the job on six partitions counts
what the ledger says, and what was in force stays so.
"""

import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agents.copying.sink import COPY_OF
from agents.routing import bytes_partition
from agents.topics import TopicNames, describe_topics
from streams.events import RequestEvent
from tests.faults import ledger, traffic
from tests.faults.faulty_copier import FAULTY_COPIER, WAVE
from tests.faults.reference import Sent, expected_of, verdicts_of
from tests.faults.scene import Scene
from tests.integration.worker_harness import REPOSITORY, STILLWATCH, Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(400)]

MORE = 6
AHEAD_MS = 40 * 60_000
"""How far the clock of one gateway is ahead: its requests count when they were appended."""

EVENTS = 6_000
RELEASED = "somebody"
NOBODY_LESS = "0 of them less under {} than under {}, "
DEATHS = (150, 950)
"""Which record the copier does not live to send: in its first wave, and in a later one."""
SECONDS = 150.0


def of_today(events: Sequence[RequestEvent]) -> list[RequestEvent]:
    """The same, so many hours later that what they lead to is in force now."""
    newest_ms = max(event.occurred_at_ms for event in events)
    shift_ms = (int(time.time() * 1000) - newest_ms) // traffic.HOUR_MS * traffic.HOUR_MS
    return [replace(event, occurred_at_ms=event.occurred_at_ms + shift_ms) for event in events]


class Copier:
    """`stillwatch repartition` in a process of its own."""

    def __init__(self, deployment: Deployment, to_prefix: str, folder: Path) -> None:
        self._deployment = deployment
        self._to = ("--to-prefix", to_prefix)
        self._log = folder / "copier.log"

    @contextmanager
    def copying(self, *program: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        with self._log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603  our own command
                [*(program or (STILLWATCH,)), "repartition", "copy", *self._to, "--partitions", str(MORE)],
                cwd=REPOSITORY,
                env=self._deployment.environment(**environment),
                stdin=subprocess.DEVNULL,
                stderr=file,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._deployment.run("repartition", *arguments, *self._to)


def test_four_partitions_become_six_under_load(scene: Scene, tmp_path: Path) -> None:
    old, to_prefix = scene.deployment, f"{scene.deployment.prefix}-6"
    new = Deployment(old.bootstrap_servers, old.redis_url, TopicNames.under(to_prefix), to_prefix, MORE)
    events = of_today(traffic.world(7, accounts=150, events=EVENTS))
    third = len(events) // 3
    ahead = traffic.moved(traffic.hot_account(8, 60, hours=1), int(time.time() * 1000) + AHEAD_MS)
    copier = Copier(old, to_prefix, tmp_path)
    scene.ready()
    scene.pace(events[:third])
    scene.produce(ahead)
    assert old.run("release", RELEASED, "--reviewer", "r").returncode == 0
    dry = copier.run("copy", "--partitions", str(MORE), "--dry-run")
    assert f"{third + len(ahead) + 1:,} records of" in dry.stderr
    assert describe_topics(old.bootstrap_servers, new.topics) == {}

    for death in DEATHS:
        before = copied(scene, new)
        with copier.copying(*FAULTY_COPIER, FAULT_PASS=str(death)) as killed:
            assert killed.wait(SECONDS) == -signal.SIGKILL, copier.log
        assert before < copied(scene, new)
        assert copied(scene, new) % WAVE  # some of the wave that was not whole had arrived
    scene.pace(events[third : 2 * third])
    after = Scene(new, scene.redis, folder(tmp_path / "after"))
    try:
        with copier.copying() as following:
            scene.until("copying again", lambda: copied(scene, new) > 0 and "copied" in copier.log)
            worker = after.ready()
            scene.pace(events[2 * third : -third // 2])
            scene.until("copied", lambda: copied(scene, new) == sum(scene.kafka.ends(old.topics.requests).values()))
            following.send_signal(signal.SIGTERM)
            assert following.wait(SECONDS) == 0
        scene.settle()
        finished = copier.run("finish")
        assert (finished.returncode, finished.stderr[-1:]) == (0, "\n"), finished.stderr
        assert (
            describe_topics(new.bootstrap_servers, new.topics)[new.topics.requests].configs["message.timestamp.type"]
            == "LogAppendTime"
        )
        assert_is_copy(scene, after)
        after.sent, after.same_offsets = as_appended(scene), False
        after.settle()
        after.healed()
        after.pace(events[-third // 2 :])
        after.settle()
        compared = copier.run("compare")
        limited, differing, *_ = compared.stdout.splitlines()
        assert differing.startswith(NOBODY_LESS.format(to_prefix, old.prefix)), compared.stdout
        expected = expected_of(after.sent, partitions=MORE)
        said, _ = ledger.decisions(old, scene.kafka)
        released = verdicts_of(it for it in said if it.subject_id == RELEASED)
        after.balance(
            "4 partitions become 6, copier kill -9 twice",
            expected=replace(expected, verdicts=expected.verdicts | released),
            remarks=limited.rstrip(",").replace(to_prefix, "6").replace(old.prefix, "4"),
        )
        assert len(released) == 1
        assert worker.drain() == 0
    finally:
        after.close()


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def copied(scene: Scene, new: Deployment) -> int:
    """How many requests the copy has."""
    if new.topics.requests not in describe_topics(new.bootstrap_servers, new.topics):
        return 0
    return sum(scene.kafka.ends(new.topics.requests).values())


def assert_is_copy(scene: Scene, after: Scene) -> None:
    """Every record once, where its key belongs, as it was, and those of one key in their order."""
    for name in ("requests", "feedback"):
        was, now = (it.kafka.read(getattr(it.deployment.topics, name)) for it in (scene, after))
        assert by_key(was) == by_key(now)
        assert all(it.partition == bytes_partition(it.key, MORE) for it in now)
        places = [dict(it.headers)[COPY_OF].rpartition(b"/")[0] for it in now]
        assert sorted(places) == sorted(f"{it.partition}/{it.offset}".encode() for it in was)


def by_key(records: Sequence[Any]) -> dict[bytes, list[tuple[bytes, int]]]:
    found: defaultdict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
    for it in records:
        found[it.key].append((it.value, it.timestamp))
    return found


def as_appended(scene: Scene) -> list[Sent]:
    """What was sent, with the times at which the log took it."""
    times = {
        msgspec.json.decode(it.value, type=RequestEvent).event_id: it.timestamp
        for it in scene.kafka.read(scene.deployment.topics.requests)
    }
    return [Sent(it.event, times[it.event.event_id]) for it in scene.sent]
