"""What each part of Stillwatch must be allowed: what deploy/kafka-acls.txt and deploy/redis-acls.txt say, as a table.

`stillwatch doctor --as PART` looks whether a part has its rights. tests/agents/test_rights.py holds this against the
two files, and tests/integration hold the files against a real broker and a real Redis.
"""

from collections.abc import Mapping
from typing import Final

from agents.topics import TopicNames

_STAGES: Final = TopicNames.__struct_fields__
_SEEN: Final = frozenset({"Describe", "DescribeConfigs"})

KAFKA: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "gateway": {"requests": frozenset({"Write"})},
    "normaliser": {"requests": frozenset({"Write"})},
    "enforcer": {"enforcement": frozenset({"Read"})},
    "notifier": {"enforcement": frozenset({"Read"})},
    "worker": {
        "requests": frozenset({"Read"}),
        "links": frozenset({"Read", "Write"}),
        "findings": frozenset({"Read", "Write"}),
        "feedback": frozenset({"Read"}),
        "enforcement": frozenset({"Write"}),
        "alerts": frozenset({"Write"}),
        "dlq": frozenset({"Write"}),
    },
    "reviewer": {"feedback": frozenset({"Write"}), "requests": frozenset({"Describe"})},
    "oncall": dict.fromkeys(_STAGES, _SEEN) | dict.fromkeys(("enforcement", "alerts", "dlq"), _SEEN | {"Read"}),
    "replayer": dict.fromkeys(("requests", "findings", "feedback", "dlq"), frozenset({"Read", "Write"})),
    "privacy": dict.fromkeys(_STAGES, _SEEN) | {"feedback": _SEEN | {"Write"}},
    "installer": dict.fromkeys(_STAGES, frozenset({"Create", "Describe"})),
}
"""Part -> topic -> operations. What `normaliser` reads is not ours: that topic has a name of its own."""

IN_GROUP: Final = frozenset({"worker"})
"""Those that read as members of the group that STILLWATCH_GROUP names."""

PARTS: Final = tuple(sorted(KAFKA))

_ANYBODY: Final = (
    "PING",
    "INFO server",
    "COMMAND COUNT",
    "CLUSTER SLOTS",
    "CLUSTER SHARDS",
    "CLUSTER NODES",
    "SELECT 0",
)
_SCRIPTS: Final = ("EVAL 0 1 KEY", f"EVALSHA {'0' * 40} 1 KEY")
_COUNTS: Final = ("SET KEY 1 EX 1", "GET KEY", "PEXPIRE KEY 1000", "EXPIRE KEY 1", "TIME", *_SCRIPTS)
_READS_MIRROR: Final = (
    "HGET {PREFIX:enforced}:offsets life",
    "HGETALL KEY",
    "XREAD COUNT 1 STREAMS {PREFIX:enforced}:log 0",
)

REDIS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "worker": (
        "PREFIX:check",
        (
            *("SET KEY 1 EX 1", "APPEND KEY 1", "EXPIRE KEY 1", "SETEX KEY 1 1", "GET KEY", *_SCRIPTS),
            *("MGET PREFIX:{observe:0}:offset", *_ANYBODY),
        ),
    ),
    "enforcer": (
        "PREFIX:limit:check",
        (
            *(*_COUNTS, *_READS_MIRROR, "XDEL {PREFIX:enforced}:log 0-1", "HSCAN {PREFIX:enforced}:newest 0 COUNT 1"),
            *("HSET KEY a b", "HSETNX KEY a b", "HDEL KEY a", "XADD KEY * a b", "XTRIM KEY MINID 0", *_ANYBODY),
        ),
    ),
    "gateway": ("PREFIX:limit:check", (*_COUNTS, *_READS_MIRROR, *_ANYBODY)),
    "oncall": ("PREFIX:{observe:0}:offset", ("GET KEY", "MGET KEY", *_ANYBODY)),
}
"""Part -> a key, and commands to try that change nothing that stays.

The key that is written to expires within a second; what would write anything but a string to it is refused for its
type, once it is allowed. Redis looks at rights before types, before scripts and before slots.
"""
