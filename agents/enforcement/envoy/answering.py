"""From a verdict to what Envoy does: forward the request, or answer it itself with the refusal."""

from collections.abc import Sequence
from typing import Final

import msgspec
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse, DeniedHttpResponse, OkHttpResponse
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.rpc.code_pb2 import PERMISSION_DENIED
from google.rpc.status_pb2 import Status

from agents.enforcement.envoy.options import DECISION_HEADER, REMAINING_HEADER
from streams.decisions import LADDER, Limits
from streams.enforcement import Refusal, Verdict, refusal, told
from streams.enforcement.asking import PASS
from streams.enforcement.refusals import Problem

TOO_MANY_REQUESTS: Final = 429
MOST: Final = 2**32 - 1
"""The largest number that the rate limit service can say."""

CHECK_PASS: Final = CheckResponse()
"""The answer for nearly everyone: status OK and nothing else."""

UNITS: Final = {
    1_000: RateLimitResponse.RateLimit.SECOND,
    60_000: RateLimitResponse.RateLimit.MINUTE,
    3_600_000: RateLimitResponse.RateLimit.HOUR,
    86_400_000: RateLimitResponse.RateLimit.DAY,
    604_800_000: RateLimitResponse.RateLimit.WEEK,
}
"""By the length of a window in milliseconds. Any other window has the unit UNKNOWN, and only headers tell it."""


def check_response(verdict: Verdict, appeal_url: str | None) -> CheckResponse:
    """The answer to an ext_authz check.

    A request that passes under a decision tells the upstream which decision, and how many requests a throttle leaves;
    the client learns only the second, as `RateLimit`. One that is refused gets the refusal as it is.
    """
    if verdict == PASS:
        return CHECK_PASS
    if verdict.answer == "pass":
        return CheckResponse(
            ok_response=OkHttpResponse(
                headers=_options(_to_upstream(verdict)), response_headers_to_add=_options(told(verdict))
            ),
            dynamic_metadata=_metadata(verdict),
        )
    refused = refusal(verdict, appeal_url)
    return CheckResponse(
        status=Status(code=PERMISSION_DENIED),
        denied_response=DeniedHttpResponse(
            status=HttpStatus(code=refused.status), headers=_options(refused.headers), body=refused.body.decode()
        ),
        dynamic_metadata=_metadata(verdict),
    )


def rate_limit_response(verdicts: Sequence[Verdict], appeal_url: str | None) -> RateLimitResponse:
    """The answer to a rate limit request with these verdicts, one a descriptor.

    One refusal makes it OVER_LIMIT, and the hardest is the one that is told. Envoy answers 429 to all of them: the
    service cannot name a status.
    """
    statuses = [_descriptor_status(verdict) for verdict in verdicts]
    hardest = max(verdicts, key=_hardness, default=PASS)
    if hardest.answer != "pass":
        refused = _with_429(refusal(hardest, appeal_url))
        return RateLimitResponse(
            overall_code=RateLimitResponse.OVER_LIMIT,
            statuses=statuses,
            response_headers_to_add=_values(refused.headers),
            raw_body=refused.body,
            dynamic_metadata=_metadata(hardest),
        )
    scarcest = min(verdicts, key=_left, default=PASS)
    return RateLimitResponse(
        overall_code=RateLimitResponse.OK,
        statuses=statuses,
        response_headers_to_add=_values(told(scarcest)),
        request_headers_to_add=_values(_to_upstream(scarcest)),
        dynamic_metadata=None if scarcest == PASS else _metadata(scarcest),
    )


def _descriptor_status(verdict: Verdict) -> RateLimitResponse.DescriptorStatus:
    """With the limit of a throttle. It resets when a refused request may come again, or else a window from now."""
    status = RateLimitResponse.DescriptorStatus(
        code=RateLimitResponse.OK if verdict.answer == "pass" else RateLimitResponse.OVER_LIMIT
    )
    reset_ms = verdict.retry_after_ms
    if verdict.limits is not None:
        status.current_limit.CopyFrom(_current_limit(verdict.limits))
        status.limit_remaining = 0 if verdict.answer != "pass" else min(max(verdict.remaining or 0, 0), MOST)
        reset_ms = verdict.limits.window_ms if reset_ms is None else reset_ms
    if reset_ms is not None:
        status.duration_until_reset.CopyFrom(Duration(seconds=reset_ms // 1_000, nanos=reset_ms % 1_000 * 1_000_000))
    return status


def _current_limit(limits: Limits) -> RateLimitResponse.RateLimit:
    return RateLimitResponse.RateLimit(
        name="requests",
        requests_per_unit=min(limits.requests, MOST),
        unit=UNITS.get(limits.window_ms, RateLimitResponse.RateLimit.UNKNOWN),
    )


def _with_429(refused: Refusal) -> Refusal:
    """The same refusal with the status that Envoy is going to send: a problem must not contradict its response."""
    if refused.status == TOO_MANY_REQUESTS:
        return refused
    problem = msgspec.json.decode(refused.body, type=Problem)
    body = msgspec.json.encode(msgspec.structs.replace(problem, status=TOO_MANY_REQUESTS))
    return msgspec.structs.replace(refused, status=TOO_MANY_REQUESTS, body=body)


def _hardness(verdict: Verdict) -> int:
    return -1 if verdict.answer == "pass" else LADDER.index(verdict.answer)


def _left(verdict: Verdict) -> tuple[bool, int]:
    """Orders verdicts that pass: first what a throttle leaves least of, last those under no decision."""
    return verdict.decision_id is None, MOST if verdict.remaining is None else verdict.remaining


def _to_upstream(verdict: Verdict) -> list[tuple[str, str]]:
    headers = []
    if verdict.decision_id is not None:
        headers.append((DECISION_HEADER, verdict.decision_id))
    if verdict.remaining is not None:
        headers.append((REMAINING_HEADER, str(verdict.remaining)))
    return headers


def _metadata(verdict: Verdict) -> Struct:
    """For the access log of the gateway. It never reaches the client."""
    metadata = Struct()
    metadata.update({"answer": verdict.answer, "is_static": verdict.is_static})
    if verdict.decision_id is not None:
        metadata.update({"decision_id": verdict.decision_id, "subject_kind": verdict.subject_kind})
    return metadata


def _values(headers: Sequence[tuple[str, str]]) -> list[HeaderValue]:
    return [HeaderValue(key=name.lower(), value=value) for name, value in headers]


def _options(headers: Sequence[tuple[str, str]]) -> list[HeaderValueOption]:
    """Each takes the place of one that is there: a client must not choose, and an upstream must not contradict."""
    action = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return [HeaderValueOption(header=value, append_action=action) for value in _values(headers)]
