"""Findings as OCSF: valid by the official schema whatever was decided, and nothing of ours leaves with them."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from agents.exporting.cases import Cases
from agents.exporting.findings import (
    ACTIVITIES,
    ANALYTICS,
    CONTROLS,
    DUPLICATE,
    FALSE_POSITIVE,
    HASH,
    IN_SHADOW,
    OVER,
    RISKS,
    SEVERITIES,
    STATUSES,
    SURE,
    TRUE_POSITIVE,
    USER_UID,
    Shown,
    finding_of,
)
from agents.exporting.lines import Wanted, lines_of
from agents.exporting.ocsf import CLASS_UID, OCSF_VERSION, PROFILES
from agents.exporting.sharing import SharingKey
from streams.decisions import Decision
from streams.reviewing import REVIEWER
from tests.agents.exporting.campaigning import AT, HOUR, KEY, LIMITS, about, histories, of_template, simulated_day

EVERYTHING = Shown(SharingKey(KEY), accounts=True)
OVER_MS = AT + 10_000 * HOUR


@cache
def schema() -> dict[str, Any]:
    found: dict[str, Any] = get_ocsf_schema(version=OCSF_VERSION)
    return found


@cache
def validator() -> Draft202012Validator:
    made = OcsfJsonSchemaEmbedded(schema()).get_class_schema("detection_finding", profiles=list(PROFILES))
    return Draft202012Validator(made)


def lines(decisions: list[Decision], shown: Shown) -> list[bytes]:
    cases = Cases()
    return list(lines_of([*cases.take_all(decisions), *cases.expire(OVER_MS)], Wanted(), shown))


def events(decisions: list[Decision], shown: Shown = EVERYTHING) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in lines(decisions, shown)]


def test_it_is_the_newest_version_of_the_schema() -> None:
    folder = files("ocsf_json_schema") / "ocsf"
    known = [it.name.removesuffix(".json") for it in folder.iterdir() if it.name.endswith(".json")]
    final = [it for it in known if "-" not in it]
    assert max(final, key=lambda it: tuple(map(int, it.split(".")))) == OCSF_VERSION
    assert schema()["classes"]["detection_finding"]["uid"] == CLASS_UID


@settings(max_examples=settings().max_examples // 2)
@given(histories())
def test_every_event_of_any_history_is_valid(history: list[Decision]) -> None:
    for event in events(history):
        assert [it.message for it in validator().iter_errors(event)] == []


def test_every_event_of_a_simulated_day_is_valid_and_has_an_id_of_its_own() -> None:
    told = events(simulated_day().decisions)
    assert len(told) > 80
    assert {it["activity_name"] for it in told} == {"Create", "Update", "Close"}
    for event in told:
        assert [it.message for it in validator().iter_errors(event)] == []
    assert len({it["metadata"]["uid"] for it in told}) == len(told)
    assert [it["time"] for it in told] == sorted(it["time"] for it in told)


@pytest.mark.parametrize("shown", [Shown(), Shown(SharingKey(KEY)), EVERYTHING])
def test_no_account_and_no_hash_of_ours_leaves(shown: Shown) -> None:
    day = simulated_day()
    out = b"".join(lines(day.decisions, shown))
    assert [it for it in day.accounts | day.hashes if it.encode() in out] == []
    names = {it["name"] for event in events(day.decisions, shown) for it in event.get("evidences", ())}
    assert ("template" in names) == (shown.key is not None)
    assert ("account" in names) == shown.accounts


def test_what_is_salted_can_be_found_by_who_has_the_key() -> None:
    (first, second) = events([about(members=("account-x",)), of_template(at_ms=AT + 1)])[:2]
    key = SharingKey(KEY)
    assert first["observables"] == [
        {
            "name": "evidences[].user.uid",
            "type_id": 31,
            "type": "User Object: uid",
            "value": key.salted("account", "account-x"),
        }
    ]
    assert second["observables"] == [
        {"name": "evidences[].uid", "type_id": 8, "type": "Hash", "value": key.salted("template", "f00dfeed0badcafe")}
    ]
    assert {it["uid"] for it in second["evidences"] if it["name"] == "template"} == {second["observables"][0]["value"]}


def caption(attribute: str, number: int, of: str = "detection_finding") -> str:
    attributes = {**schema()["objects"], **schema()["classes"]}[of]["attributes"]
    return str(attributes[attribute]["enum"][str(number)]["caption"])


@pytest.mark.parametrize(
    ("attribute", "of", "words"),
    [
        ("activity_id", "detection_finding", ACTIVITIES.values()),
        ("status_id", "detection_finding", STATUSES.values()),
        ("severity_id", "detection_finding", SEVERITIES.values()),
        ("risk_level_id", "detection_finding", RISKS.values()),
        ("action_id", "detection_finding", [it[0] for it in (*CONTROLS.values(), IN_SHADOW, OVER)]),
        ("disposition_id", "detection_finding", [it[1] for it in (*CONTROLS.values(), IN_SHADOW, OVER)]),
        ("verdict_id", "detection_finding", [TRUE_POSITIVE, FALSE_POSITIVE, DUPLICATE]),
        ("confidence_id", "detection_finding", [word for _, word in SURE]),
        ("type_id", "analytic", ANALYTICS.values()),
        ("type_id", "observable", [HASH, USER_UID]),
    ],
)
def test_words_are_those_of_the_schema(attribute: str, of: str, words: Any) -> None:  # noqa: ANN401
    """For 99 (Other) the standard asks for the source's own word."""
    for number, word in words:
        assert number == 99 or word == caption(attribute, number, of)


@pytest.mark.parametrize(
    ("decision", "severity", "action", "disposition", "is_alert"),
    [
        (about("observe"), "Low", "Observed", "Logged", False),
        (about("throttle", limits=LIMITS), "Medium", "Throttled", "Rate limited", True),
        (about("challenge"), "High", "Denied", "Challenge", True),
        (about("suspend"), "Critical", "Denied", "Blocked", True),
        (about("suspend", shadow=True), "Critical", "Observed", "No Action", False),
        (about("release"), "Informational", "Allowed", "Exonerated", False),
        (about("release", campaign_id="c-2"), "Informational", "Allowed", "Allowed", False),
    ],
)
def test_what_is_decided_says_how_severe_it_is_and_what_becomes_of_requests(
    decision: Decision, severity: str, action: str, disposition: str, is_alert: bool
) -> None:
    event = events([decision])[0]
    assert (event["severity"], event["action"], event["disposition"], event["is_alert"]) == (
        severity,
        action,
        disposition,
        is_alert,
    )
    assert event["policy"]["is_applied"] is not decision.shadow


@pytest.mark.parametrize(
    ("decision", "verdict"),
    [
        (about("suspend", AT + 1, 2, model_version=REVIEWER), "True Positive"),
        (about("release", AT + 1, 2, model_version=REVIEWER), "False Positive"),
        (about("release", AT + 1, 2, campaign_id="c-2"), "Duplicate"),
        (about("suspend", AT + 1, 2), None),
    ],
)
def test_a_verdict_is_what_people_said(decision: Decision, verdict: str | None) -> None:
    assert events([about(), decision])[1].get("verdict") == verdict


def test_what_expired_is_another_event_of_the_same_finding() -> None:
    made, over = events([about()])
    assert over["metadata"]["uid"] == f"{made['metadata']['uid']}-expired"
    assert over["finding_info"]["uid"] == made["finding_info"]["uid"] == "c-1"
    assert (over["time"], over["status"], over["action"]) == (AT + 6 * HOUR, "Resolved", "Allowed")
    assert over["finding_info"]["first_seen_time"] == AT


def test_confidence_is_the_score() -> None:
    scores = {0.0: "Low", 0.494: "Low", 0.496: "Medium", 0.79: "Medium", 0.8: "High", 1.0: "High"}
    for score, word in scores.items():
        event = events([about(score=score)])[0]
        assert (event["confidence"], event["confidence_score"]) == (word, round(score * 100))


def test_lines_before_a_time_of_others_and_that_were_written_are_left_out() -> None:
    changes = list(Cases().take_all([about(), about(subject="c-2", at_ms=AT + 1), about("suspend", AT + 2, 2)]))

    def uids(wanted: Wanted, written: frozenset[str] = frozenset()) -> list[str]:
        return [msgspec.json.decode(it)["metadata"]["uid"] for it in lines_of(changes, wanted, Shown(), written)]

    assert uids(Wanted()) == [finding_of(it, Shown()).metadata.uid for it in changes]
    assert uids(Wanted("c-1")) == [changes[0].by.decision_id, changes[2].by.decision_id]
    assert uids(Wanted(since_ms=AT + 1)) == [it.by.decision_id for it in changes[1:]]
    assert uids(Wanted(), frozenset({changes[1].by.decision_id})) == uids(Wanted("c-1"))
