"""Stock Faust, event by event: each is a round trip of one redis.asyncio pipeline, as its users write it.

The pipeline counts the event with HINCRBY and reads the account's hash back; what has left the window is deleted, and
whether the account is above is kept, in a second one where that is due. At least once: Faust commits its position every
so often, so what was counted since is counted again after a kill.
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
            async with redis.pipeline(transaction=True) as pipe:
                pipe.hincrby(account, f"r{minute}", 1)
                pipe.hincrby(account, f"t{minute}", tokens)
                pipe.hincrby(network, str(minute), 1)
                pipe.hgetall(account)
                *_, known = await pipe.execute()
            counted = {int(name[1:]): int(value) for name, value in known.items() if name[:1] == b"t"}
            first = max(counted) - BUCKETS + 1
            total = sum(value for it, value in counted.items() if it >= first)
            expired = [f"{kind}{it}" for it in counted if it < first for kind in "rt"]
            above = b"above" in known
            if total > told.limit and not above:
                await (await alerts.send(key=wanted.account_id.encode(), value=alert_of(wanted, total)))
            if expired or above != (total > told.limit):
                async with redis.pipeline(transaction=True) as pipe:
                    if expired:
                        pipe.hdel(account, *expired)
                    if total > told.limit:
                        pipe.hset(account, "above", 1)
                    else:
                        pipe.hdel(account, "above")
                    await pipe.execute()
            done.note(event.message.partition, event.message.offset)

    done.wait()


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
