"""One account's state, the fold of an event into it, and the view of it that signals judge.

The fold takes one event at a time, in the order of the log, and never looks at how the log was batched.
"""

from typing import NamedTuple

from msgspec import Struct, field

from streams.capabilities import POSITION, CapabilityDays, focus, note
from streams.distinct import Distinct
from streams.events import CAPABILITIES, Capability, RequestEvent
from streams.windows import DAY_MS, HOUR_MS, Counts, Windows

SPAN_HOURS = 24
TOP_TEMPLATES = 8
WEEK_HOURS = 168
_GAP_WEIGHT = 1 / 32
_GAP_CEILING_MS = HOUR_MS
_TEMPLATES_BEFORE_HALVING = 1024
_FIRST_ERROR_STATUS = 400
_EXTRACTED: frozenset[Capability] = frozenset(CAPABILITIES) - {"other"}


class Enforcement(Struct, array_like=True):
    """What was last decided about a subject: rung, expiry, and the sequence of the decision that said so."""

    action: str = "release"
    expires_at_ms: int = 0
    sequence: int = 0
    shadow: bool = False


class AccountState(Struct, array_like=True):
    """Everything kept about one account. Bounded: a hot account holds about 6 KB, one with ten events below 1 KB."""

    created_at_ms: int | None = None
    first_ms: int = 0
    last_ms: int = 0
    requests: int = 0
    late: int = 0
    plan: str | None = None
    plan_daily_tokens: int | None = None
    org_id: str | None = None
    payment_hash: str | None = None
    windows: Windows = field(default_factory=Windows)
    addresses: Distinct = field(default_factory=Distinct)
    user_agents: Distinct = field(default_factory=Distinct)
    templates: Distinct = field(default_factory=Distinct)
    conversations: Distinct = field(default_factory=Distinct)
    top_templates: dict[str, int] = field(default_factory=dict)
    template_requests: int = 0
    capability_days: CapabilityDays = field(default_factory=dict)
    active_hours: bytes = b""
    gap_mean_ms: float = 0.0
    gap_variance: float = 0.0
    evaluated_requests: int = 0
    evaluated_hour: int = 0
    taught_hour: int = 0
    p_value: float | None = None
    enforcement: Enforcement = field(default_factory=Enforcement)


class AccountView(NamedTuple):
    """What signals judge: one account as of one moment. Counts are of the last 24 one-hour buckets unless named."""

    as_of_ms: int
    plan: str | None
    plan_daily_tokens: int | None
    age_ms: int | None
    requests: int
    tokens: int
    output_tokens: int
    requests_1h: int
    tokens_1h: int
    errors: int
    refusals: int
    active_hours: int
    active_hours_7d: int
    addresses: int
    user_agents: int
    templates: int
    conversations: int
    top_template_share: float
    capability_share: float
    capability: Capability
    gap_variation: float
    lifetime_requests: int
    p_value: float | None = None


def counts_of(event: RequestEvent) -> Counts:
    """The five counts of one event: an error is a status of 400 or more, a refusal is the finish reason."""
    return Counts(
        1,
        event.input_tokens,
        event.output_tokens,
        1 if event.status_code >= _FIRST_ERROR_STATUS else 0,
        1 if event.finish_reason == "refusal" else 0,
    )


def fold_event(state: AccountState, event: RequestEvent, at_ms: int, counts: Counts) -> bool:
    """Add one event at event time `at_ms` to the account; True if it came late."""
    late = state.windows.add(at_ms, counts)
    hour = at_ms // HOUR_MS
    if event.address_hash is not None:
        state.addresses.add(event.address_hash, hour)
    if event.user_agent_hash is not None:
        state.user_agents.add(event.user_agent_hash, hour)
    if event.conversation_id is not None:
        state.conversations.add(event.conversation_id, hour)
    if event.template_hash is not None:
        state.templates.add(event.template_hash, hour)
        _note_template(state, event.template_hash)
    _note_profile(state, event)
    note(state.capability_days, at_ms // DAY_MS, POSITION[event.capability], 1)
    _note_hour(state, hour)
    _note_gap(state, at_ms)
    state.requests += 1
    state.late += late
    return late


def view_of(state: AccountState, as_of_ms: int) -> AccountView:
    """The account as signals see it at `as_of_ms`."""
    hour = as_of_ms // HOUR_MS
    day = state.windows.total("hours", as_of_ms)
    last_hour = state.windows.total("minutes", as_of_ms)
    capability, share = focus(state.capability_days, as_of_ms // DAY_MS, _EXTRACTED)
    active = int.from_bytes(state.active_hours)
    first_hour = hour - SPAN_HOURS + 1
    return AccountView(
        as_of_ms=as_of_ms,
        plan=state.plan,
        plan_daily_tokens=state.plan_daily_tokens,
        age_ms=None if state.created_at_ms is None else max(0, as_of_ms - state.created_at_ms),
        requests=day.requests,
        tokens=day.tokens,
        output_tokens=day.output_tokens,
        requests_1h=last_hour.requests,
        tokens_1h=last_hour.tokens,
        errors=day.errors,
        refusals=day.refusals,
        active_hours=sum(1 for index in state.windows.hours if first_hour <= index <= hour),
        active_hours_7d=active.bit_count(),
        addresses=state.addresses.count(hour),
        user_agents=state.user_agents.count(hour),
        templates=state.templates.count(hour),
        conversations=state.conversations.count(hour),
        top_template_share=_top_template_share(state),
        capability_share=share,
        capability=capability,
        gap_variation=gap_variation(state),
        lifetime_requests=state.requests,
    )


def gap_variation(state: AccountState) -> float:
    """Coefficient of variation of the time between requests: 0 is a metronome, 1 a Poisson process, more is bursts."""
    return state.gap_variance**0.5 / state.gap_mean_ms if state.gap_mean_ms > 0 else 0.0


def _note_profile(state: AccountState, event: RequestEvent) -> None:
    if event.account_created_at_ms is not None:
        state.created_at_ms = event.account_created_at_ms
    if event.plan is not None:
        state.plan = event.plan
    if event.plan_daily_tokens is not None:
        state.plan_daily_tokens = event.plan_daily_tokens
    if event.org_id is not None:
        state.org_id = event.org_id
    if event.payment_hash is not None:
        state.payment_hash = event.payment_hash


def _note_template(state: AccountState, template: str) -> None:
    """Count the commonest templates (Misra and Gries, "Finding repeated elements", 1982); halving makes it slide."""
    top = state.top_templates
    state.template_requests += 1
    if template in top or len(top) < TOP_TEMPLATES:
        top[template] = top.get(template, 0) + 1
    else:
        for key in list(top):
            top[key] -= 1
            if top[key] == 0:
                del top[key]
    if state.template_requests >= _TEMPLATES_BEFORE_HALVING:
        state.template_requests //= 2
        state.top_templates = {key: count // 2 for key, count in top.items() if count > 1}


def _note_hour(state: AccountState, hour: int) -> None:
    """Keep the last 168 hours as a bitmap: bit i is the hour that was i hours before the newest event's."""
    newest = state.last_ms // HOUR_MS
    bitmap = int.from_bytes(state.active_hours)
    if state.requests == 0:
        bitmap = 1
    elif hour > newest:
        bitmap = (bitmap << min(hour - newest, WEEK_HOURS) | 1) & ((1 << WEEK_HOURS) - 1)
    elif newest - hour < WEEK_HOURS:
        if bitmap >> (newest - hour) & 1:
            return
        bitmap |= 1 << (newest - hour)
    else:
        return
    state.active_hours = bitmap.to_bytes(WEEK_HOURS // 8)


def _note_gap(state: AccountState, at_ms: int) -> None:
    """Exponentially weighted mean and variance of the gap (Finch, "Incremental calculation of weighted mean", 2009)."""
    if state.requests == 0:
        state.first_ms = state.last_ms = at_ms
        return
    gap = min(abs(at_ms - state.last_ms), _GAP_CEILING_MS)
    if state.requests == 1:
        state.gap_mean_ms = float(gap)
    else:
        difference = gap - state.gap_mean_ms
        step = _GAP_WEIGHT * difference
        state.gap_mean_ms += step
        state.gap_variance = (1 - _GAP_WEIGHT) * (state.gap_variance + difference * step)
    state.first_ms = min(state.first_ms, at_ms)
    state.last_ms = max(state.last_ms, at_ms)


def _top_template_share(state: AccountState) -> float:
    if state.template_requests == 0:
        return 0.0
    return max(state.top_templates.values(), default=0) / state.template_requests


TYPICAL = AccountView(
    as_of_ms=1_760_000_000_000,
    plan="pro",
    plan_daily_tokens=1_000_000,
    age_ms=200 * DAY_MS,
    requests=24,
    tokens=30_000,
    output_tokens=18_000,
    requests_1h=4,
    tokens_1h=5_000,
    errors=0,
    refusals=0,
    active_hours=5,
    active_hours_7d=22,
    addresses=2,
    user_agents=1,
    templates=20,
    conversations=7,
    top_template_share=0.1,
    capability_share=0.4,
    capability="coding",
    gap_variation=1.8,
    lifetime_requests=900,
    p_value=0.5,
)
"""An ordinary account, the ground that samples of signals vary."""
