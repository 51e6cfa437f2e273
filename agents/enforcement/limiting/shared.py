"""Limits that all gateways count together in Redis."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct

from agents.enforcement.limiting.breaker import Breaker
from agents.enforcement.limiting.counters import LimitCounters, Source
from agents.enforcement.limiting.held import Held, Leasing, Waiter
from agents.enforcement.limiting.local import SUBJECTS, LocalLimiter, monotonic_us
from agents.enforcement.limiting.questions import Questions
from agents.store.script import Script
from agents.store.wire import Wire, Word
from streams.decisions import Limits
from streams.enforcement.asking import Room
from streams.enforcement.gcra import Meter, judged, ticks

TAKE = Script(__package__, "take.lua")

LEASE_SHARE = 10
"""A lease is at most a tenth of a limit, and half of what is left of it."""

FAILURES = 3
"""After so many failures in a row all is answered locally at once, but for one question in a pause."""


class Timing(Struct, frozen=True):
    """How long, in seconds.

    After the deadline a request is answered locally; the answer of Redis still counts when it comes. While Redis has
    been silent for so long, nobody asks or waits. After the timeout it has failed, and what it may have given is lost;
    after `FAILURES` in a row it is asked once in a pause. What it said or leased holds for the life of a lease.
    """

    deadline_seconds: float = 0.005
    silence_seconds: float = 0.05
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
        """Connects when it is first asked. `local` answers where Redis does not, and counts what it answers by itself.

        So each gateway allows the full limits while Redis is away.

        `lease_share` 0: no leases. `clock` tells microseconds. Raises StoreError if `url` is no
        address of a Redis, or what it is to be used with is unusable.
        """
        wire = Wire(url, timeout_seconds=timing.timeout_seconds)
        self._prefix = prefix
        self._questions = Questions(wire, TAKE, clock)
        self._deadline_seconds = timing.deadline_seconds
        self._silence_us = round(timing.silence_seconds * 1_000_000)
        self._leasing = Leasing(round(timing.lease_seconds * 1_000_000), lease_share)
        self._local = local or LocalLimiter(subjects=subjects, clock=clock, counters=counters)
        self._subjects = subjects
        self._counters = counters
        self._clock = clock
        self._breaker = Breaker(threshold=FAILURES, pause_us=round(timing.pause_seconds * 1_000_000))
        self._held: OrderedDict[str, Held] = OrderedDict()

    async def take(self, key: str, limits: Limits, tokens: int) -> Room:
        """Take one request of so many tokens, if the limits of `key` leave it. Fewer than none are none."""
        tokens = max(0, tokens)
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
        tokens = max(0, tokens)
        if not (limits.requests and limits.tokens):
            return self._nothing(limits)
        held = self._of(key, limits)
        now_us = self._clock()
        room = held.draw(tokens, now_us)
        if room is not None:
            return self._told(key, held, tokens, room, "lease")
        self._is_asked(key, held, now_us)  # what follows is told with that question
        return self._locally(key, held, tokens)

    async def close(self) -> None:
        """Let go of the connections; whoever waits is answered locally."""
        await self._questions.close()

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
        if self._questions.silent_us(now_us) >= self._silence_us:
            return False
        if held.is_asking:
            return not held.is_late
        if not self._breaker.lets(now_us):
            return False
        try:
            self._ask(key, held)
        except RuntimeError:  # no loop runs that could ask
            return False
        return True

    def _ask(self, key: str, held: Held) -> None:
        """Ask Redis about a subject. Raises RuntimeError where no loop runs."""
        limits = held.limits
        name = f"{self._prefix}:limit:{key}:{limits.requests}:{limits.tokens}:{limits.window_ms}"
        answer = self._questions.ask(name, partial(self._words, held))
        answer.add_done_callback(partial(self._answered, key, held))
        held.is_asking = True

    def _words(self, held: Held) -> list[Word]:
        """What the script is told, as it leaves."""
        limits = held.limits
        question = held.ask(self._clock())
        words: list[Word] = [str(limits.window_ms * 1000), str(limits.requests), str(limits.tokens)]
        words.append(str(len(question.leases)))
        for offer in (question.owed, *question.offers):
            for cost, limit in ((offer.requests, limits.requests), (offer.tokens, limits.tokens)):
                words += map(str, divmod(ticks(cost, limit, limits), limit))
        return words

    def _answered(self, key: str, held: Held, answer: asyncio.Future[Any]) -> None:
        """Answer those who wait, and ask again if that does not answer all."""
        now_us = self._clock()
        held.is_asking = held.is_late = False
        if answer.exception() is not None:
            self._breaker.failed(now_us)
            if self._counters is not None:
                self._counters.unanswered.labels("failed").inc()
            held.give_up(partial(self._locally, key, held))
            return
        self._breaker.worked()
        taken, *used = answer.result()
        leased = held.take_in(taken, (used[0], used[1]), (used[2], used[3]))
        if self._counters is not None:
            self._counters.leased.inc(leased)
        if held.serve(now_us):
            self._ask(key, held)

    def _late(self, key: str, held: Held, waiter: Waiter) -> None:
        """Answer locally who waited for too long."""
        if waiter.answer.done():
            return
        if not held.is_late:
            held.is_late = True
            if self._counters is not None:
                self._counters.unanswered.labels("late").inc()
        waiter.answer.set_result(self._locally(key, held, waiter.tokens))

    def _locally(self, key: str, held: Held, tokens: int) -> Room:
        """Answer without Redis, which is told if it is being asked anyway."""
        room = self._local.take_now(key, held.limits, tokens)
        if room.admitted and held.is_asking:
            held.owe(tokens)
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
