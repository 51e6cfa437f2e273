"""{observed:.0f} wordings of one instruction go round among accounts that have nothing in common (from {baseline:.0f}).

Two templates are wordings of one instruction if they share about half of their words with a subject. Counted only
where a third of those who used one used another too: what a crowd comes upon, each once, is a common phrase. Known
evasions: an instruction a request; a phrasing so common that a crowd uses it too. Innocent: the versions of one
plug-in's prompt, of which each of its users has one or two; questions of one list, some of which are nearly the same.
"""

from streams.decisions import Family
from streams.evidence import TYPICAL, CampaignView

FAMILY: Family = "content"
FEWEST_PARTIES = 5


def value(view: CampaignView) -> float | None:
    """Templates with a sibling, of campaigns of 5 parties or more that came to be by no chance."""
    if view.parties < FEWEST_PARTIES or view.came_by_chance:
        return None
    return float(view.rewordings)


FIRES = (TYPICAL._replace(parties=40, returning=0.6, templates=80, rewordings=75),)
QUIET = (
    TYPICAL._replace(parties=40, returning=0.05, templates=80, rewordings=75),
    TYPICAL._replace(parties=3, returning=0.9, templates=80, rewordings=75),
    TYPICAL._replace(parties=40, returning=0.9, templates=5, rewordings=2),
)
