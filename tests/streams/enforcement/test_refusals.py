"""What a refused client reads, parsed by a real parser of structured fields and of JSON."""

import json
from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import Limits
from streams.enforcement import Verdict, refusal, told
from streams.enforcement.refusals import (
    LARGEST,
    QUOTA_EXCEEDED,
    REDUCED_CAPACITY,
    SERVICE_SUSPENDED,
    VERIFICATION_REQUIRED,
    Headers,
)

APPEAL = "https://example.com/appeal"
LIMITS = Limits(requests=5, tokens=10_000, window_ms=60_000)

NUMBERS = st.integers(min_value=0, max_value=2**62)
VERDICTS = st.builds(
    Verdict,
    answer=st.sampled_from(["pass", "throttle", "challenge", "suspend"]),
    decision_id=st.none() | st.text(alphabet="0123456789abcdef", min_size=16, max_size=16),
    subject_kind=st.sampled_from(["account", "campaign", "network"]),
    subject_id=st.sampled_from(["account-of-olga", "template:0123456789abcdef", "campaign-7"]),
    until_ms=st.none() | NUMBERS,
    limits=st.none() | st.builds(Limits, NUMBERS, NUMBERS, st.integers(min_value=1, max_value=2**62)),
    remaining=st.none() | NUMBERS,
    retry_after_ms=st.none() | NUMBERS,
    is_static=st.booleans(),
)
REFUSED = VERDICTS.filter(lambda verdict: verdict.answer != "pass")
URLS = st.none() | st.just(APPEAL)


def one_item(headers: Headers, name: str) -> tuple[str, dict[str, Any]]:
    """The one item of a list of structured fields and its parameters."""
    values = [value for header, value in headers if header == name]
    assert len(values) == 1
    parsed: Any = http_sf.parse(values[0].encode("ascii"), tltype="list")
    [(item, parameters)] = parsed
    assert type(item) is str  # a String, not a Token
    return item, parameters


def rounded_up(milliseconds: int) -> int:
    whole, part = divmod(milliseconds, 1_000)
    return min(max(1, whole + (part > 0)), LARGEST)


def test_a_throttled_request_is_told_the_quota_and_when_to_come_again() -> None:
    it = refusal(Verdict("throttle", "d1", "account", "olga", 99, LIMITS, 0, 11_001), APPEAL)
    assert it.status == 429
    assert it.headers == (
        ("Content-Type", "application/problem+json"),
        ("Cache-Control", "no-store"),
        ("Retry-After", "12"),
        ("RateLimit-Policy", '"requests";q=5;w=60'),
        ("RateLimit", '"requests";r=0;t=12'),
    )
    assert json.loads(it.body) == {
        "type": QUOTA_EXCEEDED,
        "title": "Too many requests",
        "status": 429,
        "detail": "You can send at most 5 requests and use 10,000 tokens in 60 seconds. Please wait 12 seconds, then "
        "send it again. If you need more, or think that this is a mistake, turn to https://example.com/appeal and "
        "quote the reference d1.",
        "violated-policies": ["requests"],
        "reference": "d1",
        "appeal": APPEAL,
    }


def test_a_challenge_asks_for_a_person_and_not_for_patience() -> None:
    it = refusal(Verdict("challenge", "d2"), APPEAL)
    problem = json.loads(it.body)
    assert it.status == 403
    assert it.headers == (("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"))
    assert problem["type"] == VERIFICATION_REQUIRED
    assert f"To verify your account, or if you think that this is a mistake, turn to {APPEAL}" in problem["detail"]


def test_a_suspended_client_without_a_page_for_appeals_is_sent_to_support() -> None:
    it = refusal(Verdict("suspend", "d3", retry_after_ms=3_600_000))
    problem = json.loads(it.body)
    assert it.status == 403
    assert ("Retry-After", "3600") in it.headers
    assert problem["type"] == SERVICE_SUSPENDED
    assert problem["detail"].endswith("appeal to our support and quote the reference d3.")
    assert "appeal" not in problem


def test_nobody_is_accused_where_the_gateway_could_not_know() -> None:
    it = refusal(Verdict("suspend", is_static=True, retry_after_ms=200))
    problem = json.loads(it.body)
    assert it.status == 503
    assert ("Retry-After", "1") in it.headers
    assert problem["type"] == REDUCED_CAPACITY
    assert problem["detail"].startswith("We cannot serve your request right now, through no fault of yours.")


def test_the_static_limits_of_a_gateway_are_a_quota_like_any() -> None:
    it = refusal(Verdict("throttle", limits=LIMITS, is_static=True, retry_after_ms=1))
    assert (it.status, json.loads(it.body)["type"]) == (429, QUOTA_EXCEEDED)


def test_without_a_time_to_wait_the_window_is_it() -> None:
    assert ("Retry-After", "60") in refusal(Verdict("throttle", "d", limits=LIMITS)).headers


def test_a_request_that_passes_cannot_be_refused() -> None:
    with pytest.raises(ValueError, match="passes"):
        refusal(Verdict())


def test_a_request_within_a_throttle_is_told_what_is_left() -> None:
    assert told(Verdict("pass", "d", limits=LIMITS, remaining=3)) == (
        ("RateLimit-Policy", '"requests";q=5;w=60'),
        ("RateLimit", '"requests";r=3;t=60'),
    )


def test_a_request_about_which_nothing_is_in_force_is_told_nothing() -> None:
    assert told(Verdict()) == ()


@given(verdict=REFUSED, appeal_url=URLS)
def test_every_refusal_parses(verdict: Verdict, appeal_url: str | None) -> None:
    it = refusal(verdict, appeal_url)
    problem = json.loads(it.body)
    headers = dict(it.headers)
    assert len(headers) == len(it.headers)
    assert problem["status"] == it.status
    assert it.status == {QUOTA_EXCEEDED: 429, REDUCED_CAPACITY: 503}.get(problem["type"], 403)
    assert all(problem[name] and isinstance(problem[name], str) for name in ("type", "title", "detail"))
    assert problem.get("appeal") == appeal_url
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"
    if verdict.retry_after_ms is not None:
        assert headers["Retry-After"] == str(rounded_up(verdict.retry_after_ms))
    if verdict.answer == "throttle" and verdict.limits is not None:
        name, policy = one_item(it.headers, "RateLimit-Policy")
        assert problem["violated-policies"] == [name]
        assert policy == {"q": min(verdict.limits.requests, LARGEST), "w": rounded_up(verdict.limits.window_ms)}
        assert one_item(it.headers, "RateLimit") == (name, {"r": 0, "t": int(headers["Retry-After"])})
    else:
        assert "RateLimit" not in headers


@given(verdict=VERDICTS)
def test_what_passes_is_told_no_more_than_the_quota(verdict: Verdict) -> None:
    headers = told(verdict)
    if verdict.answer != "pass" or verdict.limits is None or verdict.remaining is None:
        assert headers == ()
        return
    name, policy = one_item(headers, "RateLimit-Policy")
    limit_name, limit = one_item(headers, "RateLimit")
    assert name == limit_name
    assert limit == {"r": min(verdict.remaining, policy["q"]), "t": policy["w"]}


@given(verdict=REFUSED, appeal_url=URLS, other=st.sampled_from(["account", "campaign", "network"]))
def test_a_refusal_does_not_tell_what_the_decision_is_about(
    verdict: Verdict, appeal_url: str | None, other: str
) -> None:
    it = refusal(verdict, appeal_url)
    fields = {name: getattr(verdict, name) for name in verdict.__struct_fields__}
    elsewhere = Verdict(**fields | {"subject_kind": other, "subject_id": "else", "until_ms": 7})
    assert refusal(elsewhere, appeal_url) == it
