"""{observed:.0f} accounts on unrelated networks live off one rare template (suspicious from {baseline:.0f}).

Rare: at most a quarter of all known accounts ever used it. Known evasions: reword until the masked template changes.
Innocent: a class doing one exercise (one network), benchmark fever (nobody lives off it).
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "content"
FEWEST_NETWORKS = 4
RAREST_SHARE = 0.25


def value(view: NetworkView) -> float | None:
    """Ripe accounts (organisations once) on a template that is rare and comes from at least 4 networks."""
    if view.kind != "template" or view.networks < FEWEST_NETWORKS:
        return None
    return float(view.ripe_parties) if view.accounts <= RAREST_SHARE * view.everybody else None


FIRES = (TYPICAL._replace(kind="template", ripe_accounts=60, ripe_parties=60, networks=50),)
QUIET = (
    TYPICAL._replace(kind="template", ripe_accounts=40, ripe_parties=40, networks=1),
    TYPICAL._replace(kind="template", ripe_accounts=3, ripe_parties=3, networks=50),
    TYPICAL._replace(kind="template", accounts=4000, ripe_accounts=60, ripe_parties=60, networks=50),
    TYPICAL._replace(kind="payment", ripe_accounts=60, ripe_parties=60, networks=50),
)
