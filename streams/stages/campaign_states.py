"""Which states a finding is about: pointers from links and accounts to campaigns, through those that took others in."""

from collections.abc import Iterable

from streams.campaigns import Campaign, Pointer
from streams.findings import Finding, link_name
from streams.sketches import Sketches
from streams.states import States

SKETCHES = "sketches"
"""The key of the sketches of all templates."""


def is_known(finding: Finding, states: States) -> bool:
    """True if the finding's campaign knows all that it says.

    Networks say again what they said before when their states were lost or rolled back, perhaps in other words:
    records cannot be told apart by where they came from, so findings are told apart by what they say.
    """
    campaign = final(states.read(link_key(link_name(finding)), Pointer).campaign_id, states)
    return campaign is not None and campaign.knows(finding)


def home_campaigns(
    finding: Finding, siblings: Iterable[str], states: States
) -> tuple[dict[str, str], dict[str, Campaign]]:
    """Where the members belong now, and the campaigns of these, of the link and of its siblings."""
    homes: dict[str, str] = {}
    campaigns: dict[str, Campaign] = {}
    for name in (link_name(finding), *sorted(siblings)):
        campaign = final(states.read(link_key(name), Pointer).campaign_id, states)
        if campaign is not None:
            campaigns[campaign.campaign_id] = campaign
    for name in (tied.account_id for tied in finding.members):
        campaign = home_of(name, states)
        if campaign is not None:
            campaigns[campaign.campaign_id] = campaign
            homes[name] = campaign.campaign_id
    return homes, campaigns


def remember_members(campaign: Campaign, finding: Finding, states: States) -> None:
    """Have the campaign remember those of a finding that are at home in it, and that it had to forget."""
    if not campaign.gone:
        return
    for tied in finding.members:
        home = home_of(tied.account_id, states)
        if home is not None and campaign.has_forgotten(tied.account_id, home.campaign_id):
            pointer = states.change(member_key(tied.account_id), Pointer)
            campaign.remember(tied, finding.as_of_ms, is_named=pointer.campaign_id == campaign.campaign_id)
            pointer.campaign_id = campaign.campaign_id


def note_sketch(finding: Finding, states: States) -> None:
    """Remember the sketch of a finding's template: what is stored gets a line more, until many lines count no more.

    Nothing is appended where that is known, and so it does not expire while templates are found.
    """
    sketches = states.read(SKETCHES, Sketches)
    line = sketches.note(finding)
    if sketches.is_long:
        states.changed.add(SKETCHES)
        states.appended.pop(SKETCHES, None)
    elif finding.sketch is not None:
        states.appended[SKETCHES] = states.appended.get(SKETCHES, b"") + line


def chain(campaign_id: str | None, states: States) -> set[str]:
    """The keys of a campaign and of those that took it in, as far as they are at hand."""
    keys: set[str] = set()
    while campaign_id is not None and campaign_key(campaign_id) not in keys:
        keys.add(campaign_key(campaign_id))
        if campaign_key(campaign_id) not in states:
            break
        campaign_id = states.read(campaign_key(campaign_id), Campaign).merged_into
    return keys


def home_of(account_id: str, states: States) -> Campaign | None:
    """The campaign that an account belongs to today."""
    return final(states.read(member_key(account_id), Pointer).campaign_id, states)


def final(campaign_id: str | None, states: States) -> Campaign | None:
    """The campaign that `campaign_id` is part of today: those on the way are told, or the way would grow for ever."""
    way: list[Campaign] = []
    while campaign_id is not None:
        way.append(states.read(campaign_key(campaign_id), Campaign))
        campaign_id = way[-1].merged_into
    for taken_in in way[:-2]:
        states.change(campaign_key(taken_in.campaign_id), Campaign).merged_into = way[-1].campaign_id
    return way[-1] if way else None


def short_key(name: str) -> str:
    """The key of which campaign has a template, named as a link, that is too short to tie anybody."""
    return f"short:{name}"


def campaign_key(campaign_id: str) -> str:
    """The key of a campaign's state."""
    return f"campaign:{campaign_id}"


def member_key(account_id: str) -> str:
    """The key of where an account belongs."""
    return f"member:{account_id}"


def link_key(name: str) -> str:
    """The key of where a link, by its name, belongs."""
    return f"link:{name}"
