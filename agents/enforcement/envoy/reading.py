"""From what Envoy sends to what is asked. Nothing that it sends makes these raise: what cannot be meant is left out."""

from collections.abc import Mapping
from typing import Final

from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from agents.enforcement.envoy.options import EnvoyOptions
from agents.enforcement.words import ASKED_HEADERS, ask_of_words
from streams.enforcement import Ask

ENTRIES: Final = ("account", "template", "sketch", "payment", "account_created")


def ask_of_check(request: CheckRequest, options: EnvoyOptions) -> Ask | None:
    """What an ext_authz check asks; None if it names no account."""
    headers: Mapping[str, str] = request.attributes.request.http.headers
    if options.account_metadata:
        account = _in_metadata(request, options.account_metadata)
    else:
        account = headers.get(options.account_header)
    return ask_of_words(account, *map(headers.get, ASKED_HEADERS))


def ask_of_descriptor(descriptor: RateLimitDescriptor, addend: int) -> Ask | None:
    """What a descriptor of a rate limit request asks; None if it names no account.

    Its entries are `account`, `template`, `sketch`, `tokens`, `payment` and `account_created`; others count for
    nothing. Without `tokens` the descriptor's own `hits_addend` counts, and without that `addend`, the request's: 0 is
    what nobody said.
    """
    entries = {entry.key: entry.value for entry in descriptor.entries}
    if descriptor.HasField("hits_addend"):
        addend = descriptor.hits_addend.value
    account, template, sketch, payment, created = map(entries.get, ENTRIES)
    return ask_of_words(account, template, sketch, entries.get("tokens", addend), payment, created)


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
        return f"{value.number_value:.0f}"
    text: str = value.string_value
    return text
