"""This link is stranger than all but one in {observed:.0f} of its kind (suspicious from one in {baseline:.0f}).

The online anomaly score of river's half-space trees over links, calibrated (see `streams.anomaly`). Known evasions:
look average in every feature; many small links in place of a large one; teach it by other links, before any member of
theirs is named. Strange is not guilty: it weighs little and never ties an account to a campaign.
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "anomaly"


def value(view: NetworkView) -> float | None:
    """One over the p-value; None while the model is not ready."""
    return None if view.p_value is None else 1 / view.p_value


FIRES = (TYPICAL._replace(p_value=1 / 257),)
QUIET = (TYPICAL._replace(p_value=0.4), TYPICAL._replace(p_value=None))
