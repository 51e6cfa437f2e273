import json
from itertools import product

import pytest
from envoy.config.core.v3.base_pb2 import HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse
from google.protobuf.json_format import MessageToDict

from agents.enforcement.envoy.answering import check_response, rate_limit_response
from streams.decisions import Limits
from streams.enforcement import Verdict, refusal
from streams.enforcement.asking import PASS

APPEAL = "https://example.com/appeal"
LIMITS = Limits(requests=10, tokens=5_000, window_ms=60_000)
SUSPENDED = Verdict("suspend", "d-1", "campaign", "camp-7", 4_000_000_000_000)
CHALLENGED = Verdict("challenge", "d-2", "account", "acct-7", 4_000_000_000_000)
THROTTLED = Verdict("throttle", "d-3", "account", "acct-7", 4_000_000_000_000, LIMITS, 0, 1_500)
WITHIN = Verdict("pass", "d-3", "account", "acct-7", 4_000_000_000_000, LIMITS, 4)
CLOSED = Verdict("suspend", is_static=True, retry_after_ms=1_000)
OPEN = Verdict(is_static=True)
REFUSED = (SUSPENDED, CHALLENGED, THROTTLED, CLOSED)
OK, OVER = RateLimitResponse.OK, RateLimitResponse.OVER_LIMIT


def lower(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers]


@pytest.mark.parametrize("verdict", REFUSED)
def test_a_refused_check_is_answered_with_the_refusal_as_it_is(verdict: Verdict) -> None:
    response = check_response(verdict, APPEAL)
    refused = refusal(verdict, APPEAL)
    denied = response.denied_response
    assert response.status.code == 7
    assert denied.status.code == refused.status
    assert denied.body.encode() == refused.body
    assert [(it.header.key, it.header.value) for it in denied.headers] == lower(refused.headers)
    assert {it.append_action for it in denied.headers} == {HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD}


def test_a_check_about_nothing_is_the_empty_answer() -> None:
    assert check_response(PASS, APPEAL).SerializeToString() == CheckResponse().SerializeToString() == b""


def test_a_check_within_a_throttle_tells_the_upstream_the_decision_and_the_client_what_is_left() -> None:
    response = check_response(WITHIN, APPEAL)
    assert response.status.code == 0
    assert [(it.header.key, it.header.value) for it in response.ok_response.headers] == [
        ("x-stillwatch-decision", "d-3"),
        ("x-stillwatch-remaining", "4"),
    ]
    assert [(it.header.key, it.header.value) for it in response.ok_response.response_headers_to_add] == [
        ("ratelimit-policy", '"requests";q=10;w=60'),
        ("ratelimit", '"requests";r=4;t=60'),
    ]


def test_the_access_log_learns_the_decision_and_a_request_that_passes_unknown_is_marked() -> None:
    assert MessageToDict(check_response(SUSPENDED, None).dynamic_metadata) == {
        "answer": "suspend",
        "decision_id": "d-1",
        "is_static": False,
        "subject_kind": "campaign",
    }
    assert MessageToDict(check_response(OPEN, None).dynamic_metadata) == {"answer": "pass", "is_static": True}
    assert not check_response(OPEN, None).HasField("denied_response")


def test_nothing_that_reaches_a_client_names_the_subject_or_its_kind() -> None:
    for verdict in REFUSED:
        denied = check_response(verdict, APPEAL).denied_response
        limited = rate_limit_response([verdict], APPEAL)
        for message in (
            denied.body,
            str(denied.headers),
            limited.raw_body.decode(),
            str(limited.response_headers_to_add),
        ):
            assert not [word for word in ("campaign", "camp-7", "acct-7", "signal") if word in message]


@pytest.mark.parametrize("verdict", REFUSED)
def test_a_refused_rate_limit_request_is_answered_429_with_a_problem_that_says_429(verdict: Verdict) -> None:
    response = rate_limit_response([verdict], APPEAL)
    refused = refusal(verdict, APPEAL)
    assert response.overall_code == OVER
    assert json.loads(response.raw_body) == json.loads(refused.body) | {"status": 429}
    assert [(it.key, it.value) for it in response.response_headers_to_add] == lower(refused.headers)


def test_a_throttle_fills_in_its_limit_what_is_left_and_when_it_resets() -> None:
    within, over = rate_limit_response([WITHIN, THROTTLED], None).statuses
    limit = {"name": "requests", "requestsPerUnit": 10, "unit": "MINUTE"}
    assert MessageToDict(within) == {
        "code": "OK",
        "currentLimit": limit,
        "limitRemaining": 4,
        "durationUntilReset": "60s",
    }
    assert MessageToDict(over) == {"code": "OVER_LIMIT", "currentLimit": limit, "durationUntilReset": "1.500s"}


@pytest.mark.parametrize(
    ("window_ms", "unit"),
    [(1_000, "SECOND"), (60_000, "MINUTE"), (3_600_000, "HOUR"), (86_400_000, "DAY"), (604_800_000, "WEEK")],
)
def test_a_window_that_is_a_unit_of_envoy_has_that_unit(window_ms: int, unit: str) -> None:
    (status,) = rate_limit_response([Verdict("pass", "d", limits=Limits(1, 1, window_ms), remaining=1)], None).statuses
    assert RateLimitResponse.RateLimit.Unit.Name(status.current_limit.unit) == unit


def test_another_window_has_no_unit_and_a_limit_too_large_is_the_largest_that_can_be_said() -> None:
    verdict = Verdict("pass", "d", limits=Limits(2**40, 1, 90_000), remaining=2**40)
    (status,) = rate_limit_response([verdict], None).statuses
    assert status.current_limit.unit == RateLimitResponse.RateLimit.UNKNOWN
    assert status.current_limit.requests_per_unit == status.limit_remaining == 2**32 - 1


def test_of_several_descriptors_one_refusal_refuses_and_the_hardest_is_told() -> None:
    order = {PASS: 0, WITHIN: 0, THROTTLED: 1, CHALLENGED: 2, SUSPENDED: 3}
    for verdicts in product(order, repeat=3):
        response = rate_limit_response(verdicts, None)
        assert [it.code for it in response.statuses] == [OVER if order[it] else OK for it in verdicts]
        hardest = max(verdicts, key=lambda it: order[it])
        assert response.overall_code == (OVER if order[hardest] else OK)
        if order[hardest]:
            assert json.loads(response.raw_body)["reference"] == hardest.decision_id


def test_of_several_that_pass_the_scarcest_is_told() -> None:
    less = Verdict("pass", "d-4", "network", "template:t", 4_000_000_000_000, LIMITS, 1)
    response = rate_limit_response([PASS, WITHIN, less], None)
    assert [(it.key, it.value) for it in response.request_headers_to_add] == [
        ("x-stillwatch-decision", "d-4"),
        ("x-stillwatch-remaining", "1"),
    ]


def test_no_descriptor_is_over_no_limit() -> None:
    assert MessageToDict(rate_limit_response([], None)) == {"overallCode": "OK"}
