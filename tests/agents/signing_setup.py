"""Decisions, keys and records as tests of signatures use them."""

from pathlib import Path

import msgspec

from agents.keys import make_pair
from agents.signing import Signer
from streams.decisions import Decision

NOW_MS = 1_790_000_000_000


def decision(subject_id: str = "acct-1", **changes: object) -> Decision:
    told = Decision(
        decision_id="d-1",
        subject_kind="account",
        subject_id=subject_id,
        action="suspend",
        reasons=(),
        score=0.9,
        decided_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 3_600_000,
        policy_version="p",
        model_version="m",
        shadow=False,
        sequence=1,
    )
    return msgspec.structs.replace(told, **changes)


def encoded(told: Decision) -> tuple[bytes, bytes]:
    """Key and value of its record."""
    return told.subject_id.encode(), msgspec.json.encode(told)


def signer(path: Path) -> Signer:
    """A signer with a new key in `path`."""
    make_pair(path)
    return Signer(path)
