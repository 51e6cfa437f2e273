"""`stillwatch plan`: how much of everything so many requests need."""

import click

from agents.cli.failing import UnusableError
from agents.cli.ranges import FiniteRange
from agents.planning import (
    CHECKS_IN_PROCESS,
    CHECKS_OF_A_SERVICE,
    FEW,
    KAFKA_US,
    LINKS_BYTES,
    PROCESS_EVENTS,
    RECORD_BYTES,
    REDIS_US,
    REQUEST_BYTES,
    SELDOM,
    SPARE,
    WINDOW_DAYS,
    WORKER_US,
    Asked,
    Plan,
    plan,
)

GIB, MB = 1024**3, 1e6
ORIGIN = f"""\
Measured, on two cores (deploy/benchmarks.md): {WORKER_US:g}, {REDIS_US:g} and {KAFKA_US:g} us of worker,
Redis and Kafka an event at full load; {PROCESS_EVENTS:,} events/s a process that catches up;
{CHECKS_IN_PROCESS:,} checks/s a core in process, and {CHECKS_OF_A_SERVICE} behind Envoy, where no more was tried;
{LINKS_BYTES} bytes of links an event; Redis's memory by kind of account (agents/sizing.py).
Assumed: the rate goes on around the clock; {SPARE:.0%} of processors and disk stay free; {RECORD_BYTES} bytes
around each record; findings, decisions and dead letters are {FEW:.0%} of the requests' bytes each, alerts and
verdicts {SELDOM:.1%}. Not counted: Redis's mirror of decisions, and what Kafka and Redis take for themselves."""
"""Where the figures are from."""


@click.command("plan", short_help="Say how large a deployment must be.")
@click.option("--requests-a-second", type=FiniteRange(min=0, min_open=True), required=True, help="At the busiest hour.")
@click.option("--accounts", type=click.IntRange(min=1), required=True, help="That send anything within 28 days.")
@click.option(
    "--retention-days",
    type=click.IntRange(min=WINDOW_DAYS),
    default=WINDOW_DAYS,
    show_default=True,
    help="Of requests, links, findings and feedback; windows need no more.",
)
@click.option("--replication", type=click.IntRange(min=1), default=3, show_default=True, help="Copies of each record.")
@click.option(
    "--record-bytes", type=click.IntRange(min=1), default=REQUEST_BYTES, show_default=True, help="A request event."
)
@click.option(
    "--outage-hours", type=FiniteRange(min=0), default=1.0, show_default=True, help="To catch up with afterwards."
)
@click.option("--processes", type=click.IntRange(min=1), help="Of the worker; as many as are needed, if not given.")
def plan_command(**asked: object) -> None:
    """Say how large Kafka, the worker, Redis and the enforcers must be, what of that was measured and what is assumed.

    Needs no server. The rate is that of the busiest hour: the mean of a day makes Kafka and the worker too small.
    """
    wanted = Asked(**asked)  # type: ignore[arg-type]  # click has checked each
    try:
        said = lines(wanted, plan(wanted))
    except OverflowError as error:
        raise UnusableError("That is more than can be worked out: the figures are too large") from error
    for line in said:
        click.echo(line)


def lines(asked: Asked, found: Plan) -> list[str]:
    """The plan for a person to read."""
    rate, a_day = asked.requests_a_second, asked.requests_a_second * 86_400 / asked.accounts
    caught_up = (
        f"never: {found.processes} processes take less than arrives; give it more"
        if found.catch_up_hours is None
        else f"{found.catch_up_hours:.1f} hours, for {found.backlog:,.0f} events that wait"
    )
    redis = found.redis
    return [
        f"{rate:,g} requests/s of {asked.accounts:,} accounts, {a_day:,.1f} a day each.",
        "",
        "Kafka",
        *(f"  disk, {name:<12}{size / GIB:12,.1f} GiB" for name, size in found.disk.items()),
        (
            f"  disk in all       {found.disk_total / GIB:12,.1f} GiB in {asked.replication} copies; "
            f"have {found.disk_needed / GIB:,.1f} GiB, on all brokers together"
        ),
        (
            f"  network           {found.written / MB:12,.1f} MB/s written, {found.copied / MB:,.1f} copied, "
            f"{found.read / MB:,.1f} read"
        ),
        f"  processors        {found.kafka_cores:12,} core(s)",
        f"  partitions        {found.partitions:12,} of requests, links, feedback and enforcement each",
        "Worker",
        f"  processes         {found.processes:12,} with a core each (`stillwatch run --processes`)",
        f"  after {asked.outage_hours:g} h away it has caught up in {caught_up}",
        "Redis",
        (
            f"  memory            {redis.total / GIB:12,.1f} GiB: accounts {redis.accounts / GIB:,.1f}, "
            f"links {redis.links / GIB:,.1f}, partitions {redis.partitions / GIB:,.1f}, "
            f"while it writes {redis.passing / GIB:,.2f}"
        ),
        f"  servers           {found.redis_shards:12,} (one core each; more than one is a cluster)",
        "Enforcers, if every request is checked",
        f"  in process        {found.gate_cores:12,.1f} core(s) of the gateways",
        f"  or as services    {found.services:12,} `stillwatch enforce`",
        "",
        ORIGIN,
    ]
