"""`stillwatch doctor`: what is wrong with this set-up, in sentences."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from agents.cli.failing import UnusableError
from agents.clock import now_ms
from agents.doctor.broker import look_at_brokers, look_at_kafka
from agents.doctor.clock import judge_broker_clocks, judge_redis_clock
from agents.doctor.found import LOOK_SECONDS, Found, LateError, ill, within
from agents.doctor.kafka_rights import look_at_authorizer, look_at_kafka_rights
from agents.doctor.keys import look_at_keys
from agents.doctor.models import judge_models
from agents.doctor.progress import judge_progress, look_twice, members_of
from agents.doctor.states import RedisTold, look_at_redis, look_at_redis_rights
from agents.doctor.versions import look_at_versions
from agents.rights import PARTS, REDIS
from agents.settings import Settings, SettingsError, bootstrap_servers, prefix, read_settings
from agents.store import StoreError
from agents.topics import TopicError

T = TypeVar("T")


@click.command(short_help="Say what is wrong with this set-up.")
@click.option(
    "--as",
    "part",
    type=click.Choice(PARTS),
    help="Whether whom the environment names has the rights of that part, and the rest of what this part meets.",
)
def doctor(part: str | None) -> None:
    """Say what is wrong with this set-up, each with what to do about it; exit code 1 if anything is.

    Looks at Kafka, topics, rights, Redis, clocks, versions, keys, how far each agent is, and how old the models are.
    Needs KAFKA_BOOTSTRAP_SERVERS and REDIS_URL. With --as it is run in the environment of that part. How much of
    everything is needed `stillwatch plan` says.
    """
    try:
        settings = _settings(part)
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    is_well = True
    for one in _whole(settings) if part is None else _of_part(settings, part):
        click.echo(f"{'ok     ' if one.well else 'WRONG  '}{one.sentence}")
        is_well &= one.well
    if not is_well:
        raise click.exceptions.Exit(1)


def _settings(part: str | None) -> Settings:
    """What the environment says; of a part that has nothing to do with Redis no more than where Kafka is."""
    if part is None or part in REDIS:
        return read_settings()
    return Settings(bootstrap_servers(), "", prefix=prefix())


def _whole(settings: Settings) -> Iterator[Found]:
    """Everything that can be seen from outside, by whoever is on call."""
    found, partitions = _told("Kafka", lambda: look_at_kafka(settings))
    yield from found
    answers = any(one.well for one in found)
    if answers:
        yield from _told("Kafka", lambda: look_at_authorizer(settings))[0]
    found, redis = _told("Redis", lambda: look_at_redis(settings, partitions or 0))
    yield from found
    yield from _rest(settings, redis)
    if answers and partitions is not None and redis is not None:
        yield from _told("Kafka or Redis", lambda: (_progress(settings, partitions), None))[0]


def _of_part(settings: Settings, part: str) -> Iterator[Found]:
    """What one part of Stillwatch meets, as itself."""
    found, _ = _told("Kafka", lambda: (look_at_brokers(settings), None))
    yield from found
    if any(one.well for one in found):
        found, has_authorizer = _told("Kafka", lambda: look_at_authorizer(settings))
        yield from found
        if has_authorizer:
            yield from _told("Kafka", lambda: (look_at_kafka_rights(settings, part), None))[0]
    redis = None
    if part in REDIS:
        found, redis = _told("Redis", lambda: look_at_redis(settings, 0))
        yield from found
        if redis is not None:
            yield from _told("Redis", lambda: (look_at_redis_rights(settings, part), None))[0]
    yield from _rest(settings, redis)


def _rest(settings: Settings, redis: RedisTold | None) -> Iterator[Found]:
    """What is asked of nobody else: the clock, versions and keys."""
    if redis is not None:
        yield judge_redis_clock(redis.ahead_ms)
    yield from look_at_versions()
    yield from look_at_keys(settings)


def _progress(settings: Settings, partitions: int) -> list[Found]:
    """How far the agents are, how old the models are, and whether the brokers know what time it is."""
    try:
        before, after = look_twice(settings, partitions)
        read_ms = now_ms()
        had = members_of(settings)
    except (TopicError, StoreError) as error:
        return [ill(f"How far the agents are could not be seen: {str(error).rstrip('.')}.")]
    return [
        judge_broker_clocks(before, after, read_ms),
        *judge_progress(before, after, had, settings.group),
        *judge_models(after),
    ]


def _told(what: str, look: Callable[[], tuple[list[Found], T]]) -> tuple[list[Found], T | None]:
    """What a look finds; one that does not end, or for which nobody is there, is a finding of its own."""
    try:
        return within(LOOK_SECONDS, what, look)
    except (LateError, TopicError) as error:
        return [ill(f"{str(error).rstrip('.')}.")], None
