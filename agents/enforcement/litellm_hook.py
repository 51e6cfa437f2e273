"""LiteLLM's proxy refuses what a decision is in force about: a callback that is asked before each call of a model.

LiteLLM is no dependency of Stillwatch: this module is imported in LiteLLM's own environment, and by nothing else here.
It fits the answer into LiteLLM's: the status and the headers of a refusal are ours, its body is the error of OpenAI's
API that clients of LiteLLM know, with the problem of RFC 9457 in `error.provider_specific_fields`.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

import msgspec
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

from agents.enforcement.asking import Asker
from agents.enforcement.checker import Checker, Fail
from agents.enforcement.conversations import of_data
from agents.enforcement.faults import Faults
from agents.normalise.readings import moment, text
from streams.enforcement import Ask, Refusal, refusal, told
from streams.enforcement.refusals import Headers
from streams.events import Message
from streams.fingerprint import Fingerprinter

AccountOf = Callable[[Any, Mapping[str, Any]], str | Ask | None]
"""Finds the account in LiteLLM's `UserAPIKeyAuth` and the data of the request."""

ERROR_TYPES: Final = {429: "rate_limit_error", 403: "permission_error", 503: "internal_server_error"}
"""Status -> `error.type`, as LiteLLM has it."""

_left: ContextVar[Headers] = ContextVar("stillwatch_left", default=())
"""What a throttle leaves to the request that the current task answers."""


NOBODY: Final = frozenset({None, "", "default_user_id", "litellm_proxy_admin"})
"""The users of a key that belongs to nobody."""


def owner(key: Any, _data: Mapping[str, Any]) -> str | None:  # noqa: ANN401  LiteLLM's UserAPIKeyAuth
    """The user of the key, else the key by its hash, as the normaliser of LiteLLM's logs has it.

    Never what the client itself says who it is: it would be somebody else at each request.
    """
    account: str | None = key.api_key if key.user_id in NOBODY else key.user_id
    return account or None


def payer(key: Any, data: Mapping[str, Any]) -> Ask | None:  # noqa: ANN401
    """The `owner`, and what the metadata of the key and its team say of payment and age, as in LiteLLM's logs.

    For a LiteLLM in which no customer makes keys or changes them: whoever does says what he likes there, and may pay as
    somebody whom the policy spares.
    """
    account = owner(key, data)
    if account is None:
        return None
    known: Mapping[str, object] = {**(key.metadata or {}), **(key.team_metadata or {})}
    payment, created = known.get("payment_hash"), known.get("account_created_at_ms")
    return Ask(account, payment_hash=text(payment), account_created_at_ms=moment(created))


SAID_IN_CALLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("responses", "aresponses"), "input"),
    **dict.fromkeys(("text_completion", "atext_completion"), "prompt"),
}
"""Where what is said stands, by LiteLLM's word for the endpoint; elsewhere in `messages`."""


class StillwatchHook(CustomLogger):  # type: ignore[misc]  # LiteLLM is not here when types are checked
    """Asks about each request that LiteLLM has authenticated, before it calls a model.

    Arguments are those of `StillwatchMiddleware`. With a `fingerprinter` a request is recognised by its messages too.
    """

    def __init__(
        self,
        checker: Checker,
        *,
        account_of: AccountOf = owner,
        fingerprinter: Fingerprinter | None = None,
        appeal_url: str | None = None,
        fail: Fail = "open",
        faults: Faults | None = None,
    ) -> None:
        super().__init__()
        self._asker = Asker(checker, fingerprinter=fingerprinter, fail=fail, faults=faults)
        self._account_of = account_of
        self._appeal_url = appeal_url

    async def async_pre_call_hook(
        self,
        user_api_key_dict: Any,  # noqa: ANN401  LiteLLM's UserAPIKeyAuth
        cache: Any,  # noqa: ANN401, ARG002  LiteLLM's DualCache
        data: MutableMapping[str, Any],
        call_type: str,
    ) -> None:
        """Raise ProxyException where the request is refused; return None, which lets it pass as it is, where not."""

        async def said() -> Sequence[Message] | None:
            return of_data(data, SAID_IN_CALLS.get(call_type, "messages"))

        verdict = await self._asker.verdict(lambda: self._account_of(user_api_key_dict, data), said)
        _left.set(told(verdict))
        if verdict.answer != "pass":
            raise _exception(refusal(verdict, self._appeal_url))

    async def async_post_call_response_headers_hook(self, *_: Any, **__: Any) -> dict[str, str] | None:  # noqa: ANN401
        """Return what a throttle leaves, as headers of the response."""
        return dict(_left.get()) or None


def _exception(refused: Refusal) -> ProxyException:
    """What LiteLLM makes a response of.

    Not the HTTPException of its documentation: of that the endpoint for Anthropic's messages drops the headers.
    """
    problem = msgspec.json.decode(refused.body)
    return ProxyException(
        message=problem["detail"],
        type=ERROR_TYPES[refused.status],
        param=None,
        code=refused.status,
        headers={name: value for name, value in refused.headers if name != "Content-Type"},
        provider_specific_fields=problem,
    )
