"""Messages as the APIs and OpenTelemetry write them, as `streams.events.Message`. Nothing here raises."""

from collections.abc import Iterable
from typing import Any, Final

from agents.normalise.readings import decoded
from streams.events import ContentPart, Message

REDACTED: Final = "redacted-by-litellm"
"""What LiteLLM writes in the place of every text where logging of messages is off: taken for a text, it would be one
template that all accounts share. Beside other texts it is a text: a client could say it to hide those."""

_PARTS: Final = {"tool_call": "tool_use", "tool_call_response": "tool_result"}
"""OpenTelemetry's names of parts -> ours. Parts with a modality (`blob`, `uri`, `file`) have that as their type."""

_ITEMS: Final = {
    "function_call": ("assistant", "tool_use", None),
    "function_call_output": ("tool", "tool_result", "output"),
    "reasoning": ("assistant", "reasoning", None),
}
"""Items of OpenAI's Responses API that are no messages -> whose message each is, its part, where its text stands."""


def messages(value: object) -> list[Message] | None:
    """A conversation: a list of messages, a prompt, or a list of prompts; None where no text is known.

    Text is a prompt, whatever it looks like: read as JSON, one that begins with a bracket would hide itself.
    """
    if isinstance(value, dict):
        value = [value] if "role" in value else value.get("messages")
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return None
    found = [it for it in map(_message, value) if it is not None]
    return None if all(map(_is_redacted, found)) else found


def instructions(value: object) -> list[Message]:
    """A system prompt that stands apart: text, or a list of parts."""
    parts = decoded(value) if isinstance(value, str) and value.lstrip()[:1] == "[" else value
    content = _content(parts)
    return [Message("system", content)] if content else []


def _message(value: object) -> Message | None:
    if isinstance(value, str):
        return Message("user", value)
    if not isinstance(value, dict):
        return None
    role = value.get("role")
    if role is None and (item := _ITEMS.get(str(value.get("type")))) is not None:
        said, kind, place = item
        return Message(said, [ContentPart(kind, _first_text([value.get(place)] if place else []))])
    role = role if isinstance(role, str) else "user"
    content = _content(value.get("parts", value.get("content")))
    if role == "tool" and isinstance(content, str):
        content = [ContentPart("tool_result", content)]
    calls = value.get("tool_calls")
    if isinstance(calls, list) and calls:
        parts = [ContentPart("text", content)] if isinstance(content, str) else content or []
        content = [*parts, *(ContentPart("tool_use") for _ in calls)]
    return Message(role, content)


def _content(value: object) -> str | list[ContentPart] | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    return [it for it in map(_part, value) if it is not None]


def _part(value: object) -> ContentPart | None:
    if isinstance(value, str):
        return ContentPart("text", value)
    if not isinstance(value, dict):
        return None
    kind = _first_text([value.get("modality"), value.get("type")]) or "text"
    kind = _PARTS.get(kind, kind)
    if kind in {"text", "input_text", "output_text", "reasoning", "thinking"}:
        return ContentPart(kind, _first_text([value.get("text"), value.get("content"), value.get("thinking")]))
    if kind == "tool_result":
        return ContentPart(kind, _first_text([value.get("result"), value.get("response"), value.get("content")]))
    return ContentPart(kind)


def _first_text(values: Iterable[Any]) -> str | None:
    return next((it for it in values if isinstance(it, str)), None)


def _is_redacted(message: Message) -> bool:
    if isinstance(message.content, list):
        return any(part.text == REDACTED for part in message.content)
    return message.content == REDACTED
