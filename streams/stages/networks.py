"""networks: link deltas into windows per link, and findings about links that tie accounts together.

A link is judged when a later minute of its own event time begins, or a later hour of everybody's, as of the minute that
closed, and only if a member has become ripe or its volume has doubled since: never because a batch ended.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from streams.anomaly import TEACH_EVERY_HOURS, Drift, Model, ModelState, log_scale
from streams.decisions import Family, Reason
from streams.distinct import Distinct
from streams.findings import Finding, Findings
from streams.links import LINK_KINDS, LinkDelta, LinkKind, Links
from streams.networks import (
    WEEK_HOURS,
    NetworkState,
    NetworkView,
    fold_delta,
    has_news,
    is_open,
    is_stale,
    report_news,
    view_of,
)
from streams.policy import Policy
from streams.signals import NETWORK_SIGNALS, reasons_of
from streams.stages.shape import Outgoing, Output, StageName
from streams.states import States
from streams.windows import HOUR_MS, MINUTE_MS

MODEL = "model"
SHARD = "shard"
EVERYBODY = "everybody"
EVERYBODY_CAPACITY = 1024
SILENT_HOURS = 6
FEWEST_ACCOUNTS_TO_TEACH = 3
FEATURES = (
    "requests",
    "accounts",
    "requests_an_account",
    "tokens_a_request",
    "young_share",
    "networks_share",
    "active_hours",
    "capability_share",
    "ripe_share",
    "synchrony",
    "error_share",
)
_LEADS: dict[LinkKind, str] = {"payment": "accounts_per_payment", "template": "accounts_per_template"}
"""The signal that must fire for a link of this kind to tie its ripe members to one campaign."""

_SECONDS: frozenset[Family] = frozenset({"rhythm", "lifecycle"})
"""For a template, which many may come upon by chance, one of these families must speak of the same link too."""


class NetworksShard(Struct, array_like=True):
    """What one partition of links keeps beside its links.

    `subjects` is how many links it holds, `sources` maps a partition of the requests to the last offset applied of it,
    `known_accounts` is how many accounts there were when hour `known_hour` began (all of them: templates bring each
    account to every partition), `open_links` are those to be looked at when their minute closes, `hour` is the newest
    hour of event time and `hours` that of each source, `offset` and `parts` number what leaves.
    """

    subjects: int = 0
    sources: dict[int, int] = field(default_factory=dict)
    known_accounts: int = 0
    known_hour: int = 0
    open_links: set[str] = field(default_factory=set)
    hour: int = 0
    hours: dict[int, int] = field(default_factory=dict)
    drift: Drift = field(default_factory=Drift)
    offset: int = 0
    parts: int = 0
    appended_at_ms: int = 0


class PlacedLinks(Struct, frozen=True, gc=False):
    """A record of links with its own offset in `stillwatch.links`."""

    offset: int
    links: Links


def link_key(kind: LinkKind, value: str) -> str:
    """The key of a link's state."""
    return f"link:{kind}:{value}"


def link_of(key: str) -> tuple[LinkKind, str]:
    """The link whose state has this key."""
    _, kind, value = key.split(":", 2)
    return next(known for known in LINK_KINDS if known == kind), value


class NetworksStage:
    """Windows per link; signals and the anomaly model when a minute closes."""

    name: StageName = "networks"

    def __init__(self, policy: Policy) -> None:
        """Judge by the signals of `policy`."""
        self._policy = policy
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            "link": msgspec.msgpack.Decoder(NetworkState),
            MODEL: msgspec.msgpack.Decoder(ModelState),
            SHARD: msgspec.msgpack.Decoder(NetworksShard),
            EVERYBODY: msgspec.msgpack.Decoder(Distinct),
        }
        self._encode = msgspec.msgpack.Encoder().encode

    def needs(self, items: Sequence[PlacedLinks], states: States) -> set[str]:
        """The links of the batch, the model and the shard; when an hour begins or nothing came, the open links too."""
        keys = {link_key(delta.kind, delta.value) for item in items for delta in item.links.deltas}
        if SHARD in states:
            shard = states.read(SHARD, NetworksShard)
            if not items or any(delta.minute // 60 > shard.hour for item in items for delta in item.links.deltas):
                keys |= shard.open_links
        return keys | {MODEL, SHARD, EVERYBODY}

    def decode(self, key: str, stored: bytes | None) -> object:
        """A link, the model with its trees grown, or the shard."""
        if key == MODEL:
            return Model(ModelState() if stored is None else self._decoders[MODEL].decode(stored), FEATURES)
        if stored is None:
            fresh = {SHARD: NetworksShard, EVERYBODY: Distinct}.get(key, NetworkState)
            return fresh()
        return self._decoders[key.partition(":")[0]].decode(stored)

    def encode(self, _key: str, state: object) -> bytes:
        """MessagePack of the state; of a model the lessons it was grown from."""
        return self._encode(state.state if isinstance(state, Model) else state)

    def fold(self, partition: int, items: Sequence[PlacedLinks], states: States) -> Output:
        """Add the deltas of every record that was not seen before; without items, close what was left open."""
        output = Output()
        shard = states.change(SHARD, NetworksShard)
        findings: list[Finding] = []
        for item in items:
            links = item.links
            if links.source_offset <= shard.sources.get(links.source_partition, -1):
                output.tally["duplicate"] += 1
                continue
            shard.sources[links.source_partition] = links.source_offset
            newest = max((delta.minute for delta in links.deltas), default=0) // 60
            shard.hours[links.source_partition] = max(newest, shard.hours.get(links.source_partition, 0))
            shard.appended_at_ms = max(shard.appended_at_ms, links.appended_at_ms)
            for delta in links.deltas:
                self._fold_delta(delta, shard, states, findings, output)
        if items:
            shard.offset, shard.parts = items[-1].offset, 0
        else:
            shard.parts += 1
            for key in sorted(shard.open_links):
                self._close(key, shard, states, findings, output)
        if findings:
            record = Findings(partition, shard.offset, shard.parts, shard.appended_at_ms, findings)
            output.records.append(Outgoing("findings", record, shard.appended_at_ms, partition=0))
        return output

    def _fold_delta(
        self, delta: LinkDelta, shard: NetworksShard, states: States, findings: list[Finding], output: Output
    ) -> None:
        if delta.minute // 60 > shard.hour:
            self._begin_hour(delta.minute // 60, shard, states, findings, output)
        key = link_key(delta.kind, delta.value)
        state = states.change(key, NetworkState)
        if delta.minute * MINUTE_MS > state.windows.newest_ms:
            self._close(key, shard, states, findings, output)
        shard.subjects += state.requests == 0
        fold_delta(state, delta)
        if delta.kind == "template":  # the kind that brings every account to every partition
            hour = delta.minute * MINUTE_MS // HOUR_MS
            everybody = states.read(EVERYBODY, Distinct)
            if everybody.add(delta.account_id, hour, window_hours=WEEK_HOURS, capacity=EVERYBODY_CAPACITY):
                states.changed.add(EVERYBODY)
        if is_open(state):
            shard.open_links.add(key)

    def _begin_hour(
        self, hour: int, shard: NetworksShard, states: States, findings: list[Finding], output: Output
    ) -> None:
        """With each hour of event time close the links that no later minute of their own has closed."""
        shard.hour = hour
        for key in sorted(shard.open_links):
            self._close(key, shard, states, findings, output)

    def _close(self, key: str, shard: NetworksShard, states: States, findings: list[Finding], output: Output) -> None:
        """Judge the link as of its newest minute, if a member became ripe, its volume doubled or a finding is old.

        A finding that names nobody new says that what was found still goes on, so that a decision can be renewed.
        """
        if key not in shard.open_links:
            return
        shard.open_links.discard(key)
        state = states.change(key, NetworkState)
        news = has_news(state) or is_stale(state)
        state.touched.clear()
        if not news and state.requests < state.judge_at:
            return
        state.judge_at = 2 * state.requests
        kind, value = link_of(key)
        as_of_ms = state.windows.newest_ms
        view = view_of(state, kind, as_of_ms, _known(shard, states, as_of_ms // HOUR_MS), settled_hour(shard))
        state.p_value = self._anomaly(view, state, shard, states, output)
        if not news:
            return
        reasons = reasons_of(view._replace(p_value=state.p_value), NETWORK_SIGNALS, self._policy.signals)
        if _ties(kind, reasons):
            findings.append(Finding(kind, value, as_of_ms, _ordered(reasons), report_news(state)))
        elif is_stale(state):
            state.found_hour = as_of_ms // HOUR_MS  # it no longer ties: look again in an hour

    def _anomaly(
        self, view: NetworkView, state: NetworkState, shard: NetworksShard, states: States, output: Output
    ) -> float | None:
        """The p-value of the link's window, and the window's lesson if the gate lets it teach."""
        if view.accounts < FEWEST_ACCOUNTS_TO_TEACH:
            return None
        hour = view.as_of_ms // HOUR_MS
        p_value, gate = states.read(MODEL, Model).look(
            view.kind,
            features_of(view),
            shard.drift,
            taught_recently=hour - state.taught_hour < TEACH_EVERY_HOURS,
            limited=any(member.reported for member in state.members.values()),
        )
        output.tally[gate] += 1
        if gate == "learned":
            states.changed.add(MODEL)
            state.taught_hour = hour
        return p_value


def features_of(view: NetworkView) -> tuple[float, ...]:
    """The link's window as `FEATURES`, each about 0..1."""
    requests = max(1, view.requests)
    accounts = max(1, view.accounts)
    return (
        log_scale(view.requests, 1_000_000),
        log_scale(view.accounts, 100_000),
        log_scale(view.requests / accounts, 10_000),
        log_scale(view.tokens / requests, 100_000),
        view.young_accounts / accounts,
        view.networks / accounts,
        view.active_hours / 24,
        view.capability_share,
        view.ripe_accounts / accounts,
        view.synchrony,
        view.errors / requests,
    )


def _known(shard: NetworksShard, states: States, hour: int) -> int:
    """All accounts known, counted anew when a later hour begins or while they are few."""
    if hour > shard.known_hour or shard.known_accounts < EVERYBODY_CAPACITY:
        shard.known_accounts = states.read(EVERYBODY, Distinct).count(hour, window_hours=WEEK_HOURS)
        shard.known_hour = max(hour, shard.known_hour)
    return shard.known_accounts


def settled_hour(shard: NetworksShard) -> int:
    """The newest hour that every source has left behind; a source that is hours behind the newest has fallen silent."""
    newest = max(shard.hours.values(), default=0)
    return min((hour for hour in shard.hours.values() if newest - hour <= SILENT_HOURS), default=0) - 1


def _ties(kind: LinkKind, reasons: tuple[Reason, ...]) -> bool:
    leads = any(reason.signal == _LEADS.get(kind) for reason in reasons)
    return leads and (kind == "payment" or any(reason.family in _SECONDS for reason in reasons))


def _ordered(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: reason.signal))
