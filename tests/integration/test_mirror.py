"""The mirror of decisions in a real Redis: each record once, the newest of each subject, and all members."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from agents.enforcement.mirror import Entry, Mirror, Mirrored
from agents.signing import KEY_ID_HEADER, SIGNATURE_HEADER
from agents.store import StoreError
from streams.decisions import Decision
from streams.enforcement.in_force import ANEW_MS, KEPT_MS
from tests.agents.signing_setup import decision

pytestmark = pytest.mark.redis
SIGNED = ((KEY_ID_HEADER, b"0123"), (SIGNATURE_HEADER, b"\x00\xff"))


@pytest.fixture
async def mirror(redis_url: str, topic_prefix: str) -> AsyncIterator[Mirror]:
    made = Mirror(redis_url, topic_prefix)
    yield made
    await made.close()


def record(offset: int, sequence: int = 1, subject: str = "a", place: str = "log/0", **fields: object) -> Mirrored:
    told = {"subject_kind": "campaign" if fields.get("members") else "account", "members": (), **fields}
    made = msgspec.structs.replace(decision(), subject_id=subject, sequence=sequence, **told)
    return Mirrored(place, offset, subject.encode(), msgspec.json.encode(made), SIGNED, 7, made)


async def append(mirror: Mirror, records: list[Mirrored]) -> None:
    assert await mirror.append(records, await mirror.life())


def decisions(entries: list[Entry]) -> list[tuple[str, int]]:
    decoded = [msgspec.json.decode(entry.value, type=Decision) for entry in entries]
    return [(it.subject_id, it.sequence) for it in decoded]


async def test_an_entry_is_the_record_as_the_decider_signed_it(mirror: Mirror) -> None:
    it = record(0)
    await append(mirror, [it])
    (entry,) = await mirror.read("0")
    assert (entry.key, entry.value, entry.headers, entry.appended_at_ms) == (it.key, it.value, SIGNED, 7)
    assert await mirror.read(entry.entry_id) == []
    assert await mirror.read(entry.entry_id, 1) == []


async def test_what_was_not_signed_has_no_headers(mirror: Mirror) -> None:
    await append(mirror, [msgspec.structs.replace(record(0), headers=())])
    (entry,) = await mirror.read("0")
    assert entry.headers == ()


async def test_what_a_stranger_wrote_there_is_an_entry_without_what_it_lacks(
    mirror: Mirror, redis_url: str, topic_prefix: str
) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.xadd(f"{{{topic_prefix}:enforced}}:log", {"appended_at_ms": "9" * 40, "x": "y"})
        await client.xadd(f"{{{topic_prefix}:enforced}}:log", {"appended_at_ms": "-", "key": "k", "signature": "s"})
    first, second = await mirror.read("0")
    assert (first.key, first.value, first.headers, first.appended_at_ms) == (b"", b"", (), 0)
    assert (second.key, second.headers, second.appended_at_ms) == (b"k", ((SIGNATURE_HEADER, b"s"),), 0)


async def test_a_record_is_appended_once_whoever_appends_it_and_however_the_log_is_cut(
    mirror: Mirror, redis_url: str, topic_prefix: str
) -> None:
    records = [record(offset, subject=f"s{offset}") for offset in range(7)]
    other = Mirror(redis_url, topic_prefix)
    await append(mirror, records[:4])
    await append(other, records[2:])
    await append(mirror, records)
    await other.close()
    assert decisions(await mirror.read("0")) == [(f"s{offset}", 1) for offset in range(7)]
    assert await mirror.offsets() == {"log/0": 7}
    await append(mirror, [record(0, subject="t", place="log/1"), record(40, subject="u")])
    assert await mirror.offsets() == {"log/0": 41, "log/1": 1}


async def test_the_newest_decision_of_a_subject_takes_the_place_of_the_one_before(mirror: Mirror) -> None:
    await append(mirror, [record(0, 1), record(1, 1, "b"), record(2, 2), record(3, 3)])
    assert decisions(await mirror.read("0")) == [("b", 1), ("a", 3)]
    await append(mirror, [record(4, 2)])
    assert decisions(await mirror.read("0")) == [("b", 1), ("a", 3)]


async def test_a_decision_a_day_later_counts_whatever_its_sequence(mirror: Mirror) -> None:
    late_ms = decision().decided_at_ms + ANEW_MS
    await append(mirror, [record(0, 9), record(1, 1, decided_at_ms=late_ms - 1), record(2, 2, decided_at_ms=late_ms)])
    assert decisions(await mirror.read("0")) == [("a", 2)]
    await append(mirror, [record(3, 10)])
    assert decisions(await mirror.read("0")) == [("a", 2)]


async def test_whatever_names_members_is_kept(mirror: Mirror) -> None:
    await append(mirror, [record(0, 1, "c", members=("m",)), record(1, 2, "c", members=("n",))])
    await append(mirror, [record(2, 3, "c", subject_kind="campaign"), record(3, 4, "c", subject_kind="campaign")])
    assert decisions(await mirror.read("0")) == [("c", 1), ("c", 2), ("c", 4)]
    await append(mirror, [record(4, 2, "c", members=("old",))])
    assert decisions(await mirror.read("0")) == [("c", 1), ("c", 2), ("c", 4), ("c", 2)]


async def test_more_than_fit_into_one_script_and_one_answer_come_in_their_order(mirror: Mirror) -> None:
    await append(mirror, [record(offset, subject=f"s{offset}") for offset in range(1_203)])
    first = await mirror.read("0")
    rest = await mirror.read(first[-1].entry_id)
    assert decisions(first + rest) == [(f"s{offset}", 1) for offset in range(1_203)]


async def test_what_the_topic_keeps_no_longer_is_dropped(mirror: Mirror) -> None:
    await append(mirror, [record(0), record(1, subject="b")])
    (first, _) = await mirror.read("0")
    at_ms = int(first.entry_id.split("-")[0])
    await mirror.tidy(at_ms + KEPT_MS)
    assert len(await mirror.read("0")) == 2
    await mirror.tidy(at_ms + KEPT_MS + 60_000)
    assert await mirror.read("0") == []
    await append(mirror, [record(2)])  # its sequence is not newer, but nobody remembers that
    assert decisions(await mirror.read("0")) == [("a", 1)]


async def test_a_redis_that_lost_everything_lives_another_life(
    mirror: Mirror, redis_url: str, topic_prefix: str
) -> None:
    life = await mirror.life()
    assert await mirror.life() == life
    async with Redis.from_url(redis_url) as client:
        await client.delete(f"{{{topic_prefix}:enforced}}:offsets")
    assert await mirror.life() != life
    assert await mirror.offsets() == {}


async def test_what_is_written_for_another_life_is_not_written(mirror: Mirror) -> None:
    assert not await mirror.append([record(0)], "another")
    assert await mirror.read("0") == []
    await mirror.life()
    assert not await mirror.append([record(0)], "another")
    assert await mirror.read("0") == []


async def test_a_reviewers_release_of_an_account_is_kept(mirror: Mirror) -> None:
    await append(mirror, [record(0, 1, action="release"), record(1, 2, action="observe"), record(2, 3)])
    assert decisions(await mirror.read("0")) == [("a", 1), ("a", 3)]


async def test_what_names_payments_or_takes_them_back_is_kept(mirror: Mirror) -> None:
    named = record(0, 1, "c", subject_kind="campaign", payments=("card",), opened_from_ms=decision().decided_at_ms)
    released = record(1, 2, "c", subject_kind="campaign", action="release")
    await append(mirror, [named, released, record(2, 3, "c", subject_kind="campaign")])
    assert decisions(await mirror.read("0")) == [("c", 1), ("c", 2), ("c", 3)]


async def test_without_a_redis_there_is_one_sentence() -> None:
    made = Mirror("redis://127.0.0.1:1", "p")
    for work in (made.offsets(), made.read("0"), made.append([record(0)], ""), made.life(), made.tidy(0)):
        with pytest.raises(StoreError, match="Redis"):
            await work
    await made.close()
    with pytest.raises(StoreError, match="not an address of a Redis"):
        Mirror("mailto:redis", "p")
