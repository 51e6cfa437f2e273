"""observe on accounts that hide extraction in ordinary use, alone, and on those who look like them."""

from collections.abc import Mapping

import pytest

from streams.decisions import Decision
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from streams.scenarios import MONDAY_MS, Stage, diluted, play
from streams.scenarios.stage import Script
from tests.streams.stages.test_observe import bench

AT_ONCE = 500


def stage(scenario: str, seed: int, scale: float) -> Stage:
    """One day of a scenario."""
    return Stage(scenario, seed, scale, MONDAY_MS, 1)


def decided(script: Script) -> Mapping[str, list[Decision]]:
    """Every decision about each account of a script, in order."""
    fingerprinter = Fingerprinter(b"no secret: simulated")
    observe = bench(DEFAULT_POLICY)
    events = [fingerprinter.event(record) for record, _ in script]
    accounts: dict[str, list[Decision]] = {event.account_id: [] for event in events}
    for start in range(0, len(events), AT_ONCE):
        observe.take(events[start : start + AT_ONCE], first_offset=start)
    for decision in observe.decisions():
        accounts[decision.subject_id].append(decision)
    return accounts


@pytest.mark.parametrize("scenario", ["diluted_5", "diluted_10", "diluted_25"])
def test_an_account_that_hides_extraction_is_watched_for_two_reasons_within_a_day(scenario: str) -> None:
    """And no more than watched for these alone: a tool with two slots in a busy account looks the same."""
    for decisions in decided(play([stage(scenario, 7055, 4)])).values():
        signals = [{reason.signal for reason in decision.reasons} for decision in decisions]
        assert any({"unfollowed_rewordings", "unfollowed_extraction"} <= each for each in signals)
        for decision, each in zip(decisions, signals, strict=True):
            assert decision.action == "observe" or each - {"unfollowed_rewordings", "unfollowed_extraction"}


@pytest.mark.parametrize(
    ("scenario", "scale"),
    [
        ("marketing_template", 2),
        ("nightly_evaluation", 1),
        ("continuous_integration", 0.2),
        ("synthetic_data", 0.5),
        ("prompt_plugin", 0.1),
        ("editor_commands", 0.1),
        ("release_benchmark", 0.05),
        ("classroom", 1),
        ("reseller_gateway", 0.3),
        ("shared_framework", 0.1),
        ("ordinary", 0.02),
    ],
)
def test_who_sends_templates_innocently_lacks_no_follow_ups(scenario: str, scale: float) -> None:
    for decisions in decided(play([stage(scenario, 7056, scale)])).values():
        assert not [reason for each in decisions for reason in each.reasons if reason.signal.startswith("unfollowed")]


def test_the_same_busy_people_without_extraction_are_left_alone() -> None:
    script = diluted._diluted(stage("diluted_5", 7057, 8), 0.0)  # noqa: SLF001  the scenario with a share of its own
    assert not any(decided(script).values())
