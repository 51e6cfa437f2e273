"""Decisions and truths for the tests of the judge."""

from typing import Any

from streams.decisions import Action, Decision
from streams.scenarios import Truth

MINUTE = 60_000
FOREVER = 4 * 10**12


def decision(action: Action, subject: str, at_ms: int, sequence: int = 1, **more: Any) -> Decision:  # noqa: ANN401 - any field
    """A decision about an account, or about a campaign if it has members."""
    kind = "campaign" if "members" in more else "account"
    fields: dict[str, Any] = {
        "decision_id": f"{subject} {sequence}",
        "subject_kind": kind,
        "subject_id": subject,
        "action": action,
        "reasons": (),
        "score": 0.9,
        "decided_at_ms": at_ms,
        "expires_at_ms": FOREVER,
        "policy_version": "p",
        "model_version": "m",
        "shadow": False,
        "sequence": sequence,
    }
    return Decision(**fields | more)


def guilty(*accounts: str, campaign: str = "c") -> list[Truth]:
    return [Truth(account, "campaign:relay", campaign) for account in accounts]


def innocent(*accounts: str, label: str = "benign") -> list[Truth]:
    return [Truth(account, label) for account in accounts]
