"""How long ago the anomaly models learnt, by event time."""

from datetime import UTC, datetime

from agents.doctor.found import Found, ill, well
from agents.doctor.progress import Learnt, Seen
from streams.windows import HOUR_MS

OLD_HOURS = 24
"""A model that learns from ordinary traffic does so within an hour; a subject teaches at most every six."""


def judge_models(seen: Seen) -> list[Found]:
    """What is to be said of the models of observe and networks, one in each partition that has taken anything."""
    found = []
    for stage in ("observe", "networks"):
        here = [it for it in seen.learnt if it.stage == stage]
        if here:
            found.append(_judge(stage, here, seen))
    return found or [well("No model has anything to learn from yet: nothing was taken.")]


def _busy(stage: str, seen: Seen) -> set[int]:
    """The partitions of what a stage reads in which there was something new of late, as far as there is in any."""
    here = [it for it in seen.standings if it.stage == stage and not it.topic.endswith(".feedback")]
    newest = max((it.newest_ms for it in here), default=0)
    return {it.partition for it in here if newest - it.newest_ms <= OLD_HOURS * HOUR_MS}


def _judge(stage: str, here: list[Learnt], seen: Seen) -> Found:
    cold = sum(not it.is_warm for it in here)
    judges = f"{len(here) - cold} of {len(here)} judge already"
    taught = [it for it in here if it.learned_ms]
    if not taught:
        return well(f"The models of {stage} have learnt nothing yet ({judges}).")
    busy = _busy(stage, seen)
    old = [it for it in taught if it.partition in busy and seen.newest_hour - it.learned_ms // HOUR_MS > OLD_HOURS]
    oldest = min(it.learned_ms for it in old or taught)
    as_of = f"{datetime.fromtimestamp(oldest / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    if old:
        numbers = ", ".join(str(it.partition) for it in old)
        return ill(
            f"The model of {stage} has learnt nothing since {as_of} by event time in partition {numbers}, and "
            "events go on: `stillwatch_learning_refusals_total` says what keeps it from that; does the policy limit "
            "too many?"
        )
    return well(f"The models of {stage} learnt last as of {as_of} or later ({judges}).")
