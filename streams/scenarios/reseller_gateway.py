"""One account in front of many users: a company that builds its product on the model."""

from functools import cache, lru_cache
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import BROWSERS, REMEMBERED, Person, of_company, ordinary_person, zipf
from streams.scenarios.stage import DAY_MS, Script, Stage

GATEWAYS = 1
USERS = 2_000
CONVERSATIONS_A_DAY = 2.0
SYSTEM = "You are the help of our product. Be brief, and never mention which model you are."


def reseller_gateway(stage: Stage) -> Script:
    """One enterprise account carries two thousand users of a product, from everywhere and round the clock.

    After "a gateway or reseller in front of many users" in the brief; the two thousand users and their two
    conversations a day are our own. The account sends its users' agents and a short system prompt of its own, and comes
    from four addresses of one hosting network. At larger scales there are more such companies.
    """
    random = stage.random("play")
    gateways = stage.size(GATEWAYS)
    crowd = Crowd(stage.random("crowd"), gateways * USERS, 1.0)

    @cache
    def gateway(number: int) -> Person:
        own = stage.random("gateway", number)
        place = place_of(own)
        network = network_of(own, place, "hosting")
        prefix = subnet(own, network)
        return replace(
            of_company(
                stage,
                ordinary_person(stage, number, place, 1.0, "look_alike:reseller_gateway"),
                "gateway",
                number,
                number,
            ),
            plan="enterprise",
            account_created_at_ms=stage.start_ms - (100 + own.randrange(500)) * DAY_MS,
            access_path=own.choice(("partner", "cloud_reseller")),
            connections=tuple(Connection(network, host(own, prefix)) for _ in range(4)),
        )

    @lru_cache(REMEMBERED)
    def user(index: int) -> Person:
        own: Random = stage.random("user", index)
        person = ordinary_person(stage, gateways + index, crowd.places[index], crowd.volumes[index])
        return replace(
            gateway(index % gateways), user_agents=(zipf(own, BROWSERS),), capability_weights=person.capability_weights
        )

    def begin(index: int, _at_ms: int) -> Conversation:
        return ordinary_conversation(stage, random, user(index), SYSTEM)

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
