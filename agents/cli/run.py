"""`stillwatch run`: the worker."""

import asyncio
import errno
import gc
import logging
from pathlib import Path

import click
from aiokafka.errors import KafkaError

from agents.cli.config import read_policy
from agents.cli.failing import UnusableError
from agents.cli.logs import log_to_stderr
from agents.cli.options import POLICY
from agents.settings import AGENTS, LARGEST_NUMBER, Settings, SettingsError, read_settings
from agents.store import OtherFormatError, StoreError
from agents.together import run_together
from agents.topics import TopicError, TopicNames, partitions_of
from streams.policy import Policy


@click.command(short_help="Run the worker until SIGTERM or Ctrl-C.")
@click.option("--agents", "names", default=",".join(AGENTS), show_default=True, help="Which agents, with commas.")
@POLICY
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="How many share the work.")
def run(names: str, policy_path: Path | None, processes: int) -> int | None:
    """Read request events, keep windows, emit decisions, until SIGTERM or Ctrl-C.

    Needs KAFKA_BOOTSTRAP_SERVERS and REDIS_URL. A process keeps one core busy; --processes starts more, here as on
    other machines up to as many as there are partitions, and each takes its share. Metrics and health answer on port
    9464, of further processes on 9465 and so on; STILLWATCH_HEALTH_PORT sets the first (0 takes free ones).
    """
    agents = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    strangers = [name for name in agents if name not in AGENTS]
    if strangers or not agents:
        raise UnusableError(f"--agents takes {', '.join(AGENTS)}; not {', '.join(strangers) or 'nothing'}.")
    source, policy = read_policy(policy_path)
    log_to_stderr(logging.INFO)
    # Our transport is a Faust service: what it says below a warning is Faust's, stacks of all agents among it.
    for noisy in ("aiokafka", "faust", "mode", "agents.transport"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A broker that has just started has no coordinator for a moment: aiokafka calls that an error, and asks again.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)
    try:
        settings = read_settings()
        partitions = partitions_of(settings.bootstrap_servers, TopicNames.under(settings.prefix))
        if processes > 1:
            return run_together(_arguments(agents, policy_path), _ports(settings.health_port, processes, partitions))
        logging.getLogger("stillwatch").info("policy: %s, version %s", source, policy.version)
        # Batches make many objects that die together: look for cycles seldom, and never among what was imported.
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        asyncio.run(_work(settings, policy, partitions, agents))
    except (SettingsError, TopicError, StoreError, OtherFormatError) as error:
        raise UnusableError(str(error)) from error
    except KafkaError as error:
        raise UnusableError(f"Kafka cannot be used: {error}") from error
    except OSError as error:
        raise UnusableError(f"The worker cannot listen or connect: {error}") from error
    return None


def _arguments(agents: tuple[str, ...], policy_path: Path | None) -> list[str]:
    """What each of several processes is started with."""
    policy = [] if policy_path is None else ["--policy", str(policy_path)]
    return ["run", "--agents", ",".join(agents), *policy]


def _ports(first: int, processes: int, partitions: int) -> list[int]:
    """The health port of each process. Raises UnusableError for more processes than there can be work or ports for."""
    if processes > partitions:
        raise UnusableError(f"--processes {processes} is more than there are partitions to share, {partitions}.")
    if first + processes - 1 > LARGEST_NUMBER:
        raise UnusableError(f"--processes {processes} from health port {first} on is more than there are ports.")
    return [0 if first == 0 else first + number for number in range(processes)]


async def _work(settings: Settings, policy: Policy, partitions: int, agents: tuple[str, ...]) -> None:
    """Make the worker inside its loop, where its locks and sockets belong."""
    from agents.worker import Worker  # noqa: PLC0415  it takes a second and 150 MB, which who only starts others spares

    try:
        await Worker(settings, policy, partitions=partitions, agents=agents).run()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise UnusableError(
            f"Metrics and health cannot be on {settings.health_host}:{settings.health_port}, which is in use: "
            "STILLWATCH_HEALTH_PORT sets the port (0 takes a free one)"
        ) from error
