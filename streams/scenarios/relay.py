"""A relay ("hydra cluster") that resells access over fraudulent accounts and extracts a model through them."""

from collections import deque
from collections.abc import Iterator
from functools import cache
from heapq import merge
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from streams.events import Capability
from streams.scenarios.addresses import Connection, home_address, network_of, place_of
from streams.scenarios.arrivals import DAY_SHAPE, FLAT, Arrival, converse, poisson
from streams.scenarios.conversations import Conversation, ordinary_author, turns_of
from streams.scenarios.people import CLIENTS, FINGERPRINTS, Person, ordinary_person
from streams.scenarios.prompts import opening, reply
from streams.scenarios.prompts.grammar import Phrase, phrases
from streams.scenarios.stage import DAY_MS, HOUR_MS, MINUTE_MS, Script, Stage, Truth

ACCOUNTS = 200
ACCOUNTS_A_PAYMENT = 10
ACCOUNTS_A_BIRTH_BURST = 25
BIRTH_BURST_MS = 20 * MINUTE_MS
REQUESTS = 281
"""Of an account in the 18 hours: 375 in a whole day."""
UNRELATED_SHARE = 0.3
REQUESTS_A_CONVERSATION = 3.3
STARTS_AT_MS = 6 * HOUR_MS
STICKY_MS = HOUR_MS
BATCH_MS = 30 * MINUTE_MS
BATCH_SHARE = 0.7
DEVICES = 3
UNRELATED = 0
"""The worker number of everybody who is not the extractor; the extractor's workers count from 1."""

REWORDING = {
    "solve": ("Solve", "Work through", "Answer"),
    "show": ("Show", "Write out", "Give"),
    "every": ("every step", "each step", "all steps"),
    "judge": ("strict judge", "careful judge", "fair judge"),
    "rate": ("Rate", "Score", "Grade"),
    "code": ("complete code", "full code", "finished code"),
}


class Family(Struct, frozen=True):
    """One template of the extractor: an instruction, reworded, then a question in its slot, then perhaps an answer."""

    capability: Capability
    instruction: Phrase
    end: str
    judged: bool = False

    def write(self, random: Random, _turn: int) -> str:
        """One prompt of the family."""
        frame = [self.instruction.say(random.random), self.end]
        if self.judged:
            frame.insert(1, f"Candidate answer: {reply(random)}")
        frame.insert(1, opening(random, QUESTIONS[self.capability], beside=sum(map(len, frame))))
        return "\n\n".join(frame)


QUESTIONS: dict[Capability, Capability] = {"reasoning": "reasoning", "coding": "coding", "rubric_grading": "reasoning"}
"""What fills the slot of a family of that capability: a judge is given reasoning to judge."""

INSTRUCTIONS = phrases(
    REWORDING,
    "{solve} the problem below. {show} {every} of the reasoning before the final answer, and check it once more.",
    "You are teaching a student. {solve} the question and {show} {every} with its reason, then state the result.",
    "{solve} the programming task below. {show} your plan first, then the {code} in one block.",
    "Act as a senior engineer. {show} {every} of how you debug this, then the {code} and two tests for it.",
    "You are a {judge}. {rate} the candidate answer from 1 to 10 by this rubric: correct, complete, clear. {show} why.",
)
FAMILIES = (
    Family("reasoning", INSTRUCTIONS[0], "Final answer:"),
    Family("reasoning", INSTRUCTIONS[1], "Put the result after 'Result:'."),
    Family("coding", INSTRUCTIONS[2], "Code:"),
    Family("coding", INSTRUCTIONS[3], "Start with the plan."),
    Family("rubric_grading", INSTRUCTIONS[4], "Verdict (JSON):", judged=True),
)


class Scheduler:
    """Who carries the next request: a worker keeps its account for about an hour, then the least recently used one."""

    __slots__ = ("_by_use", "_held")

    def __init__(self, accounts: int) -> None:
        """All accounts are free, none has been used."""
        self._by_use = deque(range(accounts))
        self._held: dict[int, tuple[int, int]] = {}

    def account_for(self, random: Random, worker: int, at_ms: int) -> int:
        """The account this worker's request goes through at `at_ms`."""
        account, until_ms = self._held.get(worker, (UNRELATED, 0))
        if at_ms >= until_ms:
            account = self.least_recently_used()
            self._held[worker] = (account, at_ms + int(STICKY_MS * (0.8 + 0.4 * random.random())))
        return account

    def least_recently_used(self) -> int:
        """Take the account that was handed out longest ago."""
        self._by_use.rotate(-1)
        return self._by_use[-1]


def relay(stage: Stage) -> Script:
    """Two hundred fraudulent accounts of one relay, round the clock, extract coding, reasoning and grading.

    After the disclosures of February 2026 and the open-source schedulers in mission.md: shared payment instruments,
    accounts a few days old, identical templates over all accounts, load balanced so that none stands out, requests
    stick to an account for about an hour and then go to the least recently used, one static residential proxy an
    account, unrelated customers' requests mixed in. Our own figures: 200 accounts on 20 instruments, opened in bursts
    of 25 within the last week, 375 requests an account a day, 30 % of them unrelated customers' conversations, five
    template families reworded lightly and worked off in batches of half an hour, from six in the morning on.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    scheduler = Scheduler(accounts)

    @cache
    def member(index: int) -> Person:
        return _member(stage, index, accounts)

    @cache
    def batch(number: int) -> Family:
        return FAMILIES[stage.random("batch", number).randrange(len(FAMILIES))]

    def begin(worker: int, at_ms: int) -> Conversation:
        if worker == UNRELATED:
            person = member(scheduler.least_recently_used())
            capability = person.capability(random)
            return Conversation(random, person, capability, turns_of(random), ordinary_author(capability))
        family = batch(at_ms // BATCH_MS) if random.random() < BATCH_SHARE else random.choice(FAMILIES)
        return Conversation(
            random, member(scheduler.account_for(random, worker, at_ms)), family.capability, 1, family.write
        )

    arrivals = merge(_extraction(stage, accounts), _unrelated(stage, accounts))
    return converse(random, arrivals, begin, stage.end_ms)


def _extraction(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """The extractor's requests: as many workers as accounts, at a steady rate, day and night."""
    random = stage.random("extraction")
    count = accounts * REQUESTS * (1 - UNRELATED_SHARE)
    for at_ms in poisson(random, count, FLAT, 0.0, _window(stage)):
        yield at_ms, 1 + int(random.random() * accounts)


def _unrelated(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """The conversations of the relay's other customers, most of them by day."""
    count = accounts * REQUESTS * UNRELATED_SHARE / REQUESTS_A_CONVERSATION
    for at_ms in poisson(stage.random("unrelated"), count, DAY_SHAPE, 0.0, _window(stage)):
        yield at_ms, UNRELATED


def _window(stage: Stage) -> tuple[int, int]:
    return stage.start_ms + STARTS_AT_MS, stage.end_ms


def _member(stage: Stage, index: int, accounts: int) -> Person:
    """One account of the pool."""
    own = stage.random("member", index)
    burst = stage.random("burst", index // ACCOUNTS_A_BIRTH_BURST)
    born_ms = stage.start_ms - int((0.5 + burst.random() * 6) * DAY_MS)
    place = place_of(own)
    network = network_of(own, place, "residential")
    instrument = own.randrange(max(1, accounts // ACCOUNTS_A_PAYMENT))
    return replace(
        ordinary_person(stage, index, place, 1.0),
        truth=Truth(stage.opaque("account", index), "campaign:relay", "relay"),
        plan=own.choice(("pro", "pro", "max")),
        account_created_at_ms=born_ms + int(own.random() * BIRTH_BURST_MS),
        payment_hash=stage.opaque("payment of the relay", instrument),
        org_id=None,
        api_key_id=stage.opaque("key", index),
        access_path="first_party_api",
        user_agents=(CLIENTS[own.randrange(DEVICES)],),
        tls_fingerprint=FINGERPRINTS[own.randrange(DEVICES)],
        connections=(Connection(network, home_address(own, network)),),
    )
