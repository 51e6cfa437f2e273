"""PyFlink as SQL: Python only hands the statements over, and every event stays in Java. Exactly once.

SQL has no "first event by which the sum passes": it orders rows by event time, once a watermark says that no older ones
come. So an alert here is by whole minutes: the account's window passes the limit in this minute and had not in the last
minute that the account was seen in. The bench holds it to a truth of that kind. Windows are rows of an upsert topic,
one for each minute that is over.
"""

import time
from typing import Any

import msgspec
from pyflink.common import JobStatus
from pyflink.table import EnvironmentSettings, TableEnvironment

from tests.benchmarks.plain.contestants.flink_job import TRANSACTION_MS, configuration, create, finish, records
from tests.benchmarks.plain.job import Windows
from tests.benchmarks.plain.told import Told, act

REQUESTS = """
CREATE TABLE requests (
  account_id STRING, network_hash STRING, occurred_at_ms BIGINT, output_tokens BIGINT,
  occurred_at AS TO_TIMESTAMP_LTZ(occurred_at_ms, 3),
  WATERMARK FOR occurred_at AS occurred_at - INTERVAL '11' MINUTE
) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}',
  'properties.group.id' = '{prefix}', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json')
"""
ALERTS = """
CREATE TABLE alerts (account_id STRING, event_id STRING, occurred_at_ms BIGINT, output_tokens BIGINT)
WITH ('connector' = 'kafka', 'topic' = '{alerts}', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json',
  'properties.transaction.timeout.ms' = '{transaction_ms}', 'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '{alerts}')
"""
BUCKETS = """
CREATE TABLE {kind} (name STRING, at_minute BIGINT, requests BIGINT, tokens BIGINT,
  PRIMARY KEY (name, at_minute) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = '{prefix}-{kind}', 'properties.bootstrap.servers' = '{servers}',
  'key.format' = 'json', 'value.format' = 'json', 'properties.linger.ms' = '50',
  'properties.batch.size' = '262144')
"""
MINUTES = """
CREATE TEMPORARY VIEW {kind}_by_minute AS
SELECT {key} AS name, window_time AS minute_end, COUNT(*) AS requests, SUM(output_tokens) AS tokens
FROM TABLE(TUMBLE(TABLE requests, DESCRIPTOR(occurred_at), INTERVAL '1' MINUTE))
GROUP BY {key}, window_start, window_end, window_time
"""
KEEP = """
INSERT INTO {kind}
SELECT name, UNIX_TIMESTAMP(CAST(minute_end AS STRING)) / 60, requests, tokens FROM {kind}_by_minute
"""
FIND = """
INSERT INTO alerts
SELECT name, 'minute', UNIX_TIMESTAMP(CAST(minute_end AS STRING)) / 60 * 60000, total FROM (
  SELECT name, minute_end, total,
    LAG(total, 1, CAST(0 AS BIGINT)) OVER (PARTITION BY name ORDER BY minute_end) AS before
  FROM (
    SELECT name, minute_end, SUM(tokens) OVER (PARTITION BY name ORDER BY minute_end
      RANGE BETWEEN INTERVAL '59' MINUTE PRECEDING AND CURRENT ROW) AS total
    FROM accounts_by_minute))
WHERE total > {limit} AND before <= {limit}
"""


def run(told: Told) -> None:
    """Read to the end."""
    create(told, f"{told.prefix}-accounts", f"{told.prefix}-networks")
    settings = configuration(told)
    settings.set_string("table.exec.mini-batch.enabled", "true")
    settings.set_string("table.exec.mini-batch.allow-latency", "500 ms")
    settings.set_string("table.exec.mini-batch.size", "20000")
    settings.set_string("table.local-time-zone", "UTC")
    tables = TableEnvironment.create(
        EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build()
    )
    words: dict[str, Any] = {
        "topic": told.topic,
        "servers": told.bootstrap_servers,
        "prefix": told.prefix,
        "alerts": told.alerts,
        "limit": told.limit,
        "transaction_ms": TRANSACTION_MS,
    }
    tables.execute_sql(REQUESTS.format(**words))
    tables.execute_sql(ALERTS.format(**words))
    statements = tables.create_statement_set()
    for kind, key in (("accounts", "account_id"), ("networks", "network_hash")):
        tables.execute_sql(BUCKETS.format(kind=kind, **words))
        tables.execute_sql(MINUTES.format(kind=kind, key=key))
        statements.add_insert_sql(KEEP.format(kind=kind))
    statements.add_insert_sql(FIND.format(**words))
    job = statements.execute().get_job_client()
    while job.get_job_status().result() != JobStatus.RUNNING:
        time.sleep(0.01)
    told.first()
    finish(told, job)


def windows(told: Told) -> Windows:
    """The last row of each minute."""
    accounts: dict[str, dict[int, list[int]]] = {}
    for row in _rows(told, "accounts"):
        accounts.setdefault(row["name"], {})[row["at_minute"]] = [row["requests"], row["tokens"]]
    networks: dict[str, dict[int, int]] = {}
    for row in _rows(told, "networks"):
        networks.setdefault(row["name"], {})[row["at_minute"]] = row["requests"]
    found = Windows()
    for name, buckets in accounts.items():
        found.add_account(name, buckets)
    for name, counts in networks.items():
        found.add_network(name, counts)
    return found


def _rows(told: Told, kind: str) -> list[dict[str, Any]]:
    last = dict(records(told, f"{told.prefix}-{kind}"))
    return [msgspec.json.decode(value) for value in last.values() if value]


if __name__ == "__main__":
    act(run, windows)
