"""Which templates are limited with a campaign, and how long: the cheapest way to stop it.

A new account is stopped at its first request so; and a wording that its members alone use is missed by nobody. So it
stays limited for days (`template_hours`): a campaign that lost its accounts comes back with what it sent before. It is
let go as soon as a crowd uses it, or its campaign is not limited any more.
"""

from collections.abc import Mapping

from streams.campaigns import Campaign
from streams.decide import Verdict, action_of, is_due, is_limited, rung_of
from streams.decisions import Action
from streams.evidence import LinkEvidence
from streams.policy import Policy
from streams.sketches import Sketches, wording_of
from streams.stages.campaign_saying import Cause, say
from streams.windows import HOUR_MS


def limit_templates(
    policy: Policy, campaign: Campaign, action: Action, verdict: Verdict, cause: Cause, sketches: Sketches
) -> None:
    """Limit the campaign's own templates as hard as the campaign, whoever sends them; let go of what a crowd uses.

    They share what a throttle leaves. What says the same in other words is limited too.
    """
    ladder, at_ms = policy.campaign, campaign.newest_ms
    hours = max(rung_of(ladder, action).expires_hours, ladder.template_hours)
    templates = campaign.templates
    for evidence in templates.values():
        evidence.strangers = {it for it in evidence.strangers if it not in campaign.members}
    lost = {name: it for name, it in templates.items() if it.is_crowds and not it.is_theirs}
    release_templates(policy, campaign, lost, cause)
    crowds = campaign.crowds
    for name, evidence in sorted(templates.items()):
        current = evidence.enforcement
        is_live = evidence.is_theirs and (current.sequence == 0 or at_ms - evidence.as_of_ms <= HOUR_MS)
        if not is_live and not evidence.is_worded:
            continue
        wording = wording_of(name, campaign, crowds, sketches, ladder.similar)
        is_first = wording is not None and evidence.is_worded is None
        if is_live and (is_first or is_due(current, action, at_ms, ladder, hours)):
            said, until_ms = action, at_ms + hours * HOUR_MS
        elif evidence.is_worded and wording is None and is_limited(current, at_ms):
            said, until_ms = action_of(current), current.expires_at_ms  # the wording is taken back, and no more
        else:
            continue
        evidence.is_worded = wording is not None
        evidence.enforcement, _ = say(
            policy,
            current,
            ("network", name),
            said,
            verdict,
            at_ms,
            cause,
            campaign_id=campaign.campaign_id,
            among=len(templates),
            wording=wording,
            until_ms=until_ms,
        )


def release_templates(policy: Policy, campaign: Campaign, templates: Mapping[str, LinkEvidence], cause: Cause) -> None:
    """Let go of those that are limited still."""
    at_ms = campaign.newest_ms
    for name, evidence in sorted(templates.items()):
        if is_limited(evidence.enforcement, at_ms):
            evidence.is_worded = None
            evidence.enforcement, _ = say(
                policy,
                evidence.enforcement,
                ("network", name),
                "release",
                Verdict("release", 0.0, ()),
                at_ms,
                cause,
                campaign_id=campaign.campaign_id,
            )
