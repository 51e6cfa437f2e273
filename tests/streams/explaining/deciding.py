"""Decisions for the tests of explaining, and a ladder of their own."""

from streams.decisions import Family, Reason
from streams.policy import Ladder, Policy, Rung
from tests.streams.evaluation.deciding import decision

__all__ = ["FOUR", "LADDER_OF_TESTS", "POLICY", "decision", "reason"]

LADDER_OF_TESTS = Ladder(
    prior=-4.0,
    minimum_accounts=5,
    observe=Rung(score=0.30, families=1, expires_hours=24),
    throttle=Rung(score=0.60, families=2, expires_hours=6, requests=30, tokens=60_000, window_minutes=60),
    challenge=Rung(score=0.85, families=3, expires_hours=12),
    suspend=Rung(score=0.97, families=3, expires_hours=72),
)
"""The shipped one is tuned; what a ladder means is not."""

POLICY = Policy(version="p", account=LADDER_OF_TESTS, campaign=LADDER_OF_TESTS)


def reason(signal: str, family: Family, weight: float, observed: float = 10.0, baseline: float = 4.0) -> Reason:
    return Reason(
        signal, family, f"{signal} is {observed:g} (suspicious from {baseline:g}).", observed, baseline, weight
    )


FOUR = (
    reason("accounts_per_payment", "identity", 3.5, 13.0, 5.0),
    reason("rewordings", "content", 3.0, 119.0, 8.0),
    reason("accounts_per_template", "content", 2.5, 15.0, 3.0),
    reason("recent_accounts", "lifecycle", 2.0, 0.95, 0.8),
)
"""Reasons of a campaign: -4 + 3.5 + 3 + 2 = 4.5 points."""
