"""An alert in Alertmanager's words (API v2): labels that make it this one, and annotations for a person.

No account is named, in a label or anywhere else: how many there are, and the command that says who.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from streams.decisions import Action
from streams.notifying import Alert

ALERTNAME: Final = "StillwatchCampaign"
RUNBOOKS: Final = "https://github.com/stillwatch/stillwatch/blob/main/deploy/runbooks"
DASHBOARDS: Final = "http://127.0.0.1:3000"
"""Where Grafana listens as it comes."""

DASHBOARD: Final = "d/stillwatch-campaigns"

_DONE: Final[dict[Action, str]] = {"throttle": "throttled", "challenge": "challenged", "suspend": "suspended"}


class Posted(
    Struct, frozen=True, rename={"starts_at": "startsAt", "ends_at": "endsAt", "generator_url": "generatorURL"}
):
    """A `postableAlert`. Times are those of RFC 3339."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    generator_url: str


class Places(Struct, frozen=True):
    """Where runbooks and dashboards are found: addresses that a path is added to."""

    runbooks: str = RUNBOOKS
    dashboards: str = DASHBOARDS


def posted(alerts: Iterable[Alert], places: Places) -> list[Posted]:
    """All of them, in their order, as Alertmanager takes them."""
    return [_posted(alert, places) for alert in alerts]


def _posted(alert: Alert, places: Places) -> Posted:
    identity = alert.identity
    dashboard = f"{places.dashboards.rstrip('/')}/{DASHBOARD}"
    labels = {
        "alertname": ALERTNAME,
        "campaign_id": identity.campaign_id,
        "action": identity.action,
        "severity": identity.severity,
    }
    return Posted(
        labels=labels | ({"shadow": "true"} if identity.shadow else {}),
        annotations={
            "summary": _summary(alert),
            "description": _description(alert),
            "undo": f"stillwatch release {identity.campaign_id}",
            "runbook_url": f"{places.runbooks.rstrip('/')}/{ALERTNAME}.md",
            "dashboard_url": dashboard,
        },
        starts_at=_moment(alert.since_ms),
        ends_at=_moment(alert.until_ms),
        generator_url=dashboard,
    )


def _summary(alert: Alert) -> str:
    identity = alert.identity
    if alert.over is not None:
        return f"Campaign {identity.campaign_id} is no longer {_DONE[identity.action]}: {alert.over}."
    would = "would be" if identity.shadow else "are" if alert.members != 1 else "is"
    accounts = "1 account" if alert.members == 1 else f"{alert.members:,} accounts"
    shadow = " (shadow: nobody is)" if identity.shadow else ""
    return f"{accounts} of campaign {identity.campaign_id} {would} {_DONE[identity.action]}{shadow}."


def _description(alert: Alert) -> str:
    """What happened, since when and until when, why, and how to look at it and undo it."""
    campaign_id = alert.identity.campaign_id
    since, until = (f"{_moment(it):%Y-%m-%d %H:%M} UTC" for it in (alert.since_ms, alert.until_ms))
    if alert.over is not None:
        return f"{_summary(alert)} It was limited from {since} to {until}."
    why = (
        "".join(f"\n- {reason.sentence}" for reason in alert.reasons)
        or "\n- A reviewer said so, or it stood against a campaign that it took in."
    )
    return (
        f"{_summary(alert)} Limited since {since}; ends at {until} unless it is decided again. Why:{why}\n"
        f"Who and how sure: stillwatch explain {campaign_id}, stillwatch state {campaign_id}. "
        f"If they are innocent: stillwatch release {campaign_id} lets all of them go at once."
    )


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
