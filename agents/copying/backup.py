"""Backup and restore of what everything follows from: the requests and the feedback, in files."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from agents.copying.entry import WORDS, CopyError, in_order
from agents.copying.files import FileFeed, Manifest, Writer, check_parts, read_manifest
from agents.copying.forgotten import require_forgotten
from agents.copying.sink import Sink
from agents.copying.source import LogSource, digest_of, takes_times
from agents.settings import Settings
from agents.topics import TopicNames, create_topics, describe_topics, end_copy, log_ids

TELL_EVERY: int = 1_000_000
"""Records."""


async def back_up(bootstrap_servers: str, prefix: str, folder: Path) -> int:
    """Write what the logs hold now and the folder does not; how many records. Raises CopyError, TopicError."""
    names = TopicNames.under(prefix)
    topics = {word: getattr(names, word) for word in WORDS}
    found = await asyncio.to_thread(describe_topics, bootstrap_servers, names)
    for topic in topics.values():
        if topic not in found:
            raise CopyError(f"Kafka at {bootstrap_servers} has no topic {topic}: there is nothing to keep")
    ids = await asyncio.to_thread(log_ids, bootstrap_servers, topics.values())
    counts = {word: found[topic].partitions for word, topic in topics.items()}
    manifest = read_manifest(folder)
    if manifest is None:
        manifest = Manifest(prefix, ids, counts, [])
    elif manifest.log_ids != ids or manifest.partitions != counts:
        raise CopyError(f"{folder} is a backup of other topics, or of some that were made again: take another folder")
    count = 0
    async with LogSource(bootstrap_servers, names, {topics[word]: number for word, number in counts.items()}) as source:
        source.stand_at(await source.beginnings() | manifest.position)
        await source.look()
        source.require_whole(f"{folder} holds of it: take another folder")
        with Writer(folder, manifest) as writer:
            async for entry in source.read():
                writer.put(entry)
                count += 1
            writer.finish()
    return count


async def restore(
    settings: Settings,
    folder: Path,
    to_prefix: str,
    *,
    partitions: int | None,
    replication: int,
    tell: Callable[[str], None],
) -> int:
    """Make topics under `to_prefix` of what a folder holds; how many records were put there by this run.

    `partitions` None: as many as there were. One that was killed goes on. Raises CopyError, TopicError, StoreError.
    """
    bootstrap_servers = settings.bootstrap_servers
    manifest = read_manifest(folder)
    if manifest is None:
        raise CopyError(f"{folder} holds no backup")
    check_parts(folder, manifest)
    names = TopicNames.under(to_prefix)
    count = manifest.partitions["requests"] if partitions is None else partitions
    await asyncio.to_thread(
        create_topics,
        bootstrap_servers,
        partitions=count,
        replication=replication,
        prefix=to_prefix,
        for_copies=True,
    )
    made = await asyncio.to_thread(describe_topics, bootstrap_servers, names)
    if not all(takes_times(getattr(names, word), made[getattr(names, word)]) for word in WORDS):
        raise CopyError(f"{names.requests} takes the broker's time: it was restored already, or gateways write to it")
    total = sum(part.records for part in manifest.parts)
    seen = 0
    async with Sink(bootstrap_servers, names, count, digest_of(manifest.log_ids)) as sink:
        if not await sink.look(None):
            await require_forgotten(settings.redis_url, to_prefix, count)
        elif sink.strangers:
            raise CopyError(f"{names.requests} or {names.feedback} holds records of others: take another prefix")
        async for entry in in_order(FileFeed(folder, manifest), manifest.places):
            if await sink.put(entry):
                await sink.flush()
            seen += 1
            if seen % TELL_EVERY == 0:
                tell(f"{seen:,} of {total:,} records")
        await sink.flush()
    await asyncio.to_thread(end_copy, bootstrap_servers, names)
    return sink.count
