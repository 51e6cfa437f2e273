"""`stillwatch enforce`: answer gateways by the decisions that are in force."""

import asyncio
import os
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from agents.cli.failing import UnusableError
from agents.cli.following import announced_policy, decisions_log
from agents.cli.listening import address
from agents.cli.options import POLICY
from agents.enforcement.limiting import LimitCounters, LocalLimiter, RedisLimiter, Timing
from agents.enforcement.mirror import Mirror
from agents.enforcement.service import Enforcer, envoy_server
from agents.environment import path as named_path
from agents.environment import words
from agents.settings import (
    KAFKA_VARIABLE,
    REDIS_VARIABLE,
    VERIFY_VARIABLE,
    SettingsError,
)
from agents.settings import prefix as named_prefix
from agents.store import StoreError
from streams.policy import Policy


@click.command(short_help="Answer gateways by the decisions that are in force.")
@click.option("--http", default="127.0.0.1:9470", show_default=True, metavar="HOST:PORT", help="The check endpoint.")
@click.option("--grpc", metavar="HOST:PORT", help="Answer Envoy too: external authorization and rate limits.")
@POLICY
@click.option("--appeal-url", metavar="URL", help="Where a refusal says to turn to.")
def enforce(http: str, grpc: str | None, policy_path: Path | None, appeal_url: str | None) -> None:
    """Follow the decisions, and say of each request that a gateway asks about what becomes of it.

    With KAFKA_BOOTSTRAP_SERVERS it reads the log of decisions, with REDIS_URL it keeps a mirror of them there and
    counts what is throttled together with all other enforcers; it needs one of the two at least. Signatures are checked
    with STILLWATCH_VERIFY_KEYS. What it does while it cannot know says [enforcement] in the policy.
    """
    host, port = address(http, "127.0.0.1:9470")
    policy = announced_policy(policy_path)
    try:
        asyncio.run(_serve(policy, host, port, grpc, appeal_url))
    except (SettingsError, StoreError) as error:
        raise UnusableError(str(error)) from error
    except OSError as error:
        raise UnusableError(f"The enforcer cannot listen on {http}: {error.strerror or error}.") from error


async def _serve(policy: Policy, host: str, port: int, grpc: str | None, appeal_url: str | None) -> None:
    """Make everything inside its loop, and answer until it is told to stop."""
    prefix = named_prefix()
    registry = CollectorRegistry()
    counters = LimitCounters(registry)
    redis_url = words(os.environ, REDIS_VARIABLE)
    log = None
    if words(os.environ, KAFKA_VARIABLE) is not None:
        log = decisions_log()
    elif redis_url is None:
        raise SettingsError(f"Neither {KAFKA_VARIABLE} nor {REDIS_VARIABLE} is set: there are no decisions to follow.")
    local = LocalLimiter(counters=counters)
    deadline_s = policy.enforcement.deadline_ms / 1000
    timing = Timing(deadline_seconds=deadline_s, timeout_seconds=max(Timing().timeout_seconds, deadline_s))
    limiter = (
        local
        if redis_url is None
        else RedisLimiter(redis_url, prefix=prefix, timing=timing, local=local, counters=counters)
    )
    enforcer = Enforcer(
        policy,
        limiter,
        registry,
        log=log,
        mirror=None if redis_url is None else Mirror(redis_url, prefix),
        verify_keys=named_path(os.environ, VERIFY_VARIABLE),
    )
    envoy = None if grpc is None else envoy_server(enforcer.gate, registry, grpc, appeal_url)
    await enforcer.run(host=host, port=port, appeal_url=appeal_url, envoy=envoy)
    if isinstance(limiter, RedisLimiter):
        await limiter.close()
