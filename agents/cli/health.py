"""`stillwatch health`: does a worker, an enforcer or a notifier say that it is well? For probes without a shell."""

import os
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import SplitResult

import click

from agents.addresses import split
from agents.cli.failing import UnusableError

TIMEOUT_S: Final = 3.0
LONGEST_BYTES: Final = 4096
OK: Final = 200
EVERYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  to be asked, not to be bound
"""Who listens on all addresses is asked on its own."""


@click.command(short_help="Ask a worker or an enforcer on this machine whether it is well.")
@click.argument("urls", metavar="[URL]...", nargs=-1)
def health(urls: tuple[str, ...]) -> None:
    """Ask each URL, an http:// address; exit code 1 if one of them does not answer, or not with 200.

    Without a URL it asks /healthz of the worker that STILLWATCH_HEALTH_HOST and STILLWATCH_HEALTH_PORT place.
    """
    answers = [_ask(url) for url in urls or (_worker(),)]
    for is_well, said in answers:
        click.echo(said, err=not is_well)
    if not all(is_well for is_well, _ in answers):
        raise click.exceptions.Exit(1)


def _worker() -> str:
    host = os.environ.get("STILLWATCH_HEALTH_HOST", "")
    host = EVERYWHERE.get(host, host)
    port = os.environ.get("STILLWATCH_HEALTH_PORT") or "9464"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz"


def _ask(url: str) -> tuple[bool, str]:
    """Whether the answer is 200, and a line that says it."""
    parts = _parts(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        said = " ".join(answer.read(LONGEST_BYTES).decode(errors="replace").split())
    except (OSError, HTTPException) as error:
        return False, f"{url}: no answer, {getattr(error, 'strerror', None) or str(error) or type(error).__name__}"
    else:
        return answer.status == OK, f"{url}: {answer.status} {said}"
    finally:
        connection.close()


def _parts(url: str) -> SplitResult:
    """Raises UnusableError for what is no address."""
    parts = split(url, ("http",))
    if parts is not None:
        return parts
    raise UnusableError(f"{url!r} is not an address like http://127.0.0.1:9464/readyz")
