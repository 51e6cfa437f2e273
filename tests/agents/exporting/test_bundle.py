"""Bundles as STIX 2.1: valid by the strict validator, the same for the same decisions, and newer for later ones."""

import json
from typing import Any, get_args

import msgspec
import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2.pattern_visitor import create_pattern_object
from stix2.patterns import ObservationExpression
from stix2validator import ValidationOptions, validate_instance

from agents.exporting.bundle import Terms, bundle_of
from agents.exporting.cases import Cases
from agents.exporting.fixed import MARKINGS
from agents.exporting.links import StoredLink
from agents.exporting.sharing import SharingKey
from agents.exporting.stix import LINK_EXTENSION, LINK_TYPE, Tlp, timestamp
from streams.decisions import Decision
from streams.reviewing import REVIEWER
from tests.agents.exporting.campaigning import AT, HOUR, KEY, about, histories, of_template, simulated_day

STRICT = ValidationOptions(version="2.1", strict=True, enforce_refs=True, disabled="uuid-check", silent=True)
"""Every recommendation counts but one: ids of objects are UUIDv5, so that the same campaign is the same object."""

TERMS = Terms("Example AI", "amber", SharingKey(KEY))
WITH_ACCOUNTS = Terms("Example AI", "amber", SharingKey(KEY), accounts=True)
PAYMENT = StoredLink("payment", "beefbeefbeefbeef", AT + HOUR, ("12 accounts pay with it.",))
Stored = dict[str, list[StoredLink]]

few = settings(max_examples=settings().max_examples // 5)  # the validator takes a tenth of a second a bundle


def encoded(decisions: list[Decision], terms: Terms = TERMS, stored: Stored | None = None) -> bytes:
    cases = Cases()
    for _ in cases.take_all(decisions):
        pass
    return msgspec.json.encode(bundle_of([cases.known[it] for it in sorted(cases.known)], stored or {}, terms))


def objects(decisions: list[Decision], terms: Terms = TERMS, stored: Stored | None = None) -> dict[str, dict[str, Any]]:
    made = json.loads(encoded(decisions, terms, stored))["objects"]
    found = {it["id"]: it for it in made}
    assert len(found) == len(made)
    return found


def of_type(kind: str, decisions: list[Decision], terms: Terms = TERMS, stored: Stored | None = None) -> list[Any]:
    return [it for it in objects(decisions, terms, stored).values() if it["type"] == kind]


def mistakes(bundle: bytes) -> list[str]:
    result = validate_instance(json.loads(bundle), STRICT)
    return [str(it) for it in (*(result.errors or ()), *(result.warnings or ()))]


@few
@given(histories(), st.sampled_from([TERMS, WITH_ACCOUNTS]), st.sampled_from([{}, {"c-1": [PAYMENT]}]))
def test_every_bundle_of_any_history_is_valid(history: list[Decision], terms: Terms, stored: Stored) -> None:
    bundle = encoded(history, terms, stored)
    assert mistakes(bundle) == []
    assert stix2.parse(bundle.decode(), allow_custom=True)["id"] == json.loads(bundle)["id"]


def test_the_bundle_of_a_simulated_day_is_valid_and_complete() -> None:
    day = simulated_day()
    bundle = encoded(day.decisions, WITH_ACCOUNTS)
    assert mistakes(bundle) == []
    found = objects(day.decisions, WITH_ACCOUNTS)
    kinds = [it["type"] for it in found.values()]
    templates = {it.subject_id for it in day.decisions if it.subject_kind == "network"}
    members = {member for it in day.decisions for member in it.members}
    assert kinds.count(LINK_TYPE) == len(templates) + len(members)
    assert kinds.count("indicator") >= len(templates)
    reports = [it for it in found.values() if it["type"] == "report"]
    assert len(reports) == len({it.subject_id for it in day.decisions if it.subject_kind == "campaign"})
    markings = {it["id"] for it in found.values() if it["type"] == "marking-definition"}
    assert {ref for it in reports for ref in it["object_refs"]} | {it["id"] for it in reports} == set(found) - markings


@pytest.mark.parametrize("terms", [TERMS, WITH_ACCOUNTS])
def test_no_account_and_no_hash_of_ours_leaves(terms: Terms) -> None:
    day = simulated_day()
    out = encoded(day.decisions, terms, {"c-1": [PAYMENT]})
    assert [it for it in day.accounts | day.hashes if it.encode() in out] == []
    assert b"beefbeef" not in encoded([about(), of_template(wording=None)], terms, {"c-1": [PAYMENT]})
    assert (b'"link_kind":"account"' in out) == terms.accounts


@settings(max_examples=settings().max_examples // 2)
@given(histories(), st.integers(0, 14))
def test_later_decisions_give_newer_versions_of_the_same_objects(history: list[Decision], cut: int) -> None:
    """`modified` never goes back; what has the same `modified` is the same; `created` and who made it never change."""
    at_ms = history[min(cut, len(history) - 1)].decided_at_ms if history else AT
    before = objects([it for it in history if it.decided_at_ms <= at_ms], WITH_ACCOUNTS)
    after = objects(history, WITH_ACCOUNTS)
    assert before.keys() <= after.keys()
    for name, old in before.items():
        new = after[name]
        assert (new.get("created"), new.get("created_by_ref")) == (old.get("created"), old.get("created_by_ref"))
        assert new.get("modified", "") >= old.get("modified", "")
        if new.get("modified") == old.get("modified"):
            assert new == old
        assert new.get("modified", "") >= new.get("created", "") or new["type"] == "marking-definition"


@given(histories())
def test_the_same_decisions_give_the_same_bytes_however_often_and_in_whatever_order(history: list[Decision]) -> None:
    assert encoded(list(reversed(history)) + history) == encoded(history)


def test_two_producers_have_objects_of_their_own_and_the_same_links_under_one_key() -> None:
    history = [about(), of_template()]
    ours, theirs = objects(history), objects(history, Terms("Other AI", "amber", SharingKey(KEY)))
    shared = {it["type"] for it in ours.values() if it["id"] in theirs}
    assert shared == {"marking-definition", "identity", "extension-definition", "attack-pattern", LINK_TYPE}
    (ours_says,), (they_say,) = (
        of_type("indicator", history, it) for it in (TERMS, Terms("O", "red", SharingKey(KEY)))
    )
    assert ours_says["pattern"] == they_say["pattern"]
    other_key = Terms("Example AI", "amber", SharingKey(KEY + b"!"))
    assert of_type(LINK_TYPE, history)[0]["id"] != of_type(LINK_TYPE, history, other_key)[0]["id"]


@stix2.v21.CustomObservable(
    LINK_TYPE,
    [
        ("link_kind", stix2.properties.StringProperty(required=True)),
        ("salted_hash", stix2.properties.StringProperty(required=True)),
        ("key_id", stix2.properties.StringProperty(required=True)),
    ],
    ["link_kind", "salted_hash"],
    extension_name=LINK_EXTENSION,
)
class OasisLink:
    """Our observable, as the library of OASIS makes it."""


def test_the_id_of_a_link_is_what_the_library_of_oasis_makes_it() -> None:
    (link,) = of_type(LINK_TYPE, [about(), of_template()])
    of_oasis: Any = OasisLink
    made = of_oasis(**{name: link[name] for name in ("link_kind", "salted_hash", "key_id", "object_marking_refs")})
    assert json.loads(made.serialize()) == {**link, "id": made.id}
    assert made.id == link["id"]


def test_the_pattern_of_an_indicator_is_that_of_its_link() -> None:
    (indicator,), (link,) = (of_type(kind, [about(), of_template()]) for kind in ("indicator", LINK_TYPE))
    parsed = create_pattern_object(indicator["pattern"], version="2.1")
    assert isinstance(parsed, ObservationExpression)
    compared = [
        (it.lhs.object_type_name, it.lhs.property_path[0].property_name, it.rhs.value) for it in parsed.operand.operands
    ]
    assert compared == [
        (LINK_TYPE, "link_kind", "template"),
        (LINK_TYPE, "salted_hash", SharingKey(KEY).salted("template", "f00dfeed0badcafe")),
    ]
    assert link["salted_hash"] == compared[1][2]


@pytest.mark.parametrize("tlp", get_args(Tlp))
def test_every_object_but_the_public_ones_is_under_the_marking(tlp: Tlp) -> None:
    found = objects([about(members=("a",)), of_template()], Terms("Example AI", tlp, SharingKey(KEY), accounts=True))
    marking = found[MARKINGS[tlp].id]
    assert marking["name"] == f"TLP:{tlp.upper()}"
    assert stix2.parse(json.dumps(marking), allow_custom=True).id == marking["id"]
    unmarked = {it["type"] for it in found.values() if it.get("object_marking_refs") != [marking["id"]]}
    assert unmarked == {"marking-definition", "identity", "extension-definition", "attack-pattern"}


def test_an_indicator_is_valid_until_its_template_is_let_go() -> None:
    until = {
        it["valid_until"]
        for decisions in (
            [about(), of_template()],
            [about(), of_template(), of_template("release", AT + HOUR, 2)],
        )
        for it in of_type("indicator", decisions)
    }
    assert until == {timestamp(AT + 6 * HOUR), timestamp(AT + HOUR)}


@pytest.mark.parametrize(
    ("last", "labels", "course"),
    [
        (about("suspend", AT + 1, 2), ["model-extraction", "suspend"], "Every request of its accounts is refused"),
        (about("suspend", AT + 1, 2, shadow=True), ["model-extraction", "suspend", "shadow"], "Every request of its"),
        (about("release", AT + 1, 2, model_version=REVIEWER), ["model-extraction", "release"], "A reviewer released"),
        (
            about("release", AT + 1, 2, campaign_id="c-2"),
            ["model-extraction", "taken-in"],
            "Another campaign has taken",
        ),
    ],
)
def test_a_campaign_says_what_was_decided_last(last: Decision, labels: list[str], course: str) -> None:
    history = [about(), about(subject="c-2", at_ms=AT + 2), last]
    campaign, other = of_type("campaign", history)
    assert campaign["labels"] == labels
    assert of_type("course-of-action", history)[0]["description"].startswith(course)
    assert other.get("aliases") == (["c-1"] if last.campaign_id == "c-2" else None)
    duplicates = [it for it in of_type("relationship", history) if it["relationship_type"] == "duplicate-of"]
    assert [(it["source_ref"], it["target_ref"]) for it in duplicates] == (
        [(campaign["id"], other["id"])] if last.campaign_id == "c-2" else []
    )


def test_a_payment_is_told_where_redis_knows_it_and_a_template_that_was_decided_about_once() -> None:
    known = StoredLink("template", "f00dfeed0badcafe", AT + HOUR, ("It is known.",))
    own = StoredLink("template", "0badcafe0badcafe", AT + HOUR, ())
    made = of_type("indicator", [about(), of_template()], stored={"c-1": [PAYMENT, known, own]})
    assert sorted((it["name"], it["valid_from"], it["modified"], it["description"]) for it in made) == [
        ("Payment of campaign c-1", timestamp(AT), timestamp(AT + HOUR), "12 accounts pay with it."),
        ("Template of campaign c-1", timestamp(AT), timestamp(AT), made[0]["description"]),
        ("Template of campaign c-1", timestamp(AT), timestamp(AT + HOUR), "A template of the campaign."),
    ]


def test_without_any_campaign_the_bundle_is_still_one() -> None:
    assert mistakes(encoded([])) == []
    assert {it["type"] for it in objects([]).values()} == {
        "marking-definition",
        "identity",
        "extension-definition",
        "attack-pattern",
    }
