"""Where things are: read from the environment once, at the start of a command."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from agents import kafka_access, redis_access
from agents.environment import LARGEST_NUMBER, SettingsError, number, path, required, secret, words
from agents.private import owner_only
from agents.redis_access import without_password
from agents.topics import DEFAULT_PREFIX

__all__ = [
    "AGENTS",
    "KAFKA_VARIABLE",
    "KEY_VARIABLE",
    "LARGEST_NUMBER",
    "PREFIX_VARIABLE",
    "REDIS_VARIABLE",
    "REPLAY_KEY",
    "SHORTEST_KEY_BYTES",
    "SIGNING_VARIABLE",
    "VERIFY_VARIABLE",
    "Settings",
    "SettingsError",
    "bootstrap_servers",
    "fingerprint_key",
    "kept_key",
    "names_a_key",
    "prefix",
    "read_settings",
    "replay_key",
]

REPLAY_KEY = b"stillwatch replay, no secret"
"""Keys the hashes of a replay where the environment names no key: it must be repeatable."""

KEY_VARIABLE = "STILLWATCH_FINGERPRINT_KEY"
KAFKA_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
REDIS_VARIABLE = "REDIS_URL"
PREFIX_VARIABLE = "STILLWATCH_PREFIX"
SIGNING_VARIABLE = "STILLWATCH_SIGNING_KEY"
VERIFY_VARIABLE = "STILLWATCH_VERIFY_KEYS"
SHORTEST_KEY_BYTES = 16
AGENTS: Final = ("observe", "networks", "campaigns")


class Settings(Struct, frozen=True):
    """What the environment says.

    `prefix` is that of topics and Redis keys, `health_host` and `health_port` where /metrics, /healthz and /readyz
    answer (port 0: a free one), `settle_after_s` after how many seconds without traffic the networks stage takes a
    minute for closed, `batch_records` how many records one batch may have. `signing_key` is the file with the key that
    decisions are signed with, `verify_keys` the file or folder with those that they are checked with.
    """

    bootstrap_servers: str
    redis_url: str
    prefix: str = DEFAULT_PREFIX
    group: str = "stillwatch"
    health_host: str = "127.0.0.1"
    health_port: int = 9464
    settle_after_s: float = 60.0
    batch_records: int = 20_000
    signing_key: Path | None = None
    verify_keys: Path | None = None

    def __repr__(self) -> str:
        """Everything, but of Redis's address neither who logs in nor how."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields["redis_url"] = without_password(self.redis_url)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the worker. Raises SettingsError."""
    kafka, redis_url = bootstrap_servers(environment), required(environment, REDIS_VARIABLE)
    redis_access.client_arguments(redis_url, environment)  # a mistake is told now, not where a client is made
    return Settings(
        bootstrap_servers=kafka,
        redis_url=redis_url,
        prefix=prefix(environment),
        group=environment.get("STILLWATCH_GROUP") or "stillwatch",
        health_host=environment.get("STILLWATCH_HEALTH_HOST") or "127.0.0.1",
        health_port=int(number(environment, "STILLWATCH_HEALTH_PORT", 9464)),
        settle_after_s=number(environment, "STILLWATCH_SETTLE_SECONDS", 60.0),
        batch_records=int(number(environment, "STILLWATCH_BATCH_RECORDS", 20_000, least=1)),
        signing_key=path(environment, SIGNING_VARIABLE),
        verify_keys=path(environment, VERIFY_VARIABLE),
    )


def prefix(environment: Mapping[str, str] = os.environ) -> str:
    """That of topics and Redis keys."""
    return environment.get(PREFIX_VARIABLE) or DEFAULT_PREFIX


def bootstrap_servers(environment: Mapping[str, str] = os.environ) -> str:
    """Kafka's addresses, `host:port` with commas between. Raises SettingsError."""
    servers = required(environment, KAFKA_VARIABLE)
    kafka_access.client_arguments(environment)  # a mistake is told now, not where a client is made
    return servers


def fingerprint_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of the edge fingerprint, from its variable or from the file that STILLWATCH_FINGERPRINT_KEY_FILE names.

    Raises SettingsError if it is not set, cannot be read or is too short.
    """
    text = secret(environment, KEY_VARIABLE)
    if not text:
        raise SettingsError(
            f"{KEY_VARIABLE} is not set: it keys every hash that leaves the gateway; `stillwatch dev up` makes one."
        )
    key = text.encode()
    if len(key) < SHORTEST_KEY_BYTES:
        raise SettingsError(f"{KEY_VARIABLE} has {len(key)} bytes; it needs at least {SHORTEST_KEY_BYTES}.")
    return key


def replay_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of the edge fingerprint where nothing leaves this machine. Raises SettingsError as `fingerprint_key`."""
    return fingerprint_key(environment) if names_a_key(environment) else REPLAY_KEY


def names_a_key(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says which key the edge fingerprint has, or which file has it."""
    return any(words(environment, name) for name in (KEY_VARIABLE, f"{KEY_VARIABLE}_FILE"))


def kept_key(folder: Path) -> str:
    """The fingerprint key of the servers in `folder`: made once, readable by its owner only, the same ever after.

    Raises SettingsError if it can be neither read nor made.
    """
    path = folder / "fingerprint.key"
    try:
        if not path.exists():
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            with open(fresh, "w", encoding="ascii", opener=owner_only) as file:
                file.write(secrets.token_hex(32))
            fresh.replace(path)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path}, which keeps the fingerprint key, cannot be used: {getattr(error, 'strerror', error)}."
        ) from error
