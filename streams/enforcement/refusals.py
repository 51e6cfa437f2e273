"""What a client is told: that its request is refused and what to do now, or how much of its quota is left.

It never tells why: not the signal, nor the campaign or the template, nor whether the decision is about the account or
about what it sends. Whoever is refused learns what to do, how long to wait and where to appeal, with a reference.

- throttle: 429 and `quota-exceeded`. Clients wait for `Retry-After` and send the request again, which is right.
- challenge: 403 and `verification-required`. Not 429, because the usual clients send such a request again by
  themselves, and no number of times helps: a person has to be verified.
- suspend: 403 and `service-suspended`.
- no decision was the reason (`is_static`) and no quota either: 503 and `temporary-reduced-capacity`. The gateway could
  not know, which is no fault of the client's.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-11, the body is a problem of
RFC 9457. The quota is one of requests, the only unit of the draft that fits; a quota of tokens is said in words.
"""

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from streams.decisions import Limits
from streams.enforcement.asking import Verdict

POLICY = "requests"
"""The name of the quota policy: the same for all, so that it tells nothing about the decision."""

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
VERIFICATION_REQUIRED = "urn:problem-type:stillwatch:verification-required"
SERVICE_SUSPENDED = "urn:problem-type:stillwatch:service-suspended"

LARGEST = 999_999_999_999_999
"""The largest integer of a structured field (RFC 9651, 3.3.1)."""

Headers = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are sent."""


class Refusal(Struct, frozen=True, gc=False):
    """The response to a refused request. It has no `Content-Length`: who sends it knows whether one is needed."""

    status: int
    headers: Headers
    body: bytes


class Problem(Struct, frozen=True, kw_only=True, gc=False):
    """The body of a refusal (RFC 9457). `reference` says for an appeal which decision it was, and nothing about it."""

    type: str
    title: str
    status: int
    detail: str
    violated_policies: tuple[str, ...] | UnsetType = field(name="violated-policies", default=UNSET)
    reference: str | UnsetType = UNSET
    appeal: str | UnsetType = UNSET


def refusal(verdict: Verdict, appeal_url: str | None = None) -> Refusal:
    """The response to a request that `verdict` refuses. Raises ValueError where it passes."""
    problem = _problem(verdict, appeal_url)
    headers = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
    wait = _wait_seconds(verdict)
    if wait is not None:
        headers.append(("Retry-After", str(wait)))
    if verdict.answer == "throttle" and verdict.limits is not None:
        headers += _quota(verdict.limits, 0, wait)
    return Refusal(problem.status, tuple(headers), msgspec.json.encode(problem))


def told(verdict: Verdict) -> Headers:
    """The headers of the response to a request that passes: what a throttle leaves, nothing where there is none."""
    if verdict.answer != "pass" or verdict.limits is None or verdict.remaining is None:
        return ()
    return tuple(_quota(verdict.limits, verdict.remaining, None))


def _quota(limits: Limits, remaining: int, wait: int | None) -> list[tuple[str, str]]:
    """The quota and what is left of it in the next `wait` seconds, by default the whole window.

    A part of a second counts as a whole one, so nobody is promised more than there is.
    """
    window = _seconds(limits.window_ms)
    left = min(max(remaining, 0), limits.requests, LARGEST)
    return [
        ("RateLimit-Policy", f'"{POLICY}";q={min(limits.requests, LARGEST)};w={window}'),
        ("RateLimit", f'"{POLICY}";r={left};t={window if wait is None else wait}'),
    ]


def _wait_seconds(verdict: Verdict) -> int | None:
    """How long to wait, in whole seconds; None if nobody knows."""
    if verdict.retry_after_ms is not None:
        return _seconds(verdict.retry_after_ms)
    if verdict.answer == "throttle" and verdict.limits is not None:
        return _seconds(verdict.limits.window_ms)
    return None


def _seconds(milliseconds: int) -> int:
    """Whole seconds, rounded up, at least one."""
    return min(max(-(-milliseconds // 1_000), 1), LARGEST)


def _problem(verdict: Verdict, appeal_url: str | None) -> Problem:
    appeal = UNSET if appeal_url is None else appeal_url
    reference = UNSET if verdict.decision_id is None else verdict.decision_id
    where = "our support" if appeal_url is None else appeal_url
    quoting = "" if verdict.decision_id is None else f" and quote the reference {verdict.decision_id}"
    if verdict.answer == "throttle" and (verdict.limits is not None or not verdict.is_static):
        return Problem(
            type=QUOTA_EXCEEDED,
            title="Too many requests",
            status=429,
            detail=f"{_allowed(verdict.limits)} {_waiting(verdict)} "
            f"If you need more, or think that this is a mistake, turn to {where}{quoting}.",
            violated_policies=(POLICY,),
            reference=reference,
            appeal=appeal,
        )
    if verdict.answer == "pass":
        raise ValueError("a request that passes is not refused")
    if verdict.is_static:
        return Problem(
            type=REDUCED_CAPACITY,
            title="Not available right now",
            status=503,
            detail=f"We cannot serve your request right now, through no fault of yours. {_waiting(verdict)} "
            f"If it goes on, turn to {where}.",
            appeal=appeal,
        )
    if verdict.answer == "challenge":
        return Problem(
            type=VERIFICATION_REQUIRED,
            title="Verification required",
            status=403,
            detail="Before we serve this request we have to know who is behind it, and sending it again does not help. "
            f"To verify your account, or if you think that this is a mistake, turn to {where}{quoting}.",
            reference=reference,
            appeal=appeal,
        )
    return Problem(
        type=SERVICE_SUSPENDED,
        title="Service suspended",
        status=403,
        detail="We did not serve this request, because our service to you is suspended in part or as a whole. Sending "
        f"it again does not help. If you think that this is a mistake, appeal to {where}{quoting}.",
        reference=reference,
        appeal=appeal,
    )


def _allowed(limits: Limits | None) -> str:
    if limits is None or limits.requests == 0 or limits.tokens == 0:
        return "You cannot send more requests for now."
    requests = "1 request" if limits.requests == 1 else f"{limits.requests:,} requests"
    tokens = "1 token" if limits.tokens == 1 else f"{limits.tokens:,} tokens"
    return f"You can send at most {requests} and use {tokens} in {_time(_seconds(limits.window_ms))}."


def _waiting(verdict: Verdict) -> str:
    wait = _wait_seconds(verdict)
    return f"Please wait {'a moment' if wait is None else _time(wait)}, then send it again."


def _time(seconds: int) -> str:
    return "1 second" if seconds == 1 else f"{seconds:,} seconds"
