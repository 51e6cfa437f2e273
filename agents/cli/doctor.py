"""`stillwatch doctor`: what is wrong with this set-up, in sentences."""

import click
import redis

from agents.cli.failing import UnusableError
from agents.doctor import Found, ask_redis, ill, judge_redis, look_at_kafka, look_at_keys, predict
from agents.settings import SettingsError, read_settings
from agents.sizing import ORDINARY_A_DAY
from agents.store.redis import redis_sentence
from agents.topics import DEFAULT_PARTITIONS


@click.command(short_help="Say what is wrong with this set-up.")
@click.option("--accounts", type=click.IntRange(min=1), help="Predict Redis's memory for so many accounts.")
@click.option(
    "--requests-a-day",
    type=click.FloatRange(min=0),
    help=f"Of each of these accounts; {ORDINARY_A_DAY:g} if not given.",
)
def doctor(accounts: int | None, requests_a_day: float | None) -> None:
    """Look at Kafka, the topics, Redis and the keys for decisions, and say what is wrong; exit code 1 if anything is.

    Needs KAFKA_BOOTSTRAP_SERVERS and REDIS_URL. With --accounts it also says how much memory Redis needs for them, and
    whether it has it.
    """
    if requests_a_day is not None and accounts is None:
        raise UnusableError("--requests-a-day is of the accounts that --accounts counts: give both.")
    try:
        settings = read_settings()
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    found, partitions = look_at_kafka(settings)
    told = None
    try:
        told = ask_redis(settings.redis_url)
        found += judge_redis(told)
    except redis.RedisError as error:
        found.append(ill(redis_sentence(error)))
    except ValueError as error:
        found.append(ill(f"REDIS_URL is not an address of a Redis: {error}"))
    found += look_at_keys(settings)
    if accounts is not None:
        rate = ORDINARY_A_DAY if requests_a_day is None else requests_a_day
        found += predict(accounts, rate, partitions or DEFAULT_PARTITIONS, told)
    _say(found)


def _say(found: list[Found]) -> None:
    for one in found:
        click.echo(f"{'ok     ' if one.well else 'WRONG  '}{one.sentence}")
    if not all(one.well for one in found):
        raise click.exceptions.Exit(1)
