"""A link's window as the anomaly model sees it."""

from streams.anomaly import log_scale
from streams.networks import NetworkView

FEATURES = (
    "requests",
    "accounts",
    "requests_an_account",
    "tokens_a_request",
    "young_share",
    "networks_share",
    "active_hours",
    "capability_share",
    "ripe_share",
    "synchrony",
    "error_share",
)


def features_of(view: NetworkView) -> tuple[float, ...]:
    """The link's window as `FEATURES`, each about 0..1."""
    requests = max(1, view.requests)
    accounts = max(1, view.accounts)
    return (
        log_scale(view.requests, 1_000_000),
        log_scale(view.accounts, 100_000),
        log_scale(view.requests / accounts, 10_000),
        log_scale(view.tokens / requests, 100_000),
        view.young_accounts / accounts,
        view.networks / accounts,
        view.active_hours / 24,
        view.capability_share,
        view.ripe_accounts / accounts,
        view.synchrony,
        view.errors / requests,
    )
