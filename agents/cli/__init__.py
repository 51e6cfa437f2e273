"""The command line: one file a command, loaded when it is called."""

import importlib
import sys

import click

COMMANDS = {
    "config": "agents.cli.config:config",
    "demo": "agents.cli.demo:demo",
    "dev": "agents.cli.dev:dev",
    "ingest": "agents.cli.ingest:ingest",
    "replay": "agents.cli.replay:replay",
    "run": "agents.cli.run:run",
    "schema": "agents.cli.schema:schema",
    "simulate": "agents.cli.simulate:simulate",
    "state": "agents.cli.state:state",
}
"""Command -> where it is defined."""


class LazyGroup(click.Group):
    """Loads a command's module only when it is asked for, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """All commands, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stillwatch")
def cli() -> None:
    """Stop industrial-scale model distillation: request events in, enforcement decisions out."""


def main() -> None:
    """Run the command line."""
    sys.exit(cli())
