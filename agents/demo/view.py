"""How a snapshot is said: a panel for a terminal, a line for a log, and the closing summary. Pure functions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isinf
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.demo.snapshot import CampaignSeen, Score, Snapshot, quantile
from streams.windows import DAY_MS

WIDTH: Final = 78
"""Two less than a terminal has: its echo of Ctrl-C fits behind the last row, and does not push the panel up."""

FRAME_ROWS: Final = 14
"""Rows of the panel without the reasons of a campaign."""

NARROW_FRAME_ROWS: Final = 20
"""The same below its full width: two facts are moved to rows of their own, and four rows do not fit one line."""

ROWS_A_REASON: Final = 2
NONE_YET: Final = "No campaign yet."
STARTING: Final = "Starting: the first time, loops are compiled (30 s)."
STYLES: Final = {"observe": "cyan", "throttle": "yellow", "challenge": "yellow", "suspend": "red", "release": "green"}


def panel(snapshot: Snapshot, rows: int = 24, columns: int = WIDTH) -> RenderableType:
    """The live view, 78 columns wide and fewer than `rows` high; on fewer `columns` narrower, with a row per fact."""
    work = snapshot.work
    rest = Table.grid(padding=(0, 2))
    rest.add_column(style="dim", width=10 if columns >= WIDTH else 12)
    rest.add_row("watching", f"{work.accounts:,} accounts, {work.links:,} networks, payments, templates")
    rest.add_row("decisions", _decisions(snapshot))
    frame_rows = FRAME_ROWS if columns >= WIDTH else NARROW_FRAME_ROWS
    body = Group(
        _clock(snapshot),
        Text(),
        _facts(snapshot, columns),
        rest,
        Text(),
        *_campaign(snapshot, max(1, (rows - 1 - frame_rows) // ROWS_A_REASON)),
        Text(),
        _truth(snapshot.score),
    )
    title = "Stillwatch demo: simulated traffic, real Kafka and Redis"
    return Panel(body, title=title, title_align="left", subtitle=_minutes(snapshot.elapsed_s), width=WIDTH)


def line(snapshot: Snapshot) -> str:
    """One line for a log."""
    work, campaign = snapshot.work, snapshot.campaign
    none_yet = "no campaign yet" if work.events else "starting"
    found = f"{campaign.campaign_id} {campaign.action}, {campaign.accounts} accounts" if campaign else none_yet
    return (
        f"{_minutes(snapshot.elapsed_s)}  {_when(snapshot.event_ms)}  {work.events:,} events, "
        f"{snapshot.events_per_s:,.0f}/s, lag {work.lag:,}; "
        f"{sum(count for _, count in work.decisions):,} decisions; {found}; dead letters {work.dead_letters:,}"
    )


def summary(snapshot: Snapshot) -> RenderableType:
    """What was found, how well and how fast: the closing words about the traffic."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", width=12)
    table.add_column()
    for name, text in (*_found(snapshot), *_speed(snapshot)):
        table.add_row(name, text)
    return table


def what_next(program: str) -> RenderableType:
    """What a person may do now; `program` is how they call Stillwatch."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    table.add_row("Next", "")
    table.add_row(f'  eval "$({program} dev up)"', "a Kafka and a Redis of yours")
    table.add_row(f"  {program} run &", "the worker")
    table.add_row(f"  {program} ingest LOG", "your own requests, to Kafka")
    table.add_row(f"  {program} state ACCOUNT", "what is known of an account")
    table.add_row(f"  {program} enforce &", "answers your gateways")
    table.add_row(f"  {program} replay LOG --decisions OUT", "the same without servers")
    table.add_row("  README.md", "what a LOG looks like")
    return table


def _facts(snapshot: Snapshot, columns: int) -> RenderableType:
    """What was taken and what waits: two facts a row, or one where two would not fit."""
    work = snapshot.work
    facts = (
        ("events", f"{work.events:,}, {snapshot.events_per_s:,.0f} a second"),
        ("lag", f"{work.lag:,}"),
        ("alerts", f"{snapshot.alerts:,} to on-call"),
        ("dead letters", f"{work.dead_letters:,}"),
    )
    table = Table.grid(padding=(0, 2))
    if columns < WIDTH:
        table.add_column(style="dim", width=12)
        for fact in facts:
            table.add_row(*fact)
        return table
    table.add_column(style="dim", width=10)
    table.add_column(width=30)
    table.add_column(style="dim", width=12)
    table.add_row(*facts[0], *facts[1])
    table.add_row(*facts[2], *facts[3])
    return table


def _clock(snapshot: Snapshot) -> RenderableType:
    """The simulated day, as far as the worker has come."""
    of_day_ms = 0 if snapshot.event_ms is None else snapshot.event_ms % DAY_MS
    over = snapshot.all_fed and snapshot.work.events >= snapshot.fed
    row = Table.grid(padding=(0, 2))
    row.add_row(
        Text(_when(snapshot.event_ms), style="bold"),
        ProgressBar(total=DAY_MS, completed=DAY_MS if over else of_day_ms, width=40),
        Text("event time", style="dim"),
    )
    return row


def _decisions(snapshot: Snapshot) -> Text:
    counts = [(action, count) for action, count in snapshot.work.decisions if count]
    if not counts:
        return Text("none yet")
    text = Text()
    for action, count in counts:
        text.append("  " if text else "").append(action, style=STYLES[action]).append(f" {count:,}")
    return text


def _campaign(snapshot: Snapshot, most: int) -> list[RenderableType]:
    """The campaign and up to `most` of its reasons; nothing found is said as well."""
    campaign = snapshot.campaign
    if campaign is None:
        return [Text(NONE_YET if snapshot.work.events else STARTING, style="dim")]
    others = f" ({snapshot.other_campaigns} smaller)" if snapshot.other_campaigns else ""
    head = Text("Campaign ", style="bold").append(campaign.campaign_id).append(": ")
    head.append(campaign.action, style=STYLES[campaign.action]).append(_size(campaign)).append(others)
    reasons = Table.grid(padding=(0, 1))
    for sentence in campaign.reasons[:most]:
        reasons.add_row("-", sentence)
    left = len(campaign.reasons) - most
    return [head, reasons] if left <= 0 else [head, reasons, Text(f"  and {left} more", style="dim")]


def _size(campaign: CampaignSeen) -> str:
    return f", {campaign.accounts:,} accounts" if campaign.accounts else ", watched"


def _truth(score: Score) -> RenderableType:
    """What only a simulation can say."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", width=25)
    unharmed = score.look_alikes - score.look_alikes_limited
    limited = f"{score.caught:,} of {score.campaign_accounts:,} campaign accounts limited"
    table.add_row("truth (simulation)", limited if score.campaign_accounts else "the campaign has not begun")
    table.add_row("look-alikes unharmed", f"{unharmed:,} of {score.look_alikes:,}")
    table.add_row("wrongly limited", f"{score.innocents_limited:,} of {score.innocents:,} innocent accounts")
    return table


def _found(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    score, campaign = snapshot.score, snapshot.campaign
    if campaign is None:
        yield "campaign", "not found"
    else:
        yield "campaign", f"{campaign.campaign_id}: {campaign.action}{_size(campaign)}"
        for index, sentence in enumerate(campaign.reasons):
            yield "" if index else "because", sentence
    caught, leaked = _share(score.caught, score.campaign_accounts), _share(score.passed, score.exchanges)
    yield "caught", f"{score.caught:,} of the campaign's {score.campaign_accounts:,} accounts ({caught})"
    yield "leaked", f"{score.passed:,} of its {score.exchanges:,} exchanges, before their account's limit ({leaked})"
    yield "", "(the target is 1%: detecting sooner is later work)"
    yield "harm", f"{score.innocents_limited:,} of {score.innocents:,} innocent accounts wrongly limited"
    yield "", f"{score.look_alikes - score.look_alikes_limited:,} of {score.look_alikes:,} look-alikes unharmed"


def _speed(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    work = snapshot.work
    mean = work.events / snapshot.working_s if snapshot.working_s else 0.0
    p50, p99 = (_at_most(quantile(work.decision_seconds, share)) for share in (0.5, 0.99))
    yield "traffic", f"{work.events:,} events, up to {_when(snapshot.event_ms)} of the simulated day"
    yield "speed", f"{mean:,.0f} events a second, over {snapshot.working_s:,.0f} s"
    yield "latency", f"p50 {p50}, p99 {p99}, from append to decision"
    yield "", "(a day in minutes, hundreds of times real time, floods the log)"
    yield "dead letters", f"{work.dead_letters:,}"


def _at_most(bound: float | None) -> str:
    if bound is None:
        return "unknown"
    return "above the largest bucket" if isinf(bound) else f"<= {bound:g} s"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _when(event_ms: int | None) -> str:
    return "--- --:--" if not event_ms else f"{datetime.fromtimestamp(event_ms / 1000, UTC):%a %H:%M}"
