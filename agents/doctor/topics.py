"""Whether each topic is cut and kept as it must be: a sentence for each difference, with what to do about it."""

from collections.abc import Mapping
from math import inf

from agents.topics import Described, TopicNames, TopicSpec, specs
from streams.windows import DAY_MS

FOR_EVER = -1
UNSEEN = "?"
"""What this user may not see."""


def differences(names: TopicNames, described: Mapping[str, Described]) -> list[str]:
    """What differs from what is needed; kept too short or too little is wrong, longer or larger is not.

    Whatever number of partitions the requests have is right, and the links and the feedback must have as many.
    """
    requests = described.get(names.requests)
    prefix = names.requests.removesuffix(".requests")
    wrong = []
    for spec in specs(names) if requests is None else specs(names, partitions=requests.partitions):
        actual = described.get(spec.name)
        if actual is None:
            wrong.append(f"There is no topic {spec.name}: `stillwatch topics create --prefix {prefix}` makes it.")
            continue
        if actual.partitions != spec.partitions:
            fix = (
                f"`kafka-topics.sh --alter --topic {spec.name} --partitions {spec.partitions}` adds them."
                if actual.partitions < spec.partitions
                else "a topic cannot lose partitions, so start anew under another prefix."
            )
            wrong.append(
                f"The topic {spec.name} has {actual.partitions} partition(s); it needs {spec.partitions}: {fix}"
            )
        wrong += _of_settings(spec, actual)
    short = feedback_too_short(names, described)
    return wrong if short is None else [*wrong, short]


def feedback_too_short(names: TopicNames, described: Mapping[str, Described]) -> str | None:
    """Why an erased account would come back when states are built again from the logs; None if it would not."""
    kept = {name: _retention(described.get(name)) for name in (names.requests, names.links, names.findings)}
    feedback = _retention(described.get(names.feedback))
    longer = sorted(name for name, retention in kept.items() if retention > feedback)
    if names.feedback not in described or not longer:
        return None
    return (
        f"The topic {names.feedback} is kept for less time than {', '.join(longer)}: what was erased would come back "
        f"when states are built again; `kafka-configs.sh --alter --topic {names.feedback} --add-config "
        f"retention.ms={described[longer[0]].configs['retention.ms']}` keeps it as long."
    )


def _retention(topic: Described | None) -> float:
    """Milliseconds; infinite for ever, and 0 for a topic that is not there."""
    kept = 0 if topic is None else int(topic.configs.get("retention.ms", 0))
    return inf if kept == FOR_EVER else kept


def _of_settings(spec: TopicSpec, actual: Described) -> list[str]:
    wrong = []
    for name, value in spec.configs(actual.replication).items():
        has = actual.configs.get(name)
        if has is None or has == value or (value.isdigit() and _is_enough(has, int(value))):
            continue
        wrong.append(
            f"The topic {spec.name} has {name}={has}; it needs {value}{' or more' * value.isdigit()}: "
            f"`kafka-configs.sh --alter --topic {spec.name} --add-config {name}={value}` sets it."
        )
    return wrong


def _is_enough(has: str, wanted: int) -> bool:
    """True for as much or more; -1 is for ever."""
    return int(has) == FOR_EVER or int(has) >= wanted


def table(names: TopicNames, described: Mapping[str, Described]) -> list[tuple[str, ...]]:
    """A row for each topic that exists: name, partitions, copies, how long and how large a record may be."""
    rows: list[tuple[str, ...]] = []
    for spec in specs(names):
        actual = described.get(spec.name)
        if actual is not None:
            kept, size = (actual.configs.get(name, "") for name in ("retention.ms", "max.message.bytes"))
            rows.append((spec.name, str(actual.partitions), str(actual.replication), _kept(kept), _sized(size)))
    return rows


def _kept(retention_ms: str) -> str:
    if not retention_ms:
        return UNSEEN
    return "for ever" if retention_ms == str(FOR_EVER) else f"{int(retention_ms) / DAY_MS:g} d"


def _sized(size: str) -> str:
    return f"{int(size) / 1024:,.0f} KiB" if size else UNSEEN
