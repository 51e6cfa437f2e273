"""What is wrong with this set-up: a sentence for each thing that was looked at, well or not."""

import redis
from msgspec import Struct
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.redis_access import client_arguments
from agents.settings import SIGNING_VARIABLE, VERIFY_VARIABLE, Settings, SettingsError
from agents.signing import Signer, Verifier
from agents.sizing import need, spoken
from agents.store.redis import OLDEST_VERSION
from agents.topics import TopicError, TopicNames, TopicSpec, describe_topics, specs

TIMEOUT_SECONDS = 5.0
FULL_SHARE = 0.8
"""From this share of maxmemory on Redis counts as nearly full."""


class Found(Struct, frozen=True):
    """One thing that was looked at."""

    sentence: str
    well: bool


class RedisTold(Struct, frozen=True):
    """What a Redis says of itself; `maxmemory` 0: as much as there is. `system_bytes` is the memory of its machine."""

    version: str
    policy: str
    used: int
    maxmemory: int
    system_bytes: int


def well(sentence: str) -> Found:
    """Something that is as it should be."""
    return Found(sentence, well=True)


def ill(sentence: str) -> Found:
    """Something to be put right."""
    return Found(sentence, well=False)


def look_at_kafka(settings: Settings) -> tuple[list[Found], int | None]:
    """What is to be said of Kafka and the topics, and how many partitions the requests have, if that is known."""
    names = TopicNames.under(settings.prefix)
    try:
        described = describe_topics(settings.bootstrap_servers, names)
    except TopicError as error:
        return [ill(f"{error}.")], None
    found = [well(f"Kafka answers at {settings.bootstrap_servers}.")]
    of_requests = described.get(names.requests)
    partitions = None if of_requests is None else of_requests.partitions
    wrong = []
    for spec in specs(names) if partitions is None else specs(names, partitions=partitions):
        actual = described.get(spec.name)
        if actual is None:
            wrong.append(
                ill(f"There is no topic {spec.name}: `stillwatch topics create --prefix {settings.prefix}` makes it.")
            )
            continue
        if actual.partitions != spec.partitions:
            wrong.append(
                ill(f"The topic {spec.name} has {actual.partitions} partition(s); it needs {spec.partitions}.")
            )
        wrong += _settings_of(spec, actual.configs, actual.replication)
    if not wrong:
        found.append(well(f"The seven topics are as they should be, the requests in {partitions} partition(s)."))
    return found + wrong, partitions


def _settings_of(spec: TopicSpec, actual: dict[str, str], replication: int) -> list[Found]:
    """What is wrong with the settings of a topic: kept too short or too little is, longer or larger is not."""
    wanted = spec.configs(replication)
    wrong = []
    for name, value in wanted.items():
        has = actual.get(name)
        if has is None or has == value or (value.isdigit() and _is_enough(has, int(value))):
            continue
        wrong.append(ill(f"The topic {spec.name} has {name}={has}; it needs {value}{' or more' * value.isdigit()}."))
    return wrong


def _is_enough(has: str, wanted: int) -> bool:
    """True for as much or more; -1 is for ever."""
    return int(has) == -1 or int(has) >= wanted


def ask_redis(url: str) -> RedisTold:
    """What the Redis at `url` says of itself. Raises redis.RedisError, ValueError or SettingsError."""
    with redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        **client_arguments(url),
    ) as client:
        told = client.info()
        return RedisTold(
            version=str(told["redis_version"]),
            policy=str(told.get("maxmemory_policy", "noeviction")),
            used=int(told["used_memory"]),
            maxmemory=int(told.get("maxmemory", 0)),
            system_bytes=int(told.get("total_system_memory", 0)),
        )


def look_at_keys(settings: Settings) -> list[Found]:
    """What is to be said of the keys that decisions are signed with and checked with.

    To sign nothing is a choice, and so is to check nothing where nothing is signed; a key that cannot be used, or that
    this machine's own gateway would not take, is a mistake.
    """
    try:
        signer = None if settings.signing_key is None else Signer(settings.signing_key)
        verifier = Verifier(settings.verify_keys)
    except SettingsError as error:
        return [ill(str(error))]
    if signer is None:
        found = [well(f"Decisions leave unsigned: {SIGNING_VARIABLE} is not set.")]
    else:
        found = [well(f"Decisions are signed with the key {signer.key_id}.")]
    found.append(well(verifier.sentence))
    if signer is not None and verifier.key_ids and signer.key_id not in verifier.key_ids:
        found.append(ill(f"The key that signs is not among those in {VERIFY_VARIABLE}: no decision would be taken."))
    return found


def judge_redis(told: RedisTold) -> list[Found]:
    """What is to be said of a Redis that answered."""
    found = []
    if tuple(int(part) for part in told.version.split(".")[:2]) >= OLDEST_VERSION:
        found.append(well(f"Redis answers, version {told.version}."))
    else:
        found.append(ill(f"Redis is version {told.version}; it must be 6.2 or newer."))
    if told.policy == "noeviction":
        found.append(well("Redis drops no state (maxmemory-policy noeviction)."))
    else:
        found.append(ill(f"Redis may drop states: its maxmemory-policy is {told.policy}; set it to noeviction."))
    if not told.maxmemory:
        found.append(well(f"Redis uses {spoken(told.used)}; no maxmemory is set, so its machine is the limit."))
    else:
        share = told.used / told.maxmemory
        uses = f"Redis uses {spoken(told.used)} of its maxmemory, {spoken(told.maxmemory)} ({share:.0%})"
        full = share >= FULL_SHARE
        found.append(ill(f"{uses}: give it more; once it is full the worker waits.") if full else well(f"{uses}."))
    return found


def predict(accounts: int, requests_a_day: float, partitions: int, told: RedisTold | None) -> list[Found]:
    """How much memory so many accounts need, and whether Redis has it."""
    needed = need(accounts, requests_a_day, partitions)
    found = [
        well(
            f"{accounts:,} accounts with {requests_a_day:g} requests a day need {spoken(needed.total)} in Redis: "
            f"{spoken(needed.accounts)} for accounts, {spoken(needed.links)} for what they share, "
            f"{spoken(needed.partitions)} for {partitions} partition(s), {spoken(needed.passing)} while it writes."
        )
    ]
    limit = 0 if told is None else told.maxmemory or told.system_bytes
    if limit:
        words = "maxmemory" if told is not None and told.maxmemory else "machine's memory"
        fits = needed.total <= limit
        found.append(
            well(f"That fits in the {words}, {spoken(limit)}.")
            if fits
            else ill(f"That does not fit in the {words}, {spoken(limit)}: {spoken(needed.total - limit)} are missing.")
        )
    return found
