"""Each baseline sees what its paper or its users say it sees, and gets the threshold that hindsight allows."""

from collections.abc import Iterator
from math import inf
from random import Random

import pytest

from streams.enforcement import Ask
from streams.events import RequestEvent
from streams.scenarios import Truth
from tests.evaluation.baselines import BASELINES, Scorer
from tests.evaluation.baselines.counting import DAY_MS, HOUR_MS, PerAccount, PerAddress, PerTemplate
from tests.evaluation.baselines.mmd import Discrepancy
from tests.evaluation.baselines.prada import Normality
from tests.evaluation.hindsight import Hindsight

PAIRS = [f"{a}{b}" for a in "abcdefghijklmnopqrstuvwxyz" for b in "ABCDEFGHIJKLMNOP"]


def event(account: str, at_ms: int, **more: object) -> RequestEvent:
    fields = {"event_id": f"{account}{at_ms}", "operation": "chat", "request_model": "m"} | more
    return RequestEvent(account_id=account, occurred_at_ms=at_ms, **fields)  # type: ignore[arg-type]


def ordinary(random: Random, account: str, count: int) -> Iterator[RequestEvent]:
    """Requests that have little in common."""
    for at in range(count):
        yield event(account, at * 60_000, sketch="".join(sorted(random.sample(PAIRS, 16))))


def templated(random: Random, account: str, count: int) -> Iterator[RequestEvent]:
    """Requests of one template: twelve hashes of sixteen are the same."""
    frame = random.sample(PAIRS, 12)
    for at in range(count):
        yield event(account, at * 60_000, sketch="".join(sorted({*frame, *random.sample(PAIRS, 4)})))


def highest(scorer: Scorer, events: Iterator[RequestEvent]) -> float:
    return max((score for it in events for _, score in scorer.take(it)), default=-inf)


def test_a_rate_is_of_the_last_hour() -> None:
    scorer = PerAccount()
    scores = [score for at in (0, 1, HOUR_MS, 3 * HOUR_MS) for _, score in scorer.take(event("a", at))]
    assert scores == [1, 2, 1, 1]


def test_the_rate_of_an_address_falls_on_whoever_sends() -> None:
    scorer = PerAddress()
    assert list(scorer.take(event("a", 0, address_hash="x"))) == [("a", 1)]
    assert list(scorer.take(event("b", 1, address_hash="x"))) == [("b", 2)]
    assert list(scorer.take(event("b", 2))) == []


def test_accounts_of_a_template_are_counted_within_a_day() -> None:
    scorer = PerTemplate()
    list(scorer.take(event("a", 0, template_hash="t")))
    assert dict(scorer.take(event("b", 1, template_hash="t"))) == {"a": 2, "b": 2}
    assert dict(scorer.take(event("c", DAY_MS, template_hash="t"))) == {"b": 2, "c": 2}
    assert list(scorer.take(event("d", 0))) == []


@pytest.mark.parametrize("make", [Normality, Discrepancy])
def test_requests_of_one_template_score_higher_than_ordinary_ones(make: type[Scorer]) -> None:
    random = Random(1)
    scorer = make()
    for it in ordinary(random, "everybody", 800):
        list(scorer.take(it))
    assert highest(scorer, templated(random, "extractor", 400)) > highest(scorer, ordinary(random, "person", 400))


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_takes_events_without_a_sketch(name: str) -> None:
    scorer = BASELINES[name]()
    assert highest(scorer, (event("a", at * 1_000) for at in range(100))) < inf


class Told:
    """Gives the accounts the scores it was told."""

    def __init__(self, scores: dict[str, list[float]]) -> None:
        self._scores = {account: iter(of) for account, of in scores.items()}

    def take(self, it: RequestEvent) -> Iterator[tuple[str, float]]:
        yield it.account_id, next(self._scores[it.account_id])


def test_the_best_threshold_harms_as_many_as_the_bar_allows_and_no_more() -> None:
    truths = {name: Truth(name, "benign") for name in "abcd"} | {"m": Truth("m", "campaign:relay", "relay")}
    hindsight = Hindsight(Told({"a": [1.0], "b": [2.0], "c": [3.0], "d": [4.0], "m": [1.0, 3.5, 9.0]}))
    events = [event(name, 0) for name in "abcd"] + [event("m", at * 60_000) for at in range(3)]
    for it in events:
        hindsight.take(it)
    exchanges = [(Ask(it.account_id, tokens=1), it.occurred_at_ms) for it in events]
    for allowed, leaked in ((0, 2), (250_000, 1)):
        threshold = hindsight.threshold(truths, allowed)
        found = hindsight.judged(exchanges, truths, threshold)
        assert found.innocents[-1].limited.count == allowed // 250_000
        assert found.campaigns[0].leaked == leaked + 1  # the exchange itself passes before it is judged
