"""A new account that already used {observed:.0%} of its plan's daily tokens (suspicious from {baseline:.0%}).

New is younger than three days; from then on `volume_against_plan` speaks of the same figure, and never both. Known
evasions: age accounts before use; ramp up slowly.
"""

from streams.accounts import NEW_MS, TYPICAL, AccountView
from streams.decisions import Family
from streams.windows import DAY_MS

FAMILY: Family = "lifecycle"


def value(view: AccountView) -> float | None:
    """Tokens of the last 24 hours over the plan's daily tokens, for accounts younger than three days."""
    if view.age_ms is None or view.age_ms >= NEW_MS or not view.plan_daily_tokens:
        return None
    return view.tokens / view.plan_daily_tokens


FIRES = (TYPICAL._replace(age_ms=DAY_MS, plan_daily_tokens=100_000, tokens=97_000),)
QUIET = (
    TYPICAL._replace(age_ms=30 * DAY_MS, plan_daily_tokens=100_000, tokens=97_000),
    TYPICAL._replace(age_ms=DAY_MS, plan_daily_tokens=100_000, tokens=9_000),
    TYPICAL._replace(age_ms=None, plan_daily_tokens=100_000, tokens=97_000),
)
