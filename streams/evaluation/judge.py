"""The judge: takes exchanges in order of time and decisions, and says what they were worth."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from heapq import heappop, heappush
from statistics import median

from streams.decisions import LADDER, LIMITING, Action, Decision
from streams.enforcement import Ask, Standing
from streams.evaluation.calibration import calibration
from streams.evaluation.enforcing import Enforcing
from streams.evaluation.intervals import average_precision, interval, precision_recall
from streams.evaluation.results import CampaignResult, ClassResult, Evaluation, Point
from streams.evaluation.tallies import Campaign, Decided, Named, Suspect, TurnedAway
from streams.scenarios import Truth
from streams.windows import MINUTE_MS

DELAY_MS = 1_000
"""From the newest event that a decision rests on to the gateway: what the speed target allows 99 in 100 of them."""

EVIDENCE = 50
"""Exchanges of a campaign after which there is enough to see it by."""

ALL = "all"


class Judge:
    """One run: what was sent, what was decided, who is who. It serves as the limits that scenarios look at.

    Kept are a few bytes of each innocent account, and the times of each campaign account; nothing of an exchange.
    """

    def __init__(self, delay_ms: int = DELAY_MS) -> None:
        """A decision is in force `delay_ms` after its `decided_at_ms`."""
        self._enforcing = Enforcing()
        self._delay_ms = delay_ms
        self._labels: dict[str, str] = {}
        self._suspects: dict[str, Suspect] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._decided: dict[str, Decided] = {}
        self._pending: list[tuple[int, int, Decision]] = []
        self._named: dict[str, Named] = {}
        self._turned_away: defaultdict[str, TurnedAway] = defaultdict(TurnedAway)
        self._records = 0
        self._order = 0

    def meet(self, truth: Truth) -> None:
        """Learn who an account is, before or after its first exchange; the first word counts."""
        if truth.account_id in self._labels:
            return
        self._labels[truth.account_id] = truth.label
        if truth.campaign_id is not None:
            campaign = self._campaigns.setdefault(truth.campaign_id, Campaign(truth.label))
            self._suspects[truth.account_id] = campaign.members[truth.account_id] = Suspect(campaign)

    def decide(self, decision: Decision) -> None:
        """Hold a decision until its time comes: exchanges up to then are judged without it."""
        self._order += 1
        heappush(self._pending, (decision.decided_at_ms + self._delay_ms, self._order, decision))

    def exchange(self, ask: Ask, at_ms: int, *, cover: bool = False) -> None:
        """Judge one exchange, as a gateway would ask about it. Decisions whose time has come by `at_ms` are in force.

        `cover` is what a campaign sends and is not after: `Cover`.

        One of a limited template, or one that says the same, has not leaked, though its account may not be limited; and
        an innocent account that sends such a thing has been wronged as hard as the template is limited. Who is limited
        for how it pays is limited, innocent or not, and tied to the campaign that paid so.
        """
        while self._pending and self._pending[0][0] <= at_ms:
            in_force_ms, _, decision = heappop(self._pending)
            self._apply(decision, in_force_ms)
        self._records += 1
        account_id = ask.account_id
        suspect = self._suspects.get(account_id)
        over = self._enforcing.over_request(ask, at_ms)
        paid = self._enforcing.over_payment(ask, at_ms)
        if paid is not None:
            self._limit_by_payment(ask, paid, at_ms)
        if suspect is None:
            if over is not None and over.action is not None:
                self._limit(account_id, self._decided.setdefault(account_id, Decided()), over.action, at_ms)
            return
        campaign = suspect.campaign
        campaign.exchanges += 1
        if campaign.exchanges == 1:
            campaign.first_ms = at_ms
        if campaign.exchanges == EVIDENCE:
            campaign.evidence_ms = at_ms
        if suspect.first_ms is None:
            suspect.first_ms = at_ms
            suspect.replaces = campaign.limited_ms is not None
        suspect.pays = ask
        decided = self._decided.get(account_id)
        leaks = over is None and (decided is None or decided.limited_ms is None)
        campaign.leaked += leaks
        is_early = campaign.is_first_day(at_ms)
        campaign.first_day += is_early
        campaign.first_day_leaked += is_early and leaks
        campaign.cover += cover
        campaign.cover_leaked += cover and leaks
        campaign.passed += self._enforcing.admits(ask, at_ms)

    def limited(self, account_id: str, at_ms: int) -> bool:
        """Whether a limit is in force for the account, by the decisions up to the last exchange."""
        suspect = self._suspects.get(account_id)
        pays = None if suspect is None else suspect.pays
        if pays is not None and self._enforcing.over_payment(pays, at_ms) is not None:
            return True
        return self._enforcing.over_account(account_id, at_ms) is not None

    def turned_away(self, campaign_id: str, at_ms: int, exchanges: float, cover: float = 0.0) -> None:
        """Count exchanges that a campaign meant to send and could not, for want of an account that is not limited."""
        turned_away, campaign = self._turned_away[campaign_id], self._campaigns.get(campaign_id)
        turned_away.exchanges += exchanges
        turned_away.cover += cover
        if campaign is None or campaign.is_first_day(at_ms):
            turned_away.first_day += exchanges

    def result(self) -> Evaluation:
        """What it all comes to. Decisions that are still held are put into force first."""
        while self._pending:
            in_force_ms, _, decision = heappop(self._pending)
            self._apply(decision, in_force_ms)
        limited = self.limited_accounts()
        guilty = sum(name in self._suspects for name in limited)
        scored = list(self._scored())
        curve = precision_recall(scored)
        return Evaluation(
            records=self._records,
            campaigns=tuple(self._campaign(name) for name in sorted(self._campaigns)),
            innocents=tuple(self._classes()),
            limited=len(limited),
            precision=guilty / len(limited) if limited else None,
            average_precision=average_precision(curve) if self._suspects else None,
            precision_recall=curve,
            detection={name: self._detection(name) for name in sorted(self._campaigns)},
            calibration=calibration(it for it in scored if it[0] > 0) if self._suspects else None,
        )

    def limited_accounts(self) -> set[str]:
        """The accounts that were limited at some time, out of those that are known."""
        return {name for name, it in self._decided.items() if it.limited_ms is not None and name in self._labels}

    def _apply(self, decision: Decision, in_force_ms: int) -> None:
        self._enforcing.take(decision)
        accounts: Collection[str] = (decision.subject_id,) if decision.subject_kind == "account" else ()
        if decision.subject_kind == "account" and decision.action == "release":  # it is no member any more
            for released in self._named.values():
                released.accounts.discard(decision.subject_id)
        limits = decision.action in LIMITING and not decision.shadow
        if decision.subject_kind == "campaign":
            named = self._named.setdefault(decision.subject_id, Named())
            self._note_links(decision, named, in_force_ms)
            accounts = named.told(decision, limits=limits)
        for account_id in accounts:
            decided = self._decided.setdefault(account_id, Decided())
            decided.score = max(decided.score, decision.score)
            if limits:
                self._limit(account_id, decided, decision.action, in_force_ms)

    def _limit(self, account_id: str, decided: Decided, action: Action, at_ms: int) -> None:
        if decided.limited_ms is None:
            decided.limited_ms = at_ms
        if LADDER.index(action) > LADDER.index(decided.hardest):
            decided.hardest = action
        suspect = self._suspects.get(account_id)
        if suspect is not None and suspect.campaign.limited_ms is None:
            suspect.campaign.limited_ms = at_ms

    def _limit_by_payment(self, ask: Ask, paid: Standing, at_ms: int) -> None:
        """What a decision about a campaign does to an account that it does not name, but that pays as members do."""
        decided = self._decided.setdefault(ask.account_id, Decided())
        named = self._named[paid.subject_id]
        decided.score = max(decided.score, named.score)
        if paid.action is not None:
            self._limit(ask.account_id, decided, paid.action, at_ms)
        suspect = self._suspects.get(ask.account_id)
        if suspect is not None and suspect.linked_ms is None and id(suspect.campaign) in named.campaigns:
            suspect.linked_ms = at_ms

    def _note_links(self, decision: Decision, named: Named, at_ms: int) -> None:
        """Note which campaigns the decision is an alert about, and whom it ties to accounts named before."""
        known = frozenset(named.campaigns)
        for account_id in decision.members:
            suspect = self._suspects.get(account_id)
            if suspect is None:
                continue
            if suspect.campaign.alerted_ms is None:
                suspect.campaign.alerted_ms = at_ms
            if suspect.linked_ms is None and id(suspect.campaign) in known:
                suspect.linked_ms = at_ms
            named.campaigns.add(id(suspect.campaign))

    def _scored(self) -> Iterator[tuple[float, bool]]:
        """Of each account the highest score of a decision about it, 0 if there was none, and whether it is guilty."""
        for account_id in self._labels:
            decided = self._decided.get(account_id)
            yield (0.0 if decided is None else decided.score), account_id in self._suspects

    def _campaign(self, campaign_id: str) -> CampaignResult:
        campaign = self._campaigns[campaign_id]
        members = campaign.spoken()
        decided = [self._decided.get(name, Decided()) for name in members]
        replacements = [it for it in members.values() if it.replaces]
        relinked = [it for it in replacements if it.linked_ms is not None]
        limited = sum(it.limited_ms is not None for it in decided)
        turned_away = self._turned_away[campaign_id]
        exchanges = campaign.exchanges + round(turned_away.exchanges)
        extraction = exchanges - campaign.cover - round(turned_away.cover)
        waits = [max(0, (it.linked_ms or 0) - (it.first_ms or 0)) / MINUTE_MS for it in relinked]
        return CampaignResult(
            campaign_id=campaign_id,
            label=campaign.label,
            accounts=len(members),
            exchanges=exchanges,
            sent=campaign.exchanges,
            leaked=campaign.leaked,
            extraction=extraction,
            extraction_leaked=campaign.leaked - campaign.cover_leaked,
            first_day_exchanges=campaign.first_day + round(turned_away.first_day),
            first_day_leaked=campaign.first_day_leaked,
            passed=campaign.passed,
            limited=limited,
            suspended=sum(it.hardest == "suspend" for it in decided),
            minutes_from_first=_minutes(campaign.first_ms, campaign.limited_ms),
            minutes_from_evidence=_minutes(campaign.evidence_ms, campaign.limited_ms),
            minutes_to_alert=_minutes(campaign.evidence_ms, campaign.alerted_ms),
            replacements=len(replacements),
            relinked=len(relinked),
            minutes_to_relink=median(waits) if waits else None,
            leakage=campaign.leaked / exchanges if exchanges else 0.0,
            recall=limited / len(members) if members else 0.0,
        )

    def _detection(self, campaign_id: str) -> tuple[Point, ...]:
        members = self._campaigns[campaign_id].spoken()
        waits = sorted(
            max(0, decided.limited_ms - (it.first_ms or 0)) / MINUTE_MS
            for name, it in members.items()
            if (decided := self._decided.get(name)) is not None and decided.limited_ms is not None
        )
        return tuple(Point(minutes, (place + 1) / len(members)) for place, minutes in enumerate(waits))

    def _classes(self) -> Iterator[ClassResult]:
        """The ordinary, each kind of look-alike, and all innocents together."""
        innocents = {name: label for name, label in self._labels.items() if name not in self._suspects}
        accounts = Counter(innocents.values())
        hardest: dict[str, Counter[Action]] = {label: Counter() for label in accounts}
        for name, label in innocents.items():
            if (decided := self._decided.get(name)) is not None:
                hardest[label][decided.hardest] += 1
        for label in sorted(accounts, key=lambda label: (label.startswith("look_alike:"), label)):
            yield _class(label, accounts[label], hardest[label])
        yield _class(ALL, accounts.total(), sum(hardest.values(), Counter()))


def _class(label: str, accounts: int, hardest: Counter[Action]) -> ClassResult:
    return ClassResult(
        label=label,
        accounts=accounts,
        throttled=interval(hardest["throttle"], accounts),
        challenged=interval(hardest["challenge"], accounts),
        suspended=interval(hardest["suspend"], accounts),
        limited=interval(sum(hardest[action] for action in LIMITING), accounts),
    )


def _minutes(from_ms: int | None, until_ms: int | None) -> float | None:
    """Minutes between the two, not less than none; None if one of them never came."""
    return None if from_ms is None or until_ms is None else max(0, until_ms - from_ms) / MINUTE_MS
