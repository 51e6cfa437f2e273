"""Companies whose people open accounts of their own in one week, and pay with the company's card."""

from functools import lru_cache

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import REMEMBERED, Person, ordinary_person
from streams.scenarios.stage import DAY_MS, Script, Stage

TEAMS, TEAM = 10, 12
OPENED_WITHIN_DAYS = 5
CONVERSATIONS_A_DAY = 6.0


def new_teams(stage: Stage) -> Script:
    """Ten teams of twelve open accounts of their own within a week, and all of a team pay with the company's card.

    Not in the brief: our own, with all figures, for what they do looks like the first days of a relay, and nothing says
    that they are one organisation. They do what ordinary customers do, twice as much of it, by the hours of a working
    week. Every other team shares its office's network, the others work from home, each from its own.
    """
    random = stage.random("play")
    size = stage.size(TEAMS) * TEAM
    places = [place_of(stage.random("team", index // TEAM)) for index in range(size)]
    crowd = Crowd(stage.random("crowd"), size, 0.8, places)

    @lru_cache(REMEMBERED)
    def colleague(index: int) -> Person:
        number = index // TEAM
        team, own, place = stage.random("team", number), stage.random("colleague", index), crowd.places[index]
        person = ordinary_person(stage, index, place, crowd.volumes[index], "look_alike:new_teams")
        office = network_of(team, place, "corporate")
        desk = Connection(office, host(team, subnet(team, office)))
        return replace(
            person,
            plan="pro" if person.plan in {"free", "enterprise"} else person.plan,
            account_created_at_ms=stage.start_ms - 1 - int(own.random() * OPENED_WITHIN_DAYS * DAY_MS),
            payment_hash=stage.opaque("payment of the team", number),
            org_id=None,
            connections=person.connections if number % 2 else (desk, desk, *person.connections),
        )

    def begin(index: int, _at_ms: int) -> Conversation:
        return ordinary_conversation(stage, random, colleague(index))

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
