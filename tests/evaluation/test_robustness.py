"""The tries of `make evaluate SCALE=robustness`: each changes what it says and nothing else, and the page says it."""

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from streams.enforcement import Ask
from streams.evaluation import Evaluation, Judge
from streams.events import RequestRecord
from streams.scenarios import MONDAY_MS, SCENARIOS, Stage, Truth, play
from streams.scenarios.adaptive import BLUNT, adaptive
from streams.scenarios.stage import DAY_MS, HOUR_MS
from tests.evaluation.drift import WEEKS, Change, drifting
from tests.evaluation.robustness import (
    ATTACKERS,
    CAREFUL,
    MIXED,
    Attack,
    Begun,
    Tried,
    attacked,
    begun_cold,
    between,
    drifted,
    outage,
    released,
    switched_off,
)
from tests.evaluation.robustness_page import written
from tests.evaluation.tables import harm, whom
from tests.evaluation.worlds import World
from tests.streams.evaluation.deciding import decision

STAGE = Stage("ordinary", 5, 0.01, MONDAY_MS, 2)
NOBODY = World(days=1, ordinary=0.004, look_alikes=0.0, campaigns={})


def told(limited: Sequence[str], campaigns: Sequence[str], leaked: int = 1) -> Evaluation:
    """Ten innocents, of whom some are throttled, and campaigns of one account that sends twice as much as leaks."""
    judge = Judge(delay_ms=0)
    for number in range(10):
        judge.meet(Truth(f"i{number}", "benign" if number else "look_alike:campus_nat"))
    for name in campaigns:
        judge.meet(Truth(name, f"campaign:{name}", name))
        judge.decide(decision("suspend", name, MONDAY_MS + leaked))
    for name in limited:
        judge.decide(decision("throttle", name, MONDAY_MS))
    for at_ms in range(2 * leaked):
        for name in campaigns:
            judge.exchange(Ask(name, tokens=10), MONDAY_MS + at_ms)
    return judge.result()


def test_a_change_of_the_schema_begins_on_its_day_and_changes_no_more_than_it_says() -> None:
    changes = [Change(1, "", lambda it: replace(it, payment_hash="unknown"))]
    before = [record for record, _ in SCENARIOS["ordinary"](STAGE)]
    after = [record for record, _ in drifting(SCENARIOS["ordinary"], changes)(STAGE)]
    second_day = [record.occurred_at_ms >= MONDAY_MS + DAY_MS for record in before]
    assert after == [
        replace(it, payment_hash="unknown") if late else it for it, late in zip(before, second_day, strict=True)
    ]
    assert set(second_day) == {True, False}


@pytest.mark.parametrize("week", WEEKS)
def test_every_record_of_a_week_is_a_valid_record(week: str) -> None:
    script = drifting(SCENARIOS["ordinary"], WEEKS[week])(replace(STAGE, days=7, scale=0.002))
    records = [record for record, _ in script]
    assert [msgspec.json.decode(msgspec.json.encode(it), type=RequestRecord) for it in records] == records
    assert len(records) > 500


def test_each_change_of_a_week_changes_a_record() -> None:
    record = next(
        record for record, _ in SCENARIOS["nightly_evaluation"](replace(STAGE, scenario="nightly_evaluation"))
    )
    for changes in WEEKS.values():
        assert [change.day for change in changes] == list(range(1, len(changes) + 1))
        assert [change.what for change in changes if change.alter(record) == record] == []


def test_at_another_pace_the_same_innocents_come_that_many_times_as_often_and_campaigns_as_ever() -> None:
    for name, scale, pace in (("ordinary", 0.1, 2.0), ("ordinary", 0.1, 0.5), ("continuous_integration", 1.0, 2.0)):
        once, more = (
            [record.account_id for record, _ in play([Stage(name, 5, scale, MONDAY_MS, 1, pace=it)])]
            for it in (1.0, pace)
        )
        assert set(once) == set(more)
        assert len(more) == pytest.approx(pace * len(once), rel=0.15)
    relay = Stage("relay", 5, 0.05, MONDAY_MS)
    assert list(play([relay])) == list(play([replace(relay, pace=2.0)]))


def test_the_attacker_without_tactics_is_the_scenario() -> None:
    stage = Stage("adaptive", 5, 0.02, MONDAY_MS)
    assert list(adaptive(stage, BLUNT)) == list(play([stage]))


def test_a_careful_attacker_has_its_own_of_everything_from_the_start() -> None:
    careful = [it for it, _ in adaptive(Stage("adaptive", 5, 0.1, MONDAY_MS), replace(CAREFUL, aged=True))]
    accounts = {it.account_id for it in careful}
    assert len(accounts) == 30
    assert len({it.payment_hash for it in careful}) == len({it.client_address for it in careful}) == 30
    assert len({it.user_agent for it in careful}) > 3
    assert max(it.account_created_at_ms or 0 for it in careful) <= MONDAY_MS - 30 * DAY_MS
    by_night, by_day = (sum(it.occurred_at_ms // HOUR_MS % 24 in hours for it in careful) for hours in ((7,), (10,)))
    assert by_day > 1.5 * by_night


def test_attackers_differ_from_one_another() -> None:
    assert len(set(map(repr, ATTACKERS.values()))) == len(ATTACKERS)


def test_what_nobody_saw_is_left_out_and_the_rest_is_as_it_was() -> None:
    from_ms, until_ms = MONDAY_MS + 10 * HOUR_MS, MONDAY_MS + 30 * HOUR_MS
    everything = list(SCENARIOS["ordinary"](STAGE))
    seen = list(between(SCENARIOS["ordinary"], from_ms, until_ms)(STAGE))
    assert seen == [line for line in everything if from_ms <= line[0].occurred_at_ms < until_ms]


def test_no_family_each_and_each_two_are_switched_off() -> None:
    assert len(list(switched_off())) == 1 + 6 + 15
    assert len(set(switched_off())) == 22


def test_harm_is_told_with_its_exact_interval_and_who_it_befell() -> None:
    found = told(["i0", "i1", "i2"], [])
    assert harm(found.innocents[-1].limited) == "3 of 10 (66,740 to 652,453 per million)"
    assert whom(found) == "2 ordinary, 1 campus nat"


def lines() -> list[str]:
    attack = Attack(BLUNT, 10, 350, told([], ["adaptive"], 70))
    worse = Attack(CAREFUL, 10, 350, told([], ["adaptive"], 140))
    tries = Tried(
        alone={"thin": told(["i1"], ["thin"])},
        ablated={("content", "rhythm"): told([], ["hydra"])},
        attacks={"blunt": attack, "careful": worse},
        traffic={"twice": told(["i0"], ["relay", "thin"])},
        weeks={"fields vanish": told(["i1"], [])},
        days={"an outage": told([], ["relay"]), "a release": told([], ["release_pivot"])},
        cold=(
            Begun(dict.fromkeys(MIXED, 100), told(["i1"], list(MIXED), 5)),
            Begun(dict.fromkeys(MIXED, 300), told(["i1", "i2"], list(MIXED), 12)),
        ),
    )
    return written(tries, "now").splitlines()


def test_the_page_tells_each_try() -> None:
    page = lines()
    assert "now" in page
    one, none = "1 of 10 (2,529 to 445,016 per million)", "0 of 10 (0 to 308,497 per million)"
    for row in (
        f"| thin | 1 | 2 | 50.0% | 50.0% | 50.0% | 100.0% | never | {one} |",
        f"| content and rhythm | 50.0% | 100.0% | never | {none} |",
        f"| blunt | 10 | 20 | 4.0 | 70 of 350 | 1 | 100% | {none} |",
        f"| careful | 10 | 20 | 8.0 | 140 of 350 | 1 | 100% | {none} |",
        f"| twice | 4 | {one} | 0 | 1 campus nat | 50.0%, 100% | 50.0%, 100% |",
        f"| fields vanish | 0 | {one} | 0 | 1 ordinary |",
        f"| an outage | 2 | {none} | 0 |  | 50.0%, 100% |  |",
        f"| a release | 2 | {none} | 0 |  |  | 50.0%, 100% |",
        f"| 1 to 24 | 5 of 100 | 5 of 100 | 5 of 100 | 5 of 100 | {one} |",
        f"| 25 to 48 | 7 of 200 | 7 of 200 | 7 of 200 | 7 of 200 | {one} |",
    ):
        assert row in page
    assert any(
        line.startswith("Its best reply of these, by what passes: careful. That is 40% of what") for line in page
    )
    for week, changes in WEEKS.items():
        if changes:
            assert any(line.startswith(f"- **{week}**") and changes[-1].what in line for line in page)


@pytest.mark.no_cover
def test_the_tries_play_their_worlds() -> None:
    attack = attacked(NOBODY, 5, CAREFUL, 0.01)
    assert attack.accounts == 3
    assert 0 < attack.found.campaigns[0].sent <= attack.unwatched
    assert drifted(replace(NOBODY, days=2), 5, "fields vanish").innocents[-1].limited.count == 0
    assert released(NOBODY, 5).campaigns == ()
    assert outage(NOBODY, 5).campaigns == ()
    begun = begun_cold(replace(NOBODY, days=2, campaigns={"thin": 0.002}), 5, 24)
    assert begun.found.records > begun.unwatched["thin"] > 0
    assert begun.found.campaigns[0].sent == begun.unwatched["thin"]
