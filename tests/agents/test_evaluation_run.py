"""A detector among campaigns that react: the judge sees what was sent, and the scenario sees who is limited."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.evaluation.run import StillwatchDetector, judged
from streams.decisions import Decision
from streams.evaluation import Evaluation
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from streams.scenarios import MONDAY_MS, Stage, play
from tests.streams.evaluation.deciding import decision

FINGERPRINTER = Fingerprinter(b"a key of these tests alone")


class AtOnce:
    """Suspends every account at its second event."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    async def feed(self, event: RequestEvent) -> Sequence[Decision]:
        seen = self._seen[event.account_id] = self._seen.get(event.account_id, 0) + 1
        return [decision("suspend", event.account_id, event.occurred_at_ms)] if seen == 2 else []

    async def finish(self) -> Sequence[Decision]:
        return ()


class Never(AtOnce):
    """Looks on."""

    async def feed(self, event: RequestEvent) -> None:  # type: ignore[override]
        del event


def world(*names: str, scale: float = 0.1) -> list[Stage]:
    return [Stage(name, 3, scale, MONDAY_MS) for name in names]


def result(detector: AtOnce | StillwatchDetector, *names: str, scale: float = 0.1) -> Evaluation:
    return asyncio.run(judged(world(*names, scale=scale), detector, FINGERPRINTER)).result()


def test_a_relay_that_is_suspended_at_once_has_nobody_left_to_send_with() -> None:
    (open_loop,) = result(Never(), "relay").campaigns
    (relay,) = result(AtOnce(), "relay").campaigns
    assert relay.leakage < 0.02
    assert relay.sent < 0.02 * relay.exchanges
    assert abs(relay.exchanges - open_loop.exchanges) < 0.05 * open_loop.exchanges


def test_a_hydra_that_is_suspended_at_once_goes_on_with_new_accounts() -> None:
    (hydra,) = result(AtOnce(), "hydra", scale=0.002).campaigns
    assert hydra.replacements > 40
    assert hydra.recall > 0.5


def test_an_account_that_goes_on_has_not_leaked_after_its_limit() -> None:
    evaluation = result(AtOnce(), "diluted_25", scale=2.0)
    for campaign in evaluation.campaigns:
        assert campaign.leaked <= 10
        assert campaign.sent > 1_000


def test_nothing_leaks_out_of_the_count_when_nobody_decides() -> None:
    evaluation = result(Never(), "campus_nat", "thin")
    (thin,) = evaluation.campaigns
    assert thin.leakage == 1.0
    assert evaluation.records == thin.sent + len(list(play(world("campus_nat"))))
    assert evaluation.innocents[-1].limited.count == 0


@pytest.mark.no_cover
def test_stillwatch_finds_a_relay_and_the_same_run_gives_the_same_result() -> None:
    found = result(StillwatchDetector(DEFAULT_POLICY), "relay", "campus_nat", scale=0.2)
    assert found.campaigns[0].recall == 1.0
    assert found.precision == 1.0
    assert found == result(StillwatchDetector(DEFAULT_POLICY), "relay", "campus_nat", scale=0.2)
