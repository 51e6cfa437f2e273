"""The small parts of the notifier: how long it waits, what its metrics count, and whose news is whose."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.enforcement.reading import Log
from agents.notifying.rendering import Places
from agents.notifying.service import FIRST_WAIT_S, RESEND_S, News, Notifier, active, wait_s
from agents.signing import Verifier
from streams.notifying import Alert, CampaignBook, Identity


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_doubles_up_to_a_bound_and_is_never_nothing(failures: int, chance: float) -> None:
    longest = min(RESEND_S, FIRST_WAIT_S * 2 ** min(failures, 30))
    assert longest / 2 <= wait_s(failures, chance) < longest or longest == wait_s(failures, chance)


def standing(campaign_id: str, action: str, members: int, *, shadow: bool = False, over: str | None = None) -> Alert:
    identity = Identity(campaign_id, action, "none", shadow)  # type: ignore[arg-type]
    return Alert(identity=identity, since_ms=0, until_ms=9, members=members, over=over)


def test_only_what_is_enforced_counts_as_active() -> None:
    alerts = [
        standing("c-1", "suspend", 3),
        standing("c-2", "suspend", 4),
        standing("c-3", "throttle", 5),
        standing("c-4", "throttle", 6, shadow=True),
        standing("c-3", "suspend", 5, over="released"),
    ]
    assert active(alerts) == {"suspend": (2, 7), "throttle": (1, 5)}


def test_news_that_could_not_be_told_is_told_by_the_next_round_in_its_order() -> None:
    async def told() -> tuple[list[int], list[int]]:
        news = News()
        news.tell(1)
        news.tell(2)
        await news.wait(60)
        first = news.take()
        news.tell(3)
        news.give_back(first)
        await news.wait(60)
        return first, news.take()

    assert asyncio.run(told()) == ([1, 2], [1, 2, 3])


def test_without_news_a_wait_ends_by_itself() -> None:
    news = News()
    asyncio.run(news.wait(0.001))
    assert news.take() == []


def test_its_page_says_how_much_memory_it_has() -> None:
    registry = CollectorRegistry()
    log = Log(lambda: pytest.fail("nobody asks"), {})
    Notifier(CampaignBook(3), log, Verifier(None), [], Places(), registry)
    assert registry.get_sample_value("process_resident_memory_bytes")
