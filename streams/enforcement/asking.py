"""What a gateway asks about a request, and what it is told."""

from typing import Literal

from msgspec import Struct

from streams.decisions import Limits, SubjectKind
from streams.events import RequestEvent

Answer = Literal["pass", "throttle", "challenge", "suspend"]
"""What becomes of a request: it passes, or it is refused because of that action."""


class Ask(Struct, frozen=True, gc=False):
    """One request that a gateway is about to forward, as far as the gateway knows it.

    `template_hash` and `sketch` are those of the edge fingerprint; without them only its account is judged. `tokens` is
    what it will cost, 0 where nobody can tell yet. `payment_hash` and `account_created_at_ms` are as request events
    have them: with both a banned customer's new account is known by how it pays.
    """

    account_id: str
    template_hash: str | None = None
    sketch: str | None = None
    tokens: int = 0
    payment_hash: str | None = None
    account_created_at_ms: int | None = None


class Verdict(Struct, frozen=True, gc=False):
    """What becomes of it, and by which decision; without one it is nobody's business.

    `limits` are those of a throttle, also where the request passes within them; `remaining` is how many requests they
    leave. `until_ms` is when the decision runs out, `retry_after_ms` how long after now a refused request may pass.
    `is_static` is an answer that no decision gave: the gateway could not know, and the operator said what then.
    """

    answer: Answer = "pass"
    decision_id: str | None = None
    subject_kind: SubjectKind | None = None
    subject_id: str | None = None
    until_ms: int | None = None
    limits: Limits | None = None
    remaining: int | None = None
    retry_after_ms: int | None = None
    is_static: bool = False


class Room(Struct, frozen=True, gc=False):
    """Whether a throttle has room for one more request, how many are left, and how long to wait if it has none.

    `is_local`: Redis was not asked.
    """

    admitted: bool
    remaining: int
    retry_after_ms: int = 0
    is_local: bool = False


PASS = Verdict()
"""Nothing is in force about the request."""


def ask_of(event: RequestEvent) -> Ask:
    """What a gateway that computes the edge fingerprint asks about this request."""
    return Ask(
        event.account_id,
        event.template_hash,
        event.sketch,
        event.input_tokens + event.output_tokens,
        event.payment_hash,
        event.account_created_at_ms,
    )
