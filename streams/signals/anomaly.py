"""Its window is stranger than all but one in {observed:.0f} of its cohort's (suspicious from one in {baseline:.0f}).

The online anomaly score of river's half-space trees, calibrated (see `streams.anomaly`). Its cohort are accounts of its
plan, age and kind of use, or of plan and age, or plan, or all, whichever are enough to tell. Known evasions: look
average in every feature. Strange is not guilty: it weighs little and limits nobody alone.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "anomaly"
FEWEST_REQUESTS = 30


def value(view: AccountView) -> float | None:
    """One over the p-value, for accounts with at least 30 requests in 24 hours; None while the model is not ready."""
    if view.p_value is None or view.requests < FEWEST_REQUESTS:
        return None
    return 1 / view.p_value


FIRES = (TYPICAL._replace(requests=100, p_value=1 / 257),)
QUIET = (TYPICAL._replace(requests=100, p_value=0.5), TYPICAL._replace(requests=100, p_value=None))
