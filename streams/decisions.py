"""What comes out: the decision, its reasons and its limits, and the id that the same input always gives."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.events import Share, TimeMs

Action = Literal["observe", "throttle", "challenge", "suspend", "release"]
SubjectKind = Literal["account", "network", "campaign"]
Family = Literal["volume", "rhythm", "identity", "content", "capability", "lifecycle", "anomaly"]

LADDER: tuple[Action, ...] = ("release", "observe", "throttle", "challenge", "suspend")
"""From the mildest to the hardest; a decision climbs it and `release` steps off."""

LIMITING: frozenset[Action] = frozenset({"throttle", "challenge", "suspend"})
"""The actions that a gateway enforces."""

OPENED_BEFORE_DAYS = 7
"""How long before a decision accounts may have been opened that it is about for how they pay (rule 11).

And how long before it was seen with a campaign an account that is a member for having been opened since."""


class Reason(Struct, frozen=True, gc=False):
    """Why: one signal, what was observed, from which `baseline` on it is suspicious, how much it counts (log-odds)."""

    signal: str
    family: Family
    sentence: str
    observed: float
    baseline: float
    weight: float


class Limits(Struct, frozen=True, gc=False):
    """What each account of a throttled subject may still do, by itself: `requests` and `tokens` per `window_ms`.

    A gateway counts in windows that follow each other without overlap, or lets so much pass at once and fills it up
    evenly in the time of a window. An account of a throttled campaign does not share its limits with others; whoever
    uses a throttled network does.
    """

    requests: Annotated[int, Meta(ge=0)]
    tokens: Annotated[int, Meta(ge=0)]
    window_ms: Annotated[int, Meta(ge=1)]


class Wording(Struct, frozen=True, gc=False):
    """The words of a template, for requests that say the same in other words: those with a `sketch` as `similar`.

    Two sketches are as similar as the share of their hashes that both have, of those that either has (Jaccard).
    """

    sketch: Annotated[str, Meta(max_length=128)]
    similar: Annotated[float, Meta(gt=0, le=1)]


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """One decision on `stillwatch.enforcement` (key = subject_id).

    The rules for a gateway; what a reviewer decided has the `model_version` reviewer, and no reasons:

    1. Of each subject the decision with the highest `sequence` counts. Drop repeats and older ones: delivery is at
       least once. But one that was decided a day or more after the one that counts does so whatever its sequence, and
       one a day or more before it never: the decider had forgotten the subject, and counts from 1 again.
    2. Do not enforce a decision with `shadow` true, nor the action `observe`; they count for 1, 3 and 11 all the same.
    3. `members` are the accounts that *this* decision adds. A decision about a campaign applies to the `members` of all
       its decisions so far. Keep them when it expires: a later decision applies to them again.
    4. Let go at `expires_at_ms`, or at `release`.
    5. Where a request is under several decisions, of its account, of a campaign or of a network, the hardest counts:
       suspend, challenge, throttle.
    6. `limits` are for each account by itself, in each window of `window_ms` or filled up evenly in that time; those of
       a network for all its requests.
    7. A release of a campaign whose `campaign_id` differs from `subject_id`: that other campaign, the heir, took it in,
       or is the largest of the campaigns that it split into. Who stays limited is named again. Subjects are not ordered
       among each other, so hold the release until a decision names them, but no longer than 60 seconds.
    8. `subject_id` of a network is a link, `template:` and the `template_hash` of the request event: the decision is
       about every request that has it, whoever sends it. With a `wording` it is also about every request whose sketch
       is at least as similar; only the wording of the decision that counts does. A gateway that cannot tell may leave
       either out, and stops a new account, or a new wording, of a campaign only once a decision names the account: of
       a large campaign that may be never. Whom the policy's allowlist spares, the gateway spares here. A release of a
       network ends such a decision, and no more.
    9. A release of an account is a reviewer's word that it is innocent, whatever its `shadow` says. It is no member by
       decisions whose `decided_at_ms` is not later, nor does rule 11 apply to its `payments` by them. Until the release
       expires, or another decision about the account replaces it, no decision about a campaign or a network applies to
       the account.
    10. A new gateway reads the topic from its beginning, where all `members` and `payments` are; it is kept for 90
       days, uncompacted.
    11. `payments` of a campaign's decision are payment hashes of `members` so far, kept as these are. Whoever pays with
       one of them, and whose account was opened at `opened_from_ms` or later (that of the newest decision that has the
       payment), counts as a member: who was banned comes back with the same card, and is stopped at the first request.
       It is never more than a week before the decision. One far in the future takes the payment back; a release of the
       campaign takes all back, unless an heir took it in (7). A gateway that cannot tell leaves this out, and stops
       such an account once a decision names it.
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
    wording: Wording | None = None
    payments: tuple[str, ...] = ()
    opened_from_ms: TimeMs | None = None
