"""What a person reads of a campaign, and that nothing in it names an account."""

from datetime import UTC, datetime

from agents.notifying.rendering import Places, Posted, posted
from streams.decisions import Reason
from streams.notifying import Alert, Identity

SINCE_MS = 1_791_205_200_000
PLACES = Places("https://runbooks.example/", "https://grafana.example/")
WHY = (
    Reason("accounts_per_payment", "identity", "12 accounts pay with one instrument.", 12.0, 2.0, 3.5),
    Reason("young_accounts", "lifecycle", "All are young.", 1.0, 0.5, 1.0),
)


def alert(*, members: int = 1_234, shadow: bool = False, over: str | None = None) -> Posted:
    identity = Identity("c-1", "throttle", "none" if shadow else "ticket", shadow)
    (made,) = posted(
        [
            Alert(
                identity=identity,
                since_ms=SINCE_MS,
                until_ms=SINCE_MS + 21_600_000,
                members=members,
                reasons=() if over else WHY,
                over=over,
            )
        ],
        PLACES,
    )
    return made


def test_an_alert_says_what_happened_why_and_how_to_undo_it() -> None:
    assert alert() == Posted(
        labels={"alertname": "StillwatchCampaign", "campaign_id": "c-1", "action": "throttle", "severity": "ticket"},
        annotations={
            "summary": "1,234 accounts of campaign c-1 are throttled.",
            "description": "1,234 accounts of campaign c-1 are throttled. Limited since 2026-10-05 13:00 UTC; "
            "ends at 2026-10-05 19:00 UTC unless it is decided again. Why:\n"
            "- 12 accounts pay with one instrument.\n"
            "- All are young.\n"
            "Who and how sure: stillwatch explain c-1, stillwatch state c-1. "
            "If they are innocent: stillwatch release c-1 lets all of them go at once.",
            "undo": "stillwatch release c-1",
            "runbook_url": "https://runbooks.example/StillwatchCampaign.md",
            "dashboard_url": "https://grafana.example/d/stillwatch-campaigns",
        },
        starts_at=datetime(2026, 10, 5, 13, tzinfo=UTC),
        ends_at=datetime(2026, 10, 5, 19, tzinfo=UTC),
        generator_url="https://grafana.example/d/stillwatch-campaigns",
    )


def test_one_that_is_over_says_why() -> None:
    annotations = alert(over="released").annotations
    assert annotations["summary"] == "Campaign c-1 is no longer throttled: released."
    assert annotations["description"].endswith("It was limited from 2026-10-05 13:00 UTC to 2026-10-05 19:00 UTC.")


def test_in_shadow_nobody_is_limited_and_it_says_so() -> None:
    made = alert(shadow=True)
    assert made.labels["shadow"] == "true"
    assert made.annotations["summary"] == "1,234 accounts of campaign c-1 would be throttled (shadow: nobody is)."


def test_a_single_account_is_one() -> None:
    assert alert(members=1).annotations["summary"] == "1 account of campaign c-1 is throttled."
