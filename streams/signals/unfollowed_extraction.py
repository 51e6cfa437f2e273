"""{observed:.0%} of what it asks with that instruction is what campaigns extract (suspicious from {baseline:.0%}).

That instruction: the one that it rewords and does not follow up (`unfollowed_rewordings`). What it asks for is another
fact than that nobody reads the answers, but it is looked at only there: this never speaks without the other. So it is a
family of its own by what it measures, not an independent one; its weight is what it adds to the other, and the shipped
weights of both do not come to a throttle. Known evasions: questions that do not say what they want. Innocent: whoever
has a habit of asking for code or for reasoning, so it weighs little.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "capability"
FEWEST_MISSING = 5


def value(view: AccountView) -> float | None:
    """Of the requests of the reworded instruction, those for any capability but `other`; None below 5 missing."""
    if view.missing_follow_ups < FEWEST_MISSING:
        return None
    return view.reworded_extracted / view.reworded


FIRES = (TYPICAL._replace(requests=1_500, reworded=75, reworded_extracted=70, followed_share=0.7),)
QUIET = (
    TYPICAL,
    TYPICAL._replace(requests=1_500, reworded=75, reworded_extracted=5, followed_share=0.7),
    TYPICAL._replace(requests=1_500, reworded=75, reworded_extracted=75, reworded_followed=40, followed_share=0.7),
)
