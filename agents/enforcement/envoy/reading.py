"""From what Envoy sends to what is asked. Nothing that it sends makes these raise: what cannot be meant is left out."""

from collections.abc import Mapping
from typing import Final

from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from agents.enforcement.envoy.options import SKETCH_HEADER, TEMPLATE_HEADER, TOKENS_HEADER, EnvoyOptions
from streams.enforcement import Ask

LONGEST_WORD: Final = 128
"""An account, a template or a sketch is never longer (`streams.events`)."""

MOST_TOKENS: Final = 2**40


def ask_of_check(request: CheckRequest, options: EnvoyOptions) -> Ask | None:
    """What an ext_authz check asks; None if it names no account."""
    headers: Mapping[str, str] = request.attributes.request.http.headers
    if options.account_metadata:
        account = _in_metadata(request, options.account_metadata)
    else:
        account = _word(headers.get(options.account_header))
    if account is None:
        return None
    return _ask(account, headers.get(TEMPLATE_HEADER), headers.get(SKETCH_HEADER), _tokens(headers.get(TOKENS_HEADER)))


def ask_of_descriptor(descriptor: RateLimitDescriptor, addend: int) -> Ask | None:
    """What a descriptor of a rate limit request asks; None if it names no account.

    Its entries are `account`, `template`, `sketch` and `tokens`; others count for nothing. Without `tokens` the
    descriptor's own `hits_addend` counts, and without that `addend`, the request's: 0 is what nobody said.
    """
    entries = {entry.key: entry.value for entry in descriptor.entries}
    account = _word(entries.get("account"))
    if account is None:
        return None
    if descriptor.HasField("hits_addend"):
        addend = descriptor.hits_addend.value
    tokens = _tokens(entries["tokens"]) if "tokens" in entries else min(addend, MOST_TOKENS)
    return _ask(account, entries.get("template"), entries.get("sketch"), tokens)


def _ask(account: str, template: str | None, sketch: str | None, tokens: int) -> Ask:
    return Ask(account, template_hash=_word(template), sketch=_word(sketch), tokens=tokens)


def _in_metadata(request: CheckRequest, path: tuple[str, ...]) -> str | None:
    """The text at the end of `path` in the dynamic metadata; a whole number counts as its digits."""
    namespace, *keys, last = path
    metadata = request.attributes.metadata_context.filter_metadata
    if namespace not in metadata:  # to read a message map by a key that it has not adds the key
        return None
    fields = metadata[namespace].fields
    for key in keys:
        if key not in fields:
            return None
        fields = fields[key].struct_value.fields
    if last not in fields:
        return None
    value = fields[last]
    if value.WhichOneof("kind") == "number_value" and value.number_value.is_integer():
        return _word(f"{value.number_value:.0f}")
    return _word(value.string_value)


def _word(text: str | None) -> str | None:
    return text if text and len(text) <= LONGEST_WORD else None


def _tokens(text: str | None) -> int:
    if text is None or len(text) > len(str(MOST_TOKENS)) or not (text.isascii() and text.isdecimal()):
        return 0
    return min(int(text), MOST_TOKENS)
