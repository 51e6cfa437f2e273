"""The STIX 2.1 objects that a campaign is told with, under STIX's own names, and how their ids and times are made.

Structured Threat Information Expression 2.1, OASIS Standard, 10 June 2021. What is UNSET is left out.
"""

from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET, Struct, UnsetType

SPEC: Final = "2.1"

OURS: Final = UUID("534c1eb4-c351-4ebf-ba39-afb082c20764")
"""The namespace of the ids of all our objects but observables: the standard keeps its own for those."""

OBSERVABLES: Final = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The standard's namespace for ids of observables (section 2.9)."""

LINK_TYPE: Final = "x-stillwatch-link"
LINK_EXTENSION: Final = "extension-definition--bc82353e-6e9c-4c79-bd9c-1cced3497b07"

Tlp = Literal["clear", "green", "amber", "amber+strict", "red"]


class MarkingExtension(Struct, frozen=True):
    """The part of a marking that says which TLP 2.0 it is."""

    tlp_2_0: Tlp
    extension_type: str = "property-extension"


class Marking(Struct, frozen=True, kw_only=True, tag_field="type", tag="marking-definition"):
    """A TLP 2.0 marking, as OASIS publishes it."""

    spec_version: str = SPEC
    id: str
    created: str = "2022-10-01T00:00:00.000Z"
    name: str
    extensions: dict[str, MarkingExtension]


class ExternalReference(Struct, frozen=True):
    """Where else something is described."""

    source_name: str
    external_id: str


class Common(Struct, frozen=True, kw_only=True):
    """What all objects have but observables, markings and the bundle."""

    spec_version: str = SPEC
    id: str
    created_by_ref: str
    created: str
    modified: str
    object_marking_refs: tuple[str, ...] | UnsetType = UNSET


class Identity(Common, frozen=True, kw_only=True, tag_field="type", tag="identity"):
    """Who says something."""

    name: str
    description: str | UnsetType = UNSET
    identity_class: str


class ExtensionDefinition(Common, frozen=True, kw_only=True, tag_field="type", tag="extension-definition"):
    """What an object of ours means that the standard does not know."""

    name: str
    description: str
    schema: str
    version: str
    extension_types: tuple[str, ...]


class AttackPattern(Common, frozen=True, kw_only=True, tag_field="type", tag="attack-pattern"):
    """What attackers do."""

    name: str
    description: str
    external_references: tuple[ExternalReference, ...]


class Campaign(Common, frozen=True, kw_only=True, tag_field="type", tag="campaign"):
    """A campaign."""

    labels: tuple[str, ...]
    confidence: int
    name: str
    description: str
    aliases: tuple[str, ...] | UnsetType = UNSET
    first_seen: str
    last_seen: str
    objective: str


class Indicator(Common, frozen=True, kw_only=True, tag_field="type", tag="indicator"):
    """What a campaign is known by."""

    confidence: int
    name: str
    description: str
    indicator_types: tuple[str, ...] = ("malicious-activity",)
    pattern: str
    pattern_type: str = "stix"
    pattern_version: str = SPEC
    valid_from: str
    valid_until: str


class CourseOfAction(Common, frozen=True, kw_only=True, tag_field="type", tag="course-of-action"):
    """What was decided."""

    name: str
    description: str


class ObservedData(Common, frozen=True, kw_only=True, tag_field="type", tag="observed-data"):
    """What was seen: each of the observables, at least once."""

    first_observed: str
    last_observed: str
    number_observed: int = 1
    object_refs: tuple[str, ...]


class Sighting(Common, frozen=True, kw_only=True, tag_field="type", tag="sighting"):
    """That a campaign was seen, when and by whom."""

    first_seen: str
    last_seen: str
    sighting_of_ref: str
    observed_data_refs: tuple[str, ...]
    where_sighted_refs: tuple[str, ...]


class Relationship(Common, frozen=True, kw_only=True, tag_field="type", tag="relationship"):
    """How two objects hang together."""

    relationship_type: str
    source_ref: str
    target_ref: str


class Report(Common, frozen=True, kw_only=True, tag_field="type", tag="report"):
    """All that is told of a campaign."""

    name: str
    description: str
    report_types: tuple[str, ...] = ("campaign",)
    published: str
    object_refs: tuple[str, ...]


class NewObservable(Struct, frozen=True):
    """That an object is a new kind of observable."""

    extension_type: str = "new-sco"


class Link(Struct, frozen=True, kw_only=True, tag_field="type", tag=LINK_TYPE):
    """What accounts of a campaign share, or one account, salted under the key that `key_id` names."""

    spec_version: str = SPEC
    id: str
    object_marking_refs: tuple[str, ...]
    link_kind: str
    salted_hash: str
    key_id: str
    extensions: dict[str, NewObservable] = msgspec.field(default_factory=lambda: {LINK_EXTENSION: NewObservable()})


Object = (
    Marking
    | Identity
    | ExtensionDefinition
    | AttackPattern
    | Campaign
    | Indicator
    | CourseOfAction
    | ObservedData
    | Sighting
    | Relationship
    | Report
    | Link
)


class Bundle(Struct, frozen=True, tag_field="type", tag="bundle"):
    """Objects on their way."""

    id: str
    objects: tuple[Object, ...]


def our_id(kind: str, *parts: str) -> str:
    """The id of an object of ours: the same parts always give the same."""
    return f"{kind}--{uuid5(OURS, '/'.join((kind, *parts)))}"


def link_id(kind: str, salted_hash: str) -> str:
    """The id of a link, as the standard makes ids of observables: of the properties that tell it from others."""
    name = msgspec.json.encode({"link_kind": kind, "salted_hash": salted_hash}).decode()
    return f"{LINK_TYPE}--{uuid5(OBSERVABLES, name)}"


def pattern(kind: str, salted_hash: str) -> str:
    """The STIX pattern that matches a link."""
    return f"[{LINK_TYPE}:link_kind = '{kind}' AND {LINK_TYPE}:salted_hash = '{salted_hash}']"


def timestamp(at_ms: int) -> str:
    """Milliseconds since the epoch as STIX writes a time."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z"
