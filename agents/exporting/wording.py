"""What was decided about a campaign, in sentences that name no account and no link."""

from agents.clock import moment
from agents.exporting.cases import Ending
from streams.decisions import Action, Decision

DONE: dict[Action, str] = {
    "observe": "It is watched, and nothing is refused",
    "throttle": "Only so many of its requests pass",
    "challenge": "Its accounts must prove who they are before a request passes",
    "suspend": "Every request of its accounts is refused",
}


def sized(accounts: int, templates: int) -> str:
    """How large a campaign is, as far as decisions have named it."""
    also = f", and {_many(templates, 'template')} limited whoever sends them" if templates else ""
    return f"{_many(accounts, 'account')} named so far{also}."


def done(decision: Decision, ending: Ending | None) -> str:
    """What is done about it, or no longer."""
    if ending == "expired":
        return f"What was decided expired at {moment(decision.expires_at_ms)}: nothing is limited any more."
    if ending == "taken_in":
        return "Another campaign has taken it in and goes on in its place."
    if ending == "released":
        return "A reviewer released it: nothing is limited any more."
    if decision.action == "release":
        return "It was let go: nothing of it is limited any more."
    limits = decision.limits
    what = DONE[decision.action]
    if limits is not None:
        minutes = round(limits.window_ms / 60_000)
        what += f" ({limits.requests:,} requests and {limits.tokens:,} tokens an account in {minutes} minutes)"
    tail = ", in shadow: nobody enforces it" if decision.shadow else ""
    return f"{what}, until {moment(decision.expires_at_ms)}{tail}."


def deed(decision: Decision, *, is_taken_in: bool) -> str:
    """What was decided, whether or not it has expired since."""
    if decision.action == "release":
        return done(decision, "taken_in" if is_taken_in else "released")
    return done(decision, None)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
