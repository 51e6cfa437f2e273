"""What is said about campaigns and their templates: decisions, alerts, and a release by whoever took one in."""

from typing import NamedTuple

from streams.accounts import Enforcement
from streams.anomaly import MODEL_VERSION
from streams.campaigns import Campaign
from streams.decide import Subject, Verdict, decide
from streams.decisions import Action, Decision, Wording
from streams.policy import Policy
from streams.stages.shape import Outgoing, Output


class Cause(NamedTuple):
    """What led to a decision, as its id and its delay tell it, the policy it is made by, and where it is said."""

    source: str
    appended_at_ms: int
    output: Output
    policy: Policy

    def tell(self, decision: Decision) -> None:
        """Let a decision leave for the gateways."""
        record = Outgoing("enforcement", decision, self.appended_at_ms, key=decision.subject_id)
        self.output.records.append(record)


def say(  # noqa: PLR0913  as of `decide`
    current: Enforcement,
    subject: Subject,
    action: Action,
    verdict: Verdict,
    at_ms: int,
    cause: Cause,
    *,
    members: tuple[str, ...] = (),
    campaign_id: str | None = None,
    among: int = 1,
    wording: Wording | None = None,
    until_ms: int | None = None,
    payments: tuple[str, ...] = (),
    opened_from_ms: int | None = None,
) -> tuple[Enforcement, Decision]:
    """Decide by the ladder of campaigns, and say so; what is in force from then on."""
    enforcement, decision = decide(
        current,
        subject,
        action=action,
        verdict=verdict,
        at_ms=at_ms,
        source=cause.source,
        policy=cause.policy,
        model_version=MODEL_VERSION,
        members=members,
        campaign_id=campaign_id,
        among=among,
        wording=wording,
        until_ms=until_ms,
        payments=payments,
        opened_from_ms=opened_from_ms,
    )
    cause.tell(decision)
    return enforcement, decision


def alert(campaign: Campaign, decision: Decision, cause: Cause) -> None:
    """Tell on-call of a limited campaign once it is large or challenged, of another action, and at each doubling."""
    if campaign.is_to_be_told(decision.action, cause.policy.campaign.alert_accounts):
        campaign.alerted_members, campaign.alerted_action = campaign.size, decision.action
        record = Outgoing("alerts", decision, cause.appended_at_ms, key=decision.subject_id)
        cause.output.records.append(record)


def release(campaign: Campaign, at_ms: int, cause: Cause) -> None:
    """Let go of a campaign that another took in; its members are decided about under the other's id.

    The release names its heir as `campaign_id`, so that a gateway can wait for the heir's decision.
    """
    if campaign.enforcement.sequence > 0:
        subject = Subject("campaign", campaign.campaign_id)
        campaign.enforcement = let_go(campaign.enforcement, subject, at_ms, cause, campaign.merged_into)


def let_go(
    current: Enforcement,
    subject: Subject,
    at_ms: int,
    cause: Cause,
    campaign_id: str | None,
    until_ms: int | None = None,
) -> Enforcement:
    """Release a campaign or one of its templates, without a reviewer; what is in force from then on."""
    verdict = Verdict("release", 0.0, ())
    return say(current, subject, "release", verdict, at_ms, cause, campaign_id=campaign_id, until_ms=until_ms)[0]
