"""The objects that are the same in every bundle: markings, who we are, what our links mean, what attackers do."""

from collections.abc import Mapping
from typing import Final

from agents.exporting.findings import ATLAS
from agents.exporting.stix import (
    LINK_EXTENSION,
    LINK_TYPE,
    AttackPattern,
    ExtensionDefinition,
    ExternalReference,
    Identity,
    Marking,
    MarkingExtension,
    Tlp,
    our_id,
)

MADE: Final = "2026-11-28T00:00:00.000Z"
"""When these objects were written down as they are. Whoever changes one sets its `modified`."""

TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""TLP 2.0, by OASIS: cti-stix-common-objects, extension-definition-specifications/tlp-2.0."""

_TLP_UUIDS: Final[Mapping[Tlp, str]] = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""The ids are OASIS's, and so is the time in `Marking`: every producer's marking is the same object."""

MARKINGS: Final[Mapping[Tlp, Marking]] = {
    tlp: Marking(
        id=f"marking-definition--{uuid}",
        name=f"TLP:{tlp.upper()}",
        extensions={TLP_EXTENSION: MarkingExtension(tlp)},
    )
    for tlp, uuid in _TLP_UUIDS.items()
}

_STILLWATCH: Final = our_id("identity", "Stillwatch")
STILLWATCH: Final = Identity(
    id=_STILLWATCH,
    created_by_ref=_STILLWATCH,
    created=MADE,
    modified=MADE,
    name="Stillwatch",
    description="The program that found what is told here; it defines the links.",
    identity_class="system",
)

EXTENSION: Final = ExtensionDefinition(
    id=LINK_EXTENSION,
    created_by_ref=STILLWATCH.id,
    created=MADE,
    modified=MADE,
    name="Stillwatch link",
    description=(
        f"{LINK_TYPE} is an observable: what accounts of an AI provider share, or one account, as a salted hash. "
        "link_kind is template, payment or account; salted_hash is HMAC-SHA-256 in hexadecimal, of link_kind, a colon "
        "and the provider's own keyed hash, under a key that those who compare have agreed on; key_id names that key. "
        "link_kind and salted_hash make its id."
    ),
    schema="https://github.com/stillwatch/stillwatch/blob/main/deploy/findings.md",
    version="1.0.0",
    extension_types=("new-sco",),
)

EXTRACTION: Final = AttackPattern(
    id=our_id("attack-pattern", ATLAS.sub_technique.uid),
    created_by_ref=STILLWATCH.id,
    created=MADE,
    modified=MADE,
    name=ATLAS.sub_technique.name,
    description="Asking a model at scale, over many accounts, to train a copy of it on the answers.",
    external_references=(ExternalReference("mitre-atlas", ATLAS.sub_technique.uid),),
)


def producer(name: str) -> Identity:
    """The provider that tells of its campaigns; the same name is the same identity."""
    own = our_id("identity", "producer", name)
    return Identity(id=own, created_by_ref=own, created=MADE, modified=MADE, name=name, identity_class="organization")
