"""How a gateway in Python asks about a request: who sends it, what was said, and an answer whatever is broken."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

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
        self, account: Callable[[], str | None], said: Callable[[], Awaitable[Sequence[Message] | None]]
    ) -> Verdict:
        """What becomes of the request of `account`, in which that was `said`. It passes where there is no account.

        `said` is called only where it counts. Whatever either raises is a fault and not the caller's matter.
        """
        try:
            account_id = account()
            return PASS if account_id is None else await self._checker.check(await self._ask(account_id, said))
        except Exception as error:  # noqa: BLE001  a bug of ours must not take the operator's gateway down
            self.faults.count("broken", error)
            return UNKNOWN[self._fail]

    async def _ask(self, account_id: str, said: Callable[[], Awaitable[Sequence[Message] | None]]) -> Ask:
        if self._fingerprinter is None:
            return Ask(account_id)
        try:
            messages = await said()
            if messages is None:
                return Ask(account_id)
            asked = self._fingerprinter.asked(messages)
        except Exception as error:  # noqa: BLE001  nothing that a client sends may keep its account from being checked
            self.faults.count("broken", error)
            return Ask(account_id)
        return Ask(account_id, asked.template_hash, asked.sketch, asked.character_count // CHARACTERS_PER_TOKEN)
