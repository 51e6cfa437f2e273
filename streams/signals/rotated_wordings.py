"""At least {observed:.0%} of those who repeat an instruction rotate its wordings (suspicious from {baseline:.0%}).

Of an instruction in 12 wordings or more, each of which several accounts send. Who draws a wording for every request has
five and more, others than the next account, and comes back to no more of them than by chance; a tool's users come back
to their commands or the wording of their version, and who runs a benchmark asks what all ask. The lower end of what the
parties speak for, with 95 % confidence. It needs nothing of who they are, how they pay or how old they are, but days.
It names the accounts that rotate, and those opened since that send the same; the wordings are limited for everybody.
Known evasions: four wordings an account, or more than some forty; fewer than 12 in all, or so few that all come back;
each of them four times, as who samples answers does, or one of them by a tenth of the accounts; the same for a third of
the accounts, or for those of one kind; the same words in another order, or so many words that the sketch lacks those
that differ; accounts so many that each asks now and then; twice as many passers-by as accounts that rotate. Innocent: a
service that tries out a dozen wordings of its prompt on every user, or a tool that draws examples for it from a short
list; people who each draw other questions from a list whose questions are nearly the same, or try many examples of a
gallery, or a prompt a day, until they come back to some; whoever sends now and then what an attacker draws.
"""

from streams.decisions import Family
from streams.evidence import TYPICAL, CampaignView, Rotation

FAMILY: Family = "content"
FEWEST_PARTIES = 5


def value(view: CampaignView) -> float | None:
    """The share of accounts that rotate, of campaigns of 5 parties or more that came to be by no chance."""
    return None if view.parties < FEWEST_PARTIES or view.came_by_chance else view.rotation.share


_REWORDED = TYPICAL._replace(parties=40, returning=0.6, templates=24, rewordings=24)

FIRES = (_REWORDED._replace(rotation=Rotation(0.9)),)
QUIET = (
    _REWORDED._replace(rotation=Rotation(0.4)),
    _REWORDED._replace(rotation=Rotation(0.9), returning=0.1),
    _REWORDED._replace(rotation=Rotation(0.9), parties=4),
)
