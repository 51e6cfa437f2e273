"""The Faust app as the worker has it, and the agents on it: nothing but data around one step of a lane."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from agents.kafka_access import client_arguments
from agents.lane import Lane
from agents.settings import Settings
from agents.topics import MAX_STAGE_RECORD_BYTES
from agents.transport import batches

SESSION_S: Final = 10.0
"""After so long without a heartbeat (which a thread of its own sends every 3 s) a dead worker's partitions go on."""

METADATA_MS: Final = 10_000
"""How often Kafka is asked which topics and partitions there are: so soon a topic that was gone is read again."""

AT_ONCE: Final = 3
"""Batches that one agent has in hand, each of another partition."""


def faust_app(settings: Settings) -> faust.App:
    """The Faust app: no web server, no tables, no topics of its own, acknowledgement after the work.

    Raises SettingsError.
    """
    return faust.App(
        settings.group,
        broker=";".join(f"stillwatch://{server}" for server in settings.bootstrap_servers.split(",")),
        broker_credentials=_credentials(),
        store="memory://",
        datadir=Path(tempfile.gettempdir()) / "stillwatch-faust",  # Faust makes it; without tables nothing is in it
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        broker_max_poll_records=settings.batch_records,
        broker_max_poll_interval=60.0,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 10,
        broker_request_timeout=40.0,
        broker_rebalance_timeout=30.0,
        broker_check_crcs=False,  # as librdkafka: TCP has a checksum, and brokers look at this one when they append
        broker_commit_interval=1.0,
        worker_redirect_stdouts=False,
        consumer_max_fetch_size=MAX_STAGE_RECORD_BYTES + 1024 * 1024,
        consumer_metadata_max_age_ms=METADATA_MS,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=True,
    )


def _credentials() -> CredentialsT | None:
    """How Faust's clients speak to Kafka, in Faust's words; None for a Kafka in the open."""
    arguments = client_arguments()
    context = arguments.get("ssl_context")
    if "sasl_mechanism" in arguments:
        return SASLCredentials(
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            mechanism=arguments["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


def declare(app: faust.App, name: str, lane: Lane[Any], report: Callable[[str, int], None]) -> None:
    """Declare the agent of a lane: nothing but data around one step.

    A few batches are in hand at once, so that one is folded while another waits for Redis or Kafka; those of one
    partition wait for each other in the lane, in their order.
    """

    async def agent(stream: faust.StreamT[Any]) -> None:
        async for event in stream.events():
            tp = event.message.tp
            await lane.take(tp.partition, event.value)
            report(tp.topic, tp.partition)

    app.agent(batches(app, lane.topic), name=name, concurrency=AT_ONCE)(agent)
