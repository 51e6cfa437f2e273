"""`stillwatch keys new|show`: the keys that decisions are signed and checked with."""

from pathlib import Path

import click

from agents.cli.failing import UnusableError
from agents.keys import key_id, make_pair, read_private, read_public
from agents.settings import SIGNING_VARIABLE, VERIFY_VARIABLE, SettingsError

PATH = click.argument("path", type=click.Path(path_type=Path))


@click.group(short_help="Make the keys that decisions are signed with.")
def keys() -> None:
    """Make the keys that decisions are signed and checked with, and tell their ids."""


@keys.command(short_help="Make a key pair and print its id.")
@PATH
def new(path: Path) -> None:
    """Write a new signing key to PATH, for its owner only, and its public half to PATH.pub; print its id.

    The worker signs with the key that STILLWATCH_SIGNING_KEY names. Whoever checks decisions needs the public half
    alone, in the file or folder that STILLWATCH_VERIFY_KEYS names. The worker needs it there too: what it has learnt is
    signed in Redis, and without the old public half it would begin anew. To rotate: give every gateway and every worker
    the new public half beside the old one, then the worker the new key, and take the old public half away when no
    decision of the old key is in force.
    """
    try:
        name = make_pair(path)
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    click.echo(name)
    click.echo(f"# {SIGNING_VARIABLE}={path} signs, {VERIFY_VARIABLE}={path}.pub checks.", err=True)


@keys.command(short_help="Print the ids of the keys in a file or folder.")
@PATH
def show(path: Path) -> None:
    """Print the id of the signing key in PATH, or of each public key in that file or folder."""
    try:
        if not path.is_dir() and b" PRIVATE KEY-----" in path.read_bytes():
            found = [key_id(read_private(path).public_key())]
        else:
            found = sorted(read_public(path))
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    except OSError as error:
        raise UnusableError(f"{path} cannot be read: {error.strerror}") from error
    for name in found:
        click.echo(name)
