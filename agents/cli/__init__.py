"""The command line: one file a command, loaded when it is called."""

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Never

import click

from agents import built

INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell reports for a program that SIGINT, or SIGPIPE, has ended; these two end a command in the same way."""

COMMANDS = {
    "backup": "agents.cli.backup:backup",
    "config": "agents.cli.config:config",
    "confirm": "agents.cli.review:confirm",
    "demo": "agents.cli.demo:demo",
    "dev": "agents.cli.dev:dev",
    "dlq": "agents.cli.dlq:dlq",
    "doctor": "agents.cli.doctor:doctor",
    "enforce": "agents.cli.enforce:enforce",
    "erase": "agents.cli.erase:erase",
    "evaluate": "agents.cli.evaluate:evaluate",
    "explain": "agents.cli.explain:explain_command",
    "export": "agents.cli.export:export",
    "health": "agents.cli.health:health",
    "ingest": "agents.cli.ingest:ingest",
    "keys": "agents.cli.keys:keys",
    "notify": "agents.cli.notify:notify",
    "plan": "agents.cli.plan:plan_command",
    "release": "agents.cli.review:release",
    "replay": "agents.cli.replay:replay",
    "repartition": "agents.cli.repartition:repartition",
    "restore": "agents.cli.backup:restore",
    "run": "agents.cli.run:run",
    "schema": "agents.cli.schema:schema",
    "simulate": "agents.cli.simulate:simulate",
    "state": "agents.cli.state:state",
    "status": "agents.cli.status:status",
    "topics": "agents.cli.topics:topics",
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

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; keep a closed pipe from click, which would take it for a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _forget_stdout()
            raise click.exceptions.Exit(PIPE_CLOSED) from None


def _say_version(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's
    """Only now: git is asked in a checkout."""
    if value and not context.resilient_parsing:
        click.echo(built.sentence())
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Say which it is."
)
def cli() -> None:
    """Stop industrial-scale model distillation: request events in, enforcement decisions out."""
    # kafka-python logs each attempt to connect; a command says once, in a sentence, that no Kafka answers.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def main(arguments: Sequence[str] | None = None) -> Never:
    """Run the command line (of this process, unless `arguments` are given) and exit.

    The one place where a command's failure becomes an exit code: a mistake is one sentence on stderr and 2; Ctrl-C
    and a reader that has gone away (`| head`) end it without a word. Only a bug of ours shows a traceback.
    """
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="stillwatch", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:  # a group alone: what it can do is the answer
        error.show()
        return error.exit_code
    except click.UsageError as error:
        sentence = " ".join(error.format_message().split())
        click.echo(f"Error: {sentence}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return PIPE_CLOSED
    return code if isinstance(code, int) else 0


def _forget_stdout() -> None:
    """Let what is still buffered go nowhere, so that Python does not complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
