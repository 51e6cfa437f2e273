"""Recorded traffic under the judge's eyes: request records, decisions about them, and the truth if it is known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from agents.records import UnreadableError, opened
from streams.decisions import Decision
from streams.enforcement import Ask, ask_of
from streams.evaluation import Judge
from streams.events import RequestRecord
from streams.fingerprint import Fingerprinter
from streams.scenarios import Truth

UNLABELLED = "unlabelled"
"""The label of accounts that no truth names."""

T = TypeVar("T")


def judged_recording(
    records: Iterable[RequestRecord],
    each: Sequence[Sequence[Decision]],
    truths: Mapping[str, Truth],
    fingerprinter: Fingerprinter,
) -> list[Judge]:
    """A judge of each set of decisions, after all records in their order.

    An account that `truths` does not name counts as unlabelled. Templates that decisions are about are told by the
    `fingerprinter`, which must have the key they were made with.
    """
    judges = []
    for decisions in each:
        judges.append(judge := Judge())
        for decision in decisions:
            judge.decide(decision)
    tells_more = any(it.subject_kind == "network" or it.payments for decisions in each for it in decisions)
    for record in records:
        account_id = record.account_id
        truth = truths.get(account_id) or Truth(account_id, UNLABELLED)
        tokens = record.input_tokens + record.output_tokens
        ask = ask_of(fingerprinter.event(record)) if tells_more else Ask(account_id, tokens=tokens)
        for judge in judges:
            judge.meet(truth)
            judge.exchange(ask, record.occurred_at_ms)
    return judges


def read_truths(name: str) -> dict[str, Truth]:
    """The truths of a file, by account. Raises `UnreadableError`."""
    return {truth.account_id: truth for truth in _lines(name, Truth)}


def read_decisions(name: str) -> list[Decision]:
    """The decisions of a file. Raises `UnreadableError`."""
    return list(each_decision(name))


def each_decision(name: str) -> Iterator[Decision]:
    """The decisions of a file one by one. Raises `UnreadableError`."""
    return _lines(name, Decision)


def _lines(name: str, kind: type[T]) -> Iterator[T]:
    """Each line of the file as a `kind`; empty lines are left out."""
    decode = msgspec.json.Decoder(kind).decode
    with opened(name) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UnreadableError(f"{name}: line {number} is no {kind.__name__.lower()}: {error}") from error
