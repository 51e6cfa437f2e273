"""Limits that all gateways count together in Redis."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct
from redis.exceptions import RedisClusterException, RedisError

from agents.enforcement.limiting.breaker import Breaker
from agents.enforcement.limiting.counters import LimitCounters, Source
from agents.enforcement.limiting.held import NOTHING, Held, Leasing, Waiter
from agents.enforcement.limiting.local import SUBJECTS, LocalLimiter, monotonic_us
from agents.store import StoreError
from agents.store.script import Script
from agents.store.wire import Wire, Word
from streams.decisions import Limits
from streams.enforcement.asking import Room
from streams.enforcement.gcra import NEAR, Meter, judged, ticks

TAKE = Script(__package__, "take.lua")

LEASE_SHARE = 10
"""A lease is at most a tenth of a limit, and half of what is left of it."""

FAILURES = 3
"""After so many failures in a row everything is answered locally at once, but for one question in a pause."""

QUESTIONS = 64
"""So many questions are under way at once, each on a connection of its own."""


class Timing(Struct, frozen=True):
    """How long, in seconds: until a request is answered locally, until Redis has failed, what it said holds, a pause.

    An answer after the deadline still counts when it comes; after the timeout, what it may have given is lost.
    """

    deadline_seconds: float = 0.005
    timeout_seconds: float = 0.3
    lease_seconds: float = 1.0
    pause_seconds: float = 0.5


TIMING = Timing()


class RedisLimiter:
    """A `Limiter` on one Redis, single or cluster. It never raises and answers within its deadline.

    It belongs to one event loop: `take` and `take_now` are called in its thread. An admission costs no round trip while
    a lease lasts, and a refusal none while what Redis last said leaves no room for it.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "stillwatch",
        timing: Timing = TIMING,
        lease_share: int = LEASE_SHARE,
        local: LocalLimiter | None = None,
        subjects: int = SUBJECTS,
        counters: LimitCounters | None = None,
        clock: Callable[[], int] = monotonic_us,
    ) -> None:
        """Connects when it is first asked. `local` answers where Redis does not; by itself it allows the full limits.

        `lease_share` 0: no leases. `clock` tells microseconds. Raises StoreError if `url` is no address of a Redis.
        """
        try:
            self._wire = Wire(url, timeout_seconds=timing.timeout_seconds)
        except ValueError as error:
            message = f"REDIS_URL is not an address of a Redis: {error}"
            raise StoreError(message) from error
        self._prefix = prefix
        self._script = TAKE
        self._deadline_seconds = timing.deadline_seconds
        self._leasing = Leasing(round(timing.lease_seconds * 1_000_000), lease_share)
        self._local = local or LocalLimiter(subjects=subjects, clock=clock)
        self._subjects = subjects
        self._counters = counters
        self._clock = clock
        self._breaker = Breaker(threshold=FAILURES, pause_us=round(timing.pause_seconds * 1_000_000))
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._free = asyncio.Semaphore(QUESTIONS)
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, key: str, limits: Limits, tokens: int) -> Room:
        """Take one request of so many tokens, if the limits of `key` leave it."""
        if not (limits.requests and limits.tokens):
            return self._nothing(limits)
        held = self._of(key, limits)
        now_us = self._clock()
        room = held.draw(tokens, now_us)
        if room is not None:
            return self._told(key, held, tokens, room, "lease")
        if not self._is_asked(key, held, now_us):
            return self._locally(key, held, tokens)
        loop = asyncio.get_running_loop()
        waiter = Waiter(tokens, loop.create_future())
        held.waiting.append(waiter)
        timer = loop.call_later(self._deadline_seconds, self._late, key, held, waiter)
        try:
            room = await waiter.answer
        finally:
            timer.cancel()
        return room if room.is_local else self._told(key, held, tokens, room, "redis")

    def take_now(self, key: str, limits: Limits, tokens: int) -> Room:
        """The same without any wait: from what is leased, else locally, and Redis is told of it afterwards."""
        if not (limits.requests and limits.tokens):
            return self._nothing(limits)
        held = self._of(key, limits)
        now_us = self._clock()
        room = held.draw(tokens, now_us)
        if room is not None:
            return self._told(key, held, tokens, room, "lease")
        self._is_asked(key, held, now_us)
        return self._locally(key, held, tokens)

    async def close(self) -> None:
        """Let go of the connections; whoever waits is answered locally."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._wire.close()

    def _of(self, key: str, limits: Limits) -> Held:
        held = self._held.get(key)
        if held is not None and held.limits == limits:
            self._held.move_to_end(key)
            return held
        held = self._held[key] = Held(limits, self._leasing, self._clock())
        self._held.move_to_end(key)
        if len(self._held) > self._subjects:
            self._held.popitem(last=False)
        return held

    def _is_asked(self, key: str, held: Held, now_us: int) -> bool:
        """Whether Redis is being asked about the subject, from now on if not before, and may answer in time."""
        if held.is_asking:
            return not (held.is_late or self._breaker.is_open())
        if not self._breaker.lets(now_us):
            return False
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody runs who could ask
            return False
        held.is_asking = True
        task = loop.create_task(self._ask_on(key, held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _ask_on(self, key: str, held: Held) -> None:
        """Ask until nobody waits who must be asked about."""
        name = f"{self._prefix}:limit:{key}:{held.limits.requests}:{held.limits.tokens}:{held.limits.window_ms}"
        try:
            async with self._free:
                while await self._ask(name, held):
                    held.is_late = False
        except (RedisError, RedisClusterException, OSError):
            self._breaker.failed(self._clock())
            held.owed = NOTHING
            if self._counters is not None:
                self._counters.unanswered.labels("failed").inc()
        finally:
            held.is_asking = held.is_late = False
            for waiter in held.waiting:
                if not waiter.answer.done():
                    waiter.answer.set_result(self._locally(key, held, waiter.tokens))
            held.waiting.clear()

    async def _ask(self, name: str, held: Held) -> bool:
        """Ask once and answer those who wait; whether to ask again. Raises what redis-py raises."""
        limits = held.limits
        asked_us = self._clock()
        question = held.ask(asked_us)
        offers = question.leases + question.needs
        words: list[Word] = [str(limits.window_ms * 1000), str(limits.requests), str(limits.tokens)]
        words.append(str(len(question.leases)))
        for offer in (question.owed, *offers):
            for cost, limit in ((offer.requests, limits.requests), (offer.tokens, limits.tokens)):
                words += map(str, divmod(ticks(cost, limit, limits), limit))
        taken, *used = await self._script.run(self._wire, [name], words)
        if not held.is_late:
            self._breaker.worked()
        granted = offers[taken - 1] if taken else NOTHING
        if self._counters is not None and 0 < taken <= len(question.leases):
            self._counters.leased.inc(granted.requests - question.needs[0].requests)
        meter = Meter(0, used[0] * limits.requests + used[1], used[2] * limits.tokens + used[3])
        held.take_in(granted, meter, asked_us)
        return held.serve(self._clock())

    def _late(self, key: str, held: Held, waiter: Waiter) -> None:
        """Answer locally who waited for too long."""
        if waiter.answer.done():
            return
        if not held.is_late:
            held.is_late = True
            self._breaker.failed(self._clock())
            if self._counters is not None:
                self._counters.unanswered.labels("late").inc()
        waiter.answer.set_result(self._locally(key, held, waiter.tokens))

    def _locally(self, key: str, held: Held, tokens: int) -> Room:
        """Answer without Redis, which is told if it is being asked anyway."""
        room = self._local.take_now(key, held.limits, tokens)
        if room.admitted and held.is_asking:
            held.owe(tokens)
        if self._counters is not None:
            near = room.remaining * NEAR < held.limits.requests
            self._counters.answered("local", admitted=room.admitted, is_near=near)
        return room

    def _told(self, key: str, held: Held, tokens: int, room: Room, source: Source) -> Room:
        """Note what Redis gave or refused."""
        if room.admitted:
            self._local.note(key, held.limits, tokens)
        if self._counters is not None:
            self._counters.answered(source, admitted=room.admitted, is_near=held.is_near)
        return room

    def _nothing(self, limits: Limits) -> Room:
        """What limits of nothing leave."""
        if self._counters is not None:
            self._counters.answered("local", admitted=False, is_near=False)
        return judged(Meter(), limits, 1, 0)
