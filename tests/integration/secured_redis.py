"""A real Redis over TLS with the users of deploy/redis-acls.txt; skipped where redis-server is old or has no TLS."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import redis
from msgspec import Struct

from agents.embedded import processes
from agents.embedded.processes import LOOPBACK
from agents.embedded.redis import PREFERRED_MAJOR, find_program
from tests.certificates import Authority

ACLS = Path(__file__).parents[2] / "deploy" / "redis-acls.txt"
PREFIX = "test-secured"
"""In place of the word `stillwatch`, in Kafka and in Redis."""

ADMIN = "the test's own word"


class SecuredRedis(Struct, frozen=True):
    """Where it is, and whom it trusts."""

    port: int
    authority: Authority

    def url(self, user: str, host: str = LOOPBACK) -> str:
        return f"rediss://{user}@{host}:{self.port}/0"

    def user(self, name: str, folder: Path) -> dict[str, str]:
        """The environment of a user, its password in a file."""
        (folder / f"{name}.password").write_text(password_of(name) + "\n")
        return {
            "REDIS_URL": self.url(name),
            "REDIS_PASSWORD_FILE": str(folder / f"{name}.password"),
            "REDIS_SSL_CAFILE": str(self.authority.ca),
        }

    @property
    def admin_url(self) -> str:
        """For the test itself; the authority is in the url, so that no environment is needed."""
        password = ADMIN.replace(" ", "%20")
        return f"rediss://admin:{password}@{LOOPBACK}:{self.port}/0?ssl_ca_certs={self.authority.ca}"

    def admin(self) -> "redis.Redis":
        return redis.Redis.from_url(self.admin_url)


def password_of(name: str) -> str:
    return f"{name}-hunter2"


def users() -> dict[str, str]:
    """Every user of deploy/redis-acls.txt and its rules."""
    lines = [line.replace("stillwatch", PREFIX) for line in ACLS.read_text().splitlines() if line.startswith("user ")]
    return {line.split()[1]: line for line in lines}


@contextmanager
def secured_redis(folder: Path, *settings: str) -> Iterator[SecuredRedis]:
    """A Redis that listens with TLS only; `settings` are more lines of its configuration."""
    program = find_program()
    (port,) = processes.choose_ports((), 1)
    authority = Authority(folder)
    certificate, key = authority.issue("redis")
    rules = [line.replace("CHANGE-ME", password_of(name)) for name, line in users().items()]
    rules.append(f"user admin on #{sha256(ADMIN.encode()).hexdigest()} ~* &* +@all")
    (folder / "users.acl").write_text("\n".join(rules) + "\n")
    (folder / "redis.conf").write_text(
        "\n".join((
            f"bind {LOOPBACK}\nport 0\ntls-port {port}\ntls-auth-clients no",
            f"tls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {authority.ca}",
            f'aclfile {folder}/users.acl\ndir {folder}\nsave ""\nmaxmemory-policy noeviction',
            *settings,
        ))
        + "\n"
    )  # fmt: skip
    server = processes.start(
        "redis", [program, str(folder / "redis.conf")], ports=(port,), folder=folder, env={"PATH": os.defpath}
    )
    found = SecuredRedis(port, authority)
    try:
        is_up = processes.wait_until(lambda: not processes.is_running(server) or _answers(found), seconds=20)
        log = Path(server.log).read_text()
        if "tls-port" in log and not processes.is_running(server):
            pytest.skip(f"{program} was built without TLS")
        assert is_up and processes.is_running(server), log  # noqa: PT018
        if _version(found) < PREFERRED_MAJOR:
            pytest.skip(f"{program} is older than Redis 7")
        yield found
    finally:
        processes.stop([server], patience_seconds=10)


def _answers(found: SecuredRedis) -> bool:
    try:
        with found.admin() as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _version(found: SecuredRedis) -> int:
    with found.admin() as client:
        told: Any = client.info("server")
        return int(told["redis_version"].split(".")[0])
