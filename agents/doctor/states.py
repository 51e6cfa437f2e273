"""Redis: its version and policy, memory, what it keeps on disk, its clock, the slots of a cluster, and rights in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from msgspec import Struct
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.clock import now_ms
from agents.doctor.found import Found, ill, well
from agents.redis_access import client_arguments
from agents.rights import REDIS
from agents.settings import Settings, SettingsError
from agents.sizing import need, spoken
from agents.store.redis import OLDEST_VERSION, redis_sentence

TIMEOUT_SECONDS = 5.0
FULL_SHARE = 0.8
"""From this share of maxmemory on Redis counts as nearly full."""

SLOTS = 16_384
UNSAVED_SECONDS = 3600
"""A Redis that snapshots at all does so more often: `save 300 1` is what Stillwatch asks for."""

SAVE = 'CONFIG SET save "300 1"'


class RedisTold(Struct, frozen=True):
    """What a Redis says of itself; `maxmemory` 0: as much as there is.

    `saves` says whether it writes snapshots or an append-only file, None where this user may not ask; `unsaved_seconds`
    for how long changes have waited for a snapshot, 0 with an append-only file; `ahead_ms` how far its clock is ahead
    of ours at least, below 0 behind.
    """

    version: str
    policy: str
    used: int
    maxmemory: int
    saves: bool | None = True
    unsaved_seconds: int = 0
    is_failing_to_save: bool = False
    is_replica: bool = False
    is_cluster: bool = False
    ahead_ms: int = 0


@contextmanager
def _client(url: str) -> Iterator[Any]:
    """A connection that gives up soon and tries nothing twice. Raises ValueError or SettingsError for a bad url."""
    with redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        **client_arguments(url),
    ) as client:
        yield client


def ask_redis(url: str) -> RedisTold:
    """What the Redis at `url` says of itself. Raises redis.RedisError, ValueError or SettingsError."""
    with _client(url) as client:
        asked_ms = now_ms()
        told = client.info()
        answered_ms = now_ms()
        appends = bool(told.get("aof_enabled"))
        try:
            saves = appends or bool(client.config_get("save").get("save"))
        except redis.RedisError:  # forbidden to each part's own user, and by many who host Redis
            saves = None
    clock_ms = int(told["server_time_usec"]) // 1000 if "server_time_usec" in told else answered_ms
    changed, saved_s = int(told.get("rdb_changes_since_last_save", 0)), int(told.get("rdb_last_save_time", 0))
    return RedisTold(
        version=str(told["redis_version"]),
        policy=str(told.get("maxmemory_policy", "noeviction")),
        used=int(told["used_memory"]),
        maxmemory=int(told.get("maxmemory", 0)),
        saves=saves,
        unsaved_seconds=max(0, clock_ms // 1000 - saved_s) if changed and saved_s and not appends else 0,
        is_failing_to_save="err" in {told.get("rdb_last_bgsave_status"), told.get("aof_last_write_status")},
        is_replica=told.get("role") == "slave",
        is_cluster=bool(told.get("cluster_enabled")),
        ahead_ms=max(0, clock_ms - answered_ms) or min(0, clock_ms - asked_ms),
    )


def look_at_redis(settings: Settings, partitions: int) -> tuple[list[Found], RedisTold | None]:
    """What is to be said of Redis, of each primary of a cluster; and what the one in REDIS_URL said, if it answers."""
    try:
        told = ask_redis(settings.redis_url)
        if not told.is_cluster:
            return judge_redis(told, partitions), told
        return _look_at_cluster(settings.redis_url, partitions), told
    except redis.RedisError as error:
        return [ill(redis_sentence(error))], None
    except ValueError as error:
        return [ill(f"REDIS_URL is not an address of a Redis: {error}")], None
    except SettingsError as error:
        return [ill(str(error))], None


def _look_at_cluster(url: str, partitions: int) -> list[Found]:
    """Each primary as a server of its own, and whether somebody has every slot."""
    with _client(url) as client:
        slots = client.execute_command("CLUSTER SLOTS")
    owned: dict[str, int] = {}
    for first, last, (host, port, *_), *_ in slots:
        address = f"{host.decode() or urlsplit(url).hostname}:{port}"
        owned[address] = owned.get(address, 0) + last - first + 1
    found = judge_slots(owned)
    share = -(-partitions // max(1, len(owned)))
    for address in sorted(owned):
        try:
            said = judge_redis(ask_redis(_at(url, address)), share)
            found += [Found(f"{address}: {one.sentence}", well=one.well) for one in said]
        except redis.RedisError as error:
            found.append(ill(f"{address}: {redis_sentence(error)}"))
    return found


def _at(url: str, address: str) -> str:
    """The same user, password and database at another server."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}{address}").geturl()


def judge_slots(owned: dict[str, int]) -> list[Found]:
    """What is to be said of a cluster whose primaries have so many slots each."""
    missing = SLOTS - sum(owned.values())
    if missing:
        return [
            ill(
                f"Nobody has {missing:,} of the Redis Cluster's {SLOTS:,} slots: `redis-cli --cluster fix` shares them "
                "out; until then it refuses what lies there, or everything."
            )
        ]
    return [well(f"The Redis Cluster has {len(owned)} primaries, and each of its {SLOTS:,} slots has one.")]


def judge_redis(told: RedisTold, partitions: int = 0) -> list[Found]:
    """What is to be said of a Redis that answered and holds the states of so many partitions."""
    found = []
    if tuple(int(part) for part in told.version.split(".")[:2]) >= OLDEST_VERSION:
        found.append(well(f"Redis answers, version {told.version}."))
    else:
        found.append(ill(f"Redis is version {told.version}; it must be 6.2 or newer."))
    if told.is_replica:
        found.append(ill("This Redis is a replica: point REDIS_URL at the primary."))
    if told.policy == "noeviction":
        found.append(well("Redis drops no state (maxmemory-policy noeviction)."))
    else:
        found.append(ill(f"Redis may drop states: its maxmemory-policy is {told.policy}; set it to noeviction."))
    return [*found, _memory(told, partitions), _disk(told)]


def _memory(told: RedisTold, partitions: int) -> Found:
    least = need(0, 0, partitions).total if partitions else 0
    if not told.maxmemory:
        return well(f"Redis uses {spoken(told.used)}; no maxmemory is set, so its machine is the limit.")
    share = told.used / told.maxmemory
    uses = f"Redis uses {spoken(told.used)} of its maxmemory, {spoken(told.maxmemory)} ({share:.0%})"
    if share >= FULL_SHARE:
        return ill(f"{uses}: give it more; once it is full the worker waits.")
    if told.maxmemory < least:
        return ill(
            f"Redis has a maxmemory of {spoken(told.maxmemory)}, and {partitions} partition(s) need {spoken(least)} "
            "before the first account: give it more (`stillwatch plan` says how much)."
        )
    return well(f"{uses}.")


def _disk(told: RedisTold) -> Found:
    if told.is_failing_to_save:
        return ill("Redis could not write its data to disk: its log says why; until it can it may refuse every write.")
    if told.saves is False:
        return ill(f"Redis keeps nothing on disk: a restart begins with 29 days of log anew; `{SAVE}` is enough.")
    if told.unsaved_seconds >= UNSAVED_SECONDS:
        return ill(
            f"Redis has written no snapshot of what changed for {told.unsaved_seconds / 3600:.1f} hours: a restart "
            f"would read so much log anew; `{SAVE}`."
        )
    return well("Redis keeps its data on disk.")


def look_at_redis_rights(settings: Settings, part: str) -> list[Found]:
    """Whether whom REDIS_URL names may do what `part` does; each command is tried, and changes nothing that stays."""
    key, tries = REDIS[part]
    named = key.replace("PREFIX", settings.prefix)
    refused = []
    try:
        with _client(settings.redis_url) as client:
            client.response_callbacks.clear()  # what is answered does not matter, only whether it is
            for line in tries:
                words = line.replace("KEY", named).replace("PREFIX", settings.prefix).split()
                command = words[:2] if words[0] == "CLUSTER" else words[:1]
                try:
                    client.execute_command(" ".join(command), *words[len(command) :])
                except redis.exceptions.NoPermissionError as error:
                    about = f" on {words[-1]}" if "key" in str(error) else ""
                    refused.append("|".join(command).lower() + about)
                except redis.exceptions.ResponseError:
                    continue  # allowed: it is refused for another reason, such as the type of the key
    except redis.RedisError as error:
        return [ill(f"The rights of {part} in Redis could not be seen: {redis_sentence(error)}")]
    except (ValueError, SettingsError) as error:
        return [ill(f"REDIS_URL is not an address of a Redis: {error}")]
    if refused:
        return [
            ill(f"Redis does not let {part} {', '.join(refused)}: give its user the line of deploy/redis-acls.txt.")
        ]
    return [well(f"Redis lets {part} do what it needs.")]
