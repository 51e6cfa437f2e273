"""One contract that every signal keeps."""

import re
from importlib import import_module
from string import Formatter
from types import MappingProxyType
from typing import get_args

import pytest
from msgspec.structs import replace

from streams import accounts, evidence, networks
from streams.decisions import Family
from streams.policy import DEFAULT_POLICY
from streams.policy_signals import SIGNALS
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, NETWORK_SIGNALS, Signal, reasons_of
from streams.windows import DAY_MS

EVERY = [*ACCOUNT_SIGNALS, *NETWORK_SIGNALS, *CAMPAIGN_SIGNALS]
every_signal = pytest.mark.parametrize("signal", EVERY, ids=[signal.name for signal in EVERY])


def test_the_policy_names_exactly_the_signals_there_are() -> None:
    assert sorted(signal.name for signal in EVERY) == sorted(SIGNALS)


@every_signal
def test_it_belongs_to_a_known_family(signal: Signal) -> None:
    assert signal.family in get_args(Family)


@every_signal
def test_its_sentence_is_one_line_with_the_two_figures_and_no_others(signal: Signal) -> None:
    fields = [field for _, field, _, _ in Formatter().parse(signal.sentence) if field is not None]
    assert sorted(fields) == ["baseline", "observed"]
    assert re.fullmatch(r"\S.*\.", signal.sentence)
    assert "  " not in signal.sentence


@every_signal
def test_it_fires_on_its_samples_under_the_shipped_policy(signal: Signal) -> None:
    assert signal.fires
    for view in signal.fires:
        reason = signal.reason(view, SIGNALS[signal.name])
        assert reason is not None
        assert (reason.signal, reason.family, reason.weight) == (
            signal.name,
            signal.family,
            SIGNALS[signal.name].weight,
        )
        assert reason.observed >= reason.baseline == SIGNALS[signal.name].threshold
        assert "{" not in reason.sentence


@every_signal
def test_it_stays_quiet_on_its_samples_under_the_shipped_policy(signal: Signal) -> None:
    assert signal.quiet
    assert [signal.reason(view, SIGNALS[signal.name]) for view in signal.quiet] == [None] * len(signal.quiet)


@every_signal
def test_it_stays_quiet_on_what_is_ordinary(signal: Signal) -> None:
    typical = {
        ACCOUNT_SIGNALS: accounts.TYPICAL,
        NETWORK_SIGNALS: networks.TYPICAL,
        CAMPAIGN_SIGNALS: evidence.TYPICAL,
    }
    assert (
        signal.reason(next(view for signals, view in typical.items() if signal in signals), SIGNALS[signal.name])
        is None
    )


@every_signal
def test_it_gives_the_same_reason_for_the_same_view(signal: Signal) -> None:
    policy = SIGNALS[signal.name]
    assert [signal.reason(view, policy) for view in signal.fires] == [
        signal.reason(view, policy) for view in signal.fires
    ]


@every_signal
def test_it_stays_quiet_when_it_is_switched_off(signal: Signal) -> None:
    off = replace(SIGNALS[signal.name], enabled=False)
    assert [signal.reason(view, off) for view in signal.fires] == [None] * len(signal.fires)


@every_signal
def test_it_fires_from_the_threshold_on_and_not_below(signal: Signal) -> None:
    view = signal.fires[0]
    observed = signal.value(view)
    assert observed is not None
    policy = SIGNALS[signal.name]
    assert signal.reason(view, replace(policy, threshold=observed)) is not None
    assert signal.reason(view, replace(policy, threshold=observed * 1.001)) is None


@every_signal
def test_it_says_how_it_is_evaded(signal: Signal) -> None:
    docstring = " ".join((import_module(f"streams.signals.{signal.name}").__doc__ or "").split())
    assert re.search(r"Known evasions: \S.*?\.", docstring)


@pytest.mark.parametrize(
    ("age_ms", "of_the_plan"), [(1, "new_account_at_maximum"), (30 * DAY_MS, "volume_against_plan")]
)
def test_reasons_come_in_the_order_of_the_signals_and_one_figure_gives_one(age_ms: int, of_the_plan: str) -> None:
    """What an account uses of its plan is one fact, whether it is new or not."""
    guilty = accounts.TYPICAL._replace(
        requests=400,
        tokens=10_000_000,
        plan_daily_tokens=100_000,
        age_ms=age_ms,
        active_hours=24,
        top_template_share=1.0,
        capability_share=1.0,
    )
    reasons = reasons_of(guilty, ACCOUNT_SIGNALS, DEFAULT_POLICY.signals)
    assert [reason.signal for reason in reasons] == [
        of_the_plan,
        "round_the_clock",
        "template_concentration",
        "capability_focus",
    ]


def test_nothing_is_said_about_an_ordinary_account_or_link() -> None:
    assert reasons_of(accounts.TYPICAL, ACCOUNT_SIGNALS, MappingProxyType(SIGNALS)) == ()
    assert reasons_of(networks.TYPICAL, NETWORK_SIGNALS, SIGNALS) == ()
