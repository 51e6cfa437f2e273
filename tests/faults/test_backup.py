"""Kafka and Redis are both lost: what a backup holds is put on topics anew, and all that follows is built again."""

import gzip
import signal
import subprocess
from pathlib import Path

import pytest

from agents.copying.files import MANIFEST, read_manifest
from agents.topics import TopicNames
from tests.faults.conftest import World
from tests.faults.faulty_copier import FAULTY_COPIER, WAVE
from tests.faults.scene import Scene
from tests.faults.test_repartition import MORE, as_appended, assert_is_copy
from tests.integration.worker_harness import REPOSITORY, Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

DEATH = 3 * WAVE + WAVE // 2
SECONDS = 150.0


def test_a_backup_of_two_nights_brings_everything_back(scene: Scene, world: World, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    first, second, third = world.thirds()
    old, to_prefix = scene.deployment, f"{scene.deployment.prefix}-anew"
    new = Deployment(old.bootstrap_servers, old.redis_url, TopicNames.under(to_prefix), to_prefix, MORE)
    for night, events in enumerate((first, second)):
        scene.pace(events)
        done = old.run("backup", str(folder))
        assert (done.returncode, done.stderr) == (0, f"{len(events):,} records written to {folder}\n"), night
    with scene.redis.client() as client:
        client.flushall()

    words = ("restore", str(folder), "--to-prefix", to_prefix, "--partitions", str(MORE))
    killed = subprocess.run(  # noqa: S603  our own command
        [*FAULTY_COPIER, *words],
        cwd=REPOSITORY,
        env=old.environment(FAULT_PASS=str(DEATH)),
        check=False,
        timeout=SECONDS,
    )
    assert killed.returncode == -signal.SIGKILL
    done = old.run(*words)
    assert (done.returncode, "gateways may write to them now" in done.stderr) == (0, True), done.stderr
    assert f"{len(first) + len(second):,} records" not in done.stderr  # some were there already
    again = old.run(*words)
    assert (again.returncode, "takes the broker's time: it was restored already" in again.stderr) == (2, True)

    (tmp_path / "after").mkdir()
    after = Scene(new, scene.redis, tmp_path / "after")
    try:
        assert_is_copy(scene, after)
        after.sent, after.same_offsets = as_appended(scene), False
        after.healed()
        after.ready()
        after.pace(third)
        after.settle()
        after.balance("Kafka and Redis lost, back from a backup", remarks=f"4 partitions then, {MORE} now")
    finally:
        after.close()


def test_a_backup_that_is_not_what_was_written_is_refused(scene: Scene, world: World, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    scene.produce(world.events[:100])
    assert scene.deployment.run("backup", str(folder)).returncode == 0
    manifest = read_manifest(folder)
    assert manifest is not None
    assert sum(part.records for part in manifest.parts) == 100
    damaged = folder / manifest.parts[-1].name
    damaged.write_bytes(gzip.compress(gzip.decompress(damaged.read_bytes())[:-1]))
    refused = scene.deployment.run("restore", str(folder), "--to-prefix", f"{scene.deployment.prefix}-x")
    assert (refused.returncode, refused.stderr) == (
        2,
        f"Error: {damaged} is not what the backup wrote: its SHA-256 is another.\n",
    )
    (folder / MANIFEST).unlink()
    refused = scene.deployment.run("restore", str(folder), "--to-prefix", f"{scene.deployment.prefix}-x")
    assert (refused.returncode, refused.stderr) == (2, f"Error: {folder} holds no backup.\n")


def test_a_prefix_that_redis_knows_is_refused(scene: Scene, world: World, tmp_path: Path) -> None:
    """What is copied would be counted on top of states that another log has left there."""
    folder = tmp_path / "backup"
    scene.produce(world.events[:100])
    assert scene.deployment.run("backup", str(folder)).returncode == 0
    to_prefix = f"{scene.deployment.prefix}-known"
    with scene.redis.client() as client:
        client.set(f"{to_prefix}:{{observe:3}}:offset", 7)
    for words in (("restore", str(folder)), ("repartition", "copy", "--partitions", "4")):
        refused = scene.deployment.run(*words, "--to-prefix", to_prefix)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert refused.stderr.startswith(f"Error: Redis holds states under the prefix {to_prefix}, of other topics: ")
