"""`stillwatch notify`: tell Alertmanager of the campaigns that are limited."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from agents.addresses import split
from agents.cli.failing import UnusableError
from agents.cli.following import announced_policy, decisions_log
from agents.cli.listening import address
from agents.cli.options import POLICY
from agents.environment import path as named_path
from agents.notifying.alertmanager import Alertmanager
from agents.notifying.rendering import DASHBOARDS, RUNBOOKS, Places
from agents.notifying.service import Notifier
from agents.settings import VERIFY_VARIABLE, SettingsError
from agents.signing import Verifier
from streams.notifying import CampaignBook


def _base(_context: click.Context, parameter: click.Parameter, url: str) -> str:
    """What links begin with: Alertmanager refuses alerts whose links are no addresses. Raises UnusableError."""
    if split(url) is None:
        raise UnusableError(f"--{parameter.name} takes an address like https://there.example, not {url!r}.")
    return url


def _each_once(urls: Sequence[str]) -> Sequence[Alertmanager]:
    """An Alertmanager each; what is named twice once. Raises SettingsError."""
    found: dict[str, Alertmanager] = {}
    for it in map(Alertmanager, urls):
        if found.setdefault(it.name, it).scheme != it.scheme:
            raise SettingsError(f"--alertmanager names {it.name} with http and with https: leave one of them out.")
    return list(found.values())


@click.command(short_help="Tell Alertmanager of campaigns that are limited.")
@click.option("--alertmanager", "urls", metavar="URL", multiple=True, required=True, help="Again for each further one.")
@click.option(
    "--runbooks", callback=_base, default=RUNBOOKS, show_default=True, metavar="URL", help="The folder of the runbooks."
)
@click.option(
    "--dashboards", callback=_base, default=DASHBOARDS, show_default=True, metavar="URL", help="Grafana's address."
)
@click.option("--http", default="127.0.0.1:9472", show_default=True, metavar="HOST:PORT", help="Metrics and health.")
@POLICY
def notify(urls: tuple[str, ...], runbooks: str, dashboards: str, http: str, policy_path: Path | None) -> None:
    """Follow the decisions about campaigns, and keep one alert a campaign in each Alertmanager up to date.

    Reads the log of decisions at KAFKA_BOOTSTRAP_SERVERS and checks signatures with STILLWATCH_VERIFY_KEYS. A campaign
    that is challenged or suspended, and large (`alert_accounts` in the policy), has the severity page; one that is only
    large, or only challenged or suspended, ticket; any other, and any in shadow, none. It ends with the decision, or
    with its release.

    Credentials are read from STILLWATCH_ALERTMANAGER_TOKEN_FILE, or _USERNAME and _PASSWORD_FILE; certificates from
    _CAFILE, _CERTFILE and _KEYFILE.
    """
    host, port = address(http, "127.0.0.1:9472")
    policy = announced_policy(policy_path)
    try:
        notifier = Notifier(
            CampaignBook(policy.campaign.alert_accounts),
            decisions_log(),
            Verifier(named_path(os.environ, VERIFY_VARIABLE)),
            _each_once(urls),
            Places(runbooks, dashboards),
            CollectorRegistry(),
        )
        asyncio.run(notifier.run(host=host, port=port))
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    except OSError as error:
        raise UnusableError(f"The notifier cannot listen on {http}: {error.strerror or error}.") from error
