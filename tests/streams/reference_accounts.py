"""One account, folded one event at a time with dictionaries: slow, sequential, and what the compiled fold must equal.

It is the fold as it was first written. `streams.kernel` does the same to bytes and to whole batches.
"""

from math import sqrt

from msgspec import Struct, field

from streams.accounts import AccountState, AccountView, Head, Profile
from streams.batch import Said
from streams.capabilities import POSITION, CapabilityDays
from streams.distinct import Distinct, hash32
from streams.events import CAPABILITIES, Capability, RequestEvent
from streams.policy import Evaluation
from streams.windows import DAY_MS, HOUR_MS, Counts, Windows
from tests.streams.reference_capabilities import focus, note
from tests.streams.reference_instructions import Instructions, note_turn
from tests.streams.reference_windows import count

SPAN_HOURS = 24
TOP_TEMPLATES = 8
WEEK_HOURS = 168
_GAP_WEIGHT = 1 / 32
_GAP_CEILING_MS = HOUR_MS
_TEMPLATES_BEFORE_HALVING = 1024
_FIRST_ERROR_STATUS = 400
_EXTRACTED: frozenset[Capability] = frozenset(CAPABILITIES) - {"other"}


class ReferenceAccount(Struct):
    """Everything kept about one account but what was decided about it. `top_templates` goes by `hash32`."""

    profile: Profile = field(default_factory=Profile)
    first_ms: int = 0
    last_ms: int = 0
    requests: int = 0
    late: int = 0
    windows: Windows = field(default_factory=Windows)
    addresses: Distinct = field(default_factory=Distinct)
    user_agents: Distinct = field(default_factory=Distinct)
    templates: Distinct = field(default_factory=Distinct)
    conversations: Distinct = field(default_factory=Distinct)
    top_templates: dict[int, int] = field(default_factory=dict)
    template_requests: int = 0
    capability_days: CapabilityDays = field(default_factory=dict)
    active_hours: int = 0
    gap_mean_ms: float = 0.0
    gap_variance: float = 0.0
    evaluated_requests: int = 0
    instructions: Instructions = field(default_factory=Instructions)

    def laid_out(self) -> AccountState:
        """The account as `streams.accounts.account_of` lays it out, nothing decided about it."""
        return AccountState(
            profile=self.profile,
            head=Head(),
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            requests=self.requests,
            late=self.late,
            evaluated_requests=self.evaluated_requests,
            windows=self.windows,
            addresses=self.addresses,
            user_agents=self.user_agents,
            templates=self.templates,
            conversations=self.conversations,
            top_templates=self.top_templates,
            template_requests=self.template_requests,
            capability_days=self.capability_days,
            active_hours=self.active_hours,
            gap_mean_ms=self.gap_mean_ms,
            gap_variance=self.gap_variance,
            openings=self.instructions.openings,
            continued=self.instructions.continued,
            instructions=tuple(one.laid_out() for one in self.instructions.kept),
        )


def counts_of(event: RequestEvent) -> Counts:
    """The five counts of one event: an error is a status of 400 or more, a refusal is the finish reason."""
    return Counts(
        1,
        event.input_tokens,
        event.output_tokens,
        1 if event.status_code >= _FIRST_ERROR_STATUS else 0,
        1 if event.finish_reason == "refusal" else 0,
    )


def fold_event(account: ReferenceAccount, event: RequestEvent, at_ms: int) -> bool:
    """Add one event at event time `at_ms` to the account; True if it came late."""
    late = count(account.windows, at_ms, counts_of(event))
    hour = at_ms // HOUR_MS
    if event.address_hash is not None:
        account.addresses.add(event.address_hash, hour)
    if event.user_agent_hash is not None:
        account.user_agents.add(event.user_agent_hash, hour)
    if event.conversation_id is not None:
        account.conversations.add(event.conversation_id, hour)
    if event.template_hash is not None:
        account.templates.add(event.template_hash, hour)
        _note_template(account, hash32(event.template_hash))
    account.profile = account.profile.after(
        Said(event.account_created_at_ms, event.plan, event.plan_daily_tokens, event.org_id, event.payment_hash)
    )
    note(account.capability_days, at_ms // DAY_MS, POSITION[event.capability], 1)
    _note_hour(account, hour)
    _note_gap(account, at_ms)
    account.requests += 1
    account.late += late
    note_turn(account.instructions, event, at_ms)
    return late


def is_due(account: ReferenceAccount, rule: Evaluation) -> bool:
    """True at `first_at` events, at each doubling up to `every`, and from there at every `every`; then it is done."""
    done = account.evaluated_requests
    due = account.requests >= (rule.first_at if done == 0 else done + min(done, rule.every))
    if due:
        account.evaluated_requests = account.requests
    return due


def view_of(account: ReferenceAccount) -> AccountView:
    """The account as signals see it as of its newest event."""
    as_of_ms = account.last_ms
    hour = as_of_ms // HOUR_MS
    day = account.windows.total("hours", as_of_ms)
    _, share = focus(account.capability_days, as_of_ms // DAY_MS, _EXTRACTED)
    first_hour = hour - SPAN_HOURS + 1
    created = account.profile.created_at_ms
    reworded = account.instructions.most_missing()
    return AccountView(
        as_of_ms=as_of_ms,
        plan=account.profile.plan,
        plan_daily_tokens=account.profile.plan_daily_tokens,
        age_ms=None if created is None else max(0, as_of_ms - created),
        requests=day.requests,
        tokens=day.tokens,
        requests_1h=account.windows.total("minutes", as_of_ms).requests,
        errors=day.errors,
        active_hours=sum(1 for index in account.windows.hours if first_hour <= index <= hour),
        active_hours_7d=account.active_hours.bit_count(),
        addresses=account.addresses.count(hour),
        user_agents=account.user_agents.count(hour),
        templates=account.templates.count(hour),
        conversations=account.conversations.count(hour),
        top_template_share=_top_template_share(account),
        capability_share=share,
        gap_variation=sqrt(account.gap_variance) / account.gap_mean_ms if account.gap_mean_ms > 0 else 0.0,
        reworded=reworded.asked if reworded else 0,
        reworded_followed=reworded.followed if reworded else 0,
        reworded_extracted=reworded.extracted if reworded else 0,
        followed_share=account.instructions.followed_share,
    )


def _note_template(account: ReferenceAccount, template: int) -> None:
    """Count the commonest templates (Misra and Gries, "Finding repeated elements", 1982); halving makes it slide."""
    top = account.top_templates
    account.template_requests += 1
    if template in top or len(top) < TOP_TEMPLATES:
        top[template] = top.get(template, 0) + 1
    else:
        for key in list(top):
            top[key] -= 1
            if top[key] == 0:
                del top[key]
    if account.template_requests >= _TEMPLATES_BEFORE_HALVING:
        account.template_requests //= 2
        account.top_templates = {key: count // 2 for key, count in top.items() if count > 1}


def _note_hour(account: ReferenceAccount, hour: int) -> None:
    """Keep the last 168 hours as a bitmap: bit i is the hour that was i hours before the newest event's."""
    newest = account.last_ms // HOUR_MS
    if account.requests == 0:
        account.active_hours = 1
    elif hour > newest:
        shifted = account.active_hours << min(hour - newest, WEEK_HOURS) | 1
        account.active_hours = shifted & ((1 << WEEK_HOURS) - 1)
    elif newest - hour < WEEK_HOURS:
        account.active_hours |= 1 << (newest - hour)


def _note_gap(account: ReferenceAccount, at_ms: int) -> None:
    """Exponentially weighted mean and variance of the gap (Finch, "Incremental calculation of weighted mean", 2009)."""
    if account.requests == 0:
        account.first_ms = account.last_ms = at_ms
        return
    gap = min(abs(at_ms - account.last_ms), _GAP_CEILING_MS)
    if account.requests == 1:
        account.gap_mean_ms = float(gap)
    else:
        difference = gap - account.gap_mean_ms
        step = _GAP_WEIGHT * difference
        account.gap_mean_ms += step
        account.gap_variance = (1 - _GAP_WEIGHT) * (account.gap_variance + difference * step)
    account.first_ms = min(account.first_ms, at_ms)
    account.last_ms = max(account.last_ms, at_ms)


def _top_template_share(account: ReferenceAccount) -> float:
    if account.template_requests == 0:
        return 0.0
    return max(account.top_templates.values(), default=0) / account.template_requests
