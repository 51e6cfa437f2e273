"""{observed:.0f} follow-ups are missing after one instruction in many wordings (suspicious from {baseline:.0f}).

The account follows up what it opens conversations with, but for one instruction, which it asks in ever new wordings
made of few words (`streams.instructions`): by its own habit so many more would have been followed up. Templates with
slots do not count, nor do accounts that never converse: other signals see those. `unfollowed_extraction` speaks only
where this does. Known evasions: one fixed wording; whole sentences exchanged or left out; following up a fifth of the
answers; an account for extraction alone. Silent where the gateway knows no conversations. Innocent: a tool with two
slots from short lists (tests in one of three languages for a class, a function or a module) in the account of somebody
who also converses: alone it limits nobody.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "content"


def value(view: AccountView) -> float | None:
    """Follow-ups that its habit would have led to, less those that came; None if a quarter came, or none is due."""
    return view.missing_follow_ups or None


FIRES = (
    TYPICAL._replace(requests=1_500, reworded=75, followed_share=0.7),
    TYPICAL._replace(requests=100, reworded=10, followed_share=0.6),
)
QUIET = (
    TYPICAL,
    TYPICAL._replace(requests=1_500, reworded=190, reworded_followed=107, followed_share=0.7),
    TYPICAL._replace(requests=1_500, reworded=16, reworded_followed=5, followed_share=0.7),
    TYPICAL._replace(requests=4_000, reworded=4_000, followed_share=0.0),
    TYPICAL._replace(requests=40, reworded=5, followed_share=0.7),
)
