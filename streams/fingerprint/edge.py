"""From a record with text to an event without: the one place that sees both."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.events import Message, RequestEvent, RequestRecord
from streams.fingerprint.capability import Shape, score
from streams.fingerprint.keys import Keys
from streams.fingerprint.masking import Masked, Masker
from streams.fingerprint.memory import Memory
from streams.fingerprint.sketch import Sketcher

_PLACEHOLDERS = frozenset({"", "-", "--", "0", "n/a", "na", "nil", "none", "null", "undefined", "unknown"})
"""What logs write where they know nothing: taken for a value, it would tie all accounts that have it."""

_IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
_TOOL_TYPES = frozenset({"tool_use", "tool_result", "tool_call"})


def known(value: str | None) -> str | None:
    """The value, or None if it stands for one that is not known."""
    return None if value is None or value.strip().casefold() in _PLACEHOLDERS else value


class Conversation(NamedTuple):
    """What is counted in the messages, and the text of the last thing the user asked ("" when nothing)."""

    characters: int = 0
    images: int = 0
    tool_parts: int = 0
    ask: str = ""


class Asked(NamedTuple):
    """What a gateway can tell of a request before it is answered: as its event will have it, and no text."""

    template_hash: str | None
    sketch: str | None
    character_count: int


class Fingerprinter:
    """Turns request records into request events under one secret key.

    It remembers words, addresses and user agents within bounds, so one instance is made and kept. It is not safe
    for use from several threads at once; the events do not depend on what it remembers.
    """

    def __init__(self, key: bytes) -> None:
        """Take the secret key of the hashes; raise `ValueError` when it is shorter than 16 bytes."""
        self._keys = Keys(key)
        self._masker = Masker()
        self._sketcher = Sketcher(self._keys)
        self._addresses = Memory(self._keys.address)
        self._agents = Memory(lambda agent: self._keys.hash("user_agent", agent))

    def asked(self, messages: Sequence[Message]) -> Asked:
        """Return what the event of a request with these `messages` will have: total, linear in their size."""
        conversation = read(messages)
        masked = self._masker.mask(conversation.ask)
        return Asked(self._template_hash(masked), self._sketcher.sketch(masked.template), conversation.characters)

    def event(self, record: RequestRecord) -> RequestEvent:
        """Return the event of `record`: total on valid records, linear in its size, no text in the result."""
        conversation = read(record.messages or ())
        masked = self._masker.mask(conversation.ask)
        tool_count = len(record.tools or ())
        shape = Shape(conversation.images, tool_count, conversation.tool_parts, record.reasoning_effort)
        capability, strength = score(masked.tokens, shape)
        is_stamped = record.account_created_at_ms == record.occurred_at_ms  # the record's own time: filled in by a log
        created_at_ms = None if is_stamped else record.account_created_at_ms
        address_hash, network_hash = self._addresses[record.client_address] if record.client_address else (None, None)
        return RequestEvent(
            event_id=record.event_id,
            occurred_at_ms=record.occurred_at_ms,
            account_id=record.account_id,
            operation=record.operation,
            request_model=record.request_model,
            org_id=known(record.org_id),
            api_key_id=record.api_key_id,
            account_created_at_ms=created_at_ms,
            plan=record.plan,
            plan_daily_tokens=record.plan_daily_tokens,
            payment_hash=known(record.payment_hash),
            address_hash=address_hash,
            network_hash=network_hash,
            asn=record.asn,
            network_type=record.network_type,
            country=record.country,
            user_agent_hash=self._agents[record.user_agent] if record.user_agent else None,
            tls_fingerprint=known(record.tls_fingerprint),
            access_path=record.access_path,
            conversation_id=known(record.conversation_id),
            template_hash=self._template_hash(masked),
            sketch=self._sketcher.sketch(masked.template),
            capability=capability,
            capability_strength=strength,
            character_count=conversation.characters,
            turn_count=len(record.messages or ()),
            image_count=conversation.images,
            tool_count=tool_count,
            max_tokens=record.max_tokens,
            temperature=record.temperature,
            reasoning_effort=record.reasoning_effort,
            input_tokens=record.input_tokens,
            output_tokens=record.output_tokens,
            reasoning_tokens=record.reasoning_tokens,
            status_code=record.status_code,
            finish_reason=record.finish_reason,
            latency_ms=record.latency_ms,
        )

    def _template_hash(self, masked: Masked) -> str | None:
        return self._keys.hash("template", " ".join(masked.template)) if masked.says_enough else None


def read(messages: Sequence[Message]) -> Conversation:
    """Count what `messages` hold, and find the text of the last message of the user that has any.

    The system prompt is not the ask: one framework's prompt must not tie its thousands of users together. Nor are tool
    results, which arrive under the user's role: whether their text is known or not, the text before them is the ask.
    """
    characters = images = tool_parts = 0
    ask = ""
    for message in messages:
        content = message.content
        if isinstance(content, str):
            text = content
            characters += len(text)
        elif content:
            text = "\n".join([part.text for part in content if part.text and part.type not in _TOOL_TYPES])
            characters += len("\n".join([part.text for part in content if part.text]))
            images += sum(part.type in _IMAGE_TYPES for part in content)
            tool_parts += sum(part.type in _TOOL_TYPES for part in content)
        else:
            continue
        if message.role == "user" and text and not text.isspace():
            ask = text
    return Conversation(characters, images, tool_parts, ask)
