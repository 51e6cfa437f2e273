"""Decisions about campaigns for the tests of exporting: built by hand, drawn by hypothesis, and of a simulated day."""

import asyncio
from functools import cache
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from agents.replay import Replay
from streams.decisions import Action, Decision, Limits, Wording
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from streams.reviewing import REVIEWER
from streams.scenarios import simulate_labelled
from tests.streams.explaining.deciding import FOUR, decision

AT = 1_791_201_600_000
MINUTE = 60_000
HOUR = 60 * MINUTE
KEY = b"a sharing key of these tests alone"
TEMPLATE = "template:f00dfeed0badcafe"


def about(action: Action = "throttle", at_ms: int = AT, sequence: int = 1, **more: Any) -> Decision:  # noqa: ANN401
    """A decision about the campaign c-1, unless another `subject` is named, for six hours."""
    fields: dict[str, Any] = {
        "subject_kind": "campaign",
        "campaign_id": more.get("subject", "c-1"),
        "reasons": () if action == "release" else FOUR,
        "expires_at_ms": at_ms + 6 * HOUR,
        "decision_id": f"{more.get('subject', 'c-1')}/{sequence}/{at_ms}",
    }
    subject = more.pop("subject", "c-1")
    return decision(action, subject, at_ms, sequence, **fields | more)


def of_template(
    action: Action = "suspend",
    at_ms: int = AT,
    sequence: int = 1,
    **more: Any,  # noqa: ANN401
) -> Decision:
    """A decision about a template of the campaign c-1."""
    fields: dict[str, Any] = {
        "subject": TEMPLATE,
        "subject_kind": "network",
        "campaign_id": "c-1",
        "wording": Wording("0123456789abcdef", 0.5),
    }
    return about(action, at_ms, sequence, **fields | more)


class Day(NamedTuple):
    """What was decided on a simulated day, and all that must not leave: accounts, and hashes of ours."""

    decisions: list[Decision]
    accounts: frozenset[str]
    hashes: frozenset[str]


@cache
def simulated_day() -> Day:
    """A day of a relay of twenty accounts, whose campaigns are found one by one and grow together."""
    fingerprinter = Fingerprinter(b"a key of these tests alone")
    records = [record for record, _ in simulate_labelled(["relay"], seed=7031, scale=0.1)]
    events = [fingerprinter.event(record) for record in records]
    out = asyncio.run(Replay(DEFAULT_POLICY).run(events))
    hashes = {it for event in events for it in (event.template_hash, event.payment_hash, event.network_hash) if it}
    return Day(
        [msgspec.json.decode(it.value, type=Decision) for it in out if it.topic == "enforcement"],
        frozenset(event.account_id for event in events),
        frozenset(hashes | {event.sketch for event in events if event.sketch}),
    )


LIMITS = Limits(30, 60_000, HOUR)


@st.composite
def histories(draw: st.DrawFn) -> list[Decision]:
    """What may be decided about three campaigns and their templates, in order of time, some of it twice."""
    at_ms, sequences, made = AT, dict[str, int](), list[Decision]()
    for number in range(draw(st.integers(0, 14))):
        at_ms += draw(st.sampled_from([0, MINUTE, HOUR, 7 * HOUR, 30 * HOUR]))
        campaign = draw(st.sampled_from(["c-1", "c-2", "c-3"]))
        subject = draw(st.sampled_from([campaign, campaign, f"template:{'0' * 15}{number % 4}"]))
        action: Action = draw(st.sampled_from(["observe", "throttle", "challenge", "suspend", "release"]))
        heir = draw(st.sampled_from(["c-1", campaign])) if action == "release" else campaign
        sequences[subject] = sequences.get(subject, 0) + 1
        it = about(
            action,
            at_ms,
            sequences[subject],
            subject=subject,
            subject_kind="campaign" if subject == campaign else "network",
            campaign_id=heir,
            score=draw(st.floats(0, 1)),
            shadow=draw(st.booleans()),
            members=tuple(draw(st.lists(st.sampled_from(["account-x", "account-y", "äccount\ud800"]), max_size=2)))
            if subject == campaign
            else (),
            limits=LIMITS if action == "throttle" else None,
            model_version=draw(st.sampled_from(["m", REVIEWER])),
        )
        made += [it] * draw(st.integers(1, 2))
    return made
