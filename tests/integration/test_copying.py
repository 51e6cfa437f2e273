"""The copy of a log refuses what would spoil it, and passes on what nobody can read as it is."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from agents.copying import repartition
from agents.copying.backup import back_up, restore
from agents.copying.entry import CopyError, Entry
from agents.copying.files import MANIFEST, read_manifest
from agents.copying.repartition import Copy, plan
from agents.copying.sink import COPY_OF, Sink
from agents.settings import Settings
from agents.topics import TopicNames, create_topics
from tests.integration.worker_harness import Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(120)]

OLD, NEW = 2, 3
Raw = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
ROWS: Sequence[Raw] = (
    (b"a", b"{}", ()),
    (None, b"no key", ()),
    (b"\xff\xfe", b"\x00 no text", (("h", b"1"), (COPY_OF, b"9/9"))),
    (b"b", None, ()),
)


@pytest.fixture
def old(kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> Deployment:
    """Two partitions of requests, with a few records each."""
    names = create_topics(kafka_bootstrap, partitions=OLD, prefix=topic_prefix)
    made = Deployment(kafka_bootstrap, redis_url, names, topic_prefix, OLD)
    produce(made, names.requests)
    return made


@pytest.fixture
def new(old: Deployment) -> Deployment:
    prefix = f"{old.prefix}-new"
    return Deployment(old.bootstrap_servers, old.redis_url, TopicNames.under(prefix), prefix, NEW)


def produce(deployment: Deployment, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=deployment.bootstrap_servers, acks="all", compression_type="gzip")
    for number in range(OLD):
        for key, value, headers in ROWS:
            producer.send(topic, key=key, value=value, headers=list(headers), partition=number)
    producer.close(timeout=30)


def copy(old: Deployment, new: Deployment, *, partitions: int | None = NEW) -> Copy:
    settings = Settings(old.bootstrap_servers, old.redis_url)
    return Copy(settings, plan(old.bootstrap_servers, old.prefix, new.prefix, partitions), lambda _sentence: None)


async def until_in_step(copying: Copy, following: "asyncio.Task[int]") -> None:
    """Wait for all to be copied, or for the copy to fail."""
    in_step = asyncio.create_task(copying.in_step.wait())
    await asyncio.wait((following, in_step), return_when=asyncio.FIRST_COMPLETED)
    in_step.cancel()


def copied(old: Deployment, new: Deployment) -> int:
    """How many records one run copies that follows until it is in step."""

    async def run() -> int:
        stop, copying = asyncio.Event(), copy(old, new)
        following = asyncio.create_task(copying.follow(stop))
        await until_in_step(copying, following)
        stop.set()
        return await following

    return asyncio.run(run())


def test_what_nobody_can_read_is_copied_as_it_is(old: Deployment, new: Deployment) -> None:
    assert copied(old, new) == OLD * len(ROWS)
    assert copied(old, new) == 0
    rows = new.read(new.topics.requests)
    was = {(it.partition, it.offset): it for it in old.read(old.topics.requests)}
    assert len(rows) == len(was)
    for row in rows:
        *before, (name, place) = row.headers
        partition, offset, _ = place.decode().split("/")
        assert name == COPY_OF
        original = was.pop((int(partition), int(offset)))
        assert (row.key, row.value, before) == (original.key, original.value, list(original.headers))
        assert (row.timestamp, row.timestamp_type) == (original.timestamp, 0)
    assert was == {}


def test_somebody_who_writes_to_the_copy_too_soon_is_noticed(old: Deployment, new: Deployment) -> None:
    assert copied(old, new) == OLD * len(ROWS)

    async def run() -> None:
        stop, copying = asyncio.Event(), copy(old, new)
        following = asyncio.create_task(copying.follow(stop))
        await until_in_step(copying, following)
        await asyncio.to_thread(produce, new, new.topics.requests)
        await asyncio.to_thread(produce, old, old.topics.requests)
        await following

    with pytest.raises(CopyError, match=rf"^Somebody else writes to {new.topics.requests}: "):
        asyncio.run(run())


def test_records_of_another_origin_are_refused(old: Deployment, new: Deployment) -> None:
    create_topics(new.bootstrap_servers, partitions=NEW, prefix=new.prefix, for_copies=True)
    produce(new, new.topics.requests)
    with pytest.raises(CopyError, match=rf"^{new.topics.requests} holds records, and nothing says that "):
        copied(old, new)


def test_topics_that_gateways_may_write_to_are_refused(old: Deployment, new: Deployment) -> None:
    create_topics(new.bootstrap_servers, partitions=NEW, prefix=new.prefix)
    with pytest.raises(CopyError, match=rf"^{new.topics.requests} takes the broker's time: "):
        copied(old, new)


def test_topics_that_were_never_copied_to_are_not_finished(old: Deployment, new: Deployment) -> None:
    """All would get the broker's time: requests of 29 days, as if they came today."""
    create_topics(new.bootstrap_servers, partitions=NEW, prefix=new.prefix)
    with pytest.raises(CopyError, match=rf"^{new.topics.requests} takes the broker's time, and nothing was copied "):
        asyncio.run(copy(old, new, partitions=None).finish())
    assert new.read(new.topics.requests) == []


def test_a_log_that_ends_before_what_the_backup_holds_is_told(old: Deployment, tmp_path: Path) -> None:
    """It holds other records at those offsets by now, or soon will: a night without any is no good news."""
    assert asyncio.run(back_up(old.bootstrap_servers, old.prefix, tmp_path)) == OLD * len(ROWS)
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    *parts, part = manifest.parts
    longer = msgspec.structs.replace(manifest, parts=[*parts, msgspec.structs.replace(part, last=part.last + 1)])
    (tmp_path / MANIFEST).write_bytes(msgspec.json.encode(longer))
    with pytest.raises(CopyError, match=rf"^Partition {part.partition} of {old.topics.requests} was cut short: "):
        asyncio.run(back_up(old.bootstrap_servers, old.prefix, tmp_path))


def test_what_was_restored_of_another_backup_is_not_taken_for_this_one(
    old: Deployment, new: Deployment, tmp_path: Path
) -> None:
    asyncio.run(back_up(old.bootstrap_servers, old.prefix, tmp_path))
    create_topics(new.bootstrap_servers, partitions=NEW, prefix=new.prefix, for_copies=True)

    async def put_of_another() -> None:
        async with Sink(new.bootstrap_servers, new.topics, NEW, "another") as sink:
            await sink.look()
            await sink.put(Entry("requests", 0, len(ROWS), 0, b"a", b"{}"))
            await sink.flush()

    asyncio.run(put_of_another())
    settings = Settings(old.bootstrap_servers, old.redis_url)
    restoring = restore(settings, tmp_path, new.prefix, partitions=NEW, replication=1, tell=lambda _sentence: None)
    with pytest.raises(CopyError, match=rf"^{new.topics.requests} or {new.topics.feedback} holds records of others: "):
        asyncio.run(restoring)


def test_what_comes_after_the_copy_was_finished_is_copied_by_finishing_again(
    old: Deployment, new: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repartition, "QUIET_S", 1.0)
    copied(old, new)
    assert asyncio.run(copy(old, new, partitions=None).finish()) == 0
    produce(old, old.topics.requests)
    assert asyncio.run(copy(old, new, partitions=None).finish()) == OLD * len(ROWS)
    rows = new.read(new.topics.requests)
    assert len({dict(row.headers)[COPY_OF] for row in rows}) == len(rows) == 2 * OLD * len(ROWS)
    assert sorted(row.timestamp_type for row in rows) == [0] * (len(rows) // 2) + [1] * (len(rows) // 2)


def test_what_retention_removed_is_passed_over(old: Deployment, new: Deployment) -> None:
    with KafkaAdminClient(bootstrap_servers=old.bootstrap_servers) as admin:
        admin.delete_records({TopicPartition(old.topics.requests, 0): 3, TopicPartition(old.topics.requests, 1): 4})
    assert copied(old, new) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("copy", "--partitions", "3", "--to-prefix", "{0}"), "--to-prefix is the prefix that is copied from"),
        (("finish", "--to-prefix", "{0}-new"), "There is no topic {0}-new.requests: begin with"),
        (("copy", "--partitions", "3", "--prefix", "{0}-not", "--to-prefix", "x"), "has no topic {0}-not.requests"),
        (("compare", "--to-prefix", "{0}-not"), "has no topic {0}-not.enforcement"),
    ],
)
def test_a_mistake_is_one_sentence(old: Deployment, words: Sequence[str], sentence: str) -> None:
    done = old.run("repartition", *(word.format(old.prefix) for word in words))
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:7]) == (2, 1, "Error: ")
    assert sentence.format(old.prefix) in done.stderr
