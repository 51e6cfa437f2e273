"""The feed by itself: it waits for leave, and says what went out."""

import io
import sys

import msgspec
import pytest

from agents.demo.feed import Fed, Feed
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter


async def fed(leave: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[RequestEvent], int]:
    """The events that go out when `leave` is all there is to read, and how often they were flushed."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(leave))
    flushes = 0

    async def flush() -> None:
        nonlocal flushes
        flushes += 1

    feed = Feed(0.01, 1, Fingerprinter(b"a key of sixteen bytes"))
    return [event async for event in feed.events(flush)], flushes


def reports(text: bytes) -> list[Fed]:
    return [msgspec.json.decode(line, type=Fed) for line in text.splitlines()]


async def test_nothing_goes_out_beyond_the_leave_and_all_of_it_is_flushed_before_a_wait(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    events, flushes = await fed("3\n7\n", monkeypatch)

    assert len(events) == 7
    assert flushes == 3
    assert reports(capfdbinary.readouterr().out)[-1].records == 7


async def test_the_reports_name_every_account_once_and_every_exchange_of_the_campaign(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    events, _ = await fed("1000000\n", monkeypatch)
    found = reports(capfdbinary.readouterr().out)

    known = [truth for report in found for truth in report.accounts]
    campaign = {truth.account_id for truth in known if truth.campaign_id is not None}
    exchanges = [pair for report in found for pair in report.exchanges]
    assert sorted(truth.account_id for truth in known) == sorted({event.account_id for event in events})
    assert exchanges == [(event.account_id, event.occurred_at_ms) for event in events if event.account_id in campaign]
    assert campaign
    assert (found[-1].records, found[-1].newest_ms) == (len(events), events[-1].occurred_at_ms)
