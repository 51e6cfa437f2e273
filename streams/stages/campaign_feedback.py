"""campaigns takes feedback: who must not be a member for a time, and which campaigns must not be limited."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from streams.accounts import Enforcement
from streams.campaigns import Campaign, Pointer
from streams.decide import Subject, is_exempt, is_limited
from streams.decisions import Reason, Wording
from streams.events import LATEST_MS
from streams.evidence import CampaignView
from streams.feedback import Verdict
from streams.findings import Finding, link_name
from streams.learning import FEATURES, LIKELY, TEACH_EVERY_MS, Learner, Lesson, log_loss, vector_of
from streams.links import ERASED_FOR_MS
from streams.policy import LONGEST_EXPIRY_MS, Policy
from streams.reviewing import exempt_until, review
from streams.sketches import Sketches
from streams.stages.campaign_saying import Cause
from streams.stages.campaign_states import SKETCHES, campaign_key, chain, home_of, link_key, member_key
from streams.stages.shape import NO_REQUEST, Output
from streams.states import States
from streams.windows import HOUR_MS

LEARNER = "learner"
EXEMPT = "exempt"
"""The key of the accounts that reviewers spoke of."""


class Ruling(Struct, array_like=True, gc=False):
    """What a reviewer said of an account: when, and until when it is exempt."""

    decided_at_ms: int
    until_ms: int


class Exempt(Struct, array_like=True):
    """The accounts that reviewers spoke of, each with the verdict that counts; forgotten when it says no more.

    They are looked through once an hour of the verdicts' time, up to `swept_ms`, and not at each verdict. `erased` are
    those that nothing shall be known of for what they did until a time; a campaign forgets them when it is looked at
    next, and one that is not looked at expires before they are dropped here. `payments` are how accounts pay that were
    called innocent, each with when that was said last.
    """

    rulings: dict[str, Ruling] = field(default_factory=dict)
    swept_ms: int = 0
    erased: dict[str, int] = field(default_factory=dict)
    payments: dict[str, int] = field(default_factory=dict)

    def among(self, names: Collection[str], at_ms: int) -> frozenset[str]:
        """Those of `names` that must not be members at `at_ms`."""
        fewer, more = (names, self.rulings) if len(names) < len(self.rulings) else (self.rulings, names)
        return frozenset(name for name in fewer if name in more and at_ms < self.rulings[name].until_ms)

    def spoken_ms(self, name: str, payment: str | None) -> int:
        """When a reviewer let an account go that nobody spoke of since, or one that pays so; -1 if none did."""
        ruling = self.rulings.get(name)
        is_innocent = ruling is not None and ruling.until_ms > ruling.decided_at_ms
        return max(ruling.decided_at_ms if ruling and is_innocent else -1, self.payments.get(payment or "", -1))

    def let_go(self, campaign: Campaign, at_ms: int) -> None:
        """Take out of the campaign who must not be a member; what releases took back since it was told is untold."""
        campaign.let_go(self.among(campaign.seen, at_ms))
        told = campaign.told_as
        campaign.untell({it for it in self.payments.keys() & told.keys() if told[it].at_ms <= self.payments[it]})

    def erase(self, name: str, until_ms: int) -> None:
        """Forget what was said of an account, and that it shall be forgotten."""
        self.rulings.pop(name, None)
        self._sweep(until_ms)
        kept = {it: at_ms for it, at_ms in self.erased.items() if until_ms - at_ms <= ERASED_FOR_MS}
        self.erased = {**kept, name: max(until_ms, kept.get(name, until_ms))}

    def take(self, verdict: Verdict, policy: Policy) -> bool:
        """Take a verdict about an account; False if a later one was taken before."""
        before, at_ms = self.rulings.get(verdict.subject_id), verdict.decided_at_ms
        if before is not None and at_ms <= before.decided_at_ms:
            return False
        self.rulings[verdict.subject_id] = Ruling(at_ms, exempt_until(verdict.verdict, at_ms, policy))
        if verdict.payment_hash is not None and verdict.verdict == "innocent":
            self.payments[verdict.payment_hash] = max(at_ms, self.payments.get(verdict.payment_hash, at_ms))
        self._sweep(at_ms)
        return True

    def _sweep(self, at_ms: int) -> None:
        if at_ms - self.swept_ms >= HOUR_MS:
            self.swept_ms, oldest = at_ms, at_ms - LONGEST_EXPIRY_MS
            self.rulings = {name: it for name, it in self.rulings.items() if it.decided_at_ms > oldest}
            self.payments = {
                payment: decided_ms for payment, decided_ms in self.payments.items() if decided_ms > oldest
            }


def ask(
    view: CampaignView, reasons: Sequence[Reason], at_ms: int, policy: Policy, states: States
) -> tuple[bytes, float | None]:
    """How a campaign looks to the model that learns from reviewers, and how likely they would confirm it."""
    if policy.feedback.model == "off":
        return b"", None
    learner = states.read(LEARNER, Learner)
    if learner.is_stale(at_ms):
        states.changed.add(LEARNER)
    vector = vector_of(view, reasons, policy.signals)
    return vector, learner.probability(vector)


def needed_for(verdict: Verdict, states: States) -> set[str]:
    """The keys that a verdict touches: an account's campaign, or a campaign, with those that took it in."""
    if verdict.subject_kind == "campaign":
        return {campaign_key(verdict.subject_id)}
    key = member_key(verdict.subject_id)
    return {key} if key not in states else {key} | chain(states.read(key, Pointer).campaign_id, states)


def take_verdicts(verdicts: Sequence[Verdict], place: str, output: Output, policy: Policy, states: States) -> None:
    """Take what reviewers said in the record at that `place`, one after the other."""
    for index, verdict in enumerate(verdicts):
        take_verdict(verdict, Cause(f"{place}/verdict/{index}", NO_REQUEST, output, policy), states)


def take_verdict(verdict: Verdict, cause: Cause, states: States) -> None:
    """Do what a verdict says, and learn from it, unless a later one about its subject was taken before."""
    if verdict.subject_kind == "account":
        if verdict.verdict == "erased":
            _erase(verdict, states)
        elif states.change(EXEMPT, Exempt).take(verdict, cause.policy):
            _take_account(verdict, cause, states)
    elif verdict.verdict != "erased":
        _take_campaign(verdict, cause, states)


def _take_campaign(verdict: Verdict, cause: Cause, states: States) -> None:
    campaign = states.read(campaign_key(verdict.subject_id), Campaign)
    if not campaign.campaign_id or campaign.merged_into is not None:  # another is not what the reviewer looked at
        cause.output.tally["verdict_taken_in" if campaign.campaign_id else "verdict_unknown"] += 1
        return
    if verdict.decided_at_ms <= campaign.reviewed_ms:
        return
    states.changed.add(campaign_key(verdict.subject_id))
    campaign.reviewed_ms = verdict.decided_at_ms
    if verdict.decided_at_ms - campaign.taught_ms >= TEACH_EVERY_MS and _teach(campaign, verdict, cause, states):
        campaign.taught_ms = verdict.decided_at_ms
    before = campaign.enforcement
    campaign.enforcement = _review(campaign, Subject("campaign", campaign.campaign_id), verdict, cause)
    if verdict.verdict == "innocent":
        campaign.found_ms = LATEST_MS
        campaign.untell({*campaign.told})  # the release takes them back
    sketches, similar = states.read(SKETCHES, Sketches), cause.policy.campaign.similar
    own = sketches.among(campaign.own)
    for name, evidence in sorted(campaign.limitable.items()):
        if evidence.enforcement.sequence and _is_meant(evidence.enforcement, before, verdict):
            keeps = verdict.verdict == "confirmed" and evidence.is_worded
            wording = sketches.wording_of(name, own, similar) if keeps else None
            evidence.is_worded = None if verdict.verdict == "innocent" else evidence.is_worded and wording is not None
            evidence.enforcement = _review(campaign, Subject("network", name), verdict, cause, wording)


def _is_meant(template: Enforcement, campaign: Enforcement, verdict: Verdict) -> bool:
    """Whether what is said of a campaign, as it stood, is said of one of its templates: not what was let go before."""
    at_ms = verdict.decided_at_ms
    if verdict.verdict == "innocent" or is_exempt(campaign, at_ms):
        return True
    return is_limited(campaign, at_ms) and is_limited(template, at_ms)


def spare(finding: Finding, states: States) -> tuple[Finding, frozenset[str]]:
    """A finding without the accounts that are exempt as of then, and those.

    Nor with any that is erased, by what was erased: links that others use name it until networks hear of it too.
    """
    exempt = states.read(EXEMPT, Exempt)
    if exempt.erased:
        known = tuple(it for it in finding.members if exempt.erased.get(it.account_id, -1) < it.since_ms)
        finding = finding if len(known) == len(finding.members) else replace(finding, members=known)
    if not exempt.rulings:
        return finding, frozenset()
    spared = exempt.among({tied.account_id for tied in finding.members}, finding.as_of_ms)
    if not spared:
        return finding, spared
    return replace(finding, members=tuple(it for it in finding.members if it.account_id not in spared)), spared


def says_nothing(finding: Finding, states: States) -> bool:
    """Whether nobody is left of a finding whose link no campaign has."""
    return not finding.members and states.read(link_key(link_name(finding)), Pointer).campaign_id is None


def apart(ids: list[str], finding: Finding, campaigns: Mapping[str, Campaign], siblings: Collection[str]) -> list[str]:
    """Those of the campaigns `ids` that a finding joins after all; `siblings` are the links it is a rewording of.

    A campaign that was called innocent stays by itself: neither is it limited for what another does, nor does another
    go free by joining it. It takes in what is sent in its own words, and in no other's.
    """
    exempt = {it for it in ids if is_exempt(campaigns[it].enforcement, finding.as_of_ms)}
    if not exempt:
        return ids
    free = [it for it in ids if it not in exempt]
    for names in ({link_name(finding)}, siblings):
        holders = [it for it in ids if not campaigns[it].links.keys().isdisjoint(names)]
        if holders:
            return free if any(it in free for it in holders) else holders[:1]
    return free


def forget_erased(campaigns: Mapping[str, Campaign], states: States) -> None:
    """Have campaigns that are looked at forget who is erased, before more is added of what these did since."""
    erased = states.read(EXEMPT, Exempt).erased
    if erased:
        states.changed |= {campaign_key(it) for it, campaign in campaigns.items() if campaign.erase(erased)}


def _erase(verdict: Verdict, states: States) -> None:
    """Forget an account: what was said of it, where it belongs, and what its campaign knows of it.

    To say it again changes nothing of what it did since.
    """
    name = verdict.subject_id
    exempt = states.change(EXEMPT, Exempt)
    exempt.erase(name, verdict.decided_at_ms)
    campaign = home_of(name, states)
    if campaign is not None:
        _leave_for_good(name, campaign, states)
        forget_erased({campaign.campaign_id: campaign}, states)
    if campaign is None or name not in campaign.members:
        states.change(member_key(name), Pointer).campaign_id = None


def _take_account(verdict: Verdict, cause: Cause, states: States) -> None:
    """Let its campaign learn, and an innocent account go; others that saw it do when they are decided about."""
    key = member_key(verdict.subject_id)
    campaign = home_of(verdict.subject_id, states)
    if campaign is None:
        return
    states.changed.add(campaign_key(campaign.campaign_id))
    if verdict.decided_at_ms - campaign.member_taught_ms >= TEACH_EVERY_MS:
        share = 1 / max(1, campaign.size)
        if _teach(campaign, verdict, cause, states, weight=share):
            campaign.member_taught_ms = verdict.decided_at_ms
    if verdict.verdict == "innocent":
        _leave_for_good(verdict.subject_id, campaign, states)
        states.change(key, Pointer).campaign_id = None
        campaign.let_go({verdict.subject_id})


def _leave_for_good(name: str, campaign: Campaign, states: States) -> None:
    """Count a member that the campaign had to forget no more; the others it takes out itself."""
    if campaign.has_forgotten(name, campaign.campaign_id):
        campaign.gone -= 1
        states.changed.add(campaign_key(campaign.campaign_id))


def _teach(campaign: Campaign, verdict: Verdict, cause: Cause, states: States, *, weight: float = 1.0) -> bool:
    """Have the model learn how the campaign looked when it was decided about; False if it must not, or cannot."""
    if cause.policy.feedback.model == "off" or len(campaign.decided) != len(FEATURES):
        return False
    learner = states.change(LEARNER, Learner)
    held = learner.learn(Lesson(campaign.decided, verdict.verdict == "confirmed", weight))
    outcome = "warming" if held is None else "right" if held >= LIKELY else "wrong"
    cause.output.tally[f"lesson_{verdict.verdict}_{outcome}"] += 1
    if held is not None:
        cause.output.measured.append(("lesson_loss", log_loss(held)))
    return True


def _review(
    campaign: Campaign,
    subject: Subject,
    verdict: Verdict,
    cause: Cause,
    wording: Wording | None = None,
) -> Enforcement:
    """Decide as the reviewer says about a campaign or one of its templates; what is in force from then on."""
    current = campaign.enforcement if subject.kind == "campaign" else campaign.limitable[subject.name].enforcement
    said = review(
        current,
        subject,
        word=verdict.verdict,
        at_ms=verdict.decided_at_ms,
        source=cause.source,
        policy=cause.policy,
        campaign_id=campaign.campaign_id,
        among=len(campaign.limitable) if subject.kind == "network" else 1,
        wording=wording,
    )
    if said is None:
        return current
    cause.tell(said[1])
    return said[0]
