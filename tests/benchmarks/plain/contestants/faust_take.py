"""Stock Faust with `take`: up to 1,000 events, or what came in 50 ms, then one MGET, one MSET and the alerts.

At least once, as stock Faust is: `take` acknowledges what it has handed out when the agent asks for more.
"""

from typing import Any

import faust
from redis.asyncio import Redis

from tests.benchmarks.plain import in_redis
from tests.benchmarks.plain.contestants.faust_app import application, work
from tests.benchmarks.plain.job import Wanted, decode
from tests.benchmarks.plain.told import Told, act

BATCH = 1_000
WITHIN_SECONDS = 0.05


def run(told: Told) -> None:
    """Read to the end."""
    app = application(told)
    redis = Redis.from_url(told.redis_url)
    alerts = app.topic(told.alerts, value_serializer="raw", key_serializer="raw")
    held = in_redis.Held(told.prefix, told.limit)
    done = work(app, told)

    @app.agent(app.topic(told.topic, key_serializer="raw", value_serializer="raw"))
    async def observe(stream: faust.StreamT[Any]) -> None:
        async for some in stream.take_events(BATCH, within=WITHIN_SECONDS):  # type: ignore[attr-defined]  # Faust's own
            told.first()
            by_partition: dict[int, list[Wanted]] = {}
            for event in some:
                by_partition.setdefault(event.message.partition, []).append(decode(event.value))
            sent = []
            for partition, events in by_partition.items():
                accounts, networks, keys = held.missing(partition, events)
                if keys:
                    held.hold(partition, accounts, networks, await redis.mget(keys))
                for key, value in held.fold(partition, events):
                    sent.append(await alerts.send(key=key, value=value))
            for acknowledged in sent:
                await acknowledged
            await redis.mset(held.changed())
            for event in some:
                done.note(event.message.partition, event.message.offset)

    done.wait()


if __name__ == "__main__":
    act(run, in_redis.windows)
