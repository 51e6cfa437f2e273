"""What a panel is, whoever draws it."""

from typing import Final, Literal

from msgspec import Struct

RATE_INTERVAL: Final = "$__rate_interval"
"""Stands in a query for the time over which a rate is taken: Grafana's word. It is as long as four scrapes at least."""

Unit = Literal["number", "per_second", "seconds", "share", "bytes", "nats"]
"""number: of whatever the title counts. share: from 0 to 1, shown as per cent."""

Look = Literal["plain", "good", "warn", "bad"]
"""How a value is to be taken; plain where a value by itself is neither good nor bad."""


def counted(metric: str, span: str, by: str = "") -> str:
    """PromQL: how much a counter has counted within `span`, with what it counted before its first scrape.

    A series that was not there before counts as a whole, and so does one whose process was started within `span` at
    the same address, and that no increase is seen of; all else by its increase. `by` is the label to sum by.
    """
    return (
        f"sum{by and f' by ({by})'}(({metric} unless {metric} offset {span}) or increase({metric}[{span}]) > 0"
        f" or ({metric} and on (job, instance) changes(process_start_time_seconds[{span}]) > 0)"
        f" or increase({metric}[{span}]))"
    )


class Query(Struct, frozen=True):
    """A question in PromQL, and the name of each answer, where {{label}} stands for the value of a label."""

    promql: str
    legend: str


class Step(Struct, frozen=True):
    """From `at` on a value looks so, up to the next step."""

    at: float
    look: Look


class Panel(Struct, frozen=True, kw_only=True):
    """One thing to see. A figure shows the latest values in large, a curve how they went."""

    title: str
    says: str
    """What a person learns from it, in one plain sentence."""
    queries: tuple[Query, ...]
    unit: Unit = "number"
    is_figure: bool = False
    base: Look = "plain"
    """How a value below all steps looks."""
    steps: tuple[Step, ...] = ()
    then: str
    """What to look at next, in one plain sentence."""
    runbook: str | None = None
    """The alert whose runbook goes on from here."""

    def look(self, value: float) -> Look:
        """How a value is to be taken."""
        reached: Look = self.base
        for step in self.steps:
            if value >= step.at:
                reached = step.look
        return reached


class Dashboard(Struct, frozen=True):
    """Panels that answer one question together. Grafana knows it by `uid`."""

    uid: str
    title: str
    says: str
    panels: tuple[Panel, ...]
