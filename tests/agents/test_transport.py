"""The batch transport without a broker: how it is found, what it declares, and what it counts as committable."""

import tempfile
from collections.abc import Mapping
from random import Random
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.exceptions import ImproperlyConfigured
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from agents.transport import BatchConsumer, OutsideLog, Transport, batches, resume_with
from agents.transport.batches import DEFAULT_WAITING_BATCHES, message_of
from agents.transport.offsets import Delivered

TP_0 = TP("stillwatch.requests", 0)


def application(broker: str) -> Any:  # noqa: ANN401 - the tests look at what Faust's types do not show
    return faust.App(
        "test", broker=broker, store="memory://", datadir=tempfile.gettempdir(), autodiscover=False, web_enabled=False
    )


def record(offset: int) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, timestamp=1_790_000_000_123, timestamp_type=0, value=b"{}")


async def resume(starts: Mapping[TP, int]) -> Mapping[TP, int]:
    return starts


def test_the_scheme_brings_this_transport_for_reading_and_writing() -> None:
    app = application("stillwatch://a:1;stillwatch://b:2")
    assert isinstance(app.transport, Transport)
    assert isinstance(app.producer_transport, Transport)
    assert [(url.host, url.port) for url in app.transport.url] == [("a", 1), ("b", 2)]
    assert app.transport.Consumer is BatchConsumer


def test_retries_of_the_producer_neither_repeat_nor_reorder() -> None:
    settings = application("stillwatch://a:1").producer._settings_extra()  # noqa: SLF001 - what aiokafka is given
    assert settings == {"acks": "all", "enable_idempotence": True}


def test_a_store_can_only_be_registered_with_this_transport() -> None:
    with pytest.raises(ImproperlyConfigured, match="must be stillwatch://"):
        resume_with(application("kafka://a:1"), offsets=resume)


async def test_without_a_store_reading_starts_where_the_group_would() -> None:
    app = application("stillwatch://a:1")
    assert await app.transport.resume_offsets({TP_0: 7}) == {TP_0: 7}
    assert app.transport.report_outside_log is None


def test_two_apps_do_not_share_what_they_registered() -> None:
    one, other = application("stillwatch://a:1"), application("stillwatch://a:1")
    resume_with(one, offsets=resume)
    assert one.transport.resume_offsets is resume
    assert other.transport.resume_offsets is not resume


def test_the_number_of_waiting_batches_survives_what_an_agent_does_to_its_topic() -> None:
    app = application("stillwatch://a:1")
    assert batches(app, "requests", waiting=3).clone(is_iterator=True).maxsize == 3
    assert batches(app, "requests").maxsize == DEFAULT_WAITING_BATCHES


async def test_an_event_carries_the_batch_as_it_is_and_no_headers() -> None:
    batch: list[Any] = [record(3), record(4)]
    message = message_of(TP_0, batch, generation=2)
    event = await batches(application("stillwatch://a:1"), TP_0.topic).decode(message)
    assert event.value is batch
    assert event.key is None
    assert event.headers == {}
    assert (event.message.tp, event.message.offset, event.message.generation_id) == (TP_0, 4, 2)
    assert event.message.timestamp == pytest.approx(1_790_000_000.123)


async def test_a_message_of_another_transport_is_an_error_faust_does_not_acknowledge() -> None:
    single: Any = SimpleNamespace(topic=TP_0.topic, value=b"{}")
    with pytest.raises(ImproperlyConfigured, match="must be stillwatch://"):
        await batches(application("kafka://a:1"), TP_0.topic).decode(single, propagate=True)


async def test_a_topic_read_singly_is_refused_by_name_before_anything_is_read() -> None:
    app = application("stillwatch://a:1")
    app.topics.add(batches(app, "requests"))
    app.topics.add(app.topic("links"))
    with pytest.raises(ImproperlyConfigured, match=r"Declare with agents\.transport\.batches: links\."):
        await app.consumer.subscribe(["requests", "links"])


def test_an_offset_beyond_the_end_is_explained() -> None:
    assert OutsideLog(TP_0, asked=900, beginning=0, end=120).sentence == (
        "stillwatch.requests partition 0 was to be read from offset 900, but its log holds 0 to 120: "
        "the log was cut short, and what it holds was read before. Reading starts at 120."
    )


def test_an_offset_before_the_beginning_is_explained() -> None:
    assert OutsideLog(TP_0, asked=5, beginning=40, end=120).sentence == (
        "stillwatch.requests partition 0 was to be read from offset 5, but its log holds 40 to 120: "
        "35 records were removed before they were read. Reading starts at 40."
    )


def test_nothing_is_committable_before_a_batch_is_done() -> None:
    delivered = Delivered()
    delivered.add(9)
    delivered.acknowledge([])
    assert delivered.committable is None


def test_a_batch_done_out_of_turn_waits_for_those_before_it() -> None:
    delivered = Delivered()
    for last in (9, 19, 29):
        delivered.add(last)
    delivered.acknowledge([29, 9])
    assert delivered.committable == 10
    delivered.acknowledge([19])
    assert delivered.committable == 30


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=30), order=st.randoms(), calls=st.integers(1, 5))
def test_what_is_committable_is_the_end_of_the_longest_run_of_done_batches(
    sizes: list[int], order: Random, calls: int
) -> None:
    lasts = [sum(sizes[: index + 1]) - 1 for index in range(len(sizes))]
    delivered = Delivered()
    for last in lasts:
        delivered.add(last)
    shuffled = order.sample(lasts, len(lasts))
    done: set[int] = set()
    for start in range(0, len(lasts), calls):
        done.update(shuffled[start : start + calls])
        delivered.acknowledge(shuffled[start : start + calls])
        run = [last for index, last in enumerate(lasts) if done.issuperset(lasts[: index + 1])]
        assert delivered.committable == (run[-1] + 1 if run else None)
    assert delivered.committable == sum(sizes)
