"""A campaign over several access paths at once: the provider's own API, a cloud's, a partner's."""

from functools import cache
from random import Random

from msgspec.structs import replace

from streams.events import Capability
from streams.scenarios.addresses import Connection, home_address, host, network_of, subnet
from streams.scenarios.arrivals import converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

ACCOUNTS = 400
REQUESTS_A_DAY = 1_200
STEPS = (2, 9)
PATHS = ("first_party_api", "cloud_reseller", "partner")
ACCOUNTS_A_PAYMENT = {"first_party_api": 8, "cloud_reseller": 20, "partner": 40}
CAPABILITIES: tuple[Capability, ...] = ("reasoning", "tool_use", "coding", "data_analysis", "vision")
WEIGHTS = (30, 25, 25, 12, 8)
REPLACED_AFTER_MS = (12 * HOUR_MS, 36 * HOUR_MS)


def access_paths(stage: Stage) -> Script:
    """Four hundred accounts over three access paths extract five capabilities in the steps of agents.

    After the disclosure about Moonshot (February 2026): more than 3.4 million exchanges, hundreds of accounts over
    several access paths, agentic reasoning, tool use, coding, data analysis and vision. Our own figures: 400 accounts,
    a third on each path with payments and networks of its own kind, 1,200 requests an account a day (a week makes 3.4
    million), runs of two to nine steps with some seconds between them, sentences reworded and put in another order,
    accounts up to two months old, and a limited one replaced within a day and a half.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    pool = Pool(stage, accounts, replaced_after_ms=REPLACED_AFTER_MS)

    @cache
    def member(number: int) -> Person:
        return _member(stage, number, pool.opened_ms.get(number))

    def begin(worker: int, at_ms: int) -> Conversation | None:
        account = pool.account_for(worker, at_ms, sum(STEPS) / 2)
        if account is None:
            return None
        capability = random.choices(CAPABILITIES, WEIGHTS)[0]
        template = random.choice(TEMPLATES[capability])
        return extraction(stage, random, member(account), template, "sentences", random.randint(*STEPS))

    runs = steady(stage, "runs", accounts * REQUESTS_A_DAY / (sum(STEPS) / 2))
    workers = stage.random("workers")
    return converse(random, ((at_ms, workers.randrange(accounts)) for at_ms in runs), begin, stage.end_ms, step_ms)


def step_ms(random: Random) -> int:
    """How long a program waits before its next step: the answer has to arrive."""
    return 2_000 + int(random.random() * 10_000)


def _member(stage: Stage, number: int, opened_ms: int | None) -> Person:
    """An account on one of the paths, with what belongs to that path."""
    own = stage.random("member", number)
    path = PATHS[number % len(PATHS)]
    person = recruit(
        stage,
        number,
        opened_ms=opened_ms or stage.start_ms - int((2 + own.random() * 58) * DAY_MS),
        payer=f"{path} {number // len(PATHS) // ACCOUNTS_A_PAYMENT[path]}",
        plans=("max", "api") if path == "first_party_api" else ("api",),
        devices=6,
    )
    network = network_of(own, own.randrange(6), "residential" if path == "first_party_api" else "hosting")
    address = home_address(own, network) if path == "first_party_api" else host(own, subnet(own, network))
    return replace(person, access_path=path, connections=(Connection(network, address),))
