"""What a person sees, as text: the panel, the line, and the closing words."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from agents.demo import view
from agents.demo.snapshot import CampaignSeen, Score, Snapshot, Work

REASONS = (
    "10 active accounts are paid from one payment instrument (suspicious from 5).",
    "54 accounts on unrelated networks keep coming back to one rare template (suspicious from 8).",
    "Its accounts are active in the same hours: 85% together (suspicious from 50%).",
    "100% of its accounts are younger than seven days (suspicious from 50%).",
)
AT_THE_START = Snapshot(elapsed_s=1.2)
IN_THE_MIDDLE = Snapshot(
    elapsed_s=62.4,
    working_s=51.0,
    event_ms=1_791_209_400_000,
    fed=101_000,
    events_per_s=2_104.3,
    alerts=28,
    other_campaigns=3,
    campaign=CampaignSeen("c-81734c34c456987a", 200, "suspend", REASONS),
    work=Work(
        events=98_112,
        lag=2_310,
        accounts=5_103,
        links=32_118,
        decisions=(("observe", 0), ("throttle", 66), ("challenge", 8), ("suspend", 1), ("release", 19)),
        decision_seconds=((0.5, 60), (1.0, 93), (2.5, 94), (float("inf"), 94)),
    ),
    score=Score(
        campaign_accounts=200,
        caught=199,
        exchanges=31_090,
        passed=2_825,
        innocents=5_102,
        look_alikes=317,
    ),
)
AT_THE_END = replace(IN_THE_MIDDLE, fed=98_112, all_fed=True)


def shown(view_of_it: RenderableType, width: int = 80) -> str:
    """The text of a view on a terminal without colours, without the spaces at the ends of lines."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(view_of_it)
    return "\n".join(row.rstrip() for row in capture.get().splitlines())


GOLDEN_PANEL = """\
╭─ Stillwatch demo: simulated traffic, real Kafka and Redis ─────────────────╮
│ Mon 14:10  ━━━━━━━━━━━━━━━━━━━━━━━╸                  event time            │
│                                                                            │
│ events      98,112, 2,104 a second          lag           2,310            │
│ alerts      28 to on-call                   dead letters  0                │
│ watching    5,103 accounts, 32,118 networks, payments, templates           │
│ decisions   throttle 66  challenge 8  suspend 1  release 19                │
│                                                                            │
│ Campaign c-81734c34c456987a: suspend, 200 accounts (3 smaller)             │
│ - 10 active accounts are paid from one payment instrument (suspicious from │
│   5).                                                                      │
│ - 54 accounts on unrelated networks keep coming back to one rare template  │
│   (suspicious from 8).                                                     │
│ - Its accounts are active in the same hours: 85% together (suspicious from │
│   50%).                                                                    │
│ - 100% of its accounts are younger than seven days (suspicious from 50%).  │
│                                                                            │
│ truth (simulation)         199 of 200 campaign accounts limited            │
│ look-alikes unharmed       317 of 317                                      │
│ wrongly limited            0 of 5,102 innocent accounts                    │
╰─────────────────────────────────── 1:02 ───────────────────────────────────╯"""

GOLDEN_SUMMARY = """\
campaign      c-81734c34c456987a: suspend, 200 accounts
because       10 active accounts are paid from one payment instrument
              (suspicious from 5).
              54 accounts on unrelated networks keep coming back to one rare
              template (suspicious from 8).
              Its accounts are active in the same hours: 85% together
              (suspicious from 50%).
              100% of its accounts are younger than seven days (suspicious from
              50%).
caught        199 of the campaign's 200 accounts (99.5%)
leaked        2,825 of its 31,090 exchanges, before their account's limit (9.1%)
              (the target is 1%: detecting sooner is later work)
harm          0 of 5,102 innocent accounts wrongly limited
              317 of 317 look-alikes unharmed
traffic       98,112 events, up to Mon 14:10 of the simulated day
speed         1,924 events a second, over 51 s
latency       p50 <= 0.5 s, p99 <= 2.5 s, from append to decision
              (a day in minutes, hundreds of times real time, floods the log)
dead letters  0"""


def test_the_panel_shows_the_campaign_with_its_reasons_and_what_is_known_of_the_truth() -> None:
    assert shown(view.panel(IN_THE_MIDDLE)) == GOLDEN_PANEL


def test_the_summary_says_what_was_caught_what_leaked_and_whom_it_harmed() -> None:
    assert shown(view.summary(AT_THE_END)) == GOLDEN_SUMMARY


def test_a_line_for_a_log_says_it_all_at_once() -> None:
    assert view.line(IN_THE_MIDDLE) == (
        "1:02  Mon 14:10  98,112 events, 2,104/s, lag 2,310; 94 decisions; "
        "c-81734c34c456987a suspend, 200 accounts; dead letters 0"
    )


@pytest.mark.parametrize("snapshot", [AT_THE_START, IN_THE_MIDDLE, AT_THE_END])
@pytest.mark.parametrize("rows", [24, 40])
def test_the_panel_leaves_a_row_and_two_columns_of_the_terminal_free(snapshot: Snapshot, rows: int) -> None:
    text = shown(view.panel(snapshot, rows)).splitlines()

    assert len(text) < rows
    assert {len(row) for row in text} == {78}


def test_on_a_small_terminal_reasons_are_counted_where_they_do_not_fit() -> None:
    text = shown(view.panel(IN_THE_MIDDLE, 19))

    assert REASONS[0][:50] in text
    assert "and 2 more" in text
    assert len(text.splitlines()) < 20


def test_on_a_narrow_terminal_every_fact_has_a_row_and_keeps_its_value() -> None:
    rows = shown(view.panel(IN_THE_MIDDLE, 24, 60), 60).splitlines()

    assert {len(row) for row in rows} == {60}
    assert len(rows) < 24
    facts = [row.strip("│ ") for row in rows[3:7]]
    assert facts == [
        "events        98,112, 2,104 a second",
        "lag           2,310",
        "alerts        28 to on-call",
        "dead letters  0",
    ]


def test_before_anything_happens_there_is_no_campaign_and_no_time() -> None:
    text = shown(view.panel(AT_THE_START))

    assert "--- --:--" in text
    assert "Starting: the first time, loops are compiled (30 s)." in text
    assert "none yet" in text
    assert "the campaign has not begun" in text
    assert view.line(AT_THE_START).startswith("0:01  --- --:--  0 events")


def test_once_events_are_taken_it_says_that_there_is_no_campaign_yet() -> None:
    taken = replace(AT_THE_START, work=replace(AT_THE_START.work, events=1))

    assert "No campaign yet." in shown(view.panel(taken))


def test_a_summary_without_a_campaign_says_that_none_was_found() -> None:
    text = shown(view.summary(AT_THE_START))

    assert "not found" in text
    assert "p50 unknown, p99 unknown" in text


def test_what_to_do_next_fits_80_columns_and_names_the_program_as_it_was_called() -> None:
    text = shown(view.what_next(".venv/bin/stillwatch"))

    assert '  eval "$(.venv/bin/stillwatch dev up)" ' in text
    assert max(map(len, text.splitlines())) <= 80
