"""campaigns: findings into campaigns, and decisions and alerts about them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from streams.anomaly import MODEL_VERSION
from streams.campaigns import Campaign, Pointer, add_finding, found, homes_of, link_name, take_in
from streams.decide import Budget, Verdict, decide, harder, is_due, is_limited, verdict_of
from streams.decisions import LIMITING, Action, Decision
from streams.findings import Finding, Findings
from streams.links import Source
from streams.policy import Policy
from streams.stages.shape import Outgoing, Output, StageName
from streams.states import States

SHARD = "shard"


class CampaignsShard(Struct, array_like=True):
    """What is kept beside the campaigns: the blast radius."""

    budget: Budget = field(default_factory=Budget)


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
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            "member": msgspec.msgpack.Decoder(Pointer),
            "link": msgspec.msgpack.Decoder(Pointer),
            "campaign": msgspec.msgpack.Decoder(Campaign),
            SHARD: msgspec.msgpack.Decoder(CampaignsShard),
        }
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def nothing(self) -> Sequence[PlacedFindings]:
        """No records."""
        return ()

    def needs(self, items: Sequence[PlacedFindings], states: States) -> set[str]:
        """Links and members of the batch, then the campaigns they point to, then those that took these in."""
        keys = {SHARD}
        for item in items:
            for finding in item.findings.findings:
                keys.add(_link_key(finding))
                keys.update(_member_key(member) for member in finding.members)
        for key in list(keys):
            if key != SHARD and key in states:
                keys |= _chain(states.read(key, Pointer).campaign_id, states)
        return keys

    def decode(self, key: str, stored: bytes | None) -> object:
        """A pointer, a campaign or the shard."""
        kind = key.partition(":")[0]
        if stored is not None:
            return self._decoders[kind].decode(stored)
        if kind == SHARD:
            return CampaignsShard()
        return Campaign() if kind == "campaign" else Pointer()

    def encode(self, _key: str, state: object) -> bytes:
        """MessagePack of the state."""
        return self._encode(state)

    def fold(self, _source: Source, items: Sequence[PlacedFindings], states: States) -> Output:
        """Take each finding that says anything new: join or found a campaign, then decide."""
        output = Output()
        for item in items:
            record = item.findings
            for index, finding in enumerate(record.findings):
                if _is_known(finding, states):
                    output.tally["duplicate"] += 1
                else:
                    self._take(finding, f"findings/{item.offset}/{index}", record.appended_at_ms, states, output)
        return output

    def _take(self, finding: Finding, source: str, appended_at_ms: int, states: States, output: Output) -> None:
        homes, campaigns = _homes(finding, states)
        ids = homes_of(finding, homes, campaigns)
        campaign = campaigns[ids[0]] if ids else found(finding)
        key = _campaign_key(campaign.campaign_id)
        if not ids:
            states.held[key] = campaign
        states.changed.add(key)
        states.change(_link_key(finding), Pointer).campaign_id = campaign.campaign_id
        for other in ids[1:]:
            younger = states.change(_campaign_key(other), Campaign)
            at_ms = max(campaign.newest_ms, younger.newest_ms, finding.as_of_ms)
            take_in(campaign, younger, limited=is_limited(younger.enforcement, at_ms))
            self._release(younger, at_ms, source, appended_at_ms, output)
        for name in add_finding(campaign, finding, homes):
            states.change(_member_key(name), Pointer).campaign_id = campaign.campaign_id
        self._decide(campaign, campaign.newest_ms, source, appended_at_ms, states, output)

    def _decide(
        self, campaign: Campaign, at_ms: int, source: str, appended_at_ms: int, states: States, output: Output
    ) -> None:
        """Decide if the campaign is big enough and there is something new to say; alert if people must know."""
        ladder = self._policy.campaign
        verdict = verdict_of(campaign.reasons, ladder)
        if verdict.action is None or len(campaign.members) < ladder.minimum_accounts:
            return
        action = harder(campaign.enforcement, verdict.action, at_ms)
        members = self._within_budget(campaign, action, at_ms, states, output)
        if not members and not is_due(campaign.enforcement, action, at_ms, ladder):
            return
        campaign.enforcement, decision = decide(
            campaign.enforcement,
            subject_kind="campaign",
            subject_id=campaign.campaign_id,
            action=action,
            verdict=verdict,
            at_ms=at_ms,
            source=source,
            ladder=ladder,
            policy=self._policy,
            model_version=MODEL_VERSION,
            members=members,
        )
        output.records.append(Outgoing("enforcement", decision, appended_at_ms, key=decision.subject_id))
        self._alert(campaign, decision, appended_at_ms, output)

    def _within_budget(
        self, campaign: Campaign, action: Action, at_ms: int, states: States, output: Output
    ) -> tuple[str, ...]:
        """The members this decision adds: as many as the blast radius leaves; the rest wait for the next finding.

        Watching limits nobody, so `observe` adds no members; they are added when the campaign is limited. Those who
        are limited already, as members of a campaign that was taken in, come first and use up nothing.
        """
        if action not in LIMITING:
            return ()
        budget = states.change(SHARD, CampaignsShard).budget
        left = budget.left(at_ms, self._policy.blast_radius.accounts_per_hour)
        members, campaign.undecided = campaign.undecided[:left], campaign.undecided[left:]
        budget.used += len(members)
        output.tally["withheld"] += len(campaign.undecided)
        inherited, campaign.inherited = campaign.inherited, []
        return (*inherited, *members)

    def _alert(self, campaign: Campaign, decision: Decision, appended_at_ms: int, output: Output) -> None:
        """Tell on-call of a limited campaign: once it is large or challenged, at a harder action, at each doubling."""
        size = len(campaign.members)
        if decision.action not in LIMITING:
            return
        if decision.action == "throttle" and size < self._policy.campaign.alert_accounts:
            return
        if campaign.alerted_action == decision.action and size < 2 * campaign.alerted_members:
            return
        campaign.alerted_members, campaign.alerted_action = size, decision.action
        output.records.append(Outgoing("alerts", decision, appended_at_ms, key=decision.subject_id))

    def _release(self, campaign: Campaign, at_ms: int, source: str, appended_at_ms: int, output: Output) -> None:
        """Let go of a campaign that another took in; its members are decided about under the other's id.

        The release names its heir as `campaign_id`, so that a gateway can wait for the heir's decision.
        """
        if campaign.enforcement.sequence == 0:
            return
        ladder = self._policy.campaign
        campaign.enforcement, decision = decide(
            campaign.enforcement,
            subject_kind="campaign",
            subject_id=campaign.campaign_id,
            action="release",
            verdict=Verdict("release", 0.0, ()),
            at_ms=at_ms,
            source=source,
            ladder=ladder,
            policy=self._policy,
            model_version=MODEL_VERSION,
            campaign_id=campaign.merged_into,
        )
        output.records.append(Outgoing("enforcement", decision, appended_at_ms, key=decision.subject_id))


def _is_known(finding: Finding, states: States) -> bool:
    """True if the finding's link and all of its members are in a campaign, and the link's evidence is no older.

    Networks say again what they said before when their states were lost or rolled back, perhaps in other words:
    records cannot be told apart by where they came from, so findings are told apart by what they say.
    """
    campaign = _final(states.read(_link_key(finding), Pointer).campaign_id, states)
    evidence = None if campaign is None else campaign.links.get(link_name(finding))
    return (
        evidence is not None
        and finding.as_of_ms <= evidence.as_of_ms
        and all(states.read(_member_key(member), Pointer).campaign_id for member in finding.members)
    )


def _homes(finding: Finding, states: States) -> tuple[dict[str, str], dict[str, Campaign]]:
    """Where the members and the link belong now, and those campaigns."""
    homes: dict[str, str] = {}
    campaigns: dict[str, Campaign] = {}
    for name in (*finding.members, None):
        key = _link_key(finding) if name is None else _member_key(name)
        campaign = _final(states.read(key, Pointer).campaign_id, states)
        if campaign is not None:
            campaigns[campaign.campaign_id] = campaign
            if name is not None:
                homes[name] = campaign.campaign_id
    return homes, campaigns


def _chain(campaign_id: str | None, states: States) -> set[str]:
    """The keys of a campaign and of those that took it in, as far as they are at hand."""
    keys: set[str] = set()
    while campaign_id is not None and _campaign_key(campaign_id) not in keys:
        keys.add(_campaign_key(campaign_id))
        if _campaign_key(campaign_id) not in states:
            break
        campaign_id = states.read(_campaign_key(campaign_id), Campaign).merged_into
    return keys


def _final(campaign_id: str | None, states: States) -> Campaign | None:
    """The campaign that `campaign_id` is part of today."""
    if campaign_id is None:
        return None
    campaign = states.read(_campaign_key(campaign_id), Campaign)
    return campaign if campaign.merged_into is None else _final(campaign.merged_into, states)


def _campaign_key(campaign_id: str) -> str:
    return f"campaign:{campaign_id}"


def _member_key(account_id: str) -> str:
    return f"member:{account_id}"


def _link_key(finding: Finding) -> str:
    return f"link:{link_name(finding)}"
