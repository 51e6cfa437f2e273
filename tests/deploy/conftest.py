"""The image, built once by what its Dockerfile says; and the composition, running in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import contained, dockerfile
from tests.deploy.building import COMMIT, copied
from tests.deploy.playing import Composition
from tests.test_repository import ROOT

LOCKS = ("requirements-build.lock", "requirements-runtime.lock")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> dockerfile.Image:
    """What deploy/Dockerfile makes of this tree, with the packages of its locks from the registry: a minute."""
    reason = contained.why_not()
    if reason is not None:
        pytest.skip(f"No container without an engine: {reason}.")
    context = copied(tmp_path_factory.mktemp("context"))
    for name in LOCKS:
        shutil.copy(ROOT / "deploy" / name, context / "deploy")
    work = tmp_path_factory.mktemp("stages")
    work.chmod(0o755)
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    return dockerfile.play(text, context, work, {"COMMIT": COMMIT})


@pytest.fixture(scope="session")
def composition(image: dockerfile.Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    """Everything of deploy/docker-compose.yaml that is ours, up and well, on a Kafka and a Redis as it has them."""
    folder: Path = tmp_path_factory.mktemp("composition")
    with contained.network() as network:
        running = Composition(image, folder, network)
        running.up()
        yield running
