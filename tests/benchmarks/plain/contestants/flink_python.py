"""PyFlink's DataStream in Python: a keyed process function for accounts and one for networks, exactly once.

Windows live in Flink's state (there is no Redis connector, and state is what Flink is exact about); each leaves for a
topic when the log ends. That is after the last mark: it is how the bench looks at them, not part of the job.
"""

from pyflink.common import Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)

from tests.benchmarks.plain.contestants.flink_functions import (
    AccountFunction,
    NetworkFunction,
    account_of,
    alert_in,
    event_of,
    is_alert,
    is_window,
    network_of,
)
from tests.benchmarks.plain.contestants.flink_job import TRANSACTION_MS, configuration, create, finish, records
from tests.benchmarks.plain.job import Windows, decode_account, decode_network
from tests.benchmarks.plain.told import Told, act


def run(told: Told) -> None:
    """Read to the end."""
    accounts_topic, networks_topic = f"{told.prefix}-accounts", f"{told.prefix}-networks"
    create(told, accounts_topic, networks_topic)
    env = StreamExecutionEnvironment.get_execution_environment(configuration(told))
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(told.bootstrap_servers)
        .set_topics(told.topic)
        .set_group_id(told.prefix)
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    events = env.from_source(source, WatermarkStrategy.no_watermarks(), "log").map(event_of)
    accounts = events.key_by(account_of, Types.STRING()).process(AccountFunction(told), Types.STRING())
    networks = events.key_by(network_of, Types.STRING()).process(NetworkFunction(told), Types.STRING())
    due = accounts.filter(is_alert).map(alert_in, Types.STRING())
    due.sink_to(_sink(told, told.alerts, DeliveryGuarantee.EXACTLY_ONCE))
    ended = accounts.filter(is_window)
    ended.sink_to(_sink(told, accounts_topic, DeliveryGuarantee.AT_LEAST_ONCE))
    networks.sink_to(_sink(told, networks_topic, DeliveryGuarantee.AT_LEAST_ONCE))
    finish(told, env.execute_async("plain"))


def _sink(told: Told, topic: str, guarantee: DeliveryGuarantee) -> KafkaSink:
    return (
        KafkaSink.builder()
        .set_bootstrap_servers(told.bootstrap_servers)
        .set_record_serializer(
            KafkaRecordSerializationSchema.builder()
            .set_topic(topic)
            .set_value_serialization_schema(SimpleStringSchema())
            .build()
        )
        .set_delivery_guarantee(guarantee)
        .set_transactional_id_prefix(topic)
        .set_property("transaction.timeout.ms", TRANSACTION_MS)
        .build()
    )


def windows(told: Told) -> Windows:
    """What the functions let go of at the end."""
    found = Windows()
    accounts, networks = (
        dict((value or b"").decode().split(" ") for _, value in records(told, f"{told.prefix}-{kind}"))
        for kind in ("accounts", "networks")
    )
    for name, window in accounts.items():
        found.add_account(name, decode_account(bytes.fromhex(window)).buckets)
    for name, window in networks.items():
        found.add_network(name, decode_network(bytes.fromhex(window)).buckets)
    return found


if __name__ == "__main__":
    act(run, windows)
