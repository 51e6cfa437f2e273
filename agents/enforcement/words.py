"""From the words that a gateway sends to what is asked. No word is an error: what cannot be meant is left out."""

from typing import Final, TypeGuard

from streams.enforcement import Ask

LONGEST_WORD: Final = 128
"""An account, a template or a sketch is never longer (`streams.events`)."""

MOST_TOKENS: Final = 2**40


def ask_of_words(account: str | None, template: str | None, sketch: str | None, tokens: str | int | None) -> Ask | None:
    """What is asked; None if no account is named."""
    if not _is_word(account):
        return None
    return Ask(
        account,
        template_hash=template if _is_word(template) else None,
        sketch=sketch if _is_word(sketch) else None,
        tokens=min(tokens, MOST_TOKENS) if isinstance(tokens, int) else _number(tokens),
    )


def _is_word(text: str | None) -> TypeGuard[str]:
    return text is not None and 1 <= len(text) <= LONGEST_WORD


def _number(text: str | None) -> int:
    if text is None or len(text) > len(str(MOST_TOKENS)) or not (text.isascii() and text.isdecimal()):
        return 0
    return min(int(text), MOST_TOKENS)
