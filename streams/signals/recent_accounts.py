"""At least {observed:.0%} of its accounts were opened within the last 60 days (suspicious from {baseline:.0%}).

The lower end of what the accounts known speak for, with 95 % confidence: few accounts are not enough. Where hardly
anything is reworded it says nothing of fewer than 25: a tool with a prompt or two, or a new team, may be as new.

Known evasions: buy or age accounts before use. Innocent: the first users of something new.
"""

from streams.decisions import Family
from streams.evidence import REWORDED, TYPICAL, CampaignView

FAMILY: Family = "lifecycle"
FEWEST_ACCOUNTS = 25


def value(view: CampaignView) -> float | None:
    """The share of accounts younger than 60 days, of campaigns that reword or are large, and are no chance."""
    is_small = view.accounts < FEWEST_ACCOUNTS and view.rewordings < REWORDED
    return None if is_small or view.came_by_chance else view.recent


_NEW = TYPICAL._replace(parties=40, accounts=40, returning=0.6, recent=0.95)

FIRES = (_NEW, _NEW._replace(parties=10, accounts=10, templates=12, rewordings=12))
QUIET = (
    _NEW._replace(recent=0.3),
    _NEW._replace(returning=0.1, recent=0.7),
    _NEW._replace(parties=20, accounts=20, rewordings=2),
)
