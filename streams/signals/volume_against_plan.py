"""Used {observed:.1f} times the tokens that its plan allows in a day (suspicious from {baseline:.1f} times).

Known evasions: spread the volume over more accounts; buy bigger plans. Silent where the plan's allowance is unknown,
and of accounts younger than three days: of these `new_account_at_maximum` speaks, and one figure is one reason.
"""

from streams.accounts import NEW_MS, TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "volume"


def value(view: AccountView) -> float | None:
    """Tokens of the last 24 hours over the plan's daily tokens, but for accounts younger than three days."""
    if not view.plan_daily_tokens or (view.age_ms is not None and view.age_ms < NEW_MS):
        return None
    return view.tokens / view.plan_daily_tokens


FIRES = (
    TYPICAL._replace(plan_daily_tokens=100_000, tokens=500_000),
    TYPICAL._replace(plan_daily_tokens=100_000, tokens=500_000, age_ms=None),
    TYPICAL._replace(plan_daily_tokens=100_000, tokens=500_000, age_ms=NEW_MS),
)
QUIET = (
    TYPICAL,
    TYPICAL._replace(plan_daily_tokens=100_000, tokens=99_000),
    TYPICAL._replace(plan_daily_tokens=100_000, tokens=500_000, age_ms=NEW_MS - 1),
    TYPICAL._replace(plan_daily_tokens=None, tokens=10**9),
    TYPICAL._replace(plan_daily_tokens=0, tokens=10**9),
)
