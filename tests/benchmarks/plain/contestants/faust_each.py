"""Stock Faust, event by event: each is a round trip of one redis.asyncio pipeline, as its users write it.

The pipeline counts the event with HINCRBY, which answers the new total as well. Only when an event opens a minute is
the account's hash read whole, and what has left the window deleted; only when the account goes above or falls is that
noted. At least once: Faust commits its position every few seconds, and what was counted since is counted again after a
kill.
"""

from typing import Any

import faust
from redis.asyncio import Redis

from tests.benchmarks.plain.contestants.faust_app import application, work
from tests.benchmarks.plain.in_redis import every_hash
from tests.benchmarks.plain.job import BUCKETS, MINUTE_MS, Windows, alert_of, decode
from tests.benchmarks.plain.told import Told, act


def run(told: Told) -> None:
    """Read to the end."""
    app = application(told)
    redis = Redis.from_url(told.redis_url)
    alerts = app.topic(told.alerts, value_serializer="raw", key_serializer="raw")
    done = work(app, told)

    @app.agent(app.topic(told.topic, key_serializer="raw", value_serializer="raw"))
    async def observe(stream: faust.StreamT[Any]) -> None:
        async for event in stream.events():
            told.first()
            wanted = decode(event.value)
            minute, tokens = wanted.occurred_at_ms // MINUTE_MS, wanted.output_tokens
            account, network = f"{told.prefix}:a:{wanted.account_id}", f"{told.prefix}:n:{wanted.network_hash}"
            async with redis.pipeline(transaction=False) as pipe:
                pipe.hincrby(account, f"r{minute}", 1)
                pipe.hincrby(account, f"t{minute}", tokens)
                pipe.hincrby(account, "total", tokens)
                pipe.hget(account, "above")
                pipe.hincrby(network, str(minute), 1)
                requests, _, total, was_above, _ = await pipe.execute()
            if requests == 1:
                total = await expire(redis, account)
            above = total > told.limit
            if above and not was_above:
                await (await alerts.send(key=wanted.account_id.encode(), value=alert_of(wanted, total)))
                await redis.hset(account, "above", 1)
            elif was_above and not above:
                await redis.hdel(account, "above")
            done.note(event.message.partition, event.message.offset)

    done.wait()


async def expire(redis: Redis, account: str) -> int:
    """Delete what has left the window of an account; the total of the rest."""
    fields = await redis.hgetall(account)
    counted = {int(name[1:]): int(value) for name, value in fields.items() if name[:1] == b"t" and name != b"total"}
    expired = [it for it in counted if it <= max(counted) - BUCKETS]
    if expired:
        async with redis.pipeline(transaction=False) as pipe:
            pipe.hdel(account, *(f"{kind}{it}" for it in expired for kind in "rt"))
            pipe.hincrby(account, "total", -sum(counted[it] for it in expired))
            await pipe.execute()
    return sum(value for it, value in counted.items() if it not in expired)


def windows(told: Told) -> Windows:
    """The hashes in Redis; old buckets of networks are never looked at, and left to be dropped here."""
    found = Windows()
    for key, fields in every_hash(told.redis_url, f"{told.prefix}:a:*"):
        minutes = {int(name[1:]) for name in fields if name[:1] == b"r"}
        counts = {it: [int(fields[b"r%d" % it]), int(fields.get(b"t%d" % it, 0))] for it in minutes}
        found.add_account(key.removeprefix(f"{told.prefix}:a:"), counts)
    for key, fields in every_hash(told.redis_url, f"{told.prefix}:n:*"):
        found.add_network(key.removeprefix(f"{told.prefix}:n:"), {int(it): int(value) for it, value in fields.items()})
    return found


if __name__ == "__main__":
    act(run, windows)
