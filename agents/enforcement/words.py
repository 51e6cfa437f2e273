"""From the words that a gateway sends to what is asked. No word is an error: what cannot be meant is left out."""

from typing import Final, TypeGuard

from streams.enforcement import Ask
from streams.events import LATEST_MS

ACCOUNT_HEADER: Final = "x-stillwatch-account"
ASKED_HEADERS: Final = (
    "x-stillwatch-template",
    "x-stillwatch-sketch",
    "x-stillwatch-tokens",
    "x-stillwatch-payment",
    "x-stillwatch-account-created",
)
"""The headers of what is asked beside the account, in the order of `ask_of_words`."""

LONGEST_WORD: Final = 128
"""An account, a template, a sketch or a payment is never longer (`streams.events`)."""

FIRST_MS: Final = 10**11
"""No time in milliseconds is smaller: that is one in seconds, or none."""

MOST_TOKENS: Final = 2**40


def ask_of_words(
    account: str | None,
    template: str | None = None,
    sketch: str | None = None,
    tokens: str | int | None = None,
    payment: str | None = None,
    created: str | int | None = None,
) -> Ask | None:
    """What is asked; None if no account is named. `created` is when the account was opened, in milliseconds."""
    if not _is_word(account):
        return None
    return Ask(
        account,
        template_hash=template if _is_word(template) else None,
        sketch=sketch if _is_word(sketch) else None,
        tokens=_tokens(tokens),
        payment_hash=payment if _is_word(payment) else None,
        account_created_at_ms=_time_ms(created),
    )


def _is_word(text: str | None) -> TypeGuard[str]:
    return text is not None and 1 <= len(text) <= LONGEST_WORD


def _number(text: str, most: int) -> int | None:
    """The number that the text is; None if it is none, or far above `most`."""
    return int(text) if len(text) <= len(str(most)) and text.isascii() and text.isdecimal() else None


def _tokens(said: str | int | None) -> int:
    number = _number(said, MOST_TOKENS) if isinstance(said, str) else said
    return min(max(0, number or 0), MOST_TOKENS)


def _time_ms(said: str | int | None) -> int | None:
    number = _number(said, LATEST_MS) if isinstance(said, str) else said
    return None if number is None or not FIRST_MS <= number <= LATEST_MS else number
