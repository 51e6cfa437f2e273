"""Questions to Redis, those of one moment in one round trip."""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError

from agents.ending import cancelled
from agents.store.script import Script
from agents.store.wire import Wire, Word

LANES = 4
"""So many round trips are under way at once, each on a connection of its own."""

TOGETHER = 256
"""So many questions leave at once, at most."""


class Question(Struct, frozen=True, eq=False):
    """One run of the script, what it is told, as of when it leaves, and who waits for what it answers."""

    key: str
    words: Callable[[], list[Word]]
    answer: asyncio.Future[Any]


class Questions:
    """Runs one script about many keys. It belongs to one event loop."""

    def __init__(self, wire: Wire, script: Script, clock: Callable[[], int]) -> None:
        """`clock` tells microseconds."""
        self.script = script
        self._clock = clock
        self._answered_us = 0
        self._wire = wire
        self._waiting: list[Question] = []
        self._lanes: set[asyncio.Task[None]] = set()

    def ask(self, key: str, words: Callable[[], list[Word]]) -> asyncio.Future[Any]:
        """What the script answers about `key`, or the error of redis-py. Raises RuntimeError where no loop runs.

        `words` is called when the question leaves, so that it may still grow until then.
        """
        loop = asyncio.get_running_loop()
        question = Question(key, words, loop.create_future())
        self._waiting.append(question)
        if not self._lanes:
            self._answered_us = self._clock()
        if len(self._lanes) < LANES:
            lane = loop.create_task(self._carry())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return question.answer

    def silent_us(self, now_us: int) -> int:
        """For how long there were questions and no answer."""
        return now_us - self._answered_us if self._lanes else 0

    async def close(self) -> None:
        """Ask no more. Whoever waits gets a ConnectionError."""
        await cancelled(tuple(self._lanes))
        _fail(self._waiting, RedisConnectionError("The limiter was closed."))
        await self._wire.close()

    async def _carry(self) -> None:
        """Ask until nobody waits."""
        while self._waiting:
            asked, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            try:
                answers = await self.script.run_all(self._wire, [([it.key], it.words()) for it in asked])
            except (RedisError, RedisClusterException, OSError) as error:
                asked += self._waiting  # they waited behind what is dead
                self._waiting = []
                _fail(asked, error)
                continue
            except BaseException:  # the end, or a bug: nobody is left waiting for it
                _fail(asked, RedisConnectionError("The question was given up."))
                raise
            self._answered_us = self._clock()
            for question, answer in zip(asked, answers, strict=True):
                if isinstance(answer, BaseException):
                    _fail([question], answer)
                elif not question.answer.done():
                    question.answer.set_result(answer)


def _fail(questions: list[Question], error: BaseException) -> None:
    for question in questions:
        if not question.answer.done():
            question.answer.set_exception(error)
