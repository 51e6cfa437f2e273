"""A marketing team that runs one template over every row of its spreadsheet."""

from functools import cache
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import FLAT, Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Author, Conversation
from streams.scenarios.people import Person, ordinary_person
from streams.scenarios.prompts.words import FEELINGS, NAMES, PLACES, THINGS
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

TEAM = 4
ROWS = 800
OFFICE_HOURS = (9 * HOUR_MS, 15 * HOUR_MS)


def marketing_template(stage: Stage) -> Script:
    """One marketing team of four on a pro plan runs one template over a spreadsheet of 800 rows in an afternoon.

    After "a marketing team running one template over a spreadsheet" in the brief; the team of four, its 800 rows and
    its six hours are our own. The team shares its office's address and one payment instrument. At larger scales there
    are more teams, each with its own template.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(1) * TEAM, 0.0)

    @cache
    def colleague(index: int) -> tuple[Person, Author]:
        team = stage.random("team", index // TEAM)
        place = place_of(team)
        network = network_of(team, place, "corporate")
        person = replace(
            ordinary_person(stage, index, place, 1.0, "look_alike:marketing_template"),
            plan="pro",
            account_created_at_ms=stage.start_ms - (60 + team.randrange(300)) * DAY_MS - index % TEAM * HOUR_MS,
            payment_hash=stage.opaque("payment of the team", index // TEAM),
            connections=(Connection(network, host(team, subnet(team, network))),),
        )
        return person, _author(team)

    def begin(index: int, _at_ms: int) -> Conversation:
        person, author = colleague(index)
        return Conversation(random, person, "other", 1, author)

    window = (stage.start_ms + OFFICE_HOURS[0], stage.start_ms + OFFICE_HOURS[1])
    return converse(random, crowd_arrivals(stage, crowd, ROWS / TEAM, window, FLAT), begin, stage.end_ms)


def _author(team: Random) -> Author:
    """The team's template, with one row of the spreadsheet in its slots."""
    ware, tone, words = team.choice(THINGS), team.choice(FEELINGS), team.randrange(60, 140)

    def write(random: Random, _turn: int) -> str:
        return (
            f"Write a {tone} mail of at most {words} words that offers our {ware} to {random.choice(NAMES)} "
            f"from {random.choice(PLACES)}, who bought {random.randrange(1, 90)} {random.choice(THINGS)} last year. "
            f"Close with the discount code '{random.choice(PLACES).upper()}{random.randrange(10, 60)}'."
        )

    return write
