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

pytestmark = [pytest.mark.kafka]
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
        assert running.is_ready
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
        assert running.metric("stillwatch_notifier_decision_records_total", outcome="unsigned") == 1
        assert running.metric("stillwatch_notifier_append_to_alert_seconds_count") >= 3

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
def test_the_shipped_configuration_delivers_a_campaign_to_the_webhook(
    decide: Decider, tmp_path: Path, topic_prefix: str, kafka_bootstrap: str
) -> None:
    with (
        Receiver().serving() as receiver,
        alertmanager(tmp_path, _shipped(tmp_path, receiver.url)) as found,
        notifier(tmp_path, topic_prefix, kafka_bootstrap, found.url),
    ):
        decide(decided("suspend", "c-1", members=MANY, reasons=(WHY,)))
        decide(decided("throttle", "c-2", members=("a",)))
        comes_to(found, ("c-1", "suspend", "page"), ("c-2", "throttle", "none"))
        assert wait_until(lambda: len(receiver.heard) >= 1, seconds=SECONDS)
        decide(decided("release", "c-1", 2, subject_kind="campaign"))
        assert wait_until(lambda: len(receiver.heard) >= 2, seconds=SECONDS)
    (path, headers, firing), (_, _, resolved), *_ = receiver.heard
    assert (path, headers["Authorization"]) == ("/stillwatch", "Bearer a token of the test")
    assert (firing["receiver"], firing["status"], resolved["status"]) == ("pages", "firing", "resolved")
    assert [it["labels"]["campaign_id"] for it in firing["alerts"]] == ["c-1"], "nobody is told of c-2"
    assert resolved["alerts"][0]["annotations"]["summary"] == "Campaign c-1 is no longer suspended: released."


def _shipped(folder: Path, url: str) -> Path:
    """deploy/alertmanager with the webhook at `url`, without the services that are not ours, and in a hurry."""
    shipped = ROOT / "deploy" / "alertmanager"
    config: dict[str, Any] = yaml.safe_load((shipped / "alertmanager.yml").read_text())
    for receiver in config["receivers"]:
        receiver.pop("pagerduty_configs", None)
        receiver.pop("slack_configs", None)
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = webhook["url"].replace("http://127.0.0.1:9099", url)
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    config["templates"] = [str(shipped / "templates" / "*.tmpl")]
    (folder / "secrets").mkdir()
    (folder / "secrets" / "webhook-token").write_text("a token of the test")
    path = folder / "shipped.yml"
    path.write_text(yaml.safe_dump(config))
    return path
