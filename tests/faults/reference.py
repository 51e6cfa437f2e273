"""What must be counted and decided: exact, slow, and obviously right; it knows nothing of stages, stores or batches.

Windows are counted here from the events alone. Decisions are those of `stillwatch replay` over the same log, in one
process that nothing disturbs.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agents.cli.config import read_policy
from agents.replay import Replay
from streams.decisions import Decision
from streams.events import RequestEvent

Bucket = tuple[str, int]
"""The resolution (minutes, hours, days) and the index of the bucket: event time by its width."""

Counted = tuple[int, int, int, int, int]
"""Requests, input tokens, output tokens, errors, refusals."""

Windows = Mapping[str, Mapping[Bucket, Counted]]
"""By account, or by link as `kind:value`: every bucket of the three windows as of the subject's newest event."""

WIDTHS_MS = {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000}
KEPT = {"minutes": 60, "hours": 24, "days": 28}
POLICY = Path(__file__).with_name("policy.toml")
LINKS = {
    "network": "network_hash",
    "asn": "asn",
    "payment": "payment_hash",
    "template": "template_hash",
    "tls": "tls_fingerprint",
}


class Sent(Struct, frozen=True):
    """One event of the log, with the time at which the log took it: the ceiling of its event time."""

    event: RequestEvent
    appended_at_ms: int

    @property
    def at_ms(self) -> int:
        return min(self.event.occurred_at_ms, self.appended_at_ms)


class Verdict(Struct, frozen=True, order=True):
    """What a decision says, apart from its id, which also names the offset of what caused it."""

    subject: str
    sequence: int
    action: str
    decided_at_ms: int
    expires_at_ms: int


class Expected(Struct, frozen=True):
    """What a log must lead to."""

    accounts: Windows
    links: Windows
    decision_ids: frozenset[str]
    verdicts: frozenset[Verdict]
    campaigns: Mapping[frozenset[str], str]


def expected_of(sent: Sequence[Sent], *, partitions: int) -> Expected:
    """What `sent`, in the order of the log, must lead to."""
    decisions = undisturbed(sent, partitions=partitions)
    return Expected(
        account_windows(sent),
        link_windows(sent),
        frozenset(it.decision_id for it in decisions if it.subject_kind == "account"),
        verdicts_of(decisions),
        campaigns_of(decisions),
    )


def account_windows(sent: Iterable[Sent]) -> Windows:
    """Every bucket of every account."""
    return _windows((it.event.account_id, it) for it in sent)


def link_windows(sent: Iterable[Sent]) -> Windows:
    """Every bucket of everything that accounts share."""
    return _windows(
        (f"{kind}:{value}", it)
        for it in sent
        for kind, name in LINKS.items()
        if (value := getattr(it.event, name)) is not None
    )


def undisturbed(sent: Iterable[Sent], *, partitions: int) -> list[Decision]:
    """The decisions of a replay in this process, in order."""
    _, policy = read_policy(POLICY)
    events = (replace(it.event, occurred_at_ms=it.at_ms) for it in sent)
    emitted = asyncio.run(Replay(policy, partitions=partitions).run(events))
    return [msgspec.json.decode(it.value, type=Decision) for it in emitted if it.topic == "enforcement"]


def verdicts_of(decisions: Iterable[Decision]) -> frozenset[Verdict]:
    """What was said about accounts."""
    return frozenset(
        Verdict(it.subject_id, it.sequence, it.action, it.decided_at_ms, it.expires_at_ms)
        for it in decisions
        if it.subject_kind == "account"
    )


def campaigns_of(decisions: Iterable[Decision]) -> dict[frozenset[str], str]:
    """The campaigns that stand, as a gateway knows them: all members that were named, and the last action."""
    members: defaultdict[str, set[str]] = defaultdict(set)
    last: dict[str, Decision] = {}
    for it in decisions:
        if it.subject_kind == "campaign":
            members[it.subject_id].update(it.members)
            if it.subject_id not in last or it.sequence > last[it.subject_id].sequence:
                last[it.subject_id] = it
    return {frozenset(members[name]): it.action for name, it in last.items() if it.action != "release"}


def _windows(named: Iterable[tuple[str, Sent]]) -> Windows:
    newest: dict[str, int] = {}
    counted: dict[str, dict[Bucket, Counted]] = {}
    for name, it in named:
        newest[name] = max(it.at_ms, newest.get(name, 0))
        buckets = counted.setdefault(name, {})
        for resolution, width in WIDTHS_MS.items():
            bucket = (resolution, it.at_ms // width)
            buckets[bucket] = added(buckets.get(bucket, (0, 0, 0, 0, 0)), counts_of(it.event))
    return {name: kept(buckets, newest[name]) for name, buckets in counted.items()}


def counts_of(event: RequestEvent) -> Counted:
    """One request: an error from status 400 on, a refusal by its finish reason."""
    return (
        1,
        event.input_tokens,
        event.output_tokens,
        int(event.status_code >= 400),
        int(event.finish_reason == "refusal"),
    )


def added(one: Counted, other: Counted) -> Counted:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3], one[4] + other[4])


def kept(buckets: Mapping[Bucket, Counted], newest_ms: int) -> dict[Bucket, Counted]:
    """Those of the last 60 minutes, 24 hours and 28 days up to `newest_ms`."""
    return {
        (resolution, index): counts
        for (resolution, index), counts in buckets.items()
        if index > newest_ms // WIDTHS_MS[resolution] - KEPT[resolution]
    }
