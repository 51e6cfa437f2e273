"""{observed:.0%} of its instructions ask for what campaigns extract (suspicious from {baseline:.0%}).

Reasoning, code, tools, data analysis, vision, grading, policy-sensitive rewrites. Known evasions: instructions that do
not say what they want. Innocent: most specialists, so it weighs little.
"""

from streams.decisions import Family
from streams.evidence import TYPICAL, CampaignView

FAMILY: Family = "capability"
FEWEST_PARTIES = 5


def value(view: CampaignView) -> float | None:
    """The share of templates that ask for such a capability, of campaigns of at least 5 parties and one template."""
    if view.parties < FEWEST_PARTIES or view.came_by_chance or not view.templates:
        return None
    return view.capability_share


FIRES = (TYPICAL._replace(parties=40, returning=0.6, templates=80, capability_share=0.95),)
QUIET = (
    TYPICAL._replace(parties=40, returning=0.6, templates=80, capability_share=0.3),
    TYPICAL._replace(parties=40, returning=0.1, templates=80, capability_share=1.0),
    TYPICAL._replace(parties=4, returning=0.6, templates=80, capability_share=1.0),
)
