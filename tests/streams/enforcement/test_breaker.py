"""The breaker against one that looks at everybody before and after each decision, and its rules by name."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import LIMITING, Action, Decision
from streams.enforcement import Breaker, Held, InForce
from streams.enforcement.in_force import KEPT_MS
from streams.windows import HOUR_MS
from tests.streams.evaluation.deciding import decision

ACCOUNTS = ("a", "b", "c", "d", "e", "f")
NETWORKS = ("template:1", "template:2", "template:3")
PAYMENTS = ("a", "card")
CAMPAIGNS = ("c-1", "c-2")


class Reference:
    """Everybody is looked at, every time."""

    def __init__(self, accounts: int, templates: int) -> None:
        self.in_force = InForce()
        self.limits = {"accounts": accounts, "payments": accounts, "templates": templates}
        self.spent: dict[tuple[str, int], int] = {}
        self.held: dict[str, list[str]] = {"accounts": [], "payments": [], "templates": []}
        self.named: dict[tuple[str, str], list[str]] = {}
        self.hour = 0

    def limited(self, at_ms: int) -> set[tuple[str, str]]:
        limited = {("accounts", it) for it in ACCOUNTS if self.in_force.over_account(it, at_ms)}
        limited |= {("payments", it) for it in PAYMENTS if self.in_force.limits_payment(it, at_ms)}
        return limited | {("templates", it) for it in NETWORKS if self.in_force.of("network", it, at_ms)}

    def admit(self, kind: str, hour: int) -> bool:
        spent = self.spent.get((kind, hour), 0)
        if spent == self.limits[kind]:
            return False
        self.spent[kind, hour] = spent + 1
        return True

    def advance(self, at_ms: int) -> None:
        for hour in range(self.hour + 1, at_ms // HOUR_MS + 1):
            limited = self.limited(hour * HOUR_MS)
            for kind, names in self.held.items():
                waiting = list(names)
                while waiting and ((kind, waiting[0]) not in limited or self.admit(kind, hour)):
                    waiting.pop(0)
                names[:] = waiting
            self.hour = hour

    def take(self, told: Decision) -> None:
        at_ms = told.decided_at_ms
        self.advance(at_ms)
        before = self.limited(at_ms)
        stays = self.in_force.of("campaign", told.subject_id, at_ms) and told.action in LIMITING and not told.shadow
        self.in_force.take(told)
        after = self.limited(at_ms)
        everybody = {"accounts": list(ACCOUNTS), "payments": list(PAYMENTS), "templates": list(NETWORKS)}
        if told.subject_kind == "campaign":
            for kind, fresh in (("accounts", told.members), ("payments", told.payments)):
                named = self.named.setdefault((told.subject_id, kind), [])
                named += [it for it in dict.fromkeys(fresh) if it not in named]
                everybody[kind] = list(dict.fromkeys([*(fresh if stays else ()), *named]))
        for kind, names in everybody.items():
            held = self.held[kind]
            held[:] = [it for it in held if (kind, it) not in before - after]
            for name in names:
                if (kind, name) not in after - before:
                    continue
                if self.admit(kind, at_ms // HOUR_MS):
                    held[:] = [it for it in held if it != name]
                else:
                    held += [name] * (name not in held)


@st.composite
def decided(draw: st.DrawFn) -> list[Decision]:
    """Decisions about a few subjects over a few hours, most of them in order."""
    told: list[Decision] = []
    at_ms = HOUR_MS
    for _ in range(draw(st.integers(1, 25))):
        at_ms += draw(st.sampled_from([0, 1, HOUR_MS // 3, HOUR_MS, 3 * HOUR_MS, -HOUR_MS // 2]))
        at_ms = max(0, at_ms)
        subject = draw(st.sampled_from((*ACCOUNTS, *NETWORKS, *CAMPAIGNS)))
        more: dict[str, Any] = {"expires_at_ms": at_ms + draw(st.sampled_from([1, HOUR_MS // 2, 4 * HOUR_MS]))}
        if subject in CAMPAIGNS:
            more["members"] = tuple(draw(st.lists(st.sampled_from(ACCOUNTS), max_size=4)))
            more["payments"] = tuple(draw(st.lists(st.sampled_from(PAYMENTS), max_size=2)))
            more["opened_from_ms"] = draw(st.sampled_from([None, 0, at_ms]))
            more["campaign_id"] = draw(st.sampled_from([subject, subject, "c-9"]))
        elif subject in NETWORKS:
            more["subject_kind"] = "network"
        else:
            more["payments"] = tuple(draw(st.lists(st.sampled_from(PAYMENTS), max_size=1)))
        actions: tuple[Action, ...] = ("throttle", "suspend", "suspend", "observe", "release")
        action = draw(st.sampled_from(actions))
        shadow = draw(st.sampled_from([False, False, False, True]))
        told.append(decision(action, subject, at_ms, draw(st.integers(1, 40)), shadow=shadow, **more))
    return told


@given(told=decided(), accounts=st.integers(0, 4), templates=st.integers(0, 2), late_ms=st.integers(0, 5 * HOUR_MS))
def test_it_holds_whom_the_reference_holds(told: list[Decision], accounts: int, templates: int, late_ms: int) -> None:
    reference = Reference(accounts, templates)
    in_force = InForce()
    breaker = Breaker(in_force, accounts=accounts, templates=templates)
    for one in told:
        reference.take(one)
        breaker.take(one)
        agree(breaker, reference)
    last_ms = max(it.decided_at_ms for it in told) + late_ms
    reference.advance(last_ms)
    breaker.advance(last_ms)
    agree(breaker, reference)


def agree(breaker: Breaker, reference: Reference) -> None:
    assert {it for it in ACCOUNTS if breaker.holds_account(it)} == set(reference.held["accounts"])
    assert {it for it in NETWORKS if breaker.holds_network(it)} == set(reference.held["templates"])
    assert {it for it in PAYMENTS if breaker.holds_payment(it)} == set(reference.held["payments"])
    assert breaker.held == Held(*(len(reference.held[kind]) for kind in ("accounts", "payments", "templates")))


@given(told=decided(), every_ms=st.sampled_from([HOUR_MS // 7, HOUR_MS, 2 * HOUR_MS]))
def test_how_often_it_is_told_the_time_changes_nothing(told: list[Decision], every_ms: int) -> None:
    told.sort(key=lambda it: it.decided_at_ms)
    seldom, often = (Breaker(InForce(), accounts=1, templates=1) for _ in range(2))
    clock = 0
    for one in told:
        while clock + every_ms <= one.decided_at_ms:
            clock += every_ms
            often.advance(clock)
        for breaker in (seldom, often):
            breaker.take(one)
        assert [seldom.holds_account(it) for it in ACCOUNTS] == [often.holds_account(it) for it in ACCOUNTS]


def test_what_is_above_waits_for_the_next_hour_in_its_order() -> None:
    breaker = Breaker(InForce(), accounts=2, templates=1_000)
    for number, name in enumerate("abcdef"):
        breaker.take(decision("suspend", name, HOUR_MS + number))
    assert [name for name in "abcdef" if breaker.holds_account(name)] == ["c", "d", "e", "f"]
    assert breaker.held == Held(4, 0, 0)
    breaker.advance(2 * HOUR_MS - 1)
    assert breaker.held == Held(4, 0, 0)
    breaker.advance(2 * HOUR_MS)
    assert [name for name in "abcdef" if breaker.holds_account(name)] == ["e", "f"]
    breaker.take(decision("suspend", "g", 2 * HOUR_MS))  # the hour is full: those that waited went first
    assert breaker.holds_account("g")
    breaker.advance(4 * HOUR_MS)
    assert breaker.held == Held(0, 0, 0)


def test_who_is_limited_already_does_not_count_again() -> None:
    breaker = Breaker(InForce(), accounts=1, templates=1_000)
    breaker.take(decision("throttle", "a", HOUR_MS))
    breaker.take(decision("suspend", "a", HOUR_MS + 1, 2))
    breaker.take(decision("suspend", "c-1", HOUR_MS + 2, members=("a",)))
    assert breaker.held == Held(0, 0, 0)
    breaker.take(decision("suspend", "c-1", HOUR_MS + 3, 2, members=("b",)))
    assert breaker.holds_account("b")
    assert not breaker.holds_account("a")


def test_a_campaign_that_becomes_limited_counts_all_its_members_so_far() -> None:
    breaker = Breaker(InForce(), accounts=3, templates=1_000)
    breaker.take(decision("observe", "c-1", HOUR_MS, members=("a", "b")))
    assert breaker.held == Held(0, 0, 0)
    breaker.take(decision("suspend", "c-1", HOUR_MS + 1, 2, members=("c", "d")))
    assert [name for name in "abcd" if breaker.holds_account(name)] == ["d"]


def test_a_release_is_never_held_and_who_is_released_waits_no_more() -> None:
    in_force = InForce()
    breaker = Breaker(in_force, accounts=0, templates=1_000)
    breaker.take(decision("suspend", "a", HOUR_MS))
    assert breaker.holds_account("a")
    breaker.take(decision("release", "a", HOUR_MS + 1, 2))
    assert not breaker.holds_account("a")
    assert in_force.is_exempt("a", HOUR_MS + 2)


def test_shadow_counts_for_nothing() -> None:
    breaker = Breaker(InForce(), accounts=0, templates=1_000)
    breaker.take(decision("suspend", "a", HOUR_MS, shadow=True))
    assert breaker.held == Held(0, 0, 0)


def test_what_is_forgotten_is_forgotten_everywhere() -> None:
    breaker = Breaker(InForce(), accounts=9, templates=1_000)
    breaker.take(decision("suspend", "c-1", HOUR_MS, members=("a",), expires_at_ms=2 * HOUR_MS))
    breaker.forget(HOUR_MS + KEPT_MS + 1)
    breaker.take(decision("suspend", "c-1", 2 * KEPT_MS, members=("b",)))
    assert not breaker.holds_account("a")
    assert breaker._named == {"c-1": {("account", "b"): None}}  # noqa: SLF001  memory is what this is about
