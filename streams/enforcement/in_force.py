"""What is in force: decisions in, and for a request the one that counts, by the rules of `Decision`."""

import sys
from collections.abc import Callable, Container
from typing import Any, NamedTuple

from msgspec import Struct

from streams.decisions import LADDER, LIMITING, Action, Decision, Limits, SubjectKind
from streams.enforcement.asking import Ask
from streams.windows import DAY_MS, MINUTE_MS
from streams.wordings import Wordings

HEIR_MS = MINUTE_MS
"""How long a campaign that another took in still counts (rule 7)."""

KEPT_MS = 90 * DAY_MS
"""How long a decision is remembered: as long as the topic keeps it. An older one that comes again is then refused."""

ANEW_MS = DAY_MS
"""A decision so much later than the one that counts does so whatever its sequence: a decider that has forgotten the
subject, because it was quiet for a month or its Redis was lost, counts from 1 again (rule 1)."""

_HARDNESS = {action: LADDER.index(action) for action in LADDER}


class Standing(Struct):
    """The decision about a subject that counts, by its `sequence`; None for `action`: there is nothing to enforce.

    `decided` is the sequence of the decision that `action` is from: an older one while a heir has not spoken (rule 7).
    """

    subject_kind: SubjectKind
    subject_id: str
    sequence: int
    decided: int
    decided_at_ms: int
    decision_id: str
    action: Action | None
    until_ms: int
    limits: Limits | None = None
    is_exempt: bool = False


class Paid(NamedTuple):
    """A payment that a campaign's decisions name: when one did last, and which accounts that pay so it is about."""

    named_ms: int
    sequence: int
    opened_from_ms: int


class InForce:
    """All decisions so far, as a gateway holds them. Times are milliseconds since the epoch."""

    def __init__(self, *, shadow: bool = False) -> None:
        """Nobody is limited. With `shadow` decisions in shadow count as well: what would be if it were lifted."""
        self._shadow = shadow
        self._standing: dict[SubjectKind, dict[str, Standing]] = {"account": {}, "campaign": {}, "network": {}}
        self._named: dict[str, dict[str, int]] = {}
        self._released: dict[str, int] = {}
        self._paid: dict[str, dict[str, Paid]] = {}
        self._released_payments: dict[str, int] = {}
        self._released_campaigns: dict[str, int] = {}
        self._wordings = Wordings()

    def take(self, decision: Decision) -> bool:
        """Put a decision into force; whether it is news. A repeat or an older one changes nothing but who is named."""
        for member in decision.members:
            named = self._named.setdefault(member, {})
            named[decision.subject_id] = max(decision.decided_at_ms, named.get(decision.subject_id, 0))
        self._note_payments(decision)
        subjects = self._standing[decision.subject_kind]
        before = subjects.get(decision.subject_id)
        if decision.sequence <= self.latest(decision.subject_kind, decision.subject_id, decision.decided_at_ms):
            return False
        standing = Standing(
            decision.subject_kind,
            decision.subject_id,
            decision.sequence,
            decision.sequence,
            decision.decided_at_ms,
            decision.decision_id,
            None,
            decision.expires_at_ms,
        )
        if decision.action == "release" and decision.subject_kind == "account":
            standing.is_exempt = True
            self._released[decision.subject_id] = decision.decided_at_ms
        if names_an_heir(decision) and before is not None:
            standing.action, standing.limits = before.action, before.limits
            standing.decided, standing.decision_id = before.decided, before.decision_id
            standing.until_ms = min(before.until_ms, decision.decided_at_ms + HEIR_MS)
        elif decision.action in LIMITING and (self._shadow or not decision.shadow):
            standing.action, standing.limits = decision.action, decision.limits
        subjects[decision.subject_id] = standing
        if decision.subject_kind == "network":
            self._wordings.put(decision.subject_id, None if standing.action is None else decision.wording)
        return True

    def of(self, kind: SubjectKind, subject_id: str, at_ms: int) -> Standing | None:
        """What is in force about one subject by itself; None if nothing is that a gateway enforces."""
        standing = self._standing[kind].get(subject_id)
        return None if standing is None or at_ms >= standing.until_ms or standing.action is None else standing

    def latest(self, kind: SubjectKind, subject_id: str, decided_at_ms: int | None = None) -> int:
        """The highest sequence known of a subject, whatever it decided; 0 if none is.

        For a decision of `decided_at_ms` that is so much later that the decider has begun to count anew it is 0 as
        well, and above every other for one that is so much older, from before it did.
        """
        standing = self._standing[kind].get(subject_id)
        if standing is None:
            return 0
        later_ms = 0 if decided_at_ms is None else decided_at_ms - standing.decided_at_ms
        if abs(later_ms) < ANEW_MS:
            return standing.sequence
        return 0 if later_ms > 0 else sys.maxsize

    def over_account(self, account_id: str, at_ms: int) -> Standing | None:
        """The hardest that is in force for the account, by itself or as a member of campaigns."""
        named = self._named.get(account_id)
        if named is None:
            return self.of("account", account_id, at_ms)
        if self.is_exempt(account_id, at_ms):
            return None
        hardest = self.of("account", account_id, at_ms)
        released_ms = self._released.get(account_id, -1)
        for campaign_id, named_ms in named.items():
            if named_ms > released_ms:
                hardest = harder(hardest, self.of("campaign", campaign_id, at_ms))
        return hardest

    def over_payment(
        self, ask: Ask, at_ms: int, is_held: Callable[[str], bool] = lambda _payment: False
    ) -> Standing | None:
        """The hardest that is in force for how the account pays, if it was opened late enough for that (rule 11).

        A payment that `is_held` counts for nothing.
        """
        payment, created_ms = ask.payment_hash, ask.account_created_at_ms
        named = None if payment is None or created_ms is None else self._paid.get(payment)
        if payment is None or created_ms is None or named is None or is_held(payment):
            return None
        if self.is_exempt(ask.account_id, at_ms):
            return None
        released_ms = self._released.get(ask.account_id, -1)
        hardest = None
        for campaign_id, paid in named.items():
            if created_ms >= paid.opened_from_ms and self._pays(payment, campaign_id, paid, released_ms):
                hardest = harder(hardest, self.of("campaign", campaign_id, at_ms))
        return hardest

    def limits_payment(self, payment: str, at_ms: int) -> bool:
        """Whether accounts that pay so may be limited for it."""
        named = self._paid.get(payment, {}).items()
        return any(
            paid.opened_from_ms <= at_ms
            and self._pays(payment, campaign_id, paid)
            and self.of("campaign", campaign_id, at_ms) is not None
            for campaign_id, paid in named
        )

    def _pays(self, payment: str, campaign_id: str, paid: Paid, released_ms: int = -1) -> bool:
        """Whether what the campaign said of the payment still counts: nobody took it back since."""
        of_payment = self._released_payments.get(payment, -1)
        return paid.named_ms > max(released_ms, of_payment, self._released_campaigns.get(campaign_id, -1))

    def over_request(
        self, ask: Ask, at_ms: int, is_held: Callable[[str], bool] = lambda _subject_id: False
    ) -> Standing | None:
        """The hardest that is in force for what a request says, whoever sends it (rule 8), but for an exempt account.

        Of those that are limited alike the request's own template comes first, then the most similar. What `is_held`
        counts for nothing.
        """
        names = [] if ask.template_hash is None else [f"template:{ask.template_hash}"]
        if ask.sketch is not None:
            names += self._wordings.like(ask.sketch)
        found = None
        for name in names:
            standing = self.of("network", name, at_ms)
            if standing is not None and not is_held(name):
                found = harder(found, standing)
        return None if found is None or self.is_exempt(ask.account_id, at_ms) else found

    def is_exempt(self, account_id: str, at_ms: int) -> bool:
        """Whether a release of the account keeps every decision from it (rule 9)."""
        standing = self._standing["account"].get(account_id)
        return standing is not None and standing.is_exempt and at_ms < standing.until_ms

    def forget(self, at_ms: int) -> None:
        """Drop what is older than `KEPT_MS` and over."""
        before_ms = at_ms - KEPT_MS
        for kind, subjects in self._standing.items():
            over = [it for it in subjects.values() if it.decided_at_ms < before_ms and it.until_ms <= at_ms]
            for standing in over:
                del subjects[standing.subject_id]
                if kind == "network":
                    self._wordings.put(standing.subject_id, None)
        campaigns = self._standing["campaign"]
        _forget_unknown(self._named, campaigns)
        _forget_unknown(self._paid, campaigns)
        for released in (self._released, self._released_payments, self._released_campaigns):
            for name in [it for it, at in released.items() if at < before_ms]:
                del released[name]

    def _note_payments(self, decision: Decision) -> None:
        """Take the payments that a campaign's decision names, and those that an account's release takes back."""
        at_ms, is_release = decision.decided_at_ms, decision.action == "release"
        if is_release and decision.subject_kind == "campaign" and not names_an_heir(decision):
            newest_ms = self._released_campaigns.get(decision.subject_id, -1)
            self._released_campaigns[decision.subject_id] = max(at_ms, newest_ms)
        for payment in decision.payments:
            if decision.subject_kind == "account" and is_release:
                self._released_payments[payment] = max(at_ms, self._released_payments.get(payment, -1))
            elif decision.subject_kind == "campaign" and decision.opened_from_ms is not None:
                paid = self._paid.setdefault(payment, {})
                said = Paid(at_ms, decision.sequence, decision.opened_from_ms)
                paid[decision.subject_id] = max(said, paid.get(decision.subject_id, said))


def _forget_unknown(named: dict[str, dict[str, Any]], campaigns: Container[str]) -> None:
    """Drop of each name the campaigns that are known no more, and the name once none is left."""
    for name, by in list(named.items()):
        for campaign_id in [it for it in by if it not in campaigns]:
            del by[campaign_id]
        if not by:
            del named[name]


def names_an_heir(decision: Decision) -> bool:
    """Whether a campaign is released because another took it in."""
    is_campaign = decision.action == "release" and decision.subject_kind == "campaign"
    return is_campaign and decision.campaign_id not in {None, decision.subject_id}


def harder(one: Standing | None, other: Standing | None) -> Standing | None:
    """The harder of two that are in force; the one if they are alike."""
    if one is None or other is None:
        return other if one is None else one
    return other if _HARDNESS[other.action or "observe"] > _HARDNESS[one.action or "observe"] else one
