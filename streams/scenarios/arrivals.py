"""When people come, and when they say the next thing.

A crowd is a superposition of Poisson processes, one a time zone, each thinned by the hour of the local day; who comes
is drawn by weight. That is the same as a Poisson process per account, and needs no list of events: memory grows with
the accounts, never with the records.
"""

from array import array
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush, merge
from itertools import accumulate, takewhile
from random import Random

from streams.scenarios.addresses import place_of
from streams.scenarios.conversations import Conversation, pause_ms
from streams.scenarios.people import HOURS_AHEAD
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

DAY_SHAPE = (
    0.22, 0.12, 0.07, 0.05, 0.05, 0.08, 0.20, 0.45, 0.75, 0.95, 1.00, 0.95,
    0.80, 0.88, 0.97, 0.98, 0.92, 0.80, 0.66, 0.64, 0.68, 0.66, 0.52, 0.36,
)  # fmt: skip
"""How busy people are by hour of their local day (our own figures, after the shape of public traces)."""

WEEKEND = 0.6
WEEK_SHAPE = tuple(
    busy * share for share in (1.0, 1.0, WEEKEND, WEEKEND, 1.0, 1.0, 1.0) for busy in DAY_SHAPE
)  # fmt: skip
"""The same over a week, from Thursday on, the day of the epoch. A weekend is quieter (our own figure)."""

FLAT = (1.0,) * 24

Shape = tuple[float, ...]
"""How busy each local hour of a day (24) or of a week from Thursday on (168) is, against the others."""

Window = tuple[int, int]
"""Start (inclusive) and end (exclusive) in milliseconds since the epoch."""

Arrival = tuple[int, int]
"""When a conversation starts, and who starts it (an index)."""

EXTRACTION_STARTS_MS = 6 * HOUR_MS
"""Campaigns begin in the morning of the first day, so that there is a time before them."""

Turn = tuple[int, int, Conversation]
"""When the next turn is due, the order in which the conversation began, and the conversation."""


class Crowd:
    """Many accounts: for each a country (`places`) and a `volume`, its use against the average account's."""

    __slots__ = ("places", "volumes")

    def __init__(self, random: Random, size: int, spread: float, places: Iterable[int] | None = None) -> None:
        """Draw `size` accounts with lognormal volumes of mean 1, in `places` or spread over the world."""
        self.places = array("b", (place_of(random) for _ in range(size)) if places is None else places)
        self.volumes = array("d", (random.lognormvariate(-spread * spread / 2, spread) for _ in range(size)))


def poisson(random: Random, count: float, shape: Shape, ahead: float, window: Window) -> Iterator[int]:
    """Times of a Poisson process that brings `count` arrivals to the window on average, by the local hour's shape."""
    start_ms, end_ms = window
    hours = range(int(start_ms / HOUR_MS + ahead), int(end_ms / HOUR_MS + ahead))
    peak = max(shape)
    busy_ms = HOUR_MS / peak * sum(shape[hour % len(shape)] for hour in hours)
    at_ms = float(start_ms)
    while count > 0 and (at_ms := at_ms + random.expovariate(1.0) * busy_ms / count) < end_ms:
        if random.random() * peak < shape[int((at_ms / HOUR_MS + ahead) % len(shape))]:
            yield int(at_ms)


def crowd_arrivals(
    stage: Stage, crowd: Crowd, each: float, window: Window, shape: Shape = WEEK_SHAPE
) -> Iterator[Arrival]:
    """Who of the crowd starts a conversation when: everybody once, and `each` times in the window on average.

    That is at the stage's pace of 1; at another it is in proportion.
    """
    zones: dict[int, list[int]] = {}
    for index, place in enumerate(crowd.places):
        zones.setdefault(place, []).append(index)
    arrivals = []
    for place, members in sorted(zones.items()):
        random, ahead = stage.random("first arrivals", place), HOURS_AHEAD[place]
        arrivals.append(iter(sorted((_once(random, shape, ahead, window), index) for index in members)))
        volumes = array("d", accumulate(crowd.volumes[index] for index in members))
        times = poisson(stage.random("arrivals", place), (each * stage.pace - 1) * volumes[-1], shape, ahead, window)
        arrivals.append(_by_volume(stage.random("who", place), map(stage.sources.moved, times), members, volumes))
    return merge(*arrivals)


def _once(random: Random, shape: Shape, ahead: float, window: Window) -> int:
    """One time in the window, by the local hour's shape."""
    start_ms, end_ms = window
    peak = max(shape)
    while True:
        at_ms = start_ms + random.random() * (end_ms - start_ms)
        if random.random() * peak < shape[int((at_ms / HOUR_MS + ahead) % len(shape))]:
            return int(at_ms)


def _by_volume(random: Random, times: Iterator[int], members: list[int], volumes: Sequence[float]) -> Iterator[Arrival]:
    """For each time one of the members, by volume (`volumes` is cumulative)."""
    last = len(members) - 1
    for at_ms in times:
        yield at_ms, members[min(bisect(volumes, random.random() * volumes[-1]), last)]


def steady(stage: Stage, purpose: str, a_day: float, shape: Shape = FLAT) -> Iterator[int]:
    """Times of a Poisson process that brings `a_day` requests in 24 hours, from the campaign's beginning on."""
    window = stage.start_ms + EXTRACTION_STARTS_MS, stage.end_ms
    times = poisson(stage.random(purpose), a_day * (window[1] - window[0]) / DAY_MS, shape, 0.0, window)
    return map(stage.sources.moved, times)


def converse(
    random: Random,
    arrivals: Iterable[Arrival],
    begin: Callable[[int, int], Conversation | None],
    end_ms: int,
    pause: Callable[[Random], int] = pause_ms,
) -> Script:
    """Let everyone who arrives hold their conversation. Records in order of time.

    `begin(who, at_ms)` opens a conversation, or returns None if there is none to be had.
    """
    waiting: list[Turn] = []
    for order, (arrival_ms, who) in enumerate(takewhile(lambda arrival: arrival[0] < end_ms, arrivals)):
        yield from _speak_until(random, waiting, arrival_ms, pause)
        if (conversation := begin(who, arrival_ms)) is not None:
            heappush(waiting, (arrival_ms, order, conversation))
    yield from _speak_until(random, waiting, end_ms, pause)


def _speak_until(random: Random, waiting: list[Turn], until_ms: int, pause: Callable[[Random], int]) -> Script:
    """Every turn that is due before `until_ms`; conversations that go on are put back with their next time."""
    while waiting and waiting[0][0] < until_ms:
        at_ms, order, conversation = heappop(waiting)
        yield conversation.speak(random, at_ms), conversation.truth
        if conversation.turn < conversation.turns:
            heappush(waiting, (at_ms + pause(random), order, conversation))
