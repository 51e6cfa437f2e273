"""`stillwatch status`: how a deployment has been in the last hours, as a page, from its Prometheus."""

import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click

from agents.cli.failing import UnusableError
from agents.cli.numbers import NumberRange
from agents.cli.placing import placed
from agents.panels.prometheus import Prometheus, PrometheusError

MOST_HOURS = 24 * 90


@click.command(short_help="Write a page of how it has been, from Prometheus.")
@click.option("--prometheus", "url", required=True, metavar="URL", help="Such as http://127.0.0.1:9090.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where the page goes, - for stdout.")
@click.option(
    "--hours", type=NumberRange(0.1, MOST_HOURS), default=6.0, show_default=True, help="How far it looks back."
)
def status(url: str, out: Path, hours: float) -> None:
    """Write one HTML page of the panels that Grafana's dashboards have, with what each means and what to do next.

    The page needs nothing beside it: no script, no picture, no server. Exit code 1 if a value on it is bad.
    """
    if find_spec("jinja2") is None:
        raise UnusableError("The page is written with jinja2: install Stillwatch with its extra `report`")
    from agents.panels.page import page, sections, span_of  # noqa: PLC0415  an extra, which need not be installed

    span = span_of(hours, time.time())
    try:
        prometheus = Prometheus(url)
        ask = partial(prometheus.ask, start_s=span.start_s, end_s=span.end_s, step_s=span.step_s)
        found = sections(ask, span)
    except PrometheusError as error:
        raise UnusableError(str(error)) from error
    with placed(out) as file:
        file.write(page(found, span, url).encode())
    shown = [it for section in found for it in section.shown]
    bad = list(dict.fromkeys(it.panel.title for it in shown if it.look == "bad"))
    click.echo(
        f"{out}: {len(shown)} panels" + (f"; bad: {', '.join(bad)}." if bad else ", none of them bad."), err=True
    )
    if bad:
        raise click.exceptions.Exit(1)
