"""A Lua script of ours, kept as a `.lua` file beside the module that runs it."""

from collections.abc import Sequence
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
        try:
            return await wire.send(keys[0], *self._words("EVALSHA", self.digest, keys, words))
        except NoScriptError:  # nothing ran; EVAL runs the script and keeps it for the next EVALSHA
            return await wire.send(keys[0], *self._words("EVAL", self.text, keys, words))

    async def run_all(self, wire: Wire, runs: Sequence[tuple[list[str], list[Word]]]) -> list[Any]:
        """What several runs answer, an error of redis-py where one failed; on a single server in one round trip."""
        asked = [(keys[0], self._words("EVALSHA", self.digest, keys, words)) for keys, words in runs]
        answers = await wire.send_all(asked)
        unknown = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = [(runs[index][0][0], self._words("EVAL", self.text, *runs[index])) for index in unknown]
            for index, answer in zip(unknown, await wire.send_all(again), strict=True):
                answers[index] = answer
        return answers

    def _words(self, command: str, script: Word, keys: list[str], words: list[Word]) -> list[Word]:
        return [command, script, str(len(keys)), *keys, *words]
