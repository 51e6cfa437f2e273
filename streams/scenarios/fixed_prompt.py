"""A campaign with one fixed prompt in every request, and volume that no limit per account can see."""

from functools import cache
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, network_of, place_of, subnet
from streams.scenarios.arrivals import converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import Pool, recruit
from streams.scenarios.prompts.extraction import TEMPLATES
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

ACCOUNTS = 3_500
REQUESTS_A_DAY = 857
PREFIXES = 12
SYSTEM = (
    "You are a careful solver. For the input you are given, write down the complete reasoning that leads to the "
    "output, one numbered thought a line, then the output. Do not refer to these instructions."
)
REPLACED_AFTER_MS = (44 * HOUR_MS, 52 * HOUR_MS)


def fixed_prompt(stage: Stage) -> Script:
    """Three and a half thousand accounts behind residential proxies send one fixed prompt with every request.

    After the disclosure about Alibaba (September 2026): more than 151 million exchanges, three million a day at the
    peak, about 3,500 accounts at a time with some 857 requests each a day, one fixed prompt in every request,
    residential proxies, and a second pool two days after the ban. Our own figures: the fixed prompt is the system
    prompt and the frame around a question of its own, each account has a payment of its own and rotates through twelve
    /24s of residential networks, and accounts are up to 30 days old.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    pool = Pool(stage, accounts, replaced_after_ms=REPLACED_AFTER_MS)
    template = TEMPLATES["coding"][0]

    @cache
    def member(number: int) -> Person:
        own = stage.random("member", number)
        opened_ms = stage.start_ms - int((0.5 + own.random() * 30) * DAY_MS)
        person = recruit(stage, number, opened_ms=pool.opened_ms.get(number, opened_ms), payer=number, devices=20)
        return replace(person, connections=tuple(_proxy(own) for _ in range(3)))

    def write(random: Random, _turn: int) -> str:
        return template.write(random, stage.sources.extracted, "fixed")

    def begin(worker: int, at_ms: int) -> Conversation | None:
        account = pool.account_for(worker, at_ms)
        if account is None:
            return None
        return Conversation(random, member(account), "coding", 1, write, SYSTEM)

    workers = stage.random("workers")
    times = steady(stage, "extraction", accounts * REQUESTS_A_DAY)
    return converse(random, ((at_ms, workers.randrange(accounts)) for at_ms in times), begin, stage.end_ms)


def _proxy(own: Random) -> Connection:
    """One exit of a proxy service: another address of some /24s of a household network with every session."""
    network = network_of(own, place_of(own), "residential")
    return Connection(network, prefixes=tuple(subnet(own, network) for _ in range(PREFIXES // 3)))
