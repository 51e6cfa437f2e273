"""How a gateway in Python asks about a request: who sends it, what was said, and an answer whatever is broken."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec.structs import replace

from agents.enforcement.checker import UNKNOWN, Checker, Fail
from agents.enforcement.faults import Faults
from streams.enforcement import Ask, Verdict
from streams.enforcement.asking import PASS
from streams.events import Message
from streams.fingerprint import Fingerprinter

CHARACTERS_PER_TOKEN: Final = 4
"""So many characters of text are taken for a token of the prompt: fewer would count what is not there."""


class Asker:
    """Asks a checker, and answers what the operator said where something of ours is broken.

    With a `fingerprinter` requests are recognised by what they say too. It is not safe for use from several threads.
    """

    def __init__(
        self,
        checker: Checker,
        *,
        fingerprinter: Fingerprinter | None = None,
        fail: Fail = "open",
        faults: Faults | None = None,
    ) -> None:
        self._checker = checker
        self._fingerprinter = fingerprinter
        self._fail = fail
        self.faults: Final = faults or Faults()

    async def verdict(
        self, account: Callable[[], str | Ask | None], said: Callable[[], Awaitable[Sequence[Message] | None]]
    ) -> Verdict:
        """What becomes of the request of `account`, in which that was `said`. It passes where there is no account.

        Of an `Ask` the account counts and how it pays, which a gateway may know; the rest comes from what was said.
        `said` is called only where it counts. Whatever either raises is a fault and not the caller's matter.
        """
        try:
            who = account()
            if who is None:
                return PASS
            return await self._checker.check(await self._ask(who if isinstance(who, Ask) else Ask(who), said))
        except Exception as error:  # noqa: BLE001  a bug of ours must not take the operator's gateway down
            self.faults.count("broken", error)
            return UNKNOWN[self._fail]

    async def _ask(self, who: Ask, said: Callable[[], Awaitable[Sequence[Message] | None]]) -> Ask:
        if self._fingerprinter is None:
            return who
        try:
            messages = await said()
            if messages is None:
                return who
            asked = self._fingerprinter.asked(messages)
        except Exception as error:  # noqa: BLE001  nothing that a client sends may keep its account from being checked
            self.faults.count("broken", error)
            return who
        tokens = asked.character_count // CHARACTERS_PER_TOKEN
        return replace(who, template_hash=asked.template_hash, sketch=asked.sketch, tokens=tokens)
