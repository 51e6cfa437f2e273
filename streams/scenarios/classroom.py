"""A class at one university that does the same exercise in the same two hours, behind one address."""

from functools import cache
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import FLAT, Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Author, Conversation, turns_of
from streams.scenarios.people import Person, ordinary_person
from streams.scenarios.prompts import follow_up
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

STUDENTS = 40
CONVERSATIONS_EACH = 3.0
LESSON_HOURS = (8, 16)
LESSON_MS = 2 * HOUR_MS
NEW_FOR_THE_COURSE = 0.5


def classroom(stage: Stage) -> Script:
    """A class of 40 students behind one university address pastes the same exercise within two hours.

    After "a class doing the same exercise" and "one university behind one address" in the brief. Our own figures: the
    size of the class, three conversations each, and half of the accounts opened for the course within the last days.
    At larger scales there are more classes, each with its own exercise, address and hour.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(STUDENTS), 0.4)

    @cache
    def campus(course: int) -> Connection:
        return _campus(stage, course)

    @cache
    def author(course: int) -> Author:
        return _author(stage, course)

    @cache
    def student(index: int) -> Person:
        own = stage.random("student", index)
        person = ordinary_person(stage, index, _place(stage, index // STUDENTS), 1.0, "look_alike:classroom")
        created_ms = stage.start_ms - int(own.random() * 6 * DAY_MS)
        return replace(
            person,
            connections=(campus(index // STUDENTS),),
            account_created_at_ms=created_ms if own.random() < NEW_FOR_THE_COURSE else person.account_created_at_ms,
        )

    def begin(index: int, _at_ms: int) -> Conversation:
        return Conversation(random, student(index), "coding", turns_of(random), author(index // STUDENTS))

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_EACH, _lesson(stage), FLAT)
    return converse(random, arrivals, begin, stage.end_ms)


def _lesson(stage: Stage) -> tuple[int, int]:
    start_ms = stage.start_ms + stage.random("lesson").randrange(*LESSON_HOURS) * HOUR_MS
    return start_ms, start_ms + LESSON_MS


def _place(stage: Stage, course: int) -> int:
    return place_of(stage.random("place", course))


def _campus(stage: Stage, course: int) -> Connection:
    """The address that the whole course shares."""
    random = stage.random("campus", course)
    network = network_of(random, _place(stage, course), "education")
    return Connection(network, host(random, subnet(random, network)))


def _author(stage: Stage, course: int) -> Author:
    """The exercise of the course, pasted first, then questions of one's own."""
    exercise = stage.sources.innocent.opening(stage.random("exercise", course), "coding")

    def write(random: Random, turn: int) -> str:
        question = follow_up(random, "coding")
        return question if turn else f"Exercise:\n{exercise}\n\nMy question: {question}"

    return write
