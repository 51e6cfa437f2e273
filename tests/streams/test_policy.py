"""The policy: what it says as shipped, what a file may change, and one golden file for each mistake."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.policy import DEFAULT_POLICY, Policy, PolicyError, Problem, Rung, load_policy
from streams.policy_signals import SIGNALS, SignalPolicy
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, NETWORK_SIGNALS, Signal

ROOT = Path(__file__).parent.parent.parent
SHIPPED = (ROOT / "deploy" / "policy.toml").read_text(encoding="utf-8")
BAD = sorted((ROOT / "tests" / "data" / "policies").glob("*.toml"))


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    return caught.value.problems


def test_the_shipped_file_says_what_the_code_says() -> None:
    assert load_policy(SHIPPED) == DEFAULT_POLICY


def test_the_shipped_file_leaves_nothing_out() -> None:
    table = tomllib.loads(SHIPPED)
    assert set(table) == set(Policy.__struct_fields__)
    assert tuple(table["signals"]) == tuple(SIGNALS)
    assert all(set(signal) == set(SignalPolicy.__struct_fields__) for signal in table["signals"].values())


def test_the_policy_names_the_signals_that_there_are() -> None:
    assert tuple(signal.name for signal in (*ACCOUNT_SIGNALS, *NETWORK_SIGNALS, *CAMPAIGN_SIGNALS)) == tuple(SIGNALS)


@pytest.mark.parametrize(
    "signal", [*ACCOUNT_SIGNALS, *NETWORK_SIGNALS, *CAMPAIGN_SIGNALS], ids=lambda signal: signal.name
)
def test_a_shipped_threshold_is_in_the_unit_of_its_signal(signal: Signal) -> None:
    policy = DEFAULT_POLICY.signals[signal.name]
    assert all(signal.reason(view, policy) for view in signal.fires)
    assert not any(signal.reason(view, policy) for view in signal.quiet)


def test_an_empty_file_is_the_shipped_policy() -> None:
    assert load_policy("") == DEFAULT_POLICY


def test_what_a_file_leaves_out_has_its_shipped_value() -> None:
    policy = load_policy("[signals.synchrony]\nweight = 2\n[account]\nsuspend = { expires_hours = 1 }")
    assert policy.signals["synchrony"] == SignalPolicy(enabled=True, threshold=0.8, weight=2.0)
    assert policy.account.suspend == Rung(score=0.97, families=4, expires_hours=1)
    assert policy.account.throttle == DEFAULT_POLICY.account.throttle
    assert policy.campaign == DEFAULT_POLICY.campaign


def test_allowlists_are_sets_of_ids() -> None:
    policy = load_policy('[allowlist]\naccounts = ["a", "b", "a"]\npayments = ["p"]')
    assert policy.allowlist.accounts == {"a", "b"}
    assert policy.allowlist.organisations == frozenset()
    assert policy.allowlist.payments == {"p"}


def test_the_signals_of_a_policy_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DEFAULT_POLICY.signals["anomaly"] = SignalPolicy(enabled=False, threshold=9, weight=1)  # type: ignore[index]


def test_a_policy_keeps_no_hold_on_the_mapping_it_was_made_from() -> None:
    signals = dict(DEFAULT_POLICY.signals)
    policy = Policy(signals=signals)
    signals.clear()
    assert policy == DEFAULT_POLICY


def test_rungs_go_from_the_mildest_to_the_hardest() -> None:
    rungs = DEFAULT_POLICY.account.rungs
    assert [action for action, _ in rungs] == ["observe", "throttle", "challenge", "suspend"]
    assert [rung.score for _, rung in rungs] == sorted(rung.score for _, rung in rungs)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_mistake_is_a_sentence_with_its_line(path: Path) -> None:
    found = [f"{problem.line}: {problem.sentence}" for problem in problems_of(path.read_text(encoding="utf-8"))]
    assert found == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


def test_the_error_as_text_has_every_problem() -> None:
    assert str(PolicyError((Problem(2, "One."), Problem(5, "Two.")))) == "line 2: One.\nline 5: Two."


def test_a_long_value_is_not_shown_whole() -> None:
    (problem,) = problems_of(f'shadow = "{"x" * 500}"')
    assert problem.sentence == f'shadow must be true or false, not "{"x" * 39}....'


@pytest.mark.parametrize(
    ("value", "shown"),
    [("{}", "a table"), ("[1]", "a list"), ("2026-11-23", "2026-11-23"), ("inf", "inf"), ("1_000_000.5", "1e+06")],
)
def test_a_refused_value_is_shown_in_few_words(value: str, shown: str) -> None:
    (problem,) = problems_of(f"shadow = {value}")
    assert problem.sentence == f"shadow must be true or false, not {shown}."


def test_a_list_is_wanted_where_ids_belong() -> None:
    (problem,) = problems_of('[allowlist]\naccounts = "acc-1"')
    assert problem == Problem(2, 'allowlist.accounts must be a list, not "acc-1".')


def test_no_sentence_is_made_of_a_value_that_was_refused_already() -> None:
    problems = problems_of(
        "[account]\nobserve = { score = 7, expires_hours = 24 }\n"
        "throttle = { score = 0.1, expires_hours = 6, requests = 1, tokens = 1, window_minutes = 1 }"
    )
    assert problems == (Problem(2, "account.observe.score must be a number above 0 and below 1, not 7."),)


def test_nothing_is_called_missing_that_may_stand_in_a_statement_that_could_not_be_read() -> None:
    problems = problems_of("[account.challenge]\nscore = 0.85\nexpires_hours = 12h")
    assert [problem.line for problem in problems] == [3]


@given(st.integers(0, len(SHIPPED)), st.integers(0, 12), st.text(max_size=6) | st.sampled_from('"[]{}=\n#.,'))
def test_a_damaged_file_is_read_or_refused_with_lines_of_the_file(at: int, cut: int, put: str) -> None:
    text = SHIPPED[:at] + put + SHIPPED[at + cut :]
    try:
        load_policy(text)
    except PolicyError as error:
        lines = [problem.line for problem in error.problems]
        assert lines == sorted(lines)
        assert lines[0] >= 1
        assert lines[-1] <= text.count("\n") + 1
