"""`stillwatch config check`: is this policy usable, and if not, what is wrong on which line."""

from pathlib import Path
from typing import IO, Any

import click

from agents.cli.failing import UnusableError
from streams.policy import DEFAULT_POLICY, Policy, PolicyError, load_policy

USUAL_POLICY = Path("deploy/policy.toml")
"""Where a policy is looked for when no file is named, from the working directory."""


class UnusablePolicyError(UnusableError):
    """A policy file that cannot be read or used: its lines go to stderr as they are, and the command ends with 2."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        """Keep one sentence a line."""
        super().__init__("")
        self.message = "\n".join(lines)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the lines bare: FILE:LINE comes first, so that editors can jump to it."""
        click.echo(self.message, file=file, err=file is None)


def read_policy(path: Path | None) -> tuple[str, Policy]:
    """Return where the policy comes from, in words, and the policy itself.

    `path` is the file that the user named; None means `deploy/policy.toml` if there is one, else what is shipped.
    Raises `UnusablePolicyError`, which click turns into the sentences and exit code 2.
    """
    if path is None and not USUAL_POLICY.exists():
        return f"shipped policy (there is no {USUAL_POLICY} here)", DEFAULT_POLICY
    path = path or USUAL_POLICY
    try:
        return str(path), load_policy(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnusablePolicyError((f"{path}: cannot be read: {error.strerror}.",)) from error
    except UnicodeDecodeError as error:
        raise UnusablePolicyError((f"{path}: is not UTF-8 text.",)) from error
    except PolicyError as error:
        lines = tuple(f"{path}:{problem.line}: {problem.sentence}" for problem in error.problems)
        raise UnusablePolicyError(lines) from error


@click.group()
def config() -> None:
    """Look at how this installation is set up."""


@config.command(context_settings={"allow_extra_args": True})
@click.option(
    "--policy",
    "path",
    type=click.Path(path_type=Path),
    help=f"The policy to check; without it {USUAL_POLICY} if there is one, else the shipped policy.",
)
@click.pass_context
def check(context: click.Context, path: Path | None) -> None:
    """Say whether the policy is usable; list every mistake with its line."""
    if context.args:
        raise UnusableError(f"A policy is named with an option: stillwatch config check --policy {context.args[0]}.")
    source, policy = read_policy(path)
    on = sum(signal.enabled for signal in policy.signals.values())
    shadow = ", shadow (nothing is enforced)" if policy.shadow else ""
    click.echo(f"{source}: ok, version {policy.version}, {on} signals on{shadow}")
