"""The parts of OCSF's Detection Finding (class 2004) that are filled, under OCSF's own names. Times in milliseconds.

Open Cybersecurity Schema Framework 1.8.0, https://schema.ocsf.io/1.8.0/classes/detection_finding, with the profiles
`security_control` and `incident`. What is UNSET is left out.
"""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

OCSF_VERSION: Final = "1.8.0"
PROFILES: Final = ("security_control", "incident")
CLASS_UID: Final = 2004


class Feature(Struct, frozen=True):
    """A part of a product."""

    name: str


class Product(Struct, frozen=True):
    """What found something."""

    name: str
    vendor_name: str
    version: str
    feature: Feature


class Metadata(Struct, frozen=True):
    """Of the event: `uid` is its own, `correlation_uid` that of all events of one finding."""

    version: str
    product: Product
    profiles: tuple[str, ...]
    uid: str
    correlation_uid: str
    event_code: str
    sequence: int


class Analytic(Struct, frozen=True):
    """What looks for findings, or for one sign of them."""

    name: str
    type_id: int
    type: str
    uid: str
    category: str | UnsetType = UNSET
    version: str | UnsetType = UNSET


class Named(Struct, frozen=True):
    """A tactic, a technique or a sub-technique of MITRE ATLAS."""

    uid: str
    name: str


class Attack(Struct, frozen=True):
    """What an attacker does, in the words of MITRE ATLAS."""

    tactic: Named
    technique: Named
    sub_technique: Named


class RelatedEvent(Struct, frozen=True):
    """Another finding that has to do with this one."""

    uid: str
    title: str
    type_uid: int
    type_name: str


class FindingInfo(Struct, frozen=True):
    """The finding itself; `uid` is that of the campaign."""

    uid: str
    title: str
    desc: str
    created_time: int
    modified_time: int
    first_seen_time: int
    last_seen_time: int
    analytic: Analytic
    attacks: tuple[Attack, ...]
    types: tuple[str, ...]
    related_analytics: tuple[Analytic, ...] | UnsetType = UNSET
    related_events: tuple[RelatedEvent, ...] | UnsetType = UNSET


class User(Struct, frozen=True):
    """An account, salted."""

    uid: str


class Sign(Struct, frozen=True):
    """A reason of a decision, as evidence has it."""

    signal: str
    family: str
    sentence: str
    observed: float
    baseline: float
    weight: float


class Salted(Struct, frozen=True):
    """What a salted hash is of, and the id of the key that salted it."""

    kind: str
    key_id: str


class Evidence(Struct, frozen=True):
    """A reason, a salted link or a salted account."""

    name: str
    data: Sign | Salted
    uid: str | UnsetType = UNSET
    user: User | UnsetType = UNSET


class Observable(Struct, frozen=True):
    """A value to search for, and where in the event it stands."""

    name: str
    type_id: int
    type: str
    value: str


class Remediation(Struct, frozen=True):
    """What is done about it, in one sentence."""

    desc: str


class AppliedPolicy(Struct, frozen=True):
    """The policy that decided; it is not applied where it runs in shadow."""

    name: str
    version: str
    is_applied: bool


class Stillwatch(Struct, frozen=True):
    """What OCSF has no name for: the decision in our own words, and how large the campaign is by now."""

    action: str
    shadow: bool
    changed: tuple[str, ...]
    accounts: int
    new_accounts: int
    templates: int
    new_templates: int
    decided_at_ms: int
    expires_at_ms: int
    limit_requests: int | UnsetType = UNSET
    limit_tokens: int | UnsetType = UNSET
    limit_window_ms: int | UnsetType = UNSET


class Unmapped(Struct, frozen=True):
    """What OCSF has no name for."""

    stillwatch: Stillwatch


class DetectionFinding(Struct, frozen=True, kw_only=True):
    """One event: what a decision changed of a campaign."""

    time: int
    class_uid: int = CLASS_UID
    class_name: str = "Detection Finding"
    category_uid: int = 2
    category_name: str = "Findings"
    activity_id: int
    activity_name: str
    type_uid: int
    type_name: str
    severity_id: int
    severity: str
    status_id: int
    status: str
    status_detail: str
    message: str
    is_alert: bool
    confidence_id: int
    confidence: str
    confidence_score: int
    risk_level_id: int
    risk_level: str
    action_id: int
    action: str
    disposition_id: int
    disposition: str
    verdict_id: int | UnsetType = UNSET
    verdict: str | UnsetType = UNSET
    policy: AppliedPolicy
    remediation: Remediation
    finding_info: FindingInfo
    evidences: tuple[Evidence, ...] | UnsetType = UNSET
    observables: tuple[Observable, ...] | UnsetType = UNSET
    metadata: Metadata
    unmapped: Unmapped
