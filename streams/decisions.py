"""What comes out: the decision, its reasons and its limits, and the id that the same input always gives."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.events import Share, TimeMs

Action = Literal["observe", "throttle", "challenge", "suspend", "release"]
SubjectKind = Literal["account", "network", "campaign"]
Family = Literal["volume", "rhythm", "identity", "content", "capability", "lifecycle", "anomaly"]

LADDER: tuple[Action, ...] = ("release", "observe", "throttle", "challenge", "suspend")
"""From the mildest to the hardest; a decision climbs it and `release` steps off."""


class Reason(Struct, frozen=True, gc=False):
    """Why: one signal, what was observed against what is ordinary, and how much it counts (log-odds)."""

    signal: str
    family: Family
    sentence: str
    observed: float
    baseline: float
    weight: float


class Limits(Struct, frozen=True, gc=False):
    """What a throttled subject may still do: `requests` and `tokens` in each window of `window_ms`."""

    requests: Annotated[int, Meta(ge=0)]
    tokens: Annotated[int, Meta(ge=0)]
    window_ms: Annotated[int, Meta(ge=1)]


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """One decision on `stillwatch.enforcement` (key = subject_id).

    A consumer applies the highest `sequence` of a subject, ignores older ones, and lets go at `expires_at_ms`.
    `members` are the account ids that *this* decision adds to a campaign, not all of them.
    """

    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    action: Action
    reasons: tuple[Reason, ...]
    score: Share
    decided_at_ms: TimeMs
    expires_at_ms: TimeMs
    policy_version: str
    model_version: str
    shadow: bool
    sequence: Annotated[int, Meta(ge=1)]
    campaign_id: str | None = None
    members: tuple[str, ...] = ()
    limits: Limits | None = None
