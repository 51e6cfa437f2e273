"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agents.settings import PREFIX_VARIABLE
from agents.topics import DEFAULT_PREFIX

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


def prefix_option(whose: str) -> Option:
    """Under which prefix the topics are; `whose` is its help."""
    return click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, envvar=PREFIX_VARIABLE, help=whose)


PREFIX = prefix_option("Of the topics.")
POLICY = click.option(
    "--policy",
    "policy_path",
    type=click.Path(path_type=Path),
    help="The policy; else deploy/policy.toml of this folder, else the built-in one.",
)
