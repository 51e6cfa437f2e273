"""What one gateway holds of the limits of one subject: what it leased, what Redis last said, and who waits for it."""

from asyncio import Future
from collections import deque
from collections.abc import Callable
from itertools import accumulate

from msgspec import Struct

from streams.decisions import Limits
from streams.enforcement.asking import Room
from streams.enforcement.gcra import Meter, drained, is_near, judged

SHRINK = 4
"""Each offer to Redis is so much smaller than the one before it, down to what is needed now."""

GROWTH = 2
"""A lease is for at most so many times the requests that came since the last question."""


class Leasing(Struct, frozen=True, gc=False):
    """How much to lease: what comes in `life_us`, which is how long it may be used, and one part in `share` of a limit.

    With `share` 0 nothing is leased.
    """

    life_us: int
    share: int


class Offer(Struct, frozen=True, gc=False):
    """So many requests and tokens at once."""

    requests: int
    tokens: int


NOTHING = Offer(0, 0)


class Question(Struct, frozen=True, gc=False):
    """What was admitted without asking, and what is asked for: the first offer that fits is taken, leases first.

    A lease must leave as much as it takes.
    """

    at_us: int
    owed: Offer
    leases: list[Offer]
    needs: list[Offer]

    @property
    def offers(self) -> list[Offer]:
        """All that is asked for, in turn."""
        return self.leases + self.needs


class Waiter(Struct, frozen=True, eq=False):
    """Somebody who waits for room for one request of so many tokens."""

    tokens: int
    answer: Future[Room]


class Held:
    """One subject of one gateway. Times are microseconds of the gateway's clock."""

    __slots__ = (
        "_asked",
        "_came",
        "_came_tokens",
        "_known",
        "_leasing",
        "_owed",
        "_requests",
        "_tokens",
        "_until_us",
        "is_asking",
        "is_late",
        "limits",
        "waiting",
    )

    def __init__(self, limits: Limits, leasing: Leasing, now_us: int) -> None:
        self.limits = limits
        self.waiting: deque[Waiter] = deque()
        self._owed = NOTHING
        self.is_asking = False
        self.is_late = False
        self._leasing = leasing
        self._requests = self._tokens = 0
        self._until_us = now_us
        self._known: Meter | None = None
        self._came = self._came_tokens = 0
        self._asked = Question(now_us - leasing.life_us, NOTHING, [], [NOTHING])

    @property
    def is_near(self) -> bool:
        """Whether less than a fifth was left when Redis was last asked, leases counted as used."""
        return self._known is not None and is_near(self._known, self.limits)

    def draw(self, tokens: int, now_us: int) -> Room | None:
        """One more request: out of the lease, or refused by what Redis last said; None if it must be asked."""
        self._came += 1
        self._came_tokens += tokens
        self._forget(now_us)
        return self._at_hand(tokens, now_us)

    def owe(self, tokens: int) -> None:
        """One request was admitted that Redis was not asked about."""
        self._owed = Offer(self._owed.requests + 1, self._owed.tokens + tokens)

    def ask(self, now_us: int) -> Question:
        """What to tell Redis. What is owed is told once."""
        self._forget(now_us)
        self.waiting = deque(it for it in self.waiting if not it.answer.done())
        self._asked = Question(now_us, self._owed, self._leases(now_us), self._needs(now_us))
        self._owed = NOTHING
        self._came = self._came_tokens = 0
        return self._asked

    def take_in(self, taken: int, requests: tuple[int, int], tokens: tuple[int, int]) -> int:
        """Hold what Redis gave of the last question, the offer number `taken` (0: none); how many were leased.

        `requests` and `tokens` are what is used, as the script says it.
        """
        granted = self._asked.offers[taken - 1] if taken else NOTHING
        until_us = self._asked.at_us + self._leasing.life_us
        is_empty = not (self._requests or self._tokens)
        self._until_us = until_us if is_empty else min(self._until_us, until_us)
        self._requests += granted.requests
        self._tokens += granted.tokens
        self._known = Meter(
            self._asked.at_us,
            requests[0] * self.limits.requests + requests[1],
            tokens[0] * self.limits.tokens + tokens[1],
        )
        # What was admitted meanwhile, because this answer took too long, is paid for out of it.
        settled = Offer(min(self._owed.requests, self._requests), min(self._owed.tokens, self._tokens))
        self._requests -= settled.requests
        self._tokens -= settled.tokens
        self._owed = Offer(self._owed.requests - settled.requests, self._owed.tokens - settled.tokens)
        is_lease = 0 < taken <= len(self._asked.leases)
        return granted.requests - self._asked.needs[0].requests if is_lease else 0

    def give_up(self, locally: Callable[[int], Room]) -> None:
        """Redis did not answer: whoever waits for so many tokens is answered by `locally`, and nothing is owed."""
        self._owed = NOTHING
        for waiter in self.waiting:
            if not waiter.answer.done():
                waiter.answer.set_result(locally(waiter.tokens))
        self.waiting.clear()

    def serve(self, now_us: int) -> bool:
        """Answer those who wait, in turn; whether there is one about whom Redis must be asked."""
        while self.waiting:
            waiter = self.waiting[0]
            if not waiter.answer.done():
                room = self._at_hand(waiter.tokens, now_us)
                if room is None:
                    return True
                waiter.answer.set_result(room)
            self.waiting.popleft()
        return False

    def _at_hand(self, tokens: int, now_us: int) -> Room | None:
        if self._requests and self._tokens >= tokens:
            self._requests -= 1
            self._tokens -= tokens
            return Room(admitted=True, remaining=self._left(now_us))
        if self._known is None:
            return None
        # Others can only have used more since then, so what has no room here has none in Redis either.
        known = drained(self._known, self.limits, now_us)
        room = judged(known, self.limits, 0 if self._requests else 1, max(0, tokens - self._tokens))
        return None if room.admitted else room

    def _left(self, now_us: int) -> int:
        if self._known is None:
            return self._requests
        return self._requests + judged(drained(self._known, self.limits, now_us), self.limits, 0, 0).remaining

    def _forget(self, now_us: int) -> None:
        """Drop what was leased, or said, too long ago."""
        if now_us >= self._until_us:
            self._requests = self._tokens = 0
        if self._known is not None and now_us >= self._known.at_us + self._leasing.life_us:
            self._known = None

    def _needs(self, now_us: int) -> list[Offer]:
        """Offers for those who wait: as many as there may be room for, and fewer, down to the first."""
        if not self.waiting:
            return [NOTHING]
        tokens = list(accumulate(it.tokens for it in self.waiting))
        size = len(tokens) if self._known is None else min(len(tokens), max(1, self._left(now_us)))
        offers = []
        while size:
            offers.append(Offer(max(0, size - self._requests), max(0, tokens[size - 1] - self._tokens)))
            size = 1 if 1 < size < SHRINK else size // SHRINK
        return offers

    def _leases(self, now_us: int) -> list[Offer]:
        """Offers for those who wait and for those who will come in the life of a lease, within the share."""
        if not (self._leasing.share and self._came):
            return []
        past_us = max(1, now_us - self._asked.at_us)
        coming = min(self._came * GROWTH, self._came * self._leasing.life_us // past_us)
        size = min(coming, self.limits.requests // self._leasing.share)
        waiting = sum(it.tokens for it in self.waiting)
        mean = -(-self._came_tokens // self._came)
        offers = []
        while size > max(1, len(self.waiting)):
            ahead = min(mean * (size - len(self.waiting)), self.limits.tokens // self._leasing.share)
            offers.append(Offer(size, waiting + ahead))
            size //= SHRINK
        return offers
