"""A public holiday: the people of some countries travel, and use the model from wherever they are."""

from functools import lru_cache

from msgspec.structs import replace

from streams.scenarios.addresses import COUNTRIES, Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import Crowd, Shape, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import REMEMBERED, Person, ordinary_person
from streams.scenarios.stage import Script, Stage

TRAVELLERS = 600
CONVERSATIONS_A_DAY = 5.0
COUNTRIES_ON_HOLIDAY = 2
STATIONS = 5
HOLIDAY_SHAPE: Shape = (
    0.60, 0.45, 0.30, 0.20, 0.15, 0.10, 0.10, 0.15, 0.30, 0.50, 0.70, 0.80,
    0.85, 0.85, 0.80, 0.80, 0.80, 0.85, 0.90, 1.00, 1.00, 1.00, 0.95, 0.80,
)  # fmt: skip
"""Late to bed, late to rise (our own figures)."""


def holiday(stage: Stage) -> Script:
    """Six hundred people of two countries on holiday use the model on the way: hotels, phones, late at night.

    After "a holiday" in the brief; the two countries, the six hundred travellers, their five stations (a hotel or a
    phone network each, most of them abroad), their five conversations a day and their hours are our own. An account has
    many addresses and two devices, and its hours are not those of the weeks before.
    """
    random = stage.random("play")
    at_home = stage.random("countries").sample(range(len(COUNTRIES)), COUNTRIES_ON_HOLIDAY)
    size = stage.size(TRAVELLERS)
    crowd = Crowd(stage.random("crowd"), size, 0.8, [at_home[index % COUNTRIES_ON_HOLIDAY] for index in range(size)])

    @lru_cache(REMEMBERED)
    def traveller(index: int) -> Person:
        own = stage.random("traveller", index)
        stations = []
        for _ in range(STATIONS):
            place = place_of(own)
            hotel = network_of(own, place, "residential")
            phone = network_of(own, place, "mobile")
            stations.append(Connection(hotel, host(own, subnet(own, hotel))))
            stations.append(Connection(phone, prefixes=tuple(subnet(own, phone) for _ in range(3))))
        person = ordinary_person(stage, index, crowd.places[index], crowd.volumes[index], "look_alike:holiday")
        return replace(person, connections=tuple(stations), access_path="web", api_key_id=None)

    def begin(index: int, _at_ms: int) -> Conversation:
        return ordinary_conversation(stage, random, traveller(index))

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window, HOLIDAY_SHAPE)
    return converse(random, arrivals, begin, stage.end_ms)
