"""Which templates are limited with a campaign, and how long: the cheapest way to stop it.

A new account is stopped at its first request so; and a wording that its members alone use is missed by nobody. So it
stays limited for days (`template_hours`): a campaign that lost its accounts comes back with what it sent before. It is
let go as soon as it is found that a crowd uses it, and is not limited again for a day then; and when its campaign,
whose own limit is over, is found to deserve none.
"""

from collections.abc import Mapping

from streams.campaigns import Campaign
from streams.decide import Subject, Verdict, action_of, is_due, is_exempt, is_limited, rung_of
from streams.decisions import Action
from streams.evidence import LinkEvidence, ShortTemplate
from streams.membership import Judged, Traits, is_enough
from streams.sketches import Sketches
from streams.stages.campaign_saying import Cause, let_go, say
from streams.windows import HOUR_MS, MINUTE_MS

MOST_WORDED = 1_024
"""Templates of a campaign that are limited in other words too: each is looked at anew with each decision."""


def limit_templates(
    campaign: Campaign,
    action: Action,
    wanted: Action,
    verdict: Verdict,
    found: Judged,
    cause: Cause,
    sketches: Sketches,
) -> None:
    """Limit the campaign's own templates at least as hard as the campaign, that was `found`, whoever sends them.

    They share what a throttle leaves. What says the same in other words is limited too. If the campaign is limited only
    because it rotates wordings now, no others are limited. What is in force against it and not `wanted` any more is
    not extended, and new ones are limited until it ends.
    """
    ladder, at_ms = cause.policy.campaign, campaign.newest_ms
    hours = max(rung_of(ladder, action).expires_hours, ladder.template_hours)
    end_ms = at_ms + hours * HOUR_MS if wanted == action else campaign.enforcement.expires_at_ms
    templates = campaign.limitable
    is_rotation = not is_enough(found.reasons, ladder, Traits(rotates=False), is_company=found.is_company)
    others = action != verdict.action or not is_rotation
    _prune(campaign)
    own = sketches.among(campaign.own)
    standing = {name for name, it in templates.items() if it.is_worded and is_limited(it.enforcement, at_ms)}
    worded = len(standing)
    for name, evidence in sorted(templates.items()):
        current = evidence.enforcement
        is_news = current.sequence == 0 or at_ms - evidence.as_of_ms <= HOUR_MS
        is_live = evidence.is_theirs and is_news and not is_exempt(current, at_ms)
        is_live = is_live and (others or name in found.view.rotation.templates)
        is_asked = wanted == action or not is_limited(current, at_ms)
        is_to_say = (
            is_live and is_asked and is_due(current, action, at_ms, ladder, shadow=cause.policy.shadow, hours=hours)
        )
        is_worded, never = name in standing, evidence.is_worded is None
        if not is_to_say and not is_worded and not (is_live and never):
            continue
        may_be = is_worded or worded < MOST_WORDED
        wording = sketches.wording_of(name, own, ladder.similar) if may_be else None
        if is_to_say or (is_live and never and wording is not None):
            said, until_ms = action, end_ms
        elif is_worded and wording is None:
            said, until_ms = action_of(current), current.expires_at_ms  # the wording is taken back, and no more
        else:
            continue
        worded += (wording is not None) - is_worded
        evidence.is_worded = wording is not None
        evidence.enforcement, _ = say(
            current,
            Subject("network", name),
            said,
            verdict,
            at_ms,
            cause,
            campaign_id=campaign.campaign_id,
            among=len(templates),
            wording=wording,
            until_ms=until_ms,
        )


def let_go_of_crowds(campaign: Campaign, cause: Cause) -> None:
    """Release the limited templates that mostly others use by now."""
    any_limited = any(is_limited(it.enforcement, campaign.newest_ms) for it in campaign.templates.values())
    if not campaign.is_found and not any_limited:
        return
    _prune(campaign)
    crowds = {name: it for name, it in campaign.templates.items() if it.is_crowds and not it.is_theirs}
    _release(campaign, crowds, cause)


def let_go_with_it(campaign: Campaign, cause: Cause) -> None:
    """Release all that are limited, as the campaign is not any more; they may be limited with it again at once."""
    _release(campaign, campaign.limitable, cause, until_ms=campaign.newest_ms + MINUTE_MS)


def _prune(campaign: Campaign) -> None:
    """Who has become a member is no stranger to a template any more."""
    for evidence in campaign.templates.values():
        evidence.strangers = {it for it in evidence.strangers if it not in campaign.members}


def _release(
    campaign: Campaign,
    templates: Mapping[str, LinkEvidence | ShortTemplate],
    cause: Cause,
    until_ms: int | None = None,
) -> None:
    at_ms = campaign.newest_ms
    for name, evidence in sorted(templates.items()):
        if is_limited(evidence.enforcement, at_ms):
            evidence.is_worded = None
            subject = Subject("network", name)
            evidence.enforcement = let_go(evidence.enforcement, subject, at_ms, cause, campaign.campaign_id, until_ms)
