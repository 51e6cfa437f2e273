"""The accounts that a campaign sends through: who carries the next request, and who takes the place of the limited.

After the open-source schedulers of relays (the brief): requests of one worker stick to an account for about an hour;
an account is chosen by priority, then the least recently used one; limited accounts are dropped and replaced.
"""

from heapq import heappop, heappush
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, home_address, network_of, place_of
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import CLIENTS, FINGERPRINTS, Person, ordinary_person
from streams.scenarios.prompts.extraction import Strength, Template, author
from streams.scenarios.stage import HOUR_MS, Stage, Truth

STICKY_MS = HOUR_MS
MANY = 1 << 30
DEVICES = 3

Slot = tuple[int, int, int]
"""Priority (the lower goes first), when it was used last (a count), and the account's number."""


class Pool:
    """Accounts by number, from 0; those who replace others count on from there."""

    def __init__(
        self,
        stage: Stage,
        size: int,
        *,
        replaced_after_ms: tuple[int, int] | None = None,
        priorities: int = 1,
        sessions: int = MANY,
    ) -> None:
        """`size` free accounts; one that the stage's limits name is of no use any more.

        It is replaced by a new one within `replaced_after_ms` (shortest, longest), or not at all. Accounts take turns
        in being of one of `priorities`, and carry at most `sessions` workers at a time.
        """
        self.opened_ms: dict[int, int] = {}
        """Of each account that replaces another when it was opened."""
        self._stage = stage
        self._random = stage.random("pool")
        self._replaced_after_ms = replaced_after_ms
        self._priorities = priorities
        self._size = size
        self._free: list[Slot] = sorted((number % priorities, number, number) for number in range(size))
        self._used = size
        self._left = dict.fromkeys(range(size), sessions)
        self._sessions = sessions
        self._coming: list[tuple[int, int]] = []
        self._held: dict[int, tuple[int, int]] = {}

    def account_for(self, worker: int, at_ms: int, exchanges: float = 1.0) -> int | None:
        """The account that the worker's request at `at_ms` goes through, or run of so many `exchanges` on average.

        None if there is none left, which the limits are told.
        """
        held = self._held.get(worker)
        if held is not None:
            account, until_ms = held
            if at_ms < until_ms and not self._gone(account, at_ms):
                return account
            del self._held[worker]
            self._give_back(account)
        return self._hold(worker, at_ms, exchanges)

    def least_recently_used(self, at_ms: int, exchanges: float = 1.0, cover: float = 0.0) -> int | None:
        """The account that was handed out longest ago; None if there is none left, which the limits are told.

        So many of the `exchanges` are `cover`, on average.
        """
        account = self._next(at_ms)
        if account is None:
            self._stage.limits.turned_away(self._stage.scenario, at_ms, exchanges, cover)
        else:
            self._put_back(account)
        return account

    def _hold(self, worker: int, at_ms: int, exchanges: float) -> int | None:
        account = self._next(at_ms)
        if account is None:
            self._stage.limits.turned_away(self._stage.scenario, at_ms, exchanges)
        else:
            self._held[worker] = account, at_ms + int(STICKY_MS * (0.8 + 0.4 * self._random.random()))
            self._left[account] -= 1
            if self._left[account]:
                self._put_back(account)
        return account

    def _next(self, at_ms: int) -> int | None:
        """Take the account that is next out of those with room for a worker."""
        self._welcome(at_ms)
        while self._free:
            _, _, account = heappop(self._free)
            if not self._gone(account, at_ms):
                return account
        return None

    def _put_back(self, account: int) -> None:
        self._used += 1
        heappush(self._free, (account % self._priorities, self._used, account))

    def _give_back(self, account: int) -> None:
        if account in self._left:
            self._left[account] += 1
            if self._left[account] == 1:
                self._put_back(account)

    def _gone(self, account: int, at_ms: int) -> bool:
        """Whether the account is limited; the first time that is seen, another is on its way."""
        if account not in self._left:
            return True
        if not self._stage.limits.limited(self._stage.account(account), at_ms):
            return False
        del self._left[account]
        if self._replaced_after_ms is not None:
            shortest, longest = self._replaced_after_ms
            heappush(self._coming, (at_ms + shortest + int(self._random.random() * (longest - shortest)), self._size))
            self._size += 1
        return True

    def _welcome(self, at_ms: int) -> None:
        """Let those in who replace others and are ready by now; nobody has used them yet, so they are next."""
        while self._coming and self._coming[0][0] <= at_ms:
            ready_ms, account = heappop(self._coming)
            self.opened_ms[account] = ready_ms - int(self._random.random() * HOUR_MS) - 1
            self._left[account] = self._sessions
            heappush(self._free, (account % self._priorities, -1, account))


def extraction(
    stage: Stage, random: Random, person: Person, template: Template, strength: Strength, turns: int = 1
) -> Conversation:
    """A run of `turns` requests made of the template."""
    write = author(template, stage.sources.extracted, strength)
    return Conversation(random, person, template.capability, turns, write, output_tokens=stage.sources.output_tokens)


def recruit(
    stage: Stage,
    number: int,
    *,
    opened_ms: int,
    payer: str | int,
    plans: tuple[str, ...] = ("pro", "pro", "max"),
    devices: int = DEVICES,
) -> Person:
    """The account of that number: a client from one of `devices`, a residential proxy of its own, and a payment.

    Accounts with the same `payer` share their payment instrument.
    """
    own = stage.random("recruit", number)
    place = place_of(own)
    network = network_of(own, place, "residential")
    return replace(
        ordinary_person(stage, number, place, 1.0),
        truth=Truth(stage.account(number), f"campaign:{stage.scenario}", stage.scenario),
        plan=own.choice(plans),
        account_created_at_ms=opened_ms,
        payment_hash=stage.opaque("payment of the campaign", payer),
        org_id=None,
        api_key_id=stage.opaque("key", number),
        access_path="first_party_api",
        user_agents=(CLIENTS[own.randrange(devices)],),
        tls_fingerprint=FINGERPRINTS[own.randrange(devices)],
        connections=(Connection(network, home_address(own, network)),),
    )
