"""Its accounts are active in the same hours: {observed:.0%} together (suspicious from {baseline:.0%}).

For a random active hour of a random account, the share of the others that are active in it too, where the link was
active in at least 18 of the last 24 hours: what is busy at the same time by day is an office, what is busy at the same
time round the clock is a scheduler. Known evasions: give accounts shifts, or a night.
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "rhythm"
FEWEST_ACCOUNTS = 5


def value(view: NetworkView) -> float | None:
    """The round-the-clock synchrony of the ripe accounts, where there are at least 5."""
    return view.synchrony if view.ripe_accounts >= FEWEST_ACCOUNTS else None


FIRES = (TYPICAL._replace(ripe_accounts=60, active_hours=20, synchrony=0.9),)
QUIET = (
    TYPICAL._replace(ripe_accounts=6, active_hours=20, synchrony=0.65),  # an office of busy people who pay together
    TYPICAL._replace(ripe_accounts=60, active_hours=20, synchrony=0.2),
    TYPICAL._replace(ripe_accounts=2, active_hours=20, synchrony=1.0),
)
