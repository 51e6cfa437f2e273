"""The Java archives that a Kafka broker consists of: which, exactly, and where they are on this machine.

`kafka.lock` beside this file names every archive with its SHA-256, as jgo's resolver found them for `COORDINATE`.
They are downloaded once through jgo into the user's Maven cache, so a second start needs no network, and an archive
whose bytes are not those of the lock never runs. `python -m agents.embedded.jars` prints the lock anew.
"""

import fcntl
import hashlib
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from agents.embedded import ServerError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

COORDINATE = "org.apache.kafka:kafka_2.13:4.4.0"
LOGGING_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5")
"""Kafka logs through SLF4J, and its published dependencies bind that to nothing: without this one it is mute."""

DOWNLOADS_AT_ONCE = 4
DOWNLOAD_TIMEOUT_SECONDS = 30


class Jar(Struct, frozen=True):
    """One archive: its Maven coordinate and the SHA-256 of its bytes, 64 hexadecimal digits."""

    group: str
    name: str
    version: str
    sha256: str


def locked() -> tuple[Jar, ...]:
    """Read the lock: every archive a broker needs, in the order of the file."""
    lines = files("agents.embedded").joinpath("kafka.lock").read_text(encoding="ascii").splitlines()
    return tuple(Jar(*re.split("[: ]", line)) for line in lines if not line.startswith("#"))


def classpath() -> str:
    """Return the class path of a broker, downloading what this machine does not have yet.

    Blocks for some 20 seconds the first time, for a quarter of a second afterwards. Raises `ServerError` when jgo is
    not installed, when there is no network and the archives are not there, or when what came is not what is locked.
    """
    context = _maven()
    with _alone(context.repo_cache), ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        paths = list(pool.map(lambda jar: _fetch(context, jar), locked()))
    return ":".join(str(path) for path in paths)


def _maven() -> "MavenContext":
    """Return jgo's view of Maven with the caches and repositories that the user's own jgo settings name."""
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 - optional: only who starts the embedded Kafka needs it
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
    except ImportError as error:
        raise ServerError(
            "the embedded Kafka needs the package jgo: install Stillwatch with its extra `embedded`, "
            "or set KAFKA_BOOTSTRAP_SERVERS"
        ) from error
    settings = GlobalSettings.load()
    repositories = dict(settings.repositories)  # the user's own come first: jgo stops at the first that has the archive
    repositories.setdefault("central", MAVEN_CENTRAL_URL)
    return MavenContext(
        resolver=PythonResolver(),
        repo_cache=Path(settings.repo_cache).expanduser(),
        remote_repos=repositories,
        timeout=DOWNLOAD_TIMEOUT_SECONDS,
    )


@contextmanager
def _alone(repo_cache: Path) -> Iterator[None]:
    """Hold the download lock, so that two starts at once do not write one archive together."""
    try:
        repo_cache.mkdir(parents=True, exist_ok=True)
        with (repo_cache / ".stillwatch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise ServerError(
            f"the folder for Kafka's archives, {repo_cache}, cannot be used: {error.strerror or error}"
        ) from error


def _fetch(context: "MavenContext", jar: Jar) -> Path:
    """Return the path of `jar`, downloaded if it is absent or if its bytes are wrong (a download cut short)."""
    artifact = context.project(jar.group, jar.name).at_version(jar.version).artifact()
    path = artifact.cached_path or Path()
    if path.is_file():
        if _sha256(path) == jar.sha256:
            return path
        path.unlink()
    path = _download(artifact)
    if _sha256(path) != jar.sha256:
        path.unlink()
        raise ServerError(
            f"the downloaded {path.name} is not the one that agents/embedded/kafka.lock names: it was thrown away"
        )
    return path


def _download(artifact: "Artifact") -> Path:
    """Download one archive through jgo. Raises `ServerError`, in a sentence, whatever goes wrong on the way."""
    from requests import RequestException  # noqa: PLC0415 - comes with jgo, which is optional

    try:
        return artifact.resolve()
    except (OSError, RuntimeError, RequestException) as error:
        raise ServerError(
            f"Kafka's archive {artifact.filename} could not be downloaded ({type(error).__name__}): "
            "check the network, or set KAFKA_BOOTSTRAP_SERVERS to a Kafka that runs"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolve() -> tuple[Jar, ...]:
    """Resolve `COORDINATE` anew, with the network: what the lock should say."""
    import jgo  # noqa: PLC0415

    context = _maven()
    group, name, version = LOGGING_BINDING
    # The binding is added by itself: resolved together, its bill of materials would turn Kafka's own versions back.
    artifacts = [*jgo.resolve(COORDINATE), context.project(group, name).at_version(version).artifact()]
    jars = {Jar(it.groupId, it.artifactId, it.version, _sha256(_download(it))) for it in artifacts}
    return tuple(sorted(jars, key=lambda jar: (jar.group, jar.name)))


if __name__ == "__main__":
    sys.stdout.write(f"# {COORDINATE} and a log4j binding, as resolved by jgo. SHA-256 of each archive.\n")
    sys.stdout.writelines(f"{jar.group}:{jar.name}:{jar.version} {jar.sha256}\n" for jar in _resolve())
