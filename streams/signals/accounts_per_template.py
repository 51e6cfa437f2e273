"""{observed:.0f} accounts on unrelated networks keep coming back to one rare template (suspicious from {baseline:.0f}).

Rare: at most a quarter of all known accounts used it, and of those who did a quarter came back in another hour. Known
evasions: reword until the masked template changes. Innocent: a class doing one exercise (one network), benchmark fever
(everybody tries it, nobody comes back).
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "content"
FEWEST_NETWORKS = 4
COMMONEST_SHARE = 0.25
RETURNING_SHARE = 0.25


def value(view: NetworkView) -> float | None:
    """Ripe accounts (organisations once) on a template that is rare, comes from 4 networks, and is returned to."""
    if view.kind != "template" or view.networks < FEWEST_NETWORKS:
        return None
    if view.accounts > COMMONEST_SHARE * view.everybody or view.ripe_accounts < RETURNING_SHARE * view.accounts:
        return None
    return float(view.ripe_parties)


FIRES = (TYPICAL._replace(kind="template", accounts=70, ripe_accounts=60, ripe_parties=60, networks=50),)
QUIET = (
    TYPICAL._replace(kind="template", ripe_accounts=40, ripe_parties=40, networks=1),
    TYPICAL._replace(kind="template", ripe_accounts=3, ripe_parties=3, networks=50),
    TYPICAL._replace(kind="template", accounts=400, ripe_accounts=18, ripe_parties=18, networks=50),
    TYPICAL._replace(kind="template", accounts=4000, ripe_accounts=60, ripe_parties=60, networks=50),
    TYPICAL._replace(kind="payment", ripe_accounts=60, ripe_parties=60, networks=50),
)
