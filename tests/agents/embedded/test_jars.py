import hashlib
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agents.embedded import ServerError, jars

JGO_CONFIG = pytest.importorskip("jgo.config")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: a test's output is its failure."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven cache of this test's own that holds every archive, and jgo settings that do not exist yet."""
    try:
        archives = [Path(it) for it in jars.classpath().split(":")]
    except ServerError as error:
        pytest.skip(f"Kafka's archives are not on this machine: {error}")
    users = Path(JGO_CONFIG.GlobalSettings.load().repo_cache)
    copy = tmp_path / "cache"
    for archive in archives:
        target = copy / archive.relative_to(users)
        target.parent.mkdir(parents=True)
        shutil.copyfile(archive, target)
    monkeypatch.setenv("M2_REPO", str(copy))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    return copy


@pytest.fixture
def mirror(cache: Path, tmp_path: Path) -> Iterator[Path]:
    """A repository on loopback, named as the central one in the user's jgo settings; it serves a copy of the cache."""
    folder = tmp_path / "mirror"
    shutil.copytree(cache, folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        yield folder
        server.shutdown()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)


def archive_in(folder: Path, name: str) -> Path:
    (found,) = folder.rglob(f"{name}-*.jar")
    return found


def test_the_lock_names_kafka_and_its_clients_in_one_version() -> None:
    versions = {it.name: it.version for it in jars.locked()}
    assert f"org.apache.kafka:kafka_2.13:{versions['kafka_2.13']}" == jars.COORDINATE
    assert versions["kafka-clients"] == versions["kafka_2.13"]


def test_the_lock_holds_a_sha256_for_every_archive_and_no_address() -> None:
    assert all(len(bytes.fromhex(it.sha256)) == hashlib.sha256().digest_size for it in jars.locked())
    assert "://" not in Path(jars.__file__).with_name("kafka.lock").read_text()


@pytest.mark.usefixtures("cache", "no_network")
def test_what_is_cached_needs_no_network() -> None:
    assert len(jars.classpath().split(":")) == len(jars.locked())


@pytest.mark.usefixtures("no_network")
def test_without_network_and_cache_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path / "empty"))
    with pytest.raises(
        ServerError, match=r"^Kafka's archive \S+\.jar could not be downloaded \(ProxyError\): check the net"
    ):
        jars.classpath()


def test_an_archive_cut_short_is_downloaded_again_from_where_the_user_says(cache: Path, mirror: Path) -> None:
    damaged, good = archive_in(cache, "kafka-raft"), archive_in(mirror, "kafka-raft")
    damaged.write_bytes(good.read_bytes()[:1000])
    jars.classpath()
    assert damaged.read_bytes() == good.read_bytes()


def test_an_archive_that_is_not_the_locked_one_is_thrown_away(cache: Path, mirror: Path) -> None:
    archive_in(cache, "kafka-raft").unlink()
    archive_in(mirror, "kafka-raft").write_bytes(b"something else")
    with pytest.raises(ServerError, match=r"kafka-raft-\S+\.jar is not the one that agents/embedded/kafka.lock names"):
        jars.classpath()
    assert not list(cache.rglob("kafka-raft-*.jar"))


def test_an_archive_the_repository_does_not_have_is_one_sentence(cache: Path, mirror: Path) -> None:
    archive_in(cache, "kafka-raft").unlink()
    archive_in(mirror, "kafka-raft").unlink()
    with pytest.raises(ServerError, match=r"^Kafka's archive kafka-raft-\S+\.jar could not be downloaded"):
        jars.classpath()


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("M2_REPO", str(tmp_path / "file" / "cache"))
    with pytest.raises(ServerError, match=r"^the folder for Kafka's archives, .*, cannot be used: Not a directory$"):
        jars.classpath()


def test_without_jgo_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.config", None)
    with pytest.raises(ServerError, match=r"needs the package jgo: install Stillwatch with its extra `embedded`"):
        jars.classpath()
