"""observe: events of one partition into account windows, links and decisions about single accounts."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from streams.accounts import AccountState, AccountView, counts_of, fold_event, view_of
from streams.anomaly import MODEL_VERSION, TEACH_EVERY_HOURS, Drift, Model, ModelState, log_scale
from streams.capabilities import POSITION
from streams.decide import LIMITING, Budget, decide, is_due, is_limited, verdict_of
from streams.decisions import Action
from streams.events import RequestEvent
from streams.links import LinkDelta, LinkKind, Links, link_partition, links_of
from streams.policy import Policy
from streams.signals import ACCOUNT_SIGNALS, reasons_of
from streams.stages.shape import Incoming, Outgoing, Output, StageName
from streams.states import States
from streams.windows import HOUR_MS, MINUTE_MS, Counts

MODEL = "model"
SHARD = "shard"
FEWEST_REQUESTS_TO_JUDGE = 30
FEWEST_REQUESTS_TO_TEACH = 12
FEATURES = (
    "requests",
    "tokens",
    "requests_1h",
    "tokens_against_plan",
    "active_hours",
    "active_hours_7d",
    "addresses",
    "user_agents",
    "templates_a_request",
    "conversations_a_request",
    "top_template_share",
    "capability_share",
    "gap_variation",
    "error_share",
)
_Who = tuple[int, str, str | None, str | None, int | None, bool]
"""The run of one minute, and all else that a delta says about the account: events that agree in it are summed."""

_Deltas = dict[tuple[LinkKind, str, _Who], LinkDelta]


class ObserveShard(Struct, array_like=True):
    """What one partition of requests keeps beside its accounts: how many, its share of the blast radius, the drift."""

    subjects: int = 0
    budget: Budget = field(default_factory=Budget)
    drift: Drift = field(default_factory=Drift)


def account_key(account_id: str) -> str:
    """The key of an account's state."""
    return f"account:{account_id}"


class ObserveStage:
    """Windows per account; signals, the anomaly model and the ladder when an account's count says so."""

    name: StageName = "observe"

    def __init__(self, policy: Policy, link_partitions: int, partitions: int) -> None:
        """Decide by `policy`. The blast radius is shared evenly by the `partitions` of the requests."""
        self._policy = policy
        self._link_partitions = link_partitions
        self._cap = -(-policy.blast_radius.accounts_per_hour // partitions)
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            "account": msgspec.msgpack.Decoder(AccountState),
            MODEL: msgspec.msgpack.Decoder(ModelState),
            SHARD: msgspec.msgpack.Decoder(ObserveShard),
        }
        self._encode = msgspec.msgpack.Encoder().encode

    def needs(self, items: Sequence[Incoming], _states: States) -> set[str]:
        """The accounts of the batch, the model and the shard."""
        return {account_key(item.event.account_id) for item in items} | {MODEL, SHARD}

    def decode(self, key: str, stored: bytes | None) -> object:
        """An account, the model with its trees grown, or the shard."""
        if key == MODEL:
            return Model(ModelState() if stored is None else self._decoders[MODEL].decode(stored), FEATURES)
        if stored is None:
            return ObserveShard() if key == SHARD else AccountState()
        return self._decoders[key.partition(":")[0]].decode(stored)

    def encode(self, _key: str, state: object) -> bytes:
        """MessagePack of the state; of a model the lessons it was grown from."""
        return self._encode(state.state if isinstance(state, Model) else state)

    def fold(self, partition: int, items: Sequence[Incoming], states: States) -> Output:
        """Fold the events one by one; the links of the batch leave summed by (link, account, minute).

        A minute that comes back late is a new run and summed apart: links change in the order of the log.
        """
        output = Output()
        deltas: _Deltas = {}
        minute = run = -1
        for item in items:
            event = item.event
            state = states.change(account_key(event.account_id), AccountState)
            at_ms = min(event.occurred_at_ms, item.appended_at_ms)
            if state.requests == 0:
                states.change(SHARD, ObserveShard).subjects += 1
            counts = counts_of(event)
            output.tally["clamped"] += at_ms < event.occurred_at_ms
            output.tally["late"] += fold_event(state, event, at_ms, counts)
            if at_ms // MINUTE_MS != minute:
                minute, run = at_ms // MINUTE_MS, run + 1
            self._add_links(deltas, run, event, at_ms, counts, exempt=self._is_allowed(event.account_id, state))
            if self._is_due(state):
                self._evaluate(partition, item, state, states, output)
        if items:
            self._emit_links(partition, items, deltas, output)
        return output

    def _is_due(self, state: AccountState) -> bool:
        """True at `first_at` events, at each doubling up to `every`, and from there at every `every`."""
        rule = self._policy.evaluation
        done = state.evaluated_requests
        return state.requests >= (rule.first_at if done == 0 else done + min(done, rule.every))

    def _evaluate(self, partition: int, item: Incoming, state: AccountState, states: States, output: Output) -> None:
        """Judge the account as of its newest event, decide if that is news, and let it teach the model."""
        state.evaluated_requests = state.requests
        view = view_of(state, state.last_ms)
        state.p_value = self._anomaly(view, state, states, output)
        view = view._replace(p_value=state.p_value)
        ladder = self._policy.account
        verdict = verdict_of(reasons_of(view, ACCOUNT_SIGNALS, self._policy.signals), ladder)
        if verdict.action is None or self._is_allowed(item.event.account_id, state):
            return
        at_ms = view.as_of_ms
        action = self._within_budget(verdict.action, state, at_ms, states, output)
        if not is_due(state.enforcement, action, at_ms, ladder):
            return
        state.enforcement, decision = decide(
            state.enforcement,
            subject_kind="account",
            subject_id=item.event.account_id,
            action=action,
            verdict=verdict,
            at_ms=at_ms,
            source=f"requests/{partition}/{item.offset}",
            ladder=ladder,
            policy=self._policy,
            model_version=MODEL_VERSION,
        )
        output.records.append(Outgoing("enforcement", decision, item.appended_at_ms, key=decision.subject_id))

    def _within_budget(self, action: Action, state: AccountState, at_ms: int, states: States, output: Output) -> Action:
        """The action, or `observe` where limiting one more account this hour would pass the blast radius."""
        if action not in LIMITING or is_limited(state.enforcement, at_ms):
            return action
        budget = states.change(SHARD, ObserveShard).budget
        if budget.left(at_ms, self._cap) == 0:
            output.tally["withheld"] += 1
            return "observe"
        budget.used += 1
        return action

    def _is_allowed(self, account_id: str, state: AccountState) -> bool:
        allow = self._policy.allowlist
        return (
            account_id in allow.accounts or state.org_id in allow.organisations or state.payment_hash in allow.payments
        )

    def _anomaly(self, view: AccountView, state: AccountState, states: States, output: Output) -> float | None:
        """The p-value of the account's window, and the window's lesson if the gate lets it teach."""
        if view.requests < FEWEST_REQUESTS_TO_TEACH:
            return None
        hour = view.as_of_ms // HOUR_MS
        teaches = hour - state.taught_hour >= TEACH_EVERY_HOURS
        if not teaches and view.requests < FEWEST_REQUESTS_TO_JUDGE:
            return None
        p_value, gate = states.read(MODEL, Model).look(
            cohort_of(view),
            features_of(view),
            states.change(SHARD, ObserveShard).drift,
            taught_recently=not teaches,
            limited=is_limited(state.enforcement, view.as_of_ms),
        )
        output.tally[gate] += 1
        if gate == "learned":
            states.changed.add(MODEL)
            state.taught_hour = hour
        return p_value

    def _add_links(
        self, deltas: _Deltas, run: int, event: RequestEvent, at_ms: int, counts: Counts, *, exempt: bool
    ) -> None:
        """Add the event to the deltas of its links."""
        who = (run, event.account_id, event.network_hash, event.org_id, event.account_created_at_ms, exempt)
        capability = POSITION[event.capability]
        for kind, value in links_of(event):
            key = (kind, value, who)
            delta = deltas.get(key)
            if delta is None:
                deltas[key] = LinkDelta(
                    kind,
                    value,
                    event.account_id,
                    at_ms // MINUTE_MS,
                    1,
                    counts.input_tokens,
                    counts.output_tokens,
                    counts.errors,
                    counts.refusals,
                    {capability: 1},
                    event.account_created_at_ms,
                    event.org_id,
                    event.network_hash,
                    exempt,
                )
                continue
            delta.requests += 1
            delta.input_tokens += counts.input_tokens
            delta.output_tokens += counts.output_tokens
            delta.errors += counts.errors
            delta.refusals += counts.refusals
            delta.capabilities[capability] = delta.capabilities.get(capability, 0) + 1

    def _emit_links(self, partition: int, items: Sequence[Incoming], deltas: _Deltas, output: Output) -> None:
        bundles: dict[int, list[LinkDelta]] = {}
        owners: dict[tuple[LinkKind, str], int] = {}
        for (kind, value, _), delta in deltas.items():
            owner = owners.get((kind, value))
            if owner is None:
                owner = owners[kind, value] = link_partition(kind, value, self._link_partitions)
            bundles.setdefault(owner, []).append(delta)
        appended_at_ms = max(item.appended_at_ms for item in items)
        for owner, bundle in sorted(bundles.items()):
            links = Links(partition, items[-1].offset, appended_at_ms, bundle)
            output.records.append(Outgoing("links", links, appended_at_ms, partition=owner))


def cohort_of(view: AccountView) -> str:
    """Accounts of one plan, the new apart from the old, are each other's measure."""
    new = view.age_ms is not None and view.age_ms < 7 * 24 * HOUR_MS
    return f"{view.plan or 'none'}/{'new' if new else 'old'}"


def features_of(view: AccountView) -> tuple[float, ...]:
    """The window as `FEATURES`, each about 0..1."""
    requests = max(1, view.requests)
    return (
        log_scale(view.requests, 100_000),
        log_scale(view.tokens, 1e9),
        log_scale(view.requests_1h, 10_000),
        log_scale(view.tokens / view.plan_daily_tokens if view.plan_daily_tokens else 0.0, 100),
        view.active_hours / 24,
        view.active_hours_7d / 168,
        log_scale(view.addresses, 1_000),
        log_scale(view.user_agents, 1_000),
        view.templates / requests,
        view.conversations / requests,
        view.top_template_share,
        view.capability_share,
        view.gap_variation / 8,
        view.errors / requests,
    )
