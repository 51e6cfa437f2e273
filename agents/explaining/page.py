"""An explanation as a page for a terminal of 80 columns: plain words, for whoever answers a customer."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from agents.clock import moment
from agents.explaining.evidence import ACTIONS, evidence, name_of, plural, verdict, whom_it_speaks_of, wrapped
from agents.explaining.live import Stored
from streams.decisions import Limits
from streams.explaining import Explanation, Force
from streams.explaining.explanation import Case
from streams.explaining.now import Membership, Now
from streams.explaining.standing import LIVE
from streams.membership import COMPANY
from streams.reviewing import REVIEWER
from streams.windows import MINUTE_MS

TIES = (
    "What ties this very account to the campaign stands in Redis and not in decisions: without --decisions this "
    "command tells it too."
)
TEMPLATES_SHOWN = 5


class Report(Struct, frozen=True):
    """All that is known: by decisions, and by Redis where it was asked (`live`).

    `pending`: Redis has made a decision about the subject that is not on the topic yet. `spared`: the allowlist of the
    policy at hand names the account, its organisation or its payment.
    """

    subject_id: str
    at_ms: int
    policy_version: str
    source: Literal["decisions", "live"]
    explanation: Explanation | None
    stored: Stored | None = None
    pending: bool = False
    spared: bool = False


def page(report: Report) -> str:
    """The whole page."""
    found = report.explanation
    if found is None:
        kind = "Account" if report.stored is None or report.stored.now.accounts is None else "Campaign"
        blocks = [wrapped(f"{kind} {report.subject_id}, as of {moment(report.at_ms)}")]
        blocks.append(["No decision is about it up to then: nothing is or was limited."])
    else:
        title = _named(found.subject_kind.capitalize(), found)
        blocks = [wrapped(f"{title}, as of {moment(report.at_ms)}"), list(_in_force(found))]
    if report.pending:
        blocks.append(wrapped("A newer decision is made and on its way to the topic: look again in a moment."))
    if report.spared:
        blocks.append(
            wrapped(
                "The allowlist of the policy at hand spares it, by its account, organisation or payment: nothing new "
                "is decided against it."
            )
        )
    if report.stored is not None and report.stored.membership is not None:
        blocks.append(list(_membership(report.stored.membership)))
    if found is not None:
        for case in found.cases:
            blocks += [list(block) for block in (_why(found, case), *evidence(case.judgement), _stays(found, case))]
        if report.source == "decisions" and _is_by_membership(found):
            blocks.append(wrapped(TIES))
    if report.stored is not None:
        blocks.append(_now(report.stored))
    if found is not None and found.history:
        blocks.append(list(_history(found)))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _named(kind: str, it: Explanation | Case) -> str:
    """A subject in a sentence; the name of a link says itself what it is."""
    return it.subject_id if it.subject_kind == "network" else f"{kind} {it.subject_id}"


def _in_force(found: Explanation) -> Iterator[str]:
    """What is in force, the hardest first; what is over in one line each."""
    yield "IN FORCE NOW"
    live = [it for it in found.forces if it.state in LIVE]
    has_an_heir = any(it.state == "taken_in" and it.subject_id == found.subject_id for it in found.forces)
    if not live and not has_an_heir:
        yield "Nothing."
    for force in live:
        yield from wrapped(_what(force))
        yield from wrapped(f"by {_about(found, force)} (decision {force.sequence})", "  ")
        yield f"  since {moment(force.since_ms)}"
        yield f"  until {moment(force.until_ms)}, unless it is decided again"
        if force.wording is not None:
            yield from wrapped(
                "and so is a request that says the same in other words: with at least "
                f"{force.wording.similar:.0%} of the words that either has in common",
                "  ",
            )
        if force.heir is not None:
            yield from wrapped(f"campaign {force.heir} takes it over and speaks next", "  ")
    yield from _aside(found)
    yield from _of_campaign(found)


def _aside(found: Explanation) -> Iterator[str]:
    """What is over, and the limited templates that an account uses."""
    for force in found.forces:
        if force.state not in LIVE and (force.state != "taken_in" or force.subject_id == found.subject_id):
            yield from wrapped(_over(found, force))
    before = [it.subject_id for it in found.forces if it.state == "taken_in" and it.subject_id != found.subject_id]
    if before:
        yield from wrapped(f"Named before by {', '.join(before)}, whose place others have taken.")
    if found.sent:
        yield from wrapped(
            f"{len(found.sent)} of the templates it uses most are limited too, whoever sends them: a template is one "
            "request with other words in its slots."
        )
        yield from (
            f"  {it.subject_id}: {it.action} until {moment(it.until_ms)}" for it in found.sent[:TEMPLATES_SHOWN]
        )
        if len(found.sent) > TEMPLATES_SHOWN:
            yield f"  and {len(found.sent) - TEMPLATES_SHOWN} more"


def _of_campaign(found: Explanation) -> Iterator[str]:
    """How many accounts and templates a campaign has, and the campaigns it took in."""
    if found.subject_kind == "campaign":
        yield from wrapped(f"Decisions have named {found.members:,} {plural('account', found.members)} as its own.")
    if found.templates:
        counts = " and ".join(f"{count:,} under {action}" for action, count in found.templates.items())
        yield from wrapped(f"Its templates are limited by themselves, whoever sends them: {counts}.")
    if found.took_in:
        yield from wrapped(f"It took in {', '.join(found.took_in)}.")


def _what(force: Force) -> str:
    if force.action == "throttle" and force.limits is not None:
        what = _limited(force.limits, "of all who send it together" if force.subject_kind == "network" else "")
    else:
        what = ACTIONS[force.action]
    if force.state == "shadow":
        return f"Decided in shadow mode, so nobody enforces it: {what[0].lower()}{what[1:]}"
    return what


def _limited(limits: Limits, whose: str) -> str:
    what = " ".join(filter(None, (f"{limits.requests:,} requests and {limits.tokens:,} tokens", whose)))
    return f"Throttled: {what} pass in each {limits.window_ms / MINUTE_MS:g} minutes."


def _about(found: Explanation, force: Force) -> str:
    if force.is_by_payment:
        return (
            f"campaign {force.subject_id}: it was opened after that was found, and pays with an instrument of its "
            "members"
        )
    if found.subject_kind == "account" and force.subject_kind == "campaign":
        return f"campaign {force.subject_id}, which it is counted a member of"
    if force.subject_kind == "network":
        return f"campaign {force.campaign_id}, whose template it is"
    return f"a decision about the {force.subject_kind} itself"


def _is_by_membership(found: Explanation) -> bool:
    return found.subject_kind == "account" and any(it.subject_kind == "campaign" for it in found.cases)


def _over(found: Explanation, force: Force) -> str:
    own = force.subject_id == found.subject_id
    of = "" if own else f"Campaign {force.subject_id}: "
    if force.state == "taken_in":
        return f"{of}Part of campaign {force.heir} now, which decides for it: stillwatch explain {force.heir}"
    if force.state == "exempt":
        return f"{of}{force.action} until {moment(force.until_ms)}, which does not apply to it."
    if force.state == "released" and force.subject_kind == "account":
        if found.at_ms < force.until_ms:
            until = moment(force.until_ms)
            return f"A reviewer released it; until {until} nothing about a campaign or template applies to it."
        return f"A reviewer released it until {moment(force.until_ms)}; what named it before does not count again."
    if force.state == "released":
        why = "A reviewer released it" if force.is_reviewed else "It was let go with its campaign or left to a crowd"
        return f"{of}{why}; nothing of it stands."
    return f"{'Its ' if own else of}{force.action} since {moment(force.since_ms)} expired at {moment(force.until_ms)}."


def _membership(it: Membership) -> Iterator[str]:
    """Why Redis counts an account to a campaign."""
    yield f"WHY IT IS COUNTED TO {it.campaign_id}"
    if it.templates:
        again = f", {it.repeated} of them again and again" if it.repeated else ""
        yield from wrapped(f"It used at least {it.templates} of the campaign's templates{again}.", "- ", "  ")
    if it.paid:
        yield from wrapped("It came back to a payment instrument that ties the campaign.", "- ", "  ")
    if it.shares_payment:
        yield from wrapped("Another member pays with the same instrument.", "- ", "  ")
    if it.opened_later:
        yield from wrapped("It was opened after the campaign had been found.", "- ", "  ")
    if not it.named:
        yield from wrapped("No decision has named it yet.", "- ", "  ")
    elif not it.is_enough:
        yield from wrapped("Judged now, what speaks of it alone would not be enough to limit it.", "- ", "  ")


def _why(found: Explanation, case: Case) -> Iterator[str]:
    about = _named(case.subject_kind, case)
    yield from wrapped(f"{'WHY' if case.stands else 'WHY IT WAS'}: decision {case.sequence} about {about}")
    if case.model_version == REVIEWER:
        yield from wrapped(f"{case.action}, decided at {moment(case.decided_at_ms)}. A reviewer confirmed it.")
        return
    yield from wrapped(
        f"{case.action}, decided at {moment(case.decided_at_ms)} by policy {case.policy_version}. Score "
        f"{case.score:.1%}: what the evidence below adds up to, from 0 to 100%."
    )
    if not case.same_policy:
        same = "gives it the same score" if case.same_score else f"gives it {case.judgement.score:.1%}"
        yield from wrapped(
            f"What follows is said by policy {found.policy_version}, not by the one that decided; it {same}."
        )
    elif not case.same_score:
        yield from wrapped(f"The policy at hand has the same version and gives {case.judgement.score:.1%}: it changed.")
    if case.stands_harder:
        yield from wrapped(
            f"This evidence alone would mean {name_of(case.judgement.action)}; {case.action} stands because news about "
            "a campaign never softens what is in force."
        )
    if case.withheld:
        yield from wrapped(
            f"This evidence would mean {name_of(case.judgement.action)}; it is only observed because the policy's cap "
            "on newly limited accounts was used up in that hour."
        )
    if case.of_everybody:
        yield from wrapped(
            f"This evidence, of all accounts seen with the campaign, would mean {name_of(case.judgement.action)}. "
            f"Fewer than {case.minimum_accounts} were members for sure, so it is only throttled: its templates are, "
            "whoever sends them, and nobody is named who may have come upon one."
        )


def _stays(found: Explanation, case: Case) -> Iterator[str]:
    """What a change of the evidence does to what stands, and whom the evidence of a campaign speaks of."""
    if case.subject_kind != "account" and case.judgement.reasons:
        few = f"A campaign with fewer than {case.minimum_accounts} accounts would have been throttled at most."
        weak = "With evidence for less than a challenge nothing would have been decided."
        yield from wrapped(weak if case.of_everybody else few)
        if found.subject_kind == "account":
            yield from whom_it_speaks_of(case)
        if not case.of_everybody and {"lifecycle", "capability"} & {reason.family for reason in case.judgement.reasons}:
            yield from wrapped(
                f"Of fewer than {COMPANY} that one instrument pays for, as a company's people, how old they are, and "
                "what they ask for, counts only beside evidence of their wordings or their hours: it goes with that "
                "above as well."
            )
    if not case.stands:
        return
    if case.model_version == REVIEWER:
        yield from wrapped(
            f"{case.action.capitalize()} stays until {moment(case.expires_at_ms)}, however the evidence softens; "
            "evidence for something harder counts at once. It ends then, unless the evidence has it decided again."
        )
        return
    stays = f"Even if the evidence softens, {case.action} stays until {moment(case.expires_at_ms)}."
    if case.subject_kind == "account":
        again = "After half of its time it is decided again if the evidence is still there; if not, it ends then."
    elif case.subject_kind == "campaign":
        joins = "each new member that it would limit by what speaks of that member alone, and "
        news = "after half of its time any news of the campaign"
        again = (
            f"While the evidence means any action at all, {news if case.of_everybody else f'{joins}{news},'} brings "
            "the same decision again, as hard as it stands; if none comes, it ends then."
        )
    else:
        stays = (
            f"{case.action.capitalize()} stays until {moment(case.expires_at_ms)}, unless it is found that a crowd "
            "uses the template, or that its campaign, no longer limited itself, deserves no limit."
        )
        again = "After half of its time news of it, while its campaign is limited, brings the same decision again."
    yield from wrapped(f"{stays} {again}")


def _now(stored: Stored) -> list[str]:
    """How the subject would be judged now, by its windows as Redis has them."""
    now: Now = stored.now
    lines = [f"JUDGED AGAIN, as of its newest event at {moment(now.as_of_ms)}", *wrapped(verdict(now))]
    for it in now.judgement.reasons:
        lines += wrapped(it.sentence, "- ", "  ")
    return lines


def _history(found: Explanation) -> Iterator[str]:
    shown = len(found.history)
    yield "HISTORY" if shown == found.decisions else f"HISTORY, the last {shown} of {found.decisions} decisions"
    yield f"{'decided (UTC)':21}{'action':11}{'score':>6}  {'decision':>8}  about"
    for it in found.history:
        shadow = ", shadow" if it.shadow else ""
        about = "itself" if it.subject_id == found.subject_id else it.subject_id
        yield f"{moment(it.decided_at_ms)[:-4]:21}{it.action:11}{it.score:>6.1%}  {it.sequence:>8}  {about}{shadow}"
