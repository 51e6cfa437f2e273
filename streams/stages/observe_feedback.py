"""observe takes feedback: what a verdict does to an account, and what is passed on to campaigns."""

from msgspec import Struct
from msgspec.structs import replace

from streams.accounts import Head, account_of, head_of, with_head
from streams.batch import account_key
from streams.decide import Subject
from streams.distinct import hash32
from streams.feedback import Feedback, PlacedVerdict, Reached, Verdict
from streams.findings import Findings
from streams.folding import unseen
from streams.links import Links, Source
from streams.payers import Payers
from streams.policy import Policy
from streams.reviewing import review
from streams.stages.observe_shard import SHARD, ObserveShard
from streams.stages.shape import NO_REQUEST, Outgoing, Output
from streams.states import States

PAYERS = "payers"
VERDICT = "verdict:"
"""What the key of a verdict about an account begins with."""


class Reviewed(Struct, array_like=True):
    """When the verdict about an account was given that counts; 0 if there is none."""

    decided_at_ms: int = 0


def needed_for(feedback: Feedback | None) -> set[str]:
    """The keys of the accounts that verdicts are about, and of what was said of them before."""
    verdicts = () if feedback is None else feedback.verdicts
    names = [it.verdict.subject_id for it in verdicts if it.verdict.subject_kind == "account"]
    return {account_key(name) for name in names} | {VERDICT + name for name in names}


def take_feedback(
    source: Source, feedback: Feedback, states: States, policy: Policy, link_partitions: int, output: Output
) -> None:
    """Take the verdicts that were not taken yet, note how far that is, and pass them on to campaigns.

    What is erased is passed on to every partition of links too: which of them name the account nobody knows.
    """
    shard = states.change(SHARD, ObserveShard)
    done = shard.feedback.offset if shard.feedback.log == feedback.log else -1
    fresh = [placed for placed in feedback.verdicts if placed.offset > done]
    output.tally["duplicate"] += len(feedback.verdicts) - len(fresh)
    erased: dict[int, int] = {}
    pays: dict[int, str | None] = {}
    for placed in fresh:
        if placed.verdict.verdict == "erased" and placed.verdict.subject_kind == "account":
            erased[placed.offset] = _erase(placed, states)
        elif placed.verdict.subject_kind == "account":
            pays[placed.offset] = payment = _payment(placed.verdict, states)
            _take(source, placed, payment, states, policy, output)
    shard.feedback = Reached(feedback.log, max(done, feedback.offset))
    if fresh:
        verdicts = [
            replace(
                it.clamped,
                decided_at_ms=erased.get(it.offset, it.clamped.decided_at_ms),
                payment_hash=pays.get(it.offset, it.verdict.payment_hash),
            )
            for it in fresh
        ]
        appended_at_ms = fresh[-1].appended_at_ms
        findings = Findings(source.partition, feedback.log, fresh[-1].offset, 0, appended_at_ms, [], verdicts)
        output.records.append(Outgoing("findings", findings, appended_at_ms, partition=0))
    if erased:
        links = Links(
            source_partition=source.partition,
            source_log=feedback.log,
            source_offset=fresh[-1].offset,
            appended_at_ms=fresh[-1].appended_at_ms,
            accounts=[],
            links=[],
            link_hashes=b"",
            events=b"",
            uses=b"",
            erased={it.verdict.subject_id: erased[it.offset] for it in fresh if it.offset in erased},
        )
        for number in range(link_partitions):
            output.records.append(Outgoing("links", links, links.appended_at_ms, partition=number))


def _erase(placed: PlacedVerdict, states: States) -> int:
    """Drop what is known of an account, and say until when it was heard of, by event time.

    What was decided about it stays: what is in force is needed to stop it or to spare it until it expires, and the
    number of the last decision so that the next one is not taken for an older one.
    """
    account_id = placed.verdict.subject_id
    key, reviewed = account_key(account_id), VERDICT + account_id
    stored = states.read(key, bytes)
    states.held[reviewed] = Reviewed()
    states.changed |= {key, reviewed}
    if states.read(PAYERS, Payers).forget(hash32(account_id)):
        states.changed.add(PAYERS)
    if not stored:
        return placed.clamped.decided_at_ms
    enforcement = head_of(stored).enforcement
    if enforcement.sequence:
        states.held[key] = with_head(unseen(), Head(enforcement))
    else:
        states.held[key] = b""
        states.change(SHARD, ObserveShard).subjects -= 1
    return account_of(stored).last_ms or placed.clamped.decided_at_ms


def _payment(verdict: Verdict, states: States) -> str | None:
    """How the account of a verdict pays, by what the reviewer names or what is known; None if that is nothing."""
    stored = states.read(account_key(verdict.subject_id), bytes)
    return verdict.payment_hash or (account_of(stored).profile.payment_hash if stored else None) or None


def _take(
    source: Source, placed: PlacedVerdict, payment: str | None, states: States, policy: Policy, output: Output
) -> None:
    """Decide about the account, which pays so, as its reviewer says, unless a later verdict was taken before."""
    verdict = placed.clamped
    reviewed = states.change(VERDICT + verdict.subject_id, Reviewed)
    if verdict.decided_at_ms <= reviewed.decided_at_ms:
        return
    reviewed.decided_at_ms = verdict.decided_at_ms
    key = account_key(verdict.subject_id)
    stored = states.read(key, bytes)
    head = head_of(stored) if stored else Head()
    said = review(
        head.enforcement,
        Subject("account", verdict.subject_id),
        word=verdict.verdict,
        at_ms=verdict.decided_at_ms,
        source=f"feedback/{source.partition}/{placed.offset}",
        policy=policy,
        payment=payment,
    )
    if said is None:
        return
    head.enforcement, decision = said
    output.records.append(Outgoing("enforcement", decision, NO_REQUEST, key=decision.subject_id))
    if not stored:
        stored = unseen()
        states.change(SHARD, ObserveShard).subjects += 1
    states.held[key] = with_head(stored, head)
    states.changed.add(key)
