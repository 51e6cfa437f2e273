"""Signals: one file each. A signal's docstring is the sentence on-call reads; `value` is what it measures.

A signal module has
- a docstring whose first paragraph is the sentence, with `{observed}` and `{baseline}` for the two figures, and which
  says after "Known evasions:" how to get by it,
- `FAMILY`, the kind of evidence it is (evidence of one family is not independent),
- `value(view)`, the figure that is held against the policy's threshold, or None where the signal has nothing to say,
- `FIRES` and `QUIET`, samples of both: they are its tests.

To add one: write the file, list it here, and give it a threshold and a weight, in `SIGNALS` of `streams.policy_signals`
and in `deploy/policy.toml`, and the range of its threshold in `THRESHOLD_RANGES`, where not every one tells apart.
"""

from collections.abc import Callable, Iterable, Mapping
from inspect import cleandoc
from types import ModuleType
from typing import Any

from msgspec import Struct

from streams.decisions import Family, Reason
from streams.policy_signals import SignalPolicy
from streams.signals import (
    accounts_per_payment,
    accounts_per_template,
    anomaly,
    capability_focus,
    extracted_capabilities,
    many_addresses,
    network_anomaly,
    new_account_at_maximum,
    no_old_accounts,
    recent_accounts,
    rewordings,
    rotated_wordings,
    round_the_clock,
    shared_payments,
    synchrony,
    template_concentration,
    unfollowed_extraction,
    unfollowed_rewordings,
    volume_against_plan,
    young_accounts,
)


class Signal(Struct, frozen=True):
    """A signal module, taken apart once: its name is the file's, its sentence the first paragraph of its docstring."""

    name: str
    family: Family
    sentence: str
    value: Callable[[Any], float | None]
    fires: tuple[Any, ...]
    quiet: tuple[Any, ...]

    def reason(self, view: object, policy: SignalPolicy) -> Reason | None:
        """The reason this signal gives for `view` under `policy`, or None if it stays quiet."""
        if not policy.enabled:
            return None
        observed = self.value(view)
        if observed is None or observed < policy.threshold:
            return None
        sentence = self.sentence.format(observed=observed, baseline=policy.threshold)
        return Reason(self.name, self.family, sentence, round(observed, 6), policy.threshold, policy.weight)


def _signal(module: ModuleType) -> Signal:
    sentence = cleandoc(module.__doc__ or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")
    name = module.__name__.rpartition(".")[2]
    return Signal(name, module.FAMILY, sentence, module.value, module.FIRES, module.QUIET)


ACCOUNT_SIGNALS: tuple[Signal, ...] = tuple(
    _signal(module)
    for module in (
        volume_against_plan,
        new_account_at_maximum,
        round_the_clock,
        many_addresses,
        template_concentration,
        unfollowed_rewordings,
        capability_focus,
        unfollowed_extraction,
        anomaly,
    )
)
"""The signals that judge an `AccountView`."""

NETWORK_SIGNALS: tuple[Signal, ...] = tuple(
    _signal(module)
    for module in (accounts_per_payment, accounts_per_template, synchrony, young_accounts, network_anomaly)
)
"""The signals that judge a `NetworkView`."""

CAMPAIGN_SIGNALS: tuple[Signal, ...] = tuple(
    _signal(module)
    for module in (
        rewordings,
        rotated_wordings,
        shared_payments,
        recent_accounts,
        no_old_accounts,
        extracted_capabilities,
    )
)
"""The signals that judge a `CampaignView`."""


def reasons_of(view: object, signals: Iterable[Signal], policies: Mapping[str, SignalPolicy]) -> tuple[Reason, ...]:
    """Every reason that `signals` give for `view`, in their order."""
    found = (signal.reason(view, policies[signal.name]) for signal in signals)
    return tuple(reason for reason in found if reason is not None)
