"""The judge on cases that were worked out by hand, and on detectors whose score is known beforehand."""

from collections.abc import Iterable
from typing import Any

import pytest

from streams.decisions import Decision, Limits, Wording
from streams.enforcement import Ask
from streams.evaluation import CampaignResult, Evaluation, Judge
from streams.scenarios import Truth
from tests.streams.evaluation.deciding import MINUTE, decision, guilty, innocent

Exchange = tuple[str, int]


def judged(truths: Iterable[Truth], exchanges: Iterable[Exchange], decisions: Iterable[Decision] = ()) -> Evaluation:
    judge = Judge(delay_ms=0)
    for truth in truths:
        judge.meet(truth)
    for it in decisions:
        judge.decide(it)
    for account, at_ms in sorted(exchanges, key=lambda exchange: exchange[1]):
        judge.exchange(Ask(account, tokens=10), at_ms)
    return judge.result()


def campaign(*arguments: Iterable[object]) -> CampaignResult:
    (found,) = judged(*arguments).campaigns  # type: ignore[arg-type]
    return found


def every_minute(account: str, count: int, start: int = 0) -> list[Exchange]:
    return [(account, (start + number) * MINUTE) for number in range(count)]


def test_what_was_sent_before_the_limit_has_leaked() -> None:
    found = campaign(guilty("a"), every_minute("a", 10), [decision("suspend", "a", 3 * MINUTE)])
    assert (found.exchanges, found.leaked, found.passed) == (10, 3, 3)
    assert found.leakage == 0.3
    assert found.minutes_from_first == 3.0


def test_a_decision_is_in_force_only_after_its_delay() -> None:
    judge = Judge(delay_ms=MINUTE)
    judge.meet(guilty("a")[0])
    judge.decide(decision("suspend", "a", 3 * MINUTE))
    for account, at_ms in every_minute("a", 10):
        judge.exchange(Ask(account, tokens=10), at_ms)
    assert judge.result().campaigns[0].leaked == 4


def test_leakage_is_over_the_campaign_and_recall_over_its_accounts() -> None:
    exchanges = every_minute("a", 10) + every_minute("b", 10) + every_minute("c", 20)
    decisions = [decision("suspend", "x", 0, members=("a", "b"))]
    found = campaign(guilty("a", "b", "c"), exchanges, decisions)
    assert (found.accounts, found.limited, found.suspended) == (3, 2, 2)
    assert found.leakage == 0.5
    assert found.recall == pytest.approx(2 / 3)


def test_after_a_limit_has_run_out_exchanges_pass_again_but_have_not_leaked_before_it() -> None:
    throttle = decision("challenge", "a", 0, expires_at_ms=5 * MINUTE)
    found = campaign(guilty("a"), every_minute("a", 10), [throttle])
    assert (found.leaked, found.passed) == (0, 5)


def test_a_throttled_account_passes_within_its_limits() -> None:
    throttle = decision("throttle", "a", 0, limits=Limits(1, 1_000, 5 * MINUTE))
    found = campaign(guilty("a"), every_minute("a", 10), [throttle])
    assert (found.leaked, found.passed, found.limited, found.suspended) == (0, 2, 1, 0)


def test_time_counts_from_the_fiftieth_exchange_of_the_whole_campaign() -> None:
    exchanges = every_minute("a", 40) + every_minute("b", 40)
    decisions = [decision("suspend", "x", 34 * MINUTE, members=("a", "b"))]
    found = campaign(guilty("a", "b"), exchanges, decisions)
    assert found.minutes_from_first == 34.0
    assert found.minutes_from_evidence == 10.0
    assert found.minutes_to_alert == 10.0


def test_before_the_evidence_is_at_once() -> None:
    found = campaign(guilty("a"), every_minute("a", 60), [decision("suspend", "a", 2 * MINUTE)])
    assert found.minutes_from_evidence == 0.0
    assert found.minutes_to_alert is None


def test_replacements_are_accounts_that_came_after_the_first_limit_and_relinked_if_tied_to_it() -> None:
    exchanges = (
        every_minute("a", 10) + every_minute("b", 10, 20) + every_minute("c", 10, 20) + every_minute("d", 10, 20)
    )
    decisions = [
        decision("suspend", "x", 5 * MINUTE, members=("a",)),
        decision("suspend", "x", 24 * MINUTE, sequence=2, members=("b",)),
        decision("suspend", "y", 24 * MINUTE, members=("c",)),
    ]
    found = campaign(guilty("a", "b", "c", "d"), exchanges, decisions)
    assert (found.replacements, found.relinked, found.minutes_to_relink) == (3, 1, 4.0)


def test_two_campaigns_in_one_found_campaign_do_not_make_replacements_of_each_other() -> None:
    truths = guilty("a", campaign="one") + guilty("b", campaign="two")
    decisions = [
        decision("suspend", "x", 5 * MINUTE, members=("a",)),
        decision("suspend", "x", 24 * MINUTE, sequence=2, members=("b",)),
    ]
    one, two = judged(truths, every_minute("a", 10) + every_minute("b", 10, 20), decisions).campaigns
    assert (one.replacements, one.relinked, two.replacements, two.relinked) == (0, 0, 0, 0)


def test_innocents_are_counted_by_class_and_by_the_hardest_that_befell_them() -> None:
    truths = innocent(*"abcd") + innocent("e", "f", label="look_alike:classroom")
    decisions = [
        decision("throttle", "a", 0),
        decision("suspend", "a", 1, sequence=2),
        decision("release", "a", 2, sequence=3),
        decision("challenge", "e", 0),
        decision("observe", "b", 0),
        decision("suspend", "c", 0, shadow=True),
    ]
    ordinary, classroom, everybody = judged(truths, [], decisions).innocents
    assert (ordinary.label, ordinary.accounts) == ("benign", 4)
    assert (ordinary.throttled.count, ordinary.suspended.count, ordinary.limited.count) == (0, 1, 1)
    assert (classroom.label, classroom.challenged.count, classroom.challenged.share) == ("look_alike:classroom", 1, 0.5)
    assert (everybody.accounts, everybody.limited.count) == (6, 2)


TRUTHS = guilty("a", "b") + innocent("c", "d", "e", "f")
EXCHANGES = [exchange for truth in TRUTHS for exchange in every_minute(truth.account_id, 10, 1)]


def test_a_detector_that_flags_everyone_lets_nothing_through_and_harms_everyone() -> None:
    flagged = [decision("suspend", truth.account_id, 0) for truth in TRUTHS]
    found = judged(TRUTHS, EXCHANGES, flagged)
    assert (found.campaigns[0].leakage, found.campaigns[0].recall) == (0.0, 1.0)
    assert found.innocents[-1].suspended.share == 1.0
    assert found.precision == found.average_precision == pytest.approx(1 / 3)


def test_a_detector_that_flags_no_one_harms_no_one_and_lets_everything_through() -> None:
    found = judged(TRUTHS, EXCHANGES)
    assert (found.campaigns[0].leakage, found.campaigns[0].recall) == (1.0, 0.0)
    assert found.innocents[-1].limited.share == 0.0
    assert found.precision is None
    assert found.average_precision == 0.0
    assert found.detection == {"c": ()}


def test_a_detector_that_flags_the_truth_scores_one() -> None:
    found = judged(TRUTHS, EXCHANGES, [decision("suspend", name, 0) for name in "ab"])
    assert (found.campaigns[0].leakage, found.campaigns[0].recall) == (0.0, 1.0)
    assert found.innocents[-1].limited.count == 0
    assert found.precision == found.average_precision == 1.0


def test_the_curve_of_detection_is_the_share_of_accounts_by_minutes_from_their_first_exchange() -> None:
    exchanges = every_minute("a", 30) + every_minute("b", 30, 10)
    decisions = [decision("suspend", "a", 20 * MINUTE), decision("suspend", "b", 25 * MINUTE)]
    found = judged(guilty("a", "b"), exchanges, decisions)
    assert [(point.x, point.y) for point in found.detection["c"]] == [(15.0, 0.5), (20.0, 1.0)]


def test_exchanges_that_a_campaign_could_not_send_count_also_before_its_first_account_is_known() -> None:
    judge = Judge(delay_ms=0)
    judge.turned_away("c", 0, 2.5)
    judge.turned_away("c", 0, 3.5)
    judge.meet(guilty("a")[0])
    judge.exchange(Ask("a", tokens=10), 0)
    (found,) = judge.result().campaigns
    assert (found.sent, found.exchanges, found.leaked) == (1, 7, 1)


def test_the_first_day_is_told_apart_from_what_follows() -> None:
    judge = Judge(delay_ms=0)
    for truth in guilty("a", "b"):
        judge.meet(truth)
    judge.decide(decision("suspend", "a", MINUTE))
    for account, at_ms in (("a", 0), ("a", MINUTE), ("b", 1_440 * MINUTE), ("b", 1_441 * MINUTE)):
        judge.exchange(Ask(account, tokens=10), at_ms)
        judge.turned_away("c", at_ms, 1.0)
    (found,) = judge.result().campaigns
    assert (found.exchanges, found.leaked) == (8, 3)
    assert (found.first_day_exchanges, found.first_day_leaked) == (4, 1)


def test_what_is_turned_away_belongs_to_the_day_on_which_it_was() -> None:
    judge = Judge(delay_ms=0)
    for truth in guilty("a", "b"):
        judge.meet(truth)
    judge.decide(decision("suspend", "a", MINUTE))
    judge.exchange(Ask("a", tokens=10), 0)
    for day in range(10):
        judge.turned_away("c", day * 1_440 * MINUTE, 100.0)
    judge.exchange(Ask("b", tokens=10), 14_400 * MINUTE)
    (found,) = judge.result().campaigns
    assert (found.exchanges, found.first_day_exchanges) == (1_002, 101)
    assert (found.leaked, found.first_day_leaked) == (2, 1)


def test_a_campaign_of_less_than_a_day_is_all_first_day() -> None:
    found = campaign(guilty("a"), every_minute("a", 10), [decision("suspend", "a", 3 * MINUTE)])
    assert (found.first_day_exchanges, found.first_day_leaked) == (10, 3)


def test_what_a_campaign_is_after_is_told_apart_from_its_cover() -> None:
    judge = Judge(delay_ms=0)
    judge.meet(guilty("a")[0])
    judge.decide(decision("suspend", "a", 6 * MINUTE))
    for number in range(10):  # in order: cover, extraction, ..., limited after three of each
        judge.exchange(Ask("a", tokens=10), number * MINUTE, cover=number % 2 == 0)
    judge.turned_away("c", 0, 7.0, cover=2.0)
    (found,) = judge.result().campaigns
    assert (found.exchanges, found.leaked) == (17, 6)
    assert (found.extraction, found.extraction_leaked) == (5 + 5, 3)
    assert found.extraction_leakage == 0.3


def test_a_campaign_of_cover_alone_leaks_no_extraction() -> None:
    judge = Judge(delay_ms=0)
    judge.meet(guilty("a")[0])
    judge.exchange(Ask("a", tokens=10), 0, cover=True)
    (found,) = judge.result().campaigns
    assert (found.leaked, found.extraction, found.extraction_leakage) == (1, 0, 0.0)


def test_an_account_that_never_spoke_is_no_account_of_its_campaign() -> None:
    assert campaign(guilty("a", "b"), every_minute("a", 3)).accounts == 1


def test_what_is_sent_by_a_limited_template_has_not_leaked_and_its_account_is_not_limited() -> None:
    judge = Judge(delay_ms=0)
    for truth in (*guilty("a"), *innocent("i", "j")):
        judge.meet(truth)
    judge.decide(decision("challenge", "template:t", 2 * MINUTE, subject_kind="network"))
    for minute in range(4):
        judge.exchange(Ask("a", "t", tokens=10), minute * MINUTE)
        judge.exchange(Ask("a", "u", tokens=10), minute * MINUTE)
    judge.exchange(Ask("i", "t", tokens=10), 5 * MINUTE)
    judge.exchange(Ask("j", "u", "0a0b", tokens=10), 5 * MINUTE)
    found = judge.result()
    assert (found.campaigns[0].leaked, found.campaigns[0].passed, found.campaigns[0].limited) == (6, 6, 0)
    assert [(it.accounts, it.challenged.count) for it in found.innocents] == [(2, 1), (2, 1)]


def test_what_says_the_same_as_a_limited_template_counts_as_if_it_had_it() -> None:
    judge = Judge(delay_ms=0)
    for truth in (*guilty("a"), *innocent("i", "j")):
        judge.meet(truth)
    limit = decision("suspend", "template:t", 0, subject_kind="network", wording=Wording("0a0b0c", 0.5))
    judge.decide(limit)
    for sketch in ("0a0b0x", "0a0x0y"):
        judge.exchange(Ask("a", "u", sketch, tokens=10), MINUTE)
    judge.exchange(Ask("i", None, "0b0c", tokens=10), MINUTE)
    judge.exchange(Ask("j", "u", "0c0x", tokens=10), MINUTE)
    found = judge.result()
    assert (found.campaigns[0].exchanges, found.campaigns[0].leaked, found.campaigns[0].passed) == (2, 1, 1)
    assert [it.suspended.count for it in found.innocents] == [1, 1]


def test_calibration_is_over_accounts_that_decisions_are_about_by_their_highest_score() -> None:
    decisions = [
        decision("observe", "a", 0, score=0.35),
        decision("throttle", "a", MINUTE, 2, score=0.75),
        decision("observe", "a", 2 * MINUTE, 3, score=0.35),
        decision("observe", "c", 0, score=0.35),
        decision("suspend", "template:t", 0, subject_kind="network", score=0.99),
    ]
    judge = Judge(delay_ms=0)
    for truth in TRUTHS:
        judge.meet(truth)
    for it in decisions:
        judge.decide(it)
    judge.exchange(Ask("d", "t", tokens=10), MINUTE)  # wronged by its template; no decision is about it
    found = judge.result().calibration
    assert found is not None
    assert [(it.mean_score, it.guilty.count, it.guilty.of) for it in found.bins] == [(0.35, 0, 1), (0.75, 1, 1)]
    assert found.error == pytest.approx((0.35 + 0.25) / 2)


def test_without_a_truth_nothing_is_said_about_calibration() -> None:
    assert judged(innocent("c"), [], [decision("suspend", "c", 0)]).calibration is None


def test_an_innocent_that_a_reviewer_released_is_not_harmed_by_what_its_campaign_does_later() -> None:
    decisions = [
        decision("throttle", "c", 0, members=("a", "b")),
        decision("release", "a", MINUTE),
        decision("suspend", "c", 2 * MINUTE, sequence=2, members=()),
    ]
    everybody = judged(innocent("a", "b"), [], decisions).innocents[-1]
    assert (everybody.throttled.count, everybody.suspended.count) == (1, 1)


def paying(account: str, opened_ms: int = 5 * MINUTE) -> Ask:
    return Ask(account, tokens=10, payment_hash="card", account_created_at_ms=opened_ms)


def test_who_is_limited_for_how_it_pays_is_limited_and_tied_to_its_campaign_or_wronged() -> None:
    judge = Judge(delay_ms=0)
    for truth in (*guilty("a", "b", "old"), *innocent("i")):
        judge.meet(truth)
    judge.exchange(Ask("a"), MINUTE)
    named: dict[str, Any] = {"members": ("a",), "payments": ("card",), "opened_from_ms": 3 * MINUTE, "score": 0.75}
    judge.decide(decision("suspend", "c-1", 3 * MINUTE, **named))
    assert not judge.limited("b", 6 * MINUTE)  # nobody knows yet how it pays
    for minute in (6, 7):
        judge.exchange(paying("b"), minute * MINUTE)
        judge.exchange(paying("old", 2 * MINUTE), minute * MINUTE)
    assert judge.limited("b", 8 * MINUTE)
    assert not judge.limited("old", 8 * MINUTE)
    judge.exchange(paying("i"), 9 * MINUTE)
    found = judge.result()
    (of_campaign,) = found.campaigns
    assert (of_campaign.leaked, of_campaign.passed, of_campaign.limited, of_campaign.suspended) == (3, 3, 2, 2)
    assert (of_campaign.replacements, of_campaign.relinked, of_campaign.minutes_to_relink) == (2, 1, 0.0)
    assert found.innocents[-1].suspended.count == 1
    assert found.calibration is not None
    assert [(it.mean_score, it.guilty.count, it.guilty.of) for it in found.calibration.bins] == [(0.75, 2, 3)]


def test_a_throttle_leaves_each_account_that_pays_so_its_own_limits() -> None:
    judge = Judge(delay_ms=0)
    for truth in guilty("a", "b", "c"):
        judge.meet(truth)
    limits = Limits(1, 1_000, 60 * MINUTE)
    named: dict[str, Any] = {"members": ("a",), "payments": ("card",), "opened_from_ms": 0, "limits": limits}
    judge.decide(decision("throttle", "c-1", 0, **named))
    for account in ("b", "b", "c", "c"):
        judge.exchange(paying(account), MINUTE)
    (found,) = judge.result().campaigns
    assert (found.leaked, found.passed) == (0, 2)
