"""Weeks in which the log's schema drifts: fields vanish, are filled with a placeholder, or change unit or format.

Nobody who sends is guilty of it, so nothing may follow. What no longer decodes becomes a dead letter and is not tried
here: these records are all valid, as drift in real logs mostly is.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from streams.events import RequestRecord
from streams.scenarios import Scenario, Script, Stage
from streams.scenarios.stage import DAY_MS

Alter = Callable[[RequestRecord], RequestRecord]


class Change(Struct, frozen=True):
    """From the day of that number on, counted from 0, every record is altered so."""

    day: float
    what: str
    alter: Alter


def drifting(scenario: Scenario, changes: Sequence[Change]) -> Scenario:
    """The scenario, but with each record altered by every change whose day has come."""

    def drift(stage: Stage) -> Script:
        for record, truth in scenario(stage):
            days = (record.occurred_at_ms - stage.start_ms) / DAY_MS
            for change in changes:
                if days >= change.day:
                    record = change.alter(record)  # noqa: PLW2901 - one change upon the other
            yield record, truth

    return drift


def _per_request(record: RequestRecord) -> RequestRecord:
    """A client that names its build anew, and a conversation that is counted anew, with every request."""
    return replace(record, user_agent=f"{record.user_agent} ({record.event_id})", conversation_id=record.event_id)


def _thousandfold(record: RequestRecord) -> RequestRecord:
    return replace(
        record,
        input_tokens=record.input_tokens * 1_000,
        output_tokens=record.output_tokens * 1_000,
        reasoning_tokens=record.reasoning_tokens * 1_000,
    )


def _mapped(record: RequestRecord) -> RequestRecord:
    address = record.client_address or ""
    return replace(record, client_address=f"::ffff:{address}") if "." in address else record


OPENED_NOW = Change(1, "every account is opened now", lambda it: replace(it, account_created_at_ms=it.occurred_at_ms))
UNKNOWN_PAYMENT = Change(1, "payment `unknown`", lambda it: replace(it, payment_hash="unknown"))

HASHED_PAYMENT = Change(1, "the hash of no payment", lambda it: replace(it, payment_hash="e3b0c44298fc1c14"))

WEEKS: Mapping[str, tuple[Change, ...]] = {
    "nothing drifts": (),
    "fields vanish": (
        Change(1, "the account's age", lambda it: replace(it, account_created_at_ms=None)),
        Change(2, "the payment", lambda it: replace(it, payment_hash=None)),
        Change(3, "the plan and its tokens", lambda it: replace(it, plan=None, plan_daily_tokens=None)),
        Change(4, "client and TLS fingerprint", lambda it: replace(it, user_agent=None, tls_fingerprint=None)),
        Change(5, "the conversation", lambda it: replace(it, conversation_id=None)),
        Change(
            6,
            "address, network and country",
            lambda it: replace(it, client_address=None, asn=None, network_type=None, country=None),
        ),
    ),
    "placeholders in their place": (
        OPENED_NOW,
        replace(UNKNOWN_PAYMENT, day=2),
        Change(3, "a plan of 0 tokens", lambda it: replace(it, plan_daily_tokens=0)),
        Change(4, "client and TLS fingerprint `-`", lambda it: replace(it, user_agent="-", tls_fingerprint="-")),
        Change(5, "conversation `0`", lambda it: replace(it, conversation_id="0")),
        Change(6, "address 0.0.0.0, network 0", lambda it: replace(it, client_address="0.0.0.0", asn=0)),  # noqa: S104
    ),
    "a placeholder for the age alone": (OPENED_NOW,),
    "a placeholder for the payment alone": (UNKNOWN_PAYMENT,),
    "a hash of nothing for the payment alone": (HASHED_PAYMENT,),
    "other units and formats": (
        Change(
            1,
            "the account's age in seconds",
            lambda it: replace(it, account_created_at_ms=(it.account_created_at_ms or 0) // 1_000),
        ),
        Change(
            2,
            "all payments hashed anew",
            lambda it: replace(it, payment_hash=it.payment_hash and it.payment_hash[::-1]),
        ),
        Change(
            3,
            "the plan in thousands of tokens",
            lambda it: replace(it, plan_daily_tokens=it.plan_daily_tokens and it.plan_daily_tokens // 1_000),
        ),
        Change(4, "tokens counted a thousandfold", _thousandfold),
        Change(5, "a client and a conversation for each request", _per_request),
        Change(6, "IPv4 addresses as mapped IPv6", _mapped),
    ),
}
"""One change upon the other, a day apart: at the end of the week all of them are in force."""
