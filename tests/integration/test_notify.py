"""`stillwatch notify` on a real Kafka and a real Alertmanager: one alert a campaign, as the decisions about it are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.embedded.processes import wait_until
from agents.topics import TopicNames
from streams.decisions import Reason
from tests.agents.signing_setup import signer
from tests.integration.alertmanagers import NEEDS_ALERTMANAGER, Alertmanager, Receiver, alertmanager
from tests.integration.enforcers import SECONDS, Decider, Running, decided, starting

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
MANY = tuple(f"account-{number}" for number in range(20))
WHY = Reason("shared_payments", "identity", "They pay together.", 0.8, 0.3, 3.0)


@pytest.fixture
def decide(kafka_bootstrap: str, topics: TopicNames, tmp_path: Path) -> Iterator[Decider]:
    (tmp_path / "keys").mkdir()
    made = Decider(kafka_bootstrap, topics, signer(tmp_path / "keys" / "a.key"))
    yield made
    made.close()


@contextmanager
def notifier(folder: Path, prefix: str, bootstrap: str, *urls: str) -> Iterator[Running]:
    """A notifier that has read the log."""
    named = [word for url in urls for word in ("--alertmanager", url)]
    environment = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "STILLWATCH_VERIFY_KEYS": str(folder / "keys")}
    with starting(folder, prefix, *named, command="notify", **environment) as running:
        assert wait_until(lambda: running.metric("stillwatch_notifier_ready") == 1, seconds=SECONDS)
        yield running


def labels(found: Alertmanager) -> list[dict[str, str]]:
    return sorted((it["labels"] for it in found.alerts()), key=lambda it: str(it["campaign_id"]))


def comes_to(found: Alertmanager, *expected: tuple[str, str, str]) -> None:
    """Wait until the active alerts are these: campaign, action and severity of each."""

    def told() -> list[tuple[str, str, str]]:
        return [(it["campaign_id"], it["action"], it["severity"]) for it in labels(found)]

    assert wait_until(lambda: told() == list(expected), seconds=SECONDS), f"{told()}, not {expected}"


@NEEDS_ALERTMANAGER
def test_a_campaign_is_one_alert_that_grows_and_ends_with_its_release(
    decide: Decider, tmp_path: Path, topic_prefix: str, kafka_bootstrap: str, topics: TopicNames
) -> None:
    decide(decided("suspend", "c-old", members=MANY), decided("release", "c-old", 2, subject_kind="campaign"))
    decide(decided("throttle", "c-1", members=("a", "b"), reasons=(WHY,)))
    with (
        alertmanager(tmp_path) as found,
        notifier(tmp_path, topic_prefix, kafka_bootstrap, found.url) as running,
    ):
        comes_to(found, ("c-1", "throttle", "none"))
        running.becomes_ready()
        first = found.alerts()[0]
        decide(decided("throttle", "c-1", 2, members=MANY, reasons=(WHY,)))
        comes_to(found, ("c-1", "throttle", "ticket"))
        decide(decided("suspend", "c-1", 3, members=("c",), reasons=(WHY,)))
        comes_to(found, ("c-1", "suspend", "page"))
        alert = found.alerts()[0]
        assert alert["labels"] == {
            "alertname": "StillwatchCampaign",
            "campaign_id": "c-1",
            "action": "suspend",
            "severity": "page",
        }
        assert alert["annotations"]["summary"] == "23 accounts of campaign c-1 are suspended."
        assert alert["startsAt"] == first["startsAt"]
        assert "- They pay together.\n" in alert["annotations"]["description"]
        assert alert["annotations"]["runbook_url"].endswith("/deploy/runbooks/StillwatchCampaign.md")
        assert alert["annotations"]["dashboard_url"] == "http://127.0.0.1:3000/d/stillwatch-campaigns"
        assert "account-" not in str(alert)

        forger = Decider(kafka_bootstrap, topics)
        forger(decided("suspend", "c-forged", members=MANY))
        forger.close()
        decide(decided("challenge", "c-2", members=MANY, shadow=True))
        comes_to(found, ("c-1", "suspend", "page"), ("c-2", "challenge", "none"))
        assert labels(found)[1]["shadow"] == "true"
        assert wait_until(lambda: running.metric("stillwatch_active_campaigns", action="suspend") == 1, seconds=SECONDS)
        assert running.metric("stillwatch_active_campaigns", action="challenge") == 0
        assert running.metric("stillwatch_active_campaign_accounts", action="suspend") == 23
        running.counts(1, "stillwatch_notifier_decision_records_total", outcome="unsigned")
        assert running.metric("stillwatch_notifier_decision_records_total", outcome="unsigned") == 1
        running.counts(3, "stillwatch_notifier_append_to_alert_seconds_count")

        decide(decided("release", "c-1", 4, subject_kind="campaign", campaign_id="c-2"))
        decide(decided("challenge", "c-2", 2, members=MANY))
        comes_to(found, ("c-2", "challenge", "page"))
        decide(decided("release", "c-2", 3, subject_kind="campaign"))
        comes_to(found)


@NEEDS_ALERTMANAGER
def test_an_alertmanager_that_was_away_or_forgot_everything_is_told_and_another_is_not_held_up(
    decide: Decider, tmp_path: Path, topic_prefix: str, kafka_bootstrap: str
) -> None:
    (tmp_path / "b").mkdir()
    decide(decided("suspend", "c-1", members=MANY))
    with (
        alertmanager(tmp_path) as one,
        alertmanager(tmp_path / "b") as other,
        notifier(tmp_path, topic_prefix, kafka_bootstrap, one.url, other.url) as running,
    ):
        for found in (one, other):
            comes_to(found, ("c-1", "suspend", "page"))
        one.stop()
        decide(decided("release", "c-1", 2, subject_kind="campaign"), decided("throttle", "c-2", members=MANY))
        comes_to(other, ("c-2", "throttle", "ticket"))
        name = one.url.removeprefix("http://")
        assert wait_until(
            lambda: running.metric("stillwatch_notifier_deliveries_total", alertmanager=name, outcome="failed") >= 2,
            seconds=SECONDS,
        )
        assert running.is_ready, "one of them is told"
        one.start()
        one.becomes_ready()
        comes_to(one, ("c-2", "throttle", "ticket"))


@NEEDS_ALERTMANAGER
def test_a_notifier_that_was_killed_tells_what_was_released_and_decided_meanwhile(
    decide: Decider, tmp_path: Path, topic_prefix: str, kafka_bootstrap: str
) -> None:
    decide(decided("suspend", "c-1", members=MANY), decided("throttle", "c-2", members=MANY))
    with alertmanager(tmp_path) as found:
        with notifier(tmp_path, topic_prefix, kafka_bootstrap, found.url) as running:
            comes_to(found, ("c-1", "suspend", "page"), ("c-2", "throttle", "ticket"))
            running.kill()
        decide(
            decided("release", "c-1", 2, subject_kind="campaign"),
            decided("challenge", "c-2", 2, members=MANY),
            decided("suspend", "c-3", members=MANY),
        )
        comes_to(found, ("c-1", "suspend", "page"), ("c-2", "throttle", "ticket"))  # nobody has told it
        with notifier(tmp_path, topic_prefix, kafka_bootstrap, found.url):
            comes_to(found, ("c-2", "challenge", "page"), ("c-3", "suspend", "page"))


@NEEDS_ALERTMANAGER
def test_the_shipped_configuration_tells_pagerduty_slack_and_the_webhook_of_a_page(
    decide: Decider, tmp_path: Path, topic_prefix: str, kafka_bootstrap: str
) -> None:
    with (
        Receiver().serving() as receiver,
        alertmanager(tmp_path, _shipped(tmp_path, receiver.url)) as found,
        notifier(tmp_path, topic_prefix, kafka_bootstrap, found.url),
    ):

        def told(path: str, count: int) -> list[tuple[dict[str, str], Any]]:
            def heard() -> list[tuple[dict[str, str], Any]]:
                return [(headers, body) for it, headers, body in receiver.heard if it == path]

            assert wait_until(lambda: len(heard()) >= count, seconds=SECONDS), receiver.heard
            return heard()

        decide(decided("throttle", "c-2", members=("a",)), decided("suspend", "c-1", members=MANY, reasons=(WHY,)))
        comes_to(found, ("c-1", "suspend", "page"), ("c-2", "throttle", "none"))
        for path in ("/stillwatch", "/slack", "/pagerduty"):
            told(path, 1)
        decide(decided("release", "c-1", 2, subject_kind="campaign"))
        (headers, firing), (_, resolved) = told("/stillwatch", 2)
        (_, slack), (_, slack_over) = told("/slack", 2)
        (_, pager), (_, pager_over) = told("/pagerduty", 2)
    assert (headers["Authorization"], firing["receiver"]) == ("Bearer a token of the test", "pages")
    assert [it["labels"]["campaign_id"] for it in firing["alerts"]] == ["c-1"], "nobody is told of c-2"
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    (message,), (over,) = slack["attachments"], slack_over["attachments"]
    assert message["title"] == "[FIRING] 20 accounts of campaign c-1 are suspended."
    assert message["text"].splitlines()[0] == "*20 accounts of campaign c-1 are suspended.* (page)"
    assert "- They pay together.\n" in message["text"]
    assert "Undo: `stillwatch release c-1`\n" in message["text"]
    assert message["text"].splitlines()[-2:] == [
        "Runbook: https://github.com/stillwatch/stillwatch/blob/main/deploy/runbooks/StillwatchCampaign.md",
        "Dashboard: http://127.0.0.1:3000/d/stillwatch-campaigns",
    ]
    assert over["title"] == "[RESOLVED] Campaign c-1 is no longer suspended: released."
    assert over["text"].startswith("Over:\n- Campaign c-1 is no longer suspended: released.\n")
    assert (pager["event_action"], pager_over["event_action"]) == ("trigger", "resolve")
    assert pager["dedup_key"] == pager_over["dedup_key"]
    assert pager["routing_key"] == "a routing key of the test"
    assert pager["payload"]["summary"] == message["title"]
    assert "account-" not in str(receiver.heard)


def _shipped(folder: Path, url: str) -> Path:
    """deploy/alertmanager as it is shipped, but for the services, which are at `url`, and in a hurry."""
    shipped = ROOT / "deploy" / "alertmanager"
    text = (shipped / "alertmanager.yml").read_text()
    config: dict[str, Any] = yaml.safe_load(text.replace("/etc/alertmanager/secrets", str(folder / "secrets")))
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = webhook["url"].replace("http://127.0.0.1:9099", url)
        for pagerduty in receiver.get("pagerduty_configs", ()):
            pagerduty["url"] = f"{url}/pagerduty"
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    config["templates"] = [str(shipped / "templates" / "*.tmpl")]
    (folder / "secrets").mkdir()
    (folder / "secrets" / "webhook-token").write_text("a token of the test")
    (folder / "secrets" / "slack-url").write_text(f"{url}/slack")
    (folder / "secrets" / "pagerduty-routing-key").write_text("a routing key of the test")
    path = folder / "shipped.yml"
    path.write_text(yaml.safe_dump(config))
    return path
