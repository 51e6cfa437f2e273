"""The accounts of one partition, folded batch by batch as `observe` does, and histories to fold into them."""

from collections.abc import Iterable, Sequence
from random import Random
from types import ModuleType
from typing import NamedTuple
from unittest.mock import patch

import msgspec
from hypothesis import strategies as st

from streams import kernel as machine_code
from streams.accounts import AccountState, AccountView, Profile, account_of
from streams.batch import EventBatch, Incoming, account_key
from streams.events import CAPABILITIES, EARLIEST_MS, LATEST_MS, RequestEvent
from streams.folding import FoldedAccounts
from streams.policy import Evaluation
from streams.states import States
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.interpreted import interpreted

NOON_MS = 1_791_201_600_000
"""2026-10-05T12:00:00Z: the start of a minute and of an hour, not of a day."""

RULE = Evaluation(first_at=4, every=64)
INTERPRETED = interpreted("streams.kernel")


def event(at_ms: int = NOON_MS, account: str = "a", /, **fields: object) -> RequestEvent:
    """An event with the fields that are given."""
    whole = {"event_id": "e", "account_id": account, "operation": "chat", "request_model": "m", **fields}
    return msgspec.convert({**whole, "occurred_at_ms": at_ms}, RequestEvent)


class Seen(NamedTuple):
    """One due view: the offset of the event it was due after, the account, and the account as signals see it."""

    offset: int
    account: str
    view: AccountView
    profile: Profile


class Accounts:
    """Stored accounts, and all views of them that were due, in the order of the log."""

    def __init__(self, kernel: ModuleType = machine_code, rule: Evaluation = RULE) -> None:
        self._kernel = kernel
        self._rule = rule
        self._offset = 0
        self.states = States()
        self.seen: list[Seen] = []
        self.late = 0

    def take(self, events: Iterable[RequestEvent]) -> FoldedAccounts:
        """One batch, appended when the events say."""
        items = [Incoming(self._offset + place, one.occurred_at_ms, one) for place, one in enumerate(events)]
        self._offset += len(items)
        batch = EventBatch(items)
        for name in batch.accounts:
            self.states.held.setdefault(account_key(name), b"")
        with patch("streams.folding.fold_accounts", self._kernel.fold_accounts):
            folded = FoldedAccounts(batch, self.states, self._rule)
        for due in folded.due():
            self.seen.append(Seen(batch.offsets[due.event], batch.accounts[due.account], due.view, due.profile))
        self.late += folded.late
        folded.write(self.states)
        return folded

    def stored(self) -> dict[str, bytes]:
        """The bytes of every account by its id."""
        return {key.removeprefix("account:"): value for key, value in self.states.held.items()}

    def state(self, account: str = "a") -> AccountState:
        """One account, laid out."""
        return account_of(self.stored()[account])

    def views(self) -> list[Seen]:
        """Every view that was due."""
        return self.seen


def folded(events: Sequence[RequestEvent], sizes: Iterable[int] = (), *, kernel: ModuleType = machine_code) -> Accounts:
    """The accounts after batches of these sizes and one of all the rest."""
    accounts = Accounts(kernel)
    start = 0
    for size in [*sizes, len(events)]:
        if start < len(events):
            accounts.take(events[start : start + size])
        start += size
    return accounts


jumps = st.one_of(
    st.sampled_from([0, 0, 1, MINUTE_MS, HOUR_MS, DAY_MS, -MINUTE_MS, 28 * DAY_MS, -28 * DAY_MS]),
    st.sampled_from([-167, -112, -57, -56, -55, 55, 56, 57, 111, 112, 113, 168]).map(lambda hours: hours * HOUR_MS),
    st.integers(0, MINUTE_MS),
    st.integers(-5 * HOUR_MS, 5 * HOUR_MS),
    st.integers(-10 * DAY_MS, 10 * DAY_MS),
    st.integers(0, 60 * DAY_MS),
)
"""How much later than the event before an event is; less than nothing: it comes late."""


def traffic(seed: int, count: int, *, accounts: int = 1, wild: bool = False) -> list[RequestEvent]:
    """Many events of a few busy accounts; wild: they come late by hours and days, and after silences."""
    random = Random(seed)
    at_ms = NOON_MS
    events = []
    for number in range(count):
        far = random.choice(
            (0, 1_000, MINUTE_MS, random.randrange(-5, 5) * HOUR_MS, random.randrange(-10, 10) * DAY_MS)
        )
        at_ms += far if wild else random.choice((0, 100, 1_000, 20_000, MINUTE_MS))
        events.append(
            event(
                at_ms,
                f"a{random.randrange(accounts)}",
                input_tokens=random.randrange(3_000),
                output_tokens=random.randrange(3_000),
                status_code=random.choice([200] * 9 + [500]),
                finish_reason=random.choice([None] * 9 + ["refusal"]),
                address_hash=random.choice([None, str(random.randrange(400))]),
                user_agent_hash=str(random.randrange(3)),
                template_hash=str(int(random.paretovariate(0.5))),
                conversation_id=str(number // 5),
                **opening(random),
                capability=random.choice(CAPABILITIES),
                plan=random.choice([None] * 99 + ["max"]),
            )
        )
    return events


def opening(random: Random) -> dict[str, object]:
    """How many messages there are, and a sketch of one of three instructions in many wordings, or of anything."""
    words = [random.randrange(26) for _ in range(4)] + [random.choice((0, 9, 18)) + word for word in range(9)]
    pairs = sorted({"a" + "abcdefghijklmnopqrstuvwxyz0"[word] for word in words})
    sketch = random.choice((None, "", "a", "ab\xe9d a", "zzyyzzyy", "ab" * 40, *["".join(pairs)] * 12))
    return {"turn_count": random.choice((0, 1, 1, 1, 1, 2, 3, 4, 5)), "sketch": sketch}


@st.composite
def histories(draw: st.DrawFn, *, most: int = 60) -> list[RequestEvent]:
    """Events of up to four accounts in the order of the log: bursts, silences, late ones, with every field or none."""
    random = Random(draw(st.integers(0, 2**32)))
    at_ms = NOON_MS + draw(st.integers(0, DAY_MS))
    events = []
    for jump in draw(st.lists(jumps, max_size=most)):
        at_ms = min(max(at_ms + jump, EARLIEST_MS), LATEST_MS)
        events.append(drawn(random, at_ms))
    return events


def drawn(random: Random, at_ms: int) -> RequestEvent:
    """An event of which each field was drawn from few values, some of them at an edge."""

    def maybe(values: int) -> str | None:
        value = random.randrange(values + values // 4)
        return None if value >= values else str(value)

    return event(
        at_ms,
        random.choice("aaabcd"),
        input_tokens=random.choice((0, 1, 127, 128, 100_000, 2**40)),
        output_tokens=random.choice((0, 1, 300, 2**40)),
        status_code=random.choice((200, 200, 399, 400, 503)),
        finish_reason=random.choice((None, "stop", "refusal")),
        address_hash=maybe(90),
        user_agent_hash=maybe(4),
        template_hash=maybe(12),
        **opening(random),
        conversation_id=maybe(90),
        capability=random.choice(CAPABILITIES),
        **random.choice(PROFILES),
    )


PROFILES: tuple[dict[str, object], ...] = (
    {},
    {},
    {},
    {"plan": "pro"},
    {"plan": "max", "plan_daily_tokens": 10**6},
    {"org_id": "o", "payment_hash": "p"},
    {"account_created_at_ms": NOON_MS - DAY_MS, "plan": "pro", "org_id": "o"},
)
