"""A Lua script of ours, kept as a `.lua` file beside the module that runs it."""

from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from agents.store.wire import Wire, Word


class Script:
    """One script, asked for by its digest."""

    def __init__(self, package: str, name: str) -> None:
        """Reads the file `name` of the package."""
        self.text = files(package).joinpath(name).read_bytes()
        self.digest = sha1(self.text, usedforsecurity=False).hexdigest()  # as Redis names scripts

    async def run(self, wire: Wire, keys: list[str], words: list[Word]) -> Any:  # noqa: ANN401  each has its own answer
        """What the script answers, run where its keys are. Raises what redis-py raises."""
        count = str(len(keys))
        try:
            return await wire.send(keys[0], "EVALSHA", self.digest, count, *keys, *words)
        except NoScriptError:  # nothing ran; EVAL runs the script and keeps it for the next EVALSHA
            return await wire.send(keys[0], "EVAL", self.text, count, *keys, *words)
