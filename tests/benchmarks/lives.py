"""Accounts' whole histories, to measure what is kept of them: from the first of ten events to the busiest there is."""

from collections.abc import Iterator, Sequence
from random import Random

from streams.events import CAPABILITIES, SKETCH_ALPHABET, RequestEvent
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS

START_MS = 1_791_158_400_000
"""2026-10-05T00:00:00Z."""
DAYS = 28
OFFICE_HOURS = 10
COMMON_TEMPLATES = 2_000
SHARED_NETWORKS = 40
SHARERS = 10
"""One account in so many shares its network with others."""
_HASH_BITS = 64


class Person:
    """One account with all that it is known by: an id like a UUID, organisation, plan, payment, its own network.

    It has `addresses` and user `agents`; the share `fresh` of its requests has a template that nobody has seen, the
    others one of five that other accounts may use as well; a conversation has `turns` requests.
    """

    def __init__(self, seed: int, *, addresses: int = 2, agents: int = 1, fresh: float = 0.8, turns: int = 4) -> None:
        self._draw = Random(seed)
        draw = self._draw
        self.account_id = f"{draw.getrandbits(32):08x}-{draw.getrandbits(16):04x}-4a5b-8c7d-{draw.getrandbits(48):012x}"
        self._org_id = f"org-{draw.getrandbits(64):016x}"
        self._payment = draw.getrandbits(_HASH_BITS)
        self._created_ms = START_MS - draw.randrange(400) * DAY_MS
        self._network = draw.randrange(SHARED_NETWORKS) if seed % SHARERS == 0 else draw.getrandbits(_HASH_BITS)
        self._pool = [draw.randrange(COMMON_TEMPLATES) for _ in range(5)]
        self._addresses, self._agents, self._fresh, self._turns = addresses, agents, fresh, turns
        self._asked = 0

    def asks(self, at_ms: int, **fields: object) -> RequestEvent:
        """The next request."""
        draw, number = self._draw, self._asked
        self._asked += 1
        template = draw.getrandbits(_HASH_BITS) if draw.random() < self._fresh else draw.choice(self._pool)
        said: dict[str, object] = {
            "org_id": self._org_id,
            "plan": "enterprise",
            "plan_daily_tokens": 20_000_000,
            "account_created_at_ms": self._created_ms,
            "payment_hash": _hash(self._payment),
            "address_hash": _hash(self._network + draw.randrange(self._addresses)),
            "network_hash": _hash(self._network),
            "asn": 64_500 + self._network % 300,
            "user_agent_hash": _hash(self._payment + draw.randrange(self._agents)),
            "tls_fingerprint": f"t13d{self._network % 40:04d}",
            "conversation_id": f"{self.account_id}/{number // self._turns}",
            "template_hash": _hash(template),
            "sketch": _sketch(template),
            "turn_count": 1 + 2 * (number % self._turns),
            "capability": CAPABILITIES[draw.randrange(3)],
            "input_tokens": draw.randrange(200, 20_000),
            "output_tokens": draw.randrange(100, 8_000),
            "status_code": 200 if draw.random() < 0.98 else 429,
        }
        return RequestEvent(
            event_id=f"{self.account_id[:8]}-{number}",
            occurred_at_ms=at_ms,
            account_id=self.account_id,
            operation="chat",
            request_model="example-large-4",
            **(said | fields),  # type: ignore[arg-type]  # fields of a RequestEvent
        )


def ten_events(seed: int, *, apart_ms: int) -> list[RequestEvent]:
    """Ten events that have nothing in common, so far apart that each is in another bucket; the first before midnight.

    Each has another address, user agent, template, conversation and capability, and as many tokens as there are.
    """
    person = Person(seed, addresses=1 << 40, agents=1 << 40, fresh=1.0, turns=1)
    begin = START_MS + DAY_MS - 5 * apart_ms
    return [
        person.asks(
            begin + number * apart_ms,
            capability=CAPABILITIES[number % len(CAPABILITIES)],
            input_tokens=200_000 - number,
            output_tokens=64_000 - number,
            status_code=500 if number % 2 else 200,
            finish_reason="refusal" if number % 2 else "stop",
        )
        for number in range(10)
    ]


def busy_person(seed: int) -> Person:
    """Somebody who shows all there is to be seen: no two requests alike, from ever other addresses."""
    return Person(seed, addresses=1 << 40, agents=1 << 40, fresh=1.0, turns=1)


def every_minute(person: Person, *, days: int = DAYS) -> Iterator[RequestEvent]:
    """A request a minute, round the clock."""
    for minute in range(days * DAY_MS // MINUTE_MS):
        yield person.asks(
            START_MS + minute * MINUTE_MS,
            capability=CAPABILITIES[minute % len(CAPABILITIES)],
            status_code=500 if minute % 9 == 0 else 200,
            finish_reason="refusal" if minute % 7 == 0 else "stop",
        )


def ordinary_days(people: Sequence[Person], requests_a_day: float, *, days: int = DAYS) -> Iterator[RequestEvent]:
    """All the people, each `requests_a_day` on average in office hours, in order of time."""
    draw = Random(len(people))
    share = OFFICE_HOURS * HOUR_MS
    for day in range(days):
        whole, rest = divmod(requests_a_day, 1)
        moments = [
            (START_MS + day * DAY_MS + 8 * HOUR_MS + draw.randrange(share), place)
            for place in range(len(people))
            for _ in range(int(whole) + (draw.random() < rest))
        ]
        for at_ms, place in sorted(moments):
            yield people[place].asks(at_ms)


def _sketch(template: int) -> str:
    """The sketch of a template of twelve words with a subject."""
    draw = Random(template)
    return "".join(sorted(draw.choice(SKETCH_ALPHABET) + draw.choice(SKETCH_ALPHABET) for _ in range(12)))


def _hash(value: int) -> str:
    return f"{value % (1 << _HASH_BITS):016x}"
