"""observe: events of one partition into account windows, links and decisions about single accounts."""

from typing import Any

import msgspec
import numpy as np

from streams.accounts import AccountView, Enforcement, Head
from streams.anomaly import MODEL_VERSION, TEACH_EVERY_HOURS, Model, ModelState, log_scale
from streams.batch import NO_HASH, EventBatch, hashes_of
from streams.decide import Subject, decide, is_due, is_exempt, is_limited, is_only_shadow, verdict_of
from streams.decisions import LIMITING, Action
from streams.folding import DueView, FoldedAccounts, is_allowed
from streams.kernel import AT
from streams.linking import links_of_batch
from streams.links import Source
from streams.payers import Payers
from streams.policy import Policy
from streams.signals import ACCOUNT_SIGNALS, reasons_of
from streams.stages.observe_feedback import PAYERS, VERDICT, Reviewed, needed_for, take_feedback
from streams.stages.observe_shard import SHARD, ObserveShard
from streams.stages.shape import Outgoing, Output, StageName
from streams.states import States
from streams.windows import DAY_MS, HOUR_MS

MODEL = "model"
FEWEST_REQUESTS_TO_JUDGE = 30
FEWEST_REQUESTS_TO_TEACH = 12
EXTRACTION_SHARE = 0.5
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


class ObserveStage:
    """Windows per account; signals, the anomaly model and the ladder when an account's count says so."""

    name: StageName = "observe"

    def __init__(self, policy: Policy, link_partitions: int, partitions: int) -> None:
        """Decide by `policy`. The blast radius is shared evenly by the `partitions` of the requests."""
        self._policy = policy
        self._link_partitions = link_partitions
        self._cap = -(-policy.blast_radius.accounts_per_hour // partitions)
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            MODEL: msgspec.msgpack.Decoder(ModelState),
            SHARD: msgspec.msgpack.Decoder(ObserveShard),
            PAYERS: msgspec.msgpack.Decoder(Payers),
            VERDICT: msgspec.msgpack.Decoder(Reviewed),
        }
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def nothing(self) -> EventBatch:
        """No events."""
        return EventBatch()

    def needs(self, items: EventBatch, states: States) -> set[str]:
        """The accounts of the batch, the model, the shard and payers; of feedback its accounts, and what was said."""
        if not isinstance(states.prepared, set):
            states.prepared = {*items.keys, *needed_for(items.feedback), MODEL, SHARD, PAYERS}
        return states.prepared

    def decode(self, key: str, stored: bytes | None) -> object:
        """An account as the bytes it is stored in, the model with its trees grown, a verdict's time, or the shard."""
        if key == MODEL:
            state = ModelState() if stored is None else self._decoders[MODEL].decode(stored)
            return Model(state, FEATURES, self._policy.signals["anomaly"].threshold)
        if key == SHARD:
            return ObserveShard() if stored is None else self._decoders[SHARD].decode(stored)
        if key == PAYERS:
            return Payers() if stored is None else self._decoders[PAYERS].decode(stored)
        if key.startswith(VERDICT):
            return Reviewed() if not stored else self._decoders[VERDICT].decode(stored)
        return stored or b""

    def encode(self, _key: str, state: object) -> bytes:
        """An account as it is; MessagePack of the rest, of a model the lessons it was grown from."""
        if isinstance(state, bytes):
            return state
        if state == Reviewed():
            return b""
        return self._encode(state.state if isinstance(state, Model) else state)

    def fold(self, source: Source, items: EventBatch, states: States) -> Output:
        """Fold the events of each account in the order of the log, judge those that are due, let the links leave."""
        output = Output()
        if items.feedback is not None:
            take_feedback(source, items.feedback, states, self._policy, self._link_partitions, output)
        if not items:
            return output
        folded = FoldedAccounts(items, states, self._policy.evaluation)
        output.tally["clamped"] += items.clamped
        output.tally["late"] += folded.late
        if folded.founded:
            states.change(SHARD, ObserveShard).subjects += folded.founded
        payments = hashes_of(items.payment)
        unpaid, sampled = states.read(PAYERS, Payers).note(items.account_hashes, payments, items.columns[AT] // DAY_MS)
        if sampled:
            states.changed.add(PAYERS)
        paid = np.where(unpaid, NO_HASH, payments)
        for view in folded.due():
            self._evaluate(source, items, view, folded, int(paid[view.event]), states, output)
        folded.write(states)
        exempt = folded.exempt(self._policy.allowlist)
        for owner, links in links_of_batch(items, exempt, unpaid, source, self._link_partitions):
            output.records.append(Outgoing("links", links, links.appended_at_ms, partition=owner))
        return output

    def _evaluate(
        self,
        source: Source,
        batch: EventBatch,
        due: DueView,
        folded: FoldedAccounts,
        payment: int,
        states: States,
        output: Output,
    ) -> None:
        """Judge the account as of its newest event, decide if that is news, and let it teach the model.

        `payment` are 32 bits of the instrument that paid for that event, `NO_HASH` for none.
        """
        head, view, account_id = folded.head(due.account), due.view, batch.accounts[due.account]
        ladder = self._policy.account
        head.p_value = self._anomaly(view, head, payment, states, output)
        view = view._replace(p_value=head.p_value)
        verdict = verdict_of(reasons_of(view, ACCOUNT_SIGNALS, self._policy.signals), ladder)
        if verdict.action is None or is_allowed(account_id, due.profile, self._policy.allowlist):
            return
        at_ms = view.as_of_ms
        if is_exempt(head.enforcement, at_ms):
            return
        action = self._within_budget(verdict.action, head.enforcement, at_ms, states, output)
        if not is_due(head.enforcement, action, at_ms, ladder, shadow=self._policy.shadow):
            return
        head.enforcement, decision = decide(
            head.enforcement,
            Subject("account", account_id),
            action=action,
            verdict=verdict,
            at_ms=at_ms,
            source=f"requests/{source.partition}/{batch.offsets[due.event]}",
            policy=self._policy,
            model_version=MODEL_VERSION,
        )
        appended_at_ms = int(batch.appended_at_ms[due.event])
        output.records.append(Outgoing("enforcement", decision, appended_at_ms, key=decision.subject_id))

    def _within_budget(
        self, action: Action, current: Enforcement, at_ms: int, states: States, output: Output
    ) -> Action:
        """The action, or `observe` where limiting one more account this hour would pass the blast radius."""
        stands = is_limited(current, at_ms) and not is_only_shadow(current, shadow=self._policy.shadow)
        if action not in LIMITING or stands:
            return action
        budget = states.change(SHARD, ObserveShard).budget
        if budget.left(at_ms, self._cap) == 0:
            output.tally["withheld"] += 1
            return "observe"
        budget.used += 1
        return action

    def _anomaly(self, view: AccountView, head: Head, payment: int, states: States, output: Output) -> float | None:
        """The p-value of the account's window, and the window's lesson if the gate lets it teach."""
        if view.requests < FEWEST_REQUESTS_TO_TEACH:
            return None
        hour = view.as_of_ms // HOUR_MS
        teaches = hour - head.taught_hour >= TEACH_EVERY_HOURS
        if not teaches and view.requests < FEWEST_REQUESTS_TO_JUDGE:
            return None
        p_value, gate = states.read(MODEL, Model).look(
            cohort_of(view),
            features_of(view),
            states.change(SHARD, ObserveShard).drift,
            as_of_ms=view.as_of_ms,
            taught_recently=not teaches,
            limited=is_limited(head.enforcement, view.as_of_ms),
            payment=None if payment == NO_HASH else payment,
        )
        output.tally[gate] += 1
        if gate == "learned":
            states.changed.add(MODEL)
            head.taught_hour = hour
        return p_value


def cohort_of(view: AccountView) -> str:
    """Accounts of one plan, the new apart from the old, who extract apart from others, are each other's measure.

    Who asks for one thing that campaigns extract half of the time is a specialist. Which one is not told apart: each
    would be a few in a hundred, too few for a measure of their own. Where these are too few, all of the plan and age
    are the measure, then the plan, then everybody (`streams.anomaly`).
    """
    new = view.age_ms is not None and view.age_ms < 7 * 24 * HOUR_MS
    extracts = view.capability_share >= EXTRACTION_SHARE
    return f"{view.plan or 'none'}/{'new' if new else 'old'}/{'extraction' if extracts else 'other'}"


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
