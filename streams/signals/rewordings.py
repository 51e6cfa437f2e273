"""{observed:.0f} wordings of one instruction go round among accounts that have nothing in common (from {baseline:.0f}).

Two templates are wordings of one instruction if they share most of their words with a subject. Counted only where a
quarter of those who used one of them used another too: what a crowd comes upon, each once, is a common phrase. Known
evasions: an instruction a request; a phrasing so common that a crowd uses it too. Innocent: the versions of one
plug-in's prompt, of which each of its users has one or two.
"""

from streams.decisions import Family
from streams.evidence import RETURNING_SHARE, TYPICAL, CampaignView

FAMILY: Family = "content"
FEWEST_PARTIES = 5


def value(view: CampaignView) -> float | None:
    """Templates with a sibling, of campaigns of at least 5 parties most of which did not come upon them by chance."""
    if view.parties < FEWEST_PARTIES or view.returning < RETURNING_SHARE:
        return None
    return float(view.rewordings)


FIRES = (TYPICAL._replace(parties=40, returning=0.6, templates=80, rewordings=75),)
QUIET = (
    TYPICAL._replace(parties=40, returning=0.05, templates=80, rewordings=75),
    TYPICAL._replace(parties=3, returning=0.9, templates=80, rewordings=75),
    TYPICAL._replace(parties=40, returning=0.9, templates=5, rewordings=2),
)
