"""From a change of a campaign to its event: what each field of the finding is made of."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Final

from msgspec import UNSET, Struct

from agents.exporting.cases import Activity, Change
from agents.exporting.ocsf import (
    CLASS_UID,
    OCSF_VERSION,
    PROFILES,
    Analytic,
    AppliedPolicy,
    Attack,
    DetectionFinding,
    Evidence,
    Feature,
    FindingInfo,
    Metadata,
    Named,
    Observable,
    Product,
    RelatedEvent,
    Remediation,
    Salted,
    Sign,
    Stillwatch,
    Unmapped,
    User,
)
from agents.exporting.sharing import SharingKey
from agents.exporting.wording import done, sized
from streams.decisions import LIMITING, Action, Family
from streams.reviewing import REVIEWER

Word = tuple[int, str]
"""A number of one of OCSF's lists, and what it is called there."""

ACTIVITIES: Final[Mapping[Activity, Word]] = {"create": (1, "Create"), "update": (2, "Update"), "close": (3, "Close")}
STATUSES: Final[Mapping[Activity, Word]] = {
    "create": (1, "New"),
    "update": (2, "In Progress"),
    "close": (4, "Resolved"),
}
SEVERITIES: Final[Mapping[Action, Word]] = {
    "release": (1, "Informational"),
    "observe": (2, "Low"),
    "throttle": (3, "Medium"),
    "challenge": (4, "High"),
    "suspend": (5, "Critical"),
}
RISKS: Final[Mapping[Action, Word]] = {
    "release": (0, "Info"),
    "observe": (1, "Low"),
    "throttle": (2, "Medium"),
    "challenge": (3, "High"),
    "suspend": (4, "Critical"),
}
CONTROLS: Final[Mapping[Action, tuple[Word, Word]]] = {
    "release": ((1, "Allowed"), (10, "Exonerated")),
    "observe": ((3, "Observed"), (17, "Logged")),
    "throttle": ((99, "Throttled"), (99, "Rate limited")),
    "challenge": ((2, "Denied"), (23, "Challenge")),
    "suspend": ((2, "Denied"), (2, "Blocked")),
}
"""What a control does to requests, and what becomes of them."""

IN_SHADOW: Final[tuple[Word, Word]] = ((3, "Observed"), (16, "No Action"))
OVER: Final[tuple[Word, Word]] = ((1, "Allowed"), (1, "Allowed"))
"""Of a campaign that expired, or that another took in: nothing is refused by this finding any more."""

FALSE_POSITIVE: Final[Word] = (1, "False Positive")
TRUE_POSITIVE: Final[Word] = (2, "True Positive")
DUPLICATE: Final[Word] = (10, "Duplicate")

STATISTICAL: Final[Word] = (3, "Statistical")
BEHAVIORAL: Final[Word] = (2, "Behavioral")
LEARNING: Final[Word] = (4, "Learning (ML/DL)")
FINGERPRINTING: Final[Word] = (5, "Fingerprinting")
ANALYTICS: Final[Mapping[Family, Word]] = {
    "volume": STATISTICAL,
    "rhythm": BEHAVIORAL,
    "identity": STATISTICAL,
    "content": FINGERPRINTING,
    "capability": BEHAVIORAL,
    "lifecycle": STATISTICAL,
    "anomaly": LEARNING,
}

SURE: Final = ((80, (3, "High")), (50, (2, "Medium")), (0, (1, "Low")))
"""From which score, in per cent, a confidence is called so."""

HASH: Final[Word] = (8, "Hash")
USER_UID: Final[Word] = (31, "User Object: uid")

ATLAS: Final = Attack(
    tactic=Named("AML.TA0010", "Exfiltration"),
    technique=Named("AML.T0024", "Exfiltration via AI Inference API"),
    sub_technique=Named("AML.T0024.002", "Extract AI Model"),
)
KIND: Final = "model extraction campaign"


class Shown(Struct, frozen=True):
    """What may be shown of links and accounts: nothing without a key, and accounts only where they are asked for."""

    key: SharingKey | None = None
    accounts: bool = False


def finding_of(change: Change, shown: Shown) -> DetectionFinding:
    """The event of a change."""
    decision, ending = change.decision, change.ending
    activity_id, activity = ACTIVITIES[change.activity]
    status_id, status = STATUSES[change.activity]
    is_over = ending is not None
    severity = SEVERITIES["release" if is_over else decision.action]
    risk = RISKS["release" if is_over else decision.action]
    control, disposition = _control(change)
    score = round(decision.score * 100)
    confidence = next(word for least, word in SURE if score >= least)
    verdict = _verdict(change)
    evidences = tuple(_evidences(change, shown))
    observables = tuple(_observables(evidences))
    sentence = f"{sized(change.accounts, change.templates)} {done(decision, ending)}"
    return DetectionFinding(
        time=change.at_ms,
        activity_id=activity_id,
        activity_name=activity,
        type_uid=CLASS_UID * 100 + activity_id,
        type_name=f"Detection Finding: {activity}",
        severity_id=severity[0],
        severity=severity[1],
        status_id=status_id,
        status=status,
        status_detail=", ".join(change.what),
        message=f"Campaign {decision.subject_id}: {sentence}",
        is_alert=change.activity != "close" and decision.action in LIMITING and not decision.shadow,
        confidence_id=confidence[0],
        confidence=confidence[1],
        confidence_score=score,
        risk_level_id=risk[0],
        risk_level=risk[1],
        action_id=control[0],
        action=control[1],
        disposition_id=disposition[0],
        disposition=disposition[1],
        verdict_id=UNSET if verdict is None else verdict[0],
        verdict=UNSET if verdict is None else verdict[1],
        policy=AppliedPolicy("Stillwatch policy", decision.policy_version, is_applied=not decision.shadow),
        remediation=Remediation(done(decision, ending)),
        finding_info=_info(change, sentence),
        evidences=evidences or UNSET,
        observables=observables or UNSET,
        metadata=Metadata(
            version=OCSF_VERSION,
            product=_product(),
            profiles=PROFILES,
            uid=f"{decision.decision_id}-expired" if ending == "expired" else change.by.decision_id,
            correlation_uid=decision.subject_id,
            event_code=ending or decision.action,
            sequence=change.by.sequence,
        ),
        unmapped=Unmapped(_own(change)),
    )


@cache
def _product() -> Product:
    return Product("Stillwatch", "Stillwatch", version("stillwatch"), Feature("campaigns"))


def _info(change: Change, sentence: str) -> FindingInfo:
    decision = change.decision
    related = [
        RelatedEvent(uid, f"Campaign {uid}, {how}", 200499, "Detection Finding: Other")
        for uid, how in (
            *((it, "which this one took in") for it in change.took_in),
            *(((decision.campaign_id or "", "which took this one in"),) if change.ending == "taken_in" else ()),
        )
    ]
    signs = tuple(
        Analytic(it.signal, *ANALYTICS[it.family], uid=it.signal, category=it.family) for it in decision.reasons
    )
    return FindingInfo(
        uid=decision.subject_id,
        title=f"{KIND.capitalize()} {decision.subject_id}",
        desc=" ".join((sentence, *(it.sentence for it in decision.reasons))),
        created_time=change.first_ms,
        modified_time=change.at_ms,
        first_seen_time=change.first_ms,
        last_seen_time=change.by.decided_at_ms,
        analytic=Analytic("Stillwatch campaigns", *BEHAVIORAL, uid="campaigns", version=decision.model_version),
        attacks=(ATLAS,),
        types=(KIND,),
        related_analytics=signs or UNSET,
        related_events=tuple(related) or UNSET,
    )


def _control(change: Change) -> tuple[Word, Word]:
    decision = change.decision
    if change.ending == "released":
        return CONTROLS["release"]
    if change.ending is not None:
        return OVER
    return IN_SHADOW if decision.shadow and decision.action in LIMITING else CONTROLS[decision.action]


def _verdict(change: Change) -> Word | None:
    """What people said: a reviewer's word, or that it is the same as another campaign."""
    if change.ending == "taken_in":
        return DUPLICATE
    if change.by.model_version != REVIEWER or change.ending == "expired":
        return None
    return TRUE_POSITIVE if change.ending is None else FALSE_POSITIVE


def _evidences(change: Change, shown: Shown) -> Iterator[Evidence]:
    for it in change.by.reasons:
        yield Evidence(it.signal, Sign(it.signal, it.family, it.sentence, it.observed, it.baseline, it.weight))
    if shown.key is None:
        return
    for link in change.new_templates:
        value = shown.key.salted("template", link.partition(":")[2])
        yield Evidence("template", Salted("template", shown.key.key_id), uid=value)
    for account in change.new_members if shown.accounts else ():
        value = shown.key.salted("account", account)
        yield Evidence("account", Salted("account", shown.key.key_id), user=User(value))


def _observables(evidences: tuple[Evidence, ...]) -> Iterator[Observable]:
    for it in evidences:
        if it.user is not UNSET:
            yield Observable("evidences[].user.uid", *USER_UID, value=it.user.uid)
        elif it.uid is not UNSET:
            yield Observable("evidences[].uid", *HASH, value=it.uid)


def _own(change: Change) -> Stillwatch:
    decision, limits = change.decision, change.decision.limits
    return Stillwatch(
        action=decision.action,
        shadow=decision.shadow,
        changed=change.what,
        accounts=change.accounts,
        new_accounts=len(change.new_members),
        templates=change.templates,
        new_templates=len(change.new_templates),
        decided_at_ms=decision.decided_at_ms,
        expires_at_ms=decision.expires_at_ms,
        limit_requests=UNSET if limits is None else limits.requests,
        limit_tokens=UNSET if limits is None else limits.tokens,
        limit_window_ms=UNSET if limits is None else limits.window_ms,
    )
