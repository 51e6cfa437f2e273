"""One account used from {observed:.0f} addresses and user agents in 24 hours (suspicious from {baseline:.0f}).

Adds the two up, and says nothing of an account with fewer than four user agents, whatever its addresses. Known
evasions: one static proxy an account; three user agents for all addresses. Innocent: a mobile network that changes the
address all day, with one user agent.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "identity"
FEWEST_AGENTS = 4


def value(view: AccountView) -> float | None:
    """Distinct addresses and user agents together, for accounts with at least 4 user agents."""
    if view.user_agents < FEWEST_AGENTS:
        return None
    return float(view.addresses + view.user_agents)


FIRES = (TYPICAL._replace(addresses=40, user_agents=12), TYPICAL._replace(addresses=20, user_agents=FEWEST_AGENTS))
QUIET = (
    TYPICAL._replace(addresses=60, user_agents=FEWEST_AGENTS - 1),
    TYPICAL._replace(addresses=60, user_agents=1),
    TYPICAL._replace(addresses=6, user_agents=5),
)
