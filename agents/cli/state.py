"""`stillwatch state`: what is known about an account, a shared link or a campaign, for a person to read."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import click

from agents.cli.config import read_policy
from agents.cli.failing import UnusableError
from agents.cli.options import POLICY
from agents.clock import moment
from agents.explaining.evidence import verdict
from agents.known import campaign_named, campaign_of, learner_of, stored_account, stored_state
from agents.settings import Settings, SettingsError, read_settings
from agents.store import Place, Store, StoreError
from agents.store.redis import RedisStore
from agents.topics import TopicError, TopicNames, partitions_of
from streams.accounts import AccountView, Enforcement, account_of, current_view
from streams.campaigns import Campaign
from streams.events import CAPABILITIES
from streams.evidence import HALF_YEAR_MS, sharers
from streams.explaining.now import campaign_now
from streams.learning import Learner
from streams.links import LINK_KINDS, LinkKind, link_partition
from streams.members import RECENT_MS
from streams.networks import NetworkState
from streams.networks import view_of as network_view
from streams.policy import Policy
from streams.stages import NetworksStage
from streams.stages.networks import link_key
from streams.windows import DAY_MS, Windows

Rows = list[tuple[str, str]]

MEMBERS_SHOWN = 20
LINKS_SHOWN = 5


@click.command(short_help="Print what is known of an account or link.")
@click.argument("subject")
@click.option("--all", "everything", is_flag=True, help="Every member of a campaign, not the first 20.")
@POLICY
def state(subject: str, *, everything: bool, policy_path: Path | None) -> None:
    """Print the state of SUBJECT: an account id, a link as KIND:VALUE (network, asn, payment, template, tls), or c-...

    A campaign is judged by the policy. Reads Redis; needs REDIS_URL and KAFKA_BOOTSTRAP_SERVERS. Exit code 1 if
    nothing is known.
    """
    _, policy = read_policy(policy_path)
    try:
        settings = read_settings()
        partitions = partitions_of(settings.bootstrap_servers, TopicNames.under(settings.prefix))
        rows = asyncio.run(_rows(subject, settings, partitions, policy, everything=everything))
    except (SettingsError, TopicError, StoreError) as error:
        raise UnusableError(str(error)) from error
    if rows is None:
        _check_kind(subject)
        click.echo(f"Nothing is known of {subject}.", err=True)
        raise click.exceptions.Exit(1)
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}")


def _check_kind(subject: str) -> None:
    """Raise `UnusableError` for a link that there cannot be; only after no account was found that is called so."""
    kind, colon, value = subject.partition(":")
    if colon and not (kind in LINK_KINDS and value):
        raise UnusableError(
            f"Nothing is known of an account {subject}, and a link is KIND:VALUE with one of "
            f"{', '.join(LINK_KINDS)} for KIND"
        )


async def _rows(subject: str, settings: Settings, partitions: int, policy: Policy, *, everything: bool) -> Rows | None:
    store = RedisStore(settings.redis_url, prefix=settings.prefix)
    try:
        kind, _, value = subject.partition(":")
        link_kind = next((known for known in LINK_KINDS if known == kind), None)
        if link_kind is not None and value:
            return await _link(store, link_kind, value, partitions, policy)
        if subject.startswith("c-"):
            campaign = await campaign_named(store, subject)
            if campaign is not None:
                shown = len(campaign.members) if everything else MEMBERS_SHOWN
                return _campaign_rows(campaign, await learner_of(store), policy, members_shown=shown)
        return await _account(store, subject, partitions)
    finally:
        await store.close()


async def _account(store: Store, account_id: str, partitions: int) -> Rows | None:
    found = await stored_account(store, account_id, partitions)
    if found is None:
        return None
    account, view = account_of(found), current_view(found)
    campaign = await campaign_of(store, account_id)
    return [
        ("account", account_id),
        ("plan", f"{account.profile.plan or 'unknown'}, {account.profile.plan_daily_tokens or 'unknown'} tokens a day"),
        ("created", _time(account.profile.created_at_ms)),
        ("seen", f"{_time(account.first_ms)} to {_time(account.last_ms)}, {account.requests} requests"),
        *_window_rows(account.windows),
        ("active", f"{view.active_hours} of the last 24 hours, {view.active_hours_7d} of the last 168"),
        ("rhythm", f"variation of the gap between requests {view.gap_variation:.2f} (0 is a metronome)"),
        ("distinct, 24 h", f"{view.addresses} addresses, {view.user_agents} user agents"),
        ("", f"{view.templates} templates, {view.conversations} conversations"),
        ("top template", f"{view.top_template_share:.0%} of its requests"),
        ("follow-ups", f"{view.followed_share:.0%} of the conversations that it opens go on"),
        *_reworded(view),
        ("capabilities", _capabilities(account.capability_days.values())),
        ("anomaly", _strangeness(view.p_value)),
        ("late events", str(account.late)),
        ("enforcement", _enforcement(account.enforcement)),
        *([] if campaign is None else [("campaign", _membership(account_id, campaign))]),
    ]


def _reworded(view: AccountView) -> Rows:
    """The instruction that it asks in many wordings, if there is one."""
    if not view.reworded:
        return []
    text = f"{view.reworded} requests, {view.reworded_followed} followed up, {view.reworded_extracted} as campaigns ask"
    return [("one instruction", text)]


async def _link(store: Store, kind: LinkKind, value: str, partitions: int, policy: Policy) -> Rows | None:
    stage = NetworksStage(policy)
    place = Place(stage.name, link_partition(kind, value, partitions))
    key = link_key(kind, value)
    found = await stored_state(store, place, key)
    if found is None:
        return None
    link = stage.decode(key, found)
    if not isinstance(link, NetworkState):
        raise TypeError(link)
    numbers, view = link.laid_out(), network_view(link, link.counted(), kind, 0)
    reported = sum(member.reported > 0 for member in link.members.values())
    return [
        ("link", f"{kind} {value}"),
        ("seen", f"until {_time(link.newest_ms)}, {link.requests} requests"),
        *_window_rows(numbers.windows),
        ("distinct, 7 d", f"{view.accounts} accounts, {view.young_accounts} of them younger than 7 days"),
        ("", f"{view.networks} networks"),
        ("members", f"{len(link.members)} listed, {view.ripe_accounts} came back, {reported} named in findings"),
        ("synchrony", f"{view.synchrony:.0%}"),
        ("anomaly", _strangeness(link.p_value)),
        ("capabilities", _capabilities(numbers.capability_days.values())),
    ]


def _campaign_rows(campaign: Campaign, learner: Learner, policy: Policy, *, members_shown: int) -> Rows:
    """What to print of a campaign, with so many of its members, those first that came first."""
    if campaign.merged_into is not None:
        return [("campaign", f"{campaign.campaign_id} is part of {campaign.merged_into} now")]
    now = campaign_now(campaign, policy)
    links = sorted(campaign.links.items(), key=lambda pair: -pair[1].members)
    more_links = [f"and {len(links) - LINKS_SHOWN} more"] if len(links) > LINKS_SHOWN else []
    members = sorted(campaign.members, key=lambda member: (campaign.members[member], member))
    left = len(members) - members_shown
    forgotten = f"; {campaign.gone} that came first are named by decisions only" if campaign.gone else ""
    return [
        ("campaign", f"{campaign.campaign_id} since {_time(campaign.created_ms)}"),
        ("accounts", f"{campaign.size}, {len(campaign.undecided)} of them not yet decided about{forgotten}"),
        ("links", ", ".join([*(f"{name} ({link.members})" for name, link in links[:LINKS_SHOWN]), *more_links])),
        *([("", f"and {len(campaign.short)} templates too short to tie anybody")] if campaign.short else []),
        ("ages", _ages(campaign)),
        ("payments", _payments(campaign)),
        ("judged", verdict(now)),
        *(("because", reason.sentence) for reason in now.judgement.reasons),
        ("enforcement", _enforcement(campaign.enforcement)),
        ("reviewers", _reviewers(campaign, learner)),
        *(("member", member) for member in members[:members_shown]),
        *([("", f"and {left} more; --all lists them")] if left > 0 else []),
    ]


def _ages(campaign: Campaign) -> str:
    """How old its members are, as of its newest event."""
    members = campaign.belonging().values()
    ages = [campaign.newest_ms - it.created_at_ms for it in members if it.created_at_ms is not None]
    recent, half_year = (sum(age < within_ms for age in ages) for within_ms in (RECENT_MS, HALF_YEAR_MS))
    young = f"{recent} younger than {RECENT_MS // DAY_MS} days and {half_year} than {HALF_YEAR_MS // DAY_MS}"
    return f"{young}, of {len(ages)} members whose age is known"


def _payments(campaign: Campaign) -> str:
    """How many of its members pay as another does."""
    members = campaign.belonging()
    return f"{len(sharers(members))} of {len(members)} members share a payment instrument with another"


def _window_rows(windows: Windows) -> Rows:
    rows: Rows = []
    for title, resolution in (("last 60 minutes", "minutes"), ("last 24 hours", "hours"), ("last 28 days", "days")):
        total = windows.total(resolution, windows.newest_ms)  # type: ignore[arg-type]  # the three literals above
        rows.append((title, f"{total.requests} requests, {total.errors} errors, {total.refusals} refusals"))
        rows.append(("", f"{total.input_tokens} input tokens, {total.output_tokens} output tokens"))
    return rows


def _capabilities(days: Iterable[dict[int, int]]) -> str:
    totals: dict[int, int] = {}
    for day in days:
        for index, count in day.items():
            totals[index] = totals.get(index, 0) + count
    ordered = sorted(totals.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{CAPABILITIES[index]} {count}" for index, count in ordered) or "none"


def _enforcement(enforcement: Enforcement) -> str:
    if enforcement.sequence == 0:
        return "none"
    shadow = ", shadow" if enforcement.shadow else ""
    until = _time(enforcement.expires_at_ms)
    return f"{enforcement.action} until {until} (sequence {enforcement.sequence}{shadow})"


def _membership(account_id: str, campaign: Campaign) -> str:
    """How its campaign stands to an account: what is decided about the campaign is not yet about one that just came."""
    decided = "not yet decided about" if account_id in campaign.undecided else _enforcement(campaign.enforcement)
    return f"{campaign.campaign_id}: {decided}"


def _reviewers(campaign: Campaign, learner: Learner) -> str:
    """What the model that learns from reviewers makes of the campaign as it was decided about."""
    innocent, confirmed = learner.counts
    lessons = f"{innocent} lessons of innocent and {confirmed} of confirmed campaigns"
    probability = learner.probability(campaign.decided)
    return (
        f"no forecast by {lessons}" if probability is None else f"would confirm it with {probability:.0%}, by {lessons}"
    )


def _strangeness(p_value: float | None) -> str:
    return "not judged yet" if p_value is None else f"1 in {1 / p_value:.0f} of its cohort looks at least as strange"


def _time(at_ms: int | None) -> str:
    return "unknown" if at_ms is None else moment(at_ms)
