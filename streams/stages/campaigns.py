"""campaigns: findings into campaigns, and decisions and alerts about them."""

from collections import deque
from collections.abc import Container, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct, field

from streams.accounts import Enforcement
from streams.campaigns import Campaign, Pointer
from streams.decide import (
    Budget,
    Verdict,
    action_of,
    both,
    harder,
    is_due,
    is_exempt,
    is_limited,
    is_only_shadow,
)
from streams.decisions import LIMITING, Action
from streams.events import LATEST_MS
from streams.findings import Finding, Findings, link_name
from streams.joining import add_finding, found, homes_of, take_in
from streams.learning import Learner, LearnerState, softened
from streams.links import Source
from streams.membership import judged, limited_alone, verdict_on
from streams.policy import Policy
from streams.sketches import Sketches
from streams.stages.campaign_feedback import (
    EXEMPT,
    LEARNER,
    Exempt,
    apart,
    ask,
    forget_erased,
    needed_for,
    says_nothing,
    spare,
    take_verdicts,
)
from streams.stages.campaign_payments import CROWDED, Crowded, note_crowds, take_back, tell
from streams.stages.campaign_saying import Cause, release
from streams.stages.campaign_short import needed_by, take_users, tie_after_all
from streams.stages.campaign_splits import split
from streams.stages.campaign_states import (
    SKETCHES,
    campaign_key,
    chain,
    home_campaigns,
    is_known,
    link_key,
    member_key,
    note_sketch,
    remember_members,
    short_key,
)
from streams.stages.campaign_templates import let_go_of_crowds, let_go_with_it, limit_templates
from streams.stages.shape import Output, StageName
from streams.states import States

SHARD = "shard"
ALWAYS = frozenset({SHARD, SKETCHES, EXEMPT, LEARNER, CROWDED})
"""The keys that every batch needs."""


class CampaignsShard(Struct, array_like=True):
    """What is kept beside the campaigns: the blast radius."""

    budget: Budget = field(default_factory=Budget)


_FRESH: Mapping[str, type[Struct]] = {
    "campaign": Campaign,
    SHARD: CampaignsShard,
    EXEMPT: Exempt,
    CROWDED: Crowded,
}
"""What there is under a key of that kind before anything was stored; a pointer elsewhere."""


class PlacedFindings(Struct, frozen=True, gc=False):
    """A record of findings with its own offset in `stillwatch.findings`."""

    offset: int
    findings: Findings


class CampaignsStage:
    """Accounts tied by findings become campaigns; the ladder decides about a campaign when it changed."""

    name: StageName = "campaigns"

    def __init__(self, policy: Policy) -> None:
        """Decide by `policy`."""
        self._policy = policy
        pointers = dict.fromkeys(("member", "link", "short"), Pointer)
        kept = {**_FRESH, **pointers, LEARNER: LearnerState}
        self._decoders = {kind: msgspec.msgpack.Decoder[Any](it) for kind, it in kept.items()}
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def nothing(self) -> Sequence[PlacedFindings]:
        """No records."""
        return ()

    def needs(self, items: Sequence[PlacedFindings], states: States) -> set[str]:
        """Links and members of the batch, then the campaigns they point to, then those that took these in.

        What verdicts are about as well.
        """
        keys = set(ALWAYS)
        if SKETCHES not in states:
            return keys
        sketches = states.read(SKETCHES, Sketches)
        for item in items:
            for finding in item.findings.findings:
                name = link_name(finding)
                keys |= {link_key(name), short_key(name), *map(link_key, sketches.like(finding))}
                keys.update(member_key(tied.account_id) for tied in finding.members)
            for users in item.findings.users:
                keys |= needed_by(users)
        for key in list(keys):
            if key not in ALWAYS and key in states:
                keys |= chain(states.read(key, Pointer).campaign_id, states)
        for item in items:
            for verdict in item.findings.verdicts:
                keys |= needed_for(verdict, states)
        return keys

    def decode(self, key: str, stored: bytes | None) -> object:
        """What is kept under the key: a pointer, a campaign, the model made of its lessons, or one of the rest."""
        if (kind := key.partition(":")[0]) == SKETCHES:
            return Sketches(stored or b"")
        if kind == LEARNER:
            return Learner(LearnerState() if stored is None else self._decoders[LEARNER].decode(stored))
        if stored:
            return self._decoders[kind].decode(stored)
        return _FRESH.get(kind, Pointer)()

    def encode(self, _key: str, state: object) -> bytes:
        """MessagePack of the state, of a model the lessons it was made of; sketches as they store themselves."""
        if isinstance(state, Sketches):
            return state.stored()
        if isinstance(state, Learner):
            return self._encode(state.state)
        if isinstance(state, Pointer) and state.campaign_id is None:
            return b""
        return self._encode(state)

    def fold(self, _source: Source, items: Sequence[PlacedFindings], states: States) -> Output:
        """Take what is told of crowds, verdicts, and each finding that says anything new: join or found a campaign.

        Decide about a campaign when all was taken that was found as of one minute, which one record has together.
        """
        output = Output()
        for item in items:
            record = item.findings
            take_verdicts(record.verdicts, f"findings/{item.offset}", output, self._policy, states)
            crowds = deque(sorted(record.crowds, key=lambda crowd: crowd.as_of_ms))
            for _, found_then in groupby(enumerate(record.findings), key=lambda pair: pair[1].as_of_ms):
                touched: dict[str, Cause] = {}
                stood: dict[str, Enforcement] = {}
                for index, whole in found_then:
                    note_crowds(crowds, whole.as_of_ms, states)
                    finding, spared = spare(whole, states)
                    if is_known(finding, states) or says_nothing(finding, states):
                        output.tally["duplicate"] += 1
                        continue
                    cause = Cause(f"findings/{item.offset}/{index}", record.appended_at_ms, output, self._policy)
                    touched[self._take(finding, spared, cause, states, stood)] = cause
                for campaign_id, cause in touched.items():
                    campaign = states.change(campaign_key(campaign_id), Campaign)
                    if campaign.merged_into is None:
                        self._decide(campaign, cause, states, stood.get(campaign_id, Enforcement()))
            note_crowds(crowds, LATEST_MS, states)
            for index, users in enumerate(record.users):
                cause = Cause(f"findings/{item.offset}/users/{index}", record.appended_at_ms, output, self._policy)
                owner = take_users(users, cause, states)
                if owner is not None:
                    self._decide(owner, cause, states, Enforcement())
        return output

    def _take(
        self, finding: Finding, spared: frozenset[str], cause: Cause, states: States, stood: dict[str, Enforcement]
    ) -> str:
        """Take what a finding says, apart from those `spared`; the id of the campaign that it belongs to now.

        `stood` gets what was in force against those that it takes in.
        """
        sketches, name = states.read(SKETCHES, Sketches), link_name(finding)
        siblings = sketches.like(finding)
        homes, campaigns = home_campaigns(finding, siblings, states)
        forget_erased(campaigns, states)
        ids = apart(homes_of(finding, homes, campaigns, siblings), finding, campaigns, siblings)
        campaign = campaigns[ids[0]] if ids else found(finding)
        key = campaign_key(campaign.campaign_id)
        states.held[key] = campaign
        states.changed.add(key)
        states.change(link_key(name), Pointer).campaign_id = campaign.campaign_id
        for other in ids[1:]:
            younger = states.change(campaign_key(other), Campaign)
            at_ms = max(campaign.newest_ms, younger.newest_ms, finding.as_of_ms)
            before = both(younger.enforcement, stood.pop(other, Enforcement()), at_ms)
            take_in(campaign, younger, limited=is_limited(before, at_ms))
            stood[ids[0]] = both(before, stood.get(ids[0], Enforcement()), at_ms)
            release(younger, at_ms, cause)
        remember_members(campaign, finding, states)
        others = siblings & campaign.links.keys()
        for newcomer in add_finding(campaign, finding, homes, spared):
            states.change(member_key(newcomer), Pointer).campaign_id = campaign.campaign_id
        tie_after_all(name, campaign, cause, states)
        campaign.note_siblings(name, others)
        note_sketch(finding, states)
        return campaign.campaign_id

    def _decide(self, campaign: Campaign, cause: Cause, states: States, stood: Enforcement) -> None:
        """Decide at least as hard as what `stood`; of a campaign that splits about each part by itself."""
        at_ms, swept_ms = campaign.newest_ms, campaign.swept_ms
        campaign.forget()
        states.read(EXEMPT, Exempt).let_go(campaign, at_ms)
        if is_exempt(campaign.enforcement, at_ms):
            return
        stands = both(campaign.enforcement, stood, at_ms)
        if not (parts := split(campaign, swept_ms, stands, self._policy, states)):
            self._judge(campaign, cause, states, stood)
            return
        release(campaign, at_ms, cause)
        for part, stands_against_it in parts:
            self._judge(part, cause, states, stands_against_it)

    def _judge(self, campaign: Campaign, cause: Cause, states: States, stood: Enforcement) -> None:
        """Decide if the campaign is big enough and there is something new to say, at least as hard as what `stood`."""
        ladder, at_ms = self._policy.campaign, campaign.newest_ms
        let_go_of_crowds(campaign, cause)
        belonging = campaign.belonging()
        evidence = judged(campaign, belonging, self._policy)
        verdict = verdict_on(evidence, ladder)
        stands = both(campaign.enforcement, stood, at_ms)
        if verdict.action is None:
            if is_limited(stood, at_ms) and not is_only_shadow(stood, shadow=self._policy.shadow):
                self._keep(campaign, stands, verdict, cause, states)
                return
            take_back(campaign, verdict, cause, states)
            if not is_limited(campaign.enforcement, at_ms):
                let_go_with_it(campaign, cause)
            return
        vector, probability = ask(evidence.view, verdict.reasons, at_ms, self._policy, states)
        wanted = softened(verdict.action, probability) if self._policy.feedback.model == "on" else verdict.action
        action = harder(stands, wanted, at_ms)
        limits = action in LIMITING
        names = limits and not evidence.is_small
        unnamed = (belonging.keys() - campaign.members.keys()) | {*campaign.undecided} if names else set[str]()
        deserving = limited_alone(unnamed, belonging, evidence, ladder, at_ms)
        campaign.add_members(sorted(deserving - campaign.members.keys()), at_ms)
        members = self._within_budget(campaign, deserving, action, states, cause.output) if limits else ()
        asked = wanted if action == action_of(campaign.enforcement) else action
        if members or is_due(campaign.enforcement, asked, at_ms, ladder, shadow=self._policy.shadow):
            until = None if wanted == action else stands.expires_at_ms
            tell(campaign, stands, action, verdict, cause, states, members=members, until_ms=until)
            campaign.decided = vector
            if probability is not None:
                cause.output.measured.append(("campaign_probability", probability))
        take_back(campaign, verdict, cause, states)
        if names:
            campaign.found_ms = min(campaign.found_ms, at_ms)
        if limits:
            limit_templates(campaign, action, wanted, verdict, evidence, cause, states.read(SKETCHES, Sketches))
        else:
            let_go_with_it(campaign, cause)

    def _keep(self, campaign: Campaign, stands: Enforcement, verdict: Verdict, cause: Cause, states: States) -> None:
        """Nothing is found of it now: say what stood against those that it took in, until that ends."""
        action = action_of(stands)
        members = self._within_budget(campaign, (), action, states, cause.output)
        tell(campaign, stands, action, verdict, cause, states, members=members, until_ms=stands.expires_at_ms)

    def _within_budget(
        self, campaign: Campaign, deserving: Container[str], action: Action, states: States, output: Output
    ) -> tuple[str, ...]:
        """The members this decision adds: as many as the blast radius leaves; the rest wait for the next finding.

        Those who are limited already, as members of a campaign that was taken in, come first and use up nothing.
        """
        budget = states.change(SHARD, CampaignsShard).budget
        radius = self._policy.blast_radius
        cap = radius.suspended_per_hour if action == "suspend" else radius.accounts_per_hour
        ready = [name for name in campaign.undecided if name in deserving]
        members = ready[: budget.left(campaign.newest_ms, cap)]
        named = {*members}
        campaign.undecided = [name for name in campaign.undecided if name not in named]
        budget.used += len(members)
        output.tally["withheld"] += len(ready) - len(members)
        inherited, campaign.inherited = campaign.inherited, []
        return (*inherited, *members)
