"""What an enforcer lets in: no decision that reaches further than any of ours."""

from typing import Any

import msgspec
import pytest

from agents.enforcement.admission import Admission
from agents.signing import Verifier
from streams.decisions import OPENED_BEFORE_DAYS, Decision
from streams.events import EARLIEST_MS, LATEST_MS
from streams.policy import LONGEST_EXPIRY_MS
from streams.windows import DAY_MS
from tests.streams.evaluation.deciding import decision

OPENED_BEFORE_MS = OPENED_BEFORE_DAYS * DAY_MS
AT = EARLIEST_MS + 10 * OPENED_BEFORE_MS


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, "fresh"),
        ({"expires_at_ms": AT + LONGEST_EXPIRY_MS + 1}, "overlong"),
        ({"payments": ("card",), "opened_from_ms": AT - OPENED_BEFORE_MS}, "fresh"),
        ({"payments": ("card",), "opened_from_ms": LATEST_MS}, "fresh"),
        ({"payments": ("card",), "opened_from_ms": AT - OPENED_BEFORE_MS - 1}, "overlong"),
        ({"payments": ("card",)}, "fresh"),
    ],
)
def test_what_reaches_further_than_any_decision_of_ours_is_counted_and_not_let_in(
    more: dict[str, Any], outcome: str
) -> None:
    counted: list[str] = []
    admission = Admission(Verifier(None), lambda taken, _source: counted.append(taken), clock=lambda: AT)
    fields: dict[str, Any] = {"members": ("a",), "expires_at_ms": AT + LONGEST_EXPIRY_MS}
    told = decision("suspend", "c-1", AT, **fields | more)
    admitted = admission.admit(b"c-1", msgspec.json.encode(told), [], "log")
    assert counted == [outcome]
    assert admitted == (told if outcome == "fresh" else None)
    assert admitted is None or isinstance(admitted, Decision)
