"""An attacker who watches who is limited, and changes one thing after the other until the losses stop."""

from collections.abc import Iterator
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from streams.scenarios.addresses import Connection, home_address, network_of, place_of
from streams.scenarios.arrivals import DAY_SHAPE, Arrival, converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import CLIENTS, FINGERPRINTS, Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.prompts.extraction import STRENGTHS, Strength
from streams.scenarios.relay import FAMILIES
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

LEAST_VOLUME = 1 / 32
ACCOUNTS_A_PAYMENT = 10
NEW_DAYS, AGED_DAYS = (0.0, 7.0), (30.0, 180.0)


class Tactics(Struct, frozen=True):
    """What the attacker chose before it began; what is given here is the choice that the scenario's docstring tells.

    It begins with rewording of that `strength`, and with those of its steps already taken that are true.
    """

    accounts: int = 300
    requests_a_day: float = 300.0
    looks_every_ms: int = HOUR_MS
    bearable_loss: float = 0.05
    """The share of accounts lost between two looks above which it takes its next step."""
    replaced_after_ms: tuple[int, int] = (HOUR_MS, 4 * HOUR_MS)
    strength: Strength = "words"
    human_hours: bool = False
    fresh: bool = False
    """A proxy and a client for every account."""
    payment_each: bool = False
    aged: bool = False
    """Accounts are bought that are months old; otherwise they were opened within the last week, or just now."""


BLUNT = Tactics()


def adaptive(stage: Stage, tactics: Tactics = BLUNT) -> Script:
    """Three hundred accounts of an attacker who changes templates, timing, proxies and payment after losses.

    After the brief's relay and the agencies' indicators; no disclosure describes such an attacker, so every figure is
    our own. Once an hour it looks how many of its accounts were limited since; if more than one in twenty, it takes its
    next step: stronger rewording, people's hours instead of a steady rate, fresh residential proxies and clients for
    every account, a payment for every account, half the volume; then from the start, as long as there is something left
    to change. It begins with 300 requests an account a day of templates reworded word by word, round the clock, ten
    accounts on a payment instrument, three kinds of client. A limited account is replaced within four hours.
    """
    random = stage.random("play")
    attacker = Attacker(stage, tactics)

    def begin(worker: int, at_ms: int) -> Conversation | None:
        account = attacker.pool.account_for(worker, at_ms)
        if account is None:
            return None
        strength = STRENGTHS[attacker.strength]
        return extraction(stage, random, attacker.member(account), random.choice(FAMILIES), strength)

    return converse(random, attacker.arrivals(), begin, stage.end_ms)


class Attacker:
    """What the attacker does now, and what it has learnt."""

    def __init__(self, stage: Stage, tactics: Tactics = BLUNT) -> None:
        """Begin with the tactics."""
        self._stage = stage
        self._tactics = tactics
        self.accounts = stage.size(tactics.accounts)
        self.pool = Pool(stage, self.accounts, replaced_after_ms=tactics.replaced_after_ms)
        self.strength = STRENGTHS.index(tactics.strength)
        self.human_hours = tactics.human_hours
        self.fresh_since = int(tactics.fresh)
        """Counts how often proxies and clients were exchanged."""
        self.payment_each = tactics.payment_each
        self.volume = 1.0
        self._members: dict[int, tuple[int, Person]] = {}
        self._lost: set[int] = set()
        self._steps = iter(self._plan())

    def arrivals(self) -> Iterator[Arrival]:
        """Requests of as many workers as accounts, at the rate and the hours of the time."""
        random = self._stage.random("workers")
        look_ms = self._stage.start_ms
        for at_ms in steady(self._stage, "extraction", self.accounts * self._tactics.requests_a_day):
            if at_ms >= look_ms:
                self._look(at_ms)
                look_ms = at_ms + self._tactics.looks_every_ms
            busy = DAY_SHAPE[at_ms // HOUR_MS % 24] if self.human_hours else 1.0
            if random.random() < self.volume * busy:
                yield at_ms, random.randrange(self.accounts)
            else:
                self._stage.limits.turned_away(self._stage.scenario, at_ms, 1)

    def member(self, number: int) -> Person:
        """The account as it is now: the same for ever, but for the proxies and clients it is used through."""
        fresh, person = self._members.get(number, (-1, None))
        if person is None:
            youngest, oldest = AGED_DAYS if self._tactics.aged else NEW_DAYS
            age_ms = int((youngest + self._stage.random("birth", number).random() * (oldest - youngest)) * DAY_MS)
            opened_ms = self._stage.start_ms - age_ms
            if not self._tactics.aged:
                opened_ms = self.pool.opened_ms.get(number, opened_ms)
            payer = f"own {number}" if self.payment_each else f"shared {number // ACCOUNTS_A_PAYMENT}"
            person = recruit(self._stage, number, opened_ms=opened_ms, payer=payer)
        if fresh != self.fresh_since:
            person = _refreshed(person, self._stage.random("fresh", number, self.fresh_since), self.fresh_since)
            self._members[number] = self.fresh_since, person
        return person

    def _look(self, at_ms: int) -> None:
        """Count who was lost since the last look, and change something if it is too much."""
        limited = {
            number
            for number in self._members
            if number not in self._lost and self._stage.limits.limited(self._stage.account(number), at_ms)
        }
        self._lost |= limited
        if len(limited) > self._tactics.bearable_loss * self.accounts:
            next(self._steps, None)

    def _plan(self) -> Iterator[None]:
        """One change after the other; each `next` makes one."""
        while self.volume > LEAST_VOLUME:
            self.strength = min(self.strength + 1, len(STRENGTHS) - 1)
            yield
            if not self.human_hours:
                self.human_hours = True
                yield
            self.fresh_since += 1
            yield
            if not self.payment_each:
                self.payment_each = True
                yield
            self.volume /= 2
            yield


def _refreshed(person: Person, random: Random, times: int) -> Person:
    """The account with a proxy and a client that no other one has; as it is if nothing was exchanged yet."""
    if times == 0:
        return person
    network = network_of(random, place_of(random), "residential")
    return replace(
        person,
        user_agents=(random.choice(CLIENTS),),
        tls_fingerprint=random.choice(FINGERPRINTS),
        connections=(Connection(network, home_address(random, network)),),
    )
