"""{observed:.0f} accounts on unrelated networks send one specific instruction (suspicious from {baseline:.0f}).

Specific: long enough that nobody comes upon it by chance, or long and returned to; and rare: at most a quarter of all
known accounts used it. Known evasions: reword until the masked template changes (`rewordings` looks for that); be so
brief as to be commonplace, which helps until a campaign is found whose members are nearly all who send it.
Innocent: a class doing one exercise (one network), benchmark fever, the users of one plug-in: alone it limits nobody.
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "content"
FEWEST_NETWORKS = 3
COMMONEST_SHARE = 0.25
WORDS_OF_NO_CHANCE = 9
FEWEST_WORDS = 5
RETURNED_TO = 1.5
"""Requests an account on average, from which a template of fewer words is one that accounts return to."""


def value(view: NetworkView) -> float | None:
    """Ripe accounts (organisations once) on a template that is specific, rare, and comes from 3 networks."""
    if not _is_rare(view) or (view.words < WORDS_OF_NO_CHANCE and view.requests < RETURNED_TO * view.accounts):
        return None
    return float(view.ripe_parties)


def is_short(view: NetworkView) -> bool:
    """Whether it is a template that ties nobody by itself, because somebody may come upon its few words."""
    return _is_rare(view) and view.words < WORDS_OF_NO_CHANCE


def _is_rare(view: NetworkView) -> bool:
    is_shared = view.kind == "template" and view.networks >= FEWEST_NETWORKS
    return is_shared and view.words >= FEWEST_WORDS and view.accounts <= COMMONEST_SHARE * view.everybody


_RARE = TYPICAL._replace(kind="template", accounts=70, ripe_accounts=60, ripe_parties=60, networks=50, words=11)

FIRES = (_RARE, _RARE._replace(words=6, requests=300))
QUIET = (
    _RARE._replace(networks=1),
    _RARE._replace(ripe_accounts=2, ripe_parties=2),
    _RARE._replace(words=6, requests=75),
    _RARE._replace(words=3, requests=300),
    _RARE._replace(accounts=4000, requests=20_000),
    _RARE._replace(kind="payment"),
)
