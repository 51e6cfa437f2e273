"""How commands that follow the decisions begin: what they read, and by which policy."""

import logging
from functools import partial
from pathlib import Path

from agents.cli.config import read_policy
from agents.cli.logs import log_to_stderr
from agents.enforcement.reading import Log
from agents.kafka_access import client_arguments
from agents.settings import bootstrap_servers, prefix
from agents.topics import TopicNames, log_of_decisions
from streams.policy import Policy


def decisions_log() -> Log:
    """The log of decisions at KAFKA_BOOTSTRAP_SERVERS. Raises SettingsError."""
    servers = bootstrap_servers()
    describe = partial(log_of_decisions, servers, TopicNames.under(prefix()))
    return Log(describe, {"bootstrap_servers": servers, **client_arguments()})


def announced_policy(path: Path | None) -> Policy:
    """The policy, which the log names from now on to standard error. Raises UnusableError."""
    source, policy = read_policy(path)
    log_to_stderr(logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("stillwatch").info("policy: %s, version %s", source, policy.version)
    return policy
