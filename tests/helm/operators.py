"""What is allowed in the objects of operators that the chart makes: only fields that we use, each as its CRD has it.

Written by hand after the CRDs of KEDA (keda.sh/v1alpha1, as of 2026), Strimzi (kafka.strimzi.io/v1 since 0.49, and
v1beta2, which is the same in these fields) and prometheus-operator 0.82 (monitoring.coreos.com/v1). A field that is not
here is refused: look its CRD up, then add it.
"""

from typing import Any, Final

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string", "minLength": 1}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
DURATION: Final[Schema] = {
    "type": "string",
    "pattern": "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
}


def record(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def each(schema: Schema, least: int = 1) -> Schema:
    """A list of such things."""
    return {"type": "array", "items": schema, "minItems": least}


POLICY = record(
    {"type": {"enum": ["Pods", "Percent"]}, "value": COUNT, "periodSeconds": {"type": "integer", "maximum": 1800}}
)
SCALING = record(
    {"stabilizationWindowSeconds": {"type": "integer", "minimum": 0, "maximum": 3600}, "policies": each(POLICY)},
    {"selectPolicy": {"enum": ["Max", "Min", "Disabled"]}},
)
KAFKA_TRIGGER = record(
    {
        "type": {"const": "kafka"},
        "name": TEXT,
        "metricType": {"enum": ["AverageValue", "Value"]},
        "metadata": record(
            dict.fromkeys(
                ("bootstrapServers", "consumerGroup", "topic", "lagThreshold", "offsetResetPolicy", "version"), TEXT
            )
            | {"allowIdleConsumers": {"enum": ["true", "false"]}},
            {
                "sasl": {"enum": ["none", "plaintext", "scram_sha256", "scram_sha512"]},
                "tls": {"enum": ["enable", "disable"]},
            },
        ),
    },
    {"authenticationRef": record({"name": TEXT})},
)
SCALED_OBJECT = record(
    {
        "scaleTargetRef": record({"name": TEXT}, {"envSourceContainerName": TEXT}),
        "minReplicaCount": COUNT,
        "maxReplicaCount": {"type": "integer", "minimum": 1},
        "pollingInterval": {"type": "integer", "minimum": 1},
        "triggers": each(KAFKA_TRIGGER),
    },
    {
        "fallback": record(
            {"failureThreshold": COUNT, "replicas": COUNT},
            {"behavior": {"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]}},
        ),
        "advanced": record(
            {"horizontalPodAutoscalerConfig": record({"behavior": record({"scaleUp": SCALING, "scaleDown": SCALING})})}
        ),
    },
)
TRIGGER_AUTHENTICATION = record(
    {"secretTargetRef": each(record({"parameter": TEXT, "name": TEXT, "key": TEXT}))},
    {"env": each(record({"parameter": TEXT, "name": TEXT}, {"containerName": TEXT}))},
)
ENDPOINT = record(
    {"port": TEXT, "path": TEXT, "interval": DURATION},
    {"relabelings": each(record({"action": {"const": "replace"}, "targetLabel": TEXT, "replacement": TEXT}))},
)
SELECTOR = record({"matchLabels": TEXTS})
RULE = record(
    {"expr": {"type": ["string", "integer"]}},
    {
        "alert": TEXT,
        "record": TEXT,
        "for": DURATION,
        "keep_firing_for": DURATION,
        "labels": TEXTS,
        "annotations": TEXTS,
    },
) | {"oneOf": [{"required": ["alert"]}, {"required": ["record"]}]}
RULE_GROUP = record(
    {"name": TEXT}, {"interval": DURATION, "limit": COUNT, "query_offset": DURATION, "rules": each(RULE)}
)
TOPIC = record(
    {
        "topicName": TEXT,
        "partitions": {"type": "integer", "minimum": 1},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 32767},
        "config": TEXTS,
    }
)
OPERATION = {
    "enum": (
        "All Alter AlterConfigs ClusterAction Create Delete Describe DescribeConfigs IdempotentWrite Read Write".split()
    )
}
ACL = record(
    {
        "resource": record(
            {"type": {"enum": ["topic", "group", "cluster", "transactionalId"]}},
            {"name": TEXT, "patternType": {"enum": ["literal", "prefix"]}},
        ),
        "operations": each(OPERATION),
    },
    {"type": {"enum": ["allow", "deny"]}, "host": TEXT},
)
USER = record(
    {"authentication": record({"type": {"enum": ["tls", "tls-external", "scram-sha-512"]}})},
    {"authorization": record({"type": {"const": "simple"}, "acls": each(ACL)})},
)

SPECS: Final[dict[tuple[str, str], Schema]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): SCALED_OBJECT,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): TRIGGER_AUTHENTICATION,
    ("monitoring.coreos.com/v1", "PodMonitor"): record({"selector": SELECTOR, "podMetricsEndpoints": each(ENDPOINT)}),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): record({"selector": SELECTOR, "endpoints": each(ENDPOINT)}),
    ("monitoring.coreos.com/v1", "PrometheusRule"): record({"groups": each(RULE_GROUP, least=0)}),
    **{(f"kafka.strimzi.io/{version}", "KafkaTopic"): TOPIC for version in ("v1", "v1beta2")},
    **{(f"kafka.strimzi.io/{version}", "KafkaUser"): USER for version in ("v1", "v1beta2")},
}
"""The `spec` of each kind that Kubernetes itself does not know."""
