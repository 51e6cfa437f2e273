"""How a command fails: one sentence on stderr and an exit code, never a traceback."""

import click


class UnusableError(click.ClickException):
    """Wrong usage, unreadable input or a server that is not there: exit code 2."""

    exit_code = 2

    def __init__(self, sentence: str) -> None:
        """Take one sentence, with or without its full stop."""
        super().__init__(" ".join(sentence.split()).rstrip(".") + ".")
