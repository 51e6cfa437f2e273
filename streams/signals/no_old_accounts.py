"""At least {observed:.0%} of its accounts were opened within the last half year (suspicious from {baseline:.0%}).

The lower end of what the accounts known speak for, with 95 % confidence: it takes some fifty accounts without one that
is older. Known evasions: buy or age accounts before use, or lend them to long-standing customers. Innocent: whoever
comes with a product that is not half a year old.
"""

from streams.decisions import Family
from streams.evidence import TYPICAL, CampaignView

FAMILY: Family = "lifecycle"


def value(view: CampaignView) -> float | None:
    """The share of accounts younger than 180 days, of campaigns that came to be by no chance."""
    return None if view.came_by_chance else view.half_year


FIRES = (TYPICAL._replace(parties=400, returning=0.6, recent=0.4, half_year=0.97),)
QUIET = (
    TYPICAL._replace(parties=400, returning=0.6, recent=0.4, half_year=0.6),
    TYPICAL._replace(parties=400, returning=0.1, recent=0.4, half_year=0.9),
)
