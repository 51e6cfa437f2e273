"""{observed:.0%} of its requests are one template with other words in the slots (suspicious from {baseline:.0%}).

Known evasions: rotate templates; reword. Innocent: a spreadsheet run through one prompt, a nightly evaluation.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "content"
FEWEST_REQUESTS = 30


def value(view: AccountView) -> float | None:
    """The commonest template's share of the requests, for accounts with at least 30 requests in 24 hours."""
    return view.top_template_share if view.requests >= FEWEST_REQUESTS else None


FIRES = (TYPICAL._replace(requests=200, top_template_share=0.9),)
QUIET = (TYPICAL._replace(requests=200, top_template_share=0.2), TYPICAL._replace(requests=5, top_template_share=1.0))
