"""The signals a policy may name, with what is shipped of each, and the thresholds that can tell anything apart."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct

Weight = Annotated[float, Meta(ge=0, le=20)]
Threshold = Annotated[float, Meta(gt=0, le=1_000_000)]


class SignalPolicy(Struct, frozen=True):
    """One signal: whether it counts, from which `threshold` (unit in the signal's docstring), and its log-odds."""

    enabled: bool
    threshold: Threshold
    weight: Weight


SIGNALS: Mapping[str, SignalPolicy] = MappingProxyType(
    {
        "volume_against_plan": SignalPolicy(enabled=True, threshold=2.0, weight=1.6),
        "new_account_at_maximum": SignalPolicy(enabled=True, threshold=0.8, weight=1.6),
        "round_the_clock": SignalPolicy(enabled=True, threshold=20, weight=1.6),
        "many_addresses": SignalPolicy(enabled=True, threshold=24, weight=1.8),
        "template_concentration": SignalPolicy(enabled=True, threshold=0.6, weight=1.0),
        "unfollowed_rewordings": SignalPolicy(enabled=True, threshold=5, weight=4.8),
        "capability_focus": SignalPolicy(enabled=True, threshold=0.8, weight=0.6),
        "unfollowed_extraction": SignalPolicy(enabled=True, threshold=0.3, weight=1.5),
        "anomaly": SignalPolicy(enabled=True, threshold=200, weight=0.8),
        "accounts_per_payment": SignalPolicy(enabled=True, threshold=5, weight=3.5),
        "accounts_per_template": SignalPolicy(enabled=True, threshold=3, weight=2.5),
        "synchrony": SignalPolicy(enabled=True, threshold=0.8, weight=1.5),
        "young_accounts": SignalPolicy(enabled=True, threshold=0.5, weight=1.0),
        "network_anomaly": SignalPolicy(enabled=True, threshold=200, weight=0.6),
        "rewordings": SignalPolicy(enabled=True, threshold=8, weight=3.0),
        "rotated_wordings": SignalPolicy(enabled=True, threshold=0.6, weight=3.6),
        "shared_payments": SignalPolicy(enabled=True, threshold=0.3, weight=3.0),
        "recent_accounts": SignalPolicy(enabled=True, threshold=0.8, weight=2.0),
        "no_old_accounts": SignalPolicy(enabled=True, threshold=0.95, weight=2.0),
        "extracted_capabilities": SignalPolicy(enabled=True, threshold=0.8, weight=1.0),
    }
)
"""Every signal a policy may name, as shipped."""


THRESHOLD_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "round_the_clock": (1, 24),
        "template_concentration": (0.01, 1),
        "capability_focus": (0.01, 1),
        "unfollowed_extraction": (0.01, 1),
        "anomaly": (2, 769),
        "accounts_per_payment": (2, 1_000_000),
        "accounts_per_template": (2, 1_000_000),
        "synchrony": (0.01, 1),
        "young_accounts": (0.01, 1),
        "rewordings": (2, 1_000_000),
        "rotated_wordings": (0.01, 1),
        "shared_payments": (0.01, 1),
        "recent_accounts": (0.01, 1),
        "no_old_accounts": (0.01, 1),
        "extracted_capabilities": (0.01, 1),
        "network_anomaly": (2, 769),
    }
)
"""Thresholds that can tell anything apart: below, everybody would be above it; above, nobody (shares end at 1, a day
at 24 hours, strangeness at one in 769, the windows that calibrate an epoch of `streams.anomaly` and one)."""
