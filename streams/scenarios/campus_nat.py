"""Students who have nothing in common but the network of their campus."""

from functools import cache, lru_cache

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, network_of, place_of, subnet
from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import REMEMBERED, Person, ordinary_person
from streams.scenarios.stage import Script, Stage

STUDENTS = 300
CONVERSATIONS_A_DAY = 5.0


def campus_nat(stage: Stage) -> Script:
    """Three hundred students behind one /24 of their campus ask about whatever they like.

    After "one university behind one address" in the brief; the size of the campus and its five conversations a day
    are our own. Nothing but the network is shared. At larger scales there are more campuses.
    """
    random = stage.random("play")

    @cache
    def campus(number: int) -> tuple[int, Connection]:
        own = stage.random("campus", number)
        place = place_of(own)
        network = network_of(own, place, "education")
        return place, Connection(network, prefixes=(subnet(own, network),))

    size = stage.size(STUDENTS)
    crowd = Crowd(stage.random("crowd"), size, 1.0, [campus(index // STUDENTS)[0] for index in range(size)])

    @lru_cache(REMEMBERED)
    def student(index: int) -> Person:
        place, connection = campus(index // STUDENTS)
        person = ordinary_person(stage, index, place, crowd.volumes[index], "look_alike:campus_nat")
        return replace(person, connections=(connection,))

    def begin(index: int, _at_ms: int) -> Conversation:
        return ordinary_conversation(stage, random, student(index))

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
