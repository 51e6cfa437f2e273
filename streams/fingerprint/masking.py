"""The template of a request: its words in order, with every variable slot replaced by one mark.

Two requests made from one template differ only in their slots, so their templates are equal. A slot is a number,
a quoted string, a code span or block, an address, a path, a file name or any other literal that is not a plain
word; neighbouring slots are one, so that a list of three numbers equals a list of five. The variable tail of a
fixed instruction goes too: the template ends at a colon, a tag, a heading or a separator once the instruction
before it names a subject, and at the end of a line once the line is long enough to be the whole instruction. What
follows a colon within a line may belong to the instruction ("Write out each step: the thought, the tool you call."), so
where more lines follow, which hold the input then, what stands before such a colon must name more subjects. An
instruction that follows its input ("<question>, newline, Think step by step and put the final answer last.") is found
by the words that command a model.

The work is bounded whatever comes: at most `HEAD_CHARACTERS` + `TAIL_CHARACTERS` characters of a text are read.
Every alternative of the expression below is possessive and stops at the character that could open it again, so
no character is visited more than twice: there is nothing to backtrack into. (Each begins with its quote, which lets
the engine skip all other text quickly.)
"""

import re
import unicodedata
from typing import NamedTuple

from streams.fingerprint.memory import Memory
from streams.fingerprint.words import COMMAND_WORDS, STOP_WORDS

HEAD_CHARACTERS = 4096
"""How much of a text is read from its beginning."""

TAIL_CHARACTERS = 512
"""How much of a longer text is read from its end (for the capability: the instruction may come last)."""

SLOT = "0"
"""What stands for a slot. It is itself a number, so masking a template again changes nothing."""

MAX_TEMPLATE_WORDS = 64
"""The template is the first so many words and slots; what follows is rarely the instruction."""

MIN_TEMPLATE_WORDS = 3
"""A template with fewer words (slots do not count) is too generic to tie anyone to anyone."""

MIN_SUBJECTS_BEFORE_END = 2
"""The template ends early only after so many different words with a subject: "do this for me:" instructs nothing."""

MIN_SUBJECTS_WITHIN_LINE = 5
"""So many at a colon after which the line goes on, if another follows it. A template with fewer ties nobody anyway
(`streams.signals.accounts_per_template`). Where what follows is the input after all, and has several lines, it is not
seen that one account sends nothing but this instruction (`streams.signals.template_concentration`)."""

MIN_WORDS_BEFORE_LINE_END = 8
"""A line of at least so many words is taken for the whole instruction, and what follows for its input."""

MAX_CLOSING_TOKENS = 64
"""A last line of more tokens is part of a document, not an instruction after it."""

MIN_COMMANDS = 2
"""A last line with fewer different commands is not taken for the instruction."""

MAX_WORD_CHARACTERS = 24
"""A longer run of letters is a literal (base64, a key), not a word."""

_QUOTED = re.compile(
    r"""
      ```[^`]*+(?:`(?!``)[^`]*+)*+(?:```)?   # a fenced block, to its end or to the end of the text
    | `[^`\n]*+`                             # a code span
    | "[^"\n]*+"                             # quoted strings
    | '(?<![^\s(\[{=,:]')[^'\n]*+'(?!\w)     # 'quoted', not don't
    """,
    re.VERBOSE,
)
_AMONG_IDEOGRAPHS = re.compile(r"([:,;!?。、])(?=[\u2e80-\U0010ffff])")
_STRAIGHT = [*zip("“”„«»", '"""""', strict=True), *zip("‘’", "''", strict=True)]
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_LINE_BREAKS = "\x85\u2028\u2029"
_CLOSING = ".,;:!?。、)]}>*'_~|…\"`"
_OPENING = "([{<*'#-–—•_~|>\"`"
_JOINED = re.compile(r"[-']")
_NAMES = frozenset({"c++", "c#", "f#"})
_FIRST_IDEOGRAPH = "\u2e80"
_MIN_SEPARATOR_CHARACTERS = 3
_SLOT_WORDS = (SLOT,)
_COMMAND_TOKENS = frozenset(word + ending for word in COMMAND_WORDS for ending in ("", ".", ",", ":", ";"))
_NO_SUBJECTS = STOP_WORDS | {SLOT}
_MAX_TEMPLATE_TOKENS = 4 * MAX_TEMPLATE_WORDS
_PLAIN, _SLOT, _LINE_END, _HEADING, _MARKUP, _COLON = range(6)
_SLOT_OR_COLON = frozenset({_SLOT, _COLON})


class Token(NamedTuple):
    """What one token becomes: its words (or the slot mark), and what it does to the template."""

    words: tuple[str, ...]
    kind: int = _PLAIN


class Masked(NamedTuple):
    """A text with its slots masked: the words of its template, and the tokens of everything that was read."""

    template: list[str]
    tokens: list[str]

    @property
    def says_enough(self) -> bool:
        """Whether the template has enough words to tie two requests together."""
        return len(self.template) - self.template.count(SLOT) >= MIN_TEMPLATE_WORDS


class Masker:
    """Masks texts, and remembers what each token became."""

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._known = Memory(_token)

    def mask(self, text: str) -> Masked:
        """Return the template and the tokens of `text` (any string; bounded work, never raises)."""
        tokens = tokenised(text)
        return Masked(self._template(tokens), tokens)

    def _template(self, tokens: list[str]) -> list[str]:
        """Return the words of the instruction, which opens `tokens` or, after its input, is their last line."""
        opening = self._instruction(tokens)
        last_line = _last_line(tokens)
        if len(_COMMAND_TOKENS.intersection(last_line)) < MIN_COMMANDS:
            return opening
        closing = self._instruction(last_line)
        if not _is_instruction(closing, _COLON):
            return opening
        reaches_the_end = opening[-len(closing) :] == closing
        before = opening[: -len(closing)] if reaches_the_end else opening
        return closing if _commands(closing) > _commands(before) else opening

    def _instruction(self, tokens: list[str]) -> list[str]:
        """Return the words of the instruction that opens `tokens`, neighbouring slots merged."""
        known = self._known
        template: list[str] = []
        last_break: int | None = None
        for place, token in enumerate(map(known.__getitem__, tokens[:_MAX_TEMPLATE_TOKENS])):
            if isinstance(token, str):
                template.append(token)
                continue
            words, kind = token
            if kind:
                if kind not in _SLOT_OR_COLON and _is_instruction(template, kind):
                    break
                if kind == _HEADING:
                    template.clear()  # what came before was a courtesy
                if words == _SLOT_WORDS and template and template[-1] == SLOT:
                    continue
                if kind == _COLON:
                    last_break = _last_break(tokens) if last_break is None else last_break
                    goes_on = place < last_break and _goes_on(tokens, place)
                    fewest = MIN_SUBJECTS_WITHIN_LINE if goes_on else MIN_SUBJECTS_BEFORE_END
                    if _is_instruction([*template, *words], kind, fewest):
                        template += words
                        break
            template += words
        return template[:MAX_TEMPLATE_WORDS]


def _last_line(tokens: list[str]) -> list[str]:
    """Return the tokens of the last of several lines; nothing for a single line, or when the last one is long."""
    latest_first = tokens[: -MAX_CLOSING_TOKENS - 1 : -1]
    if "\n" not in latest_first:
        return []
    return tokens[len(tokens) - latest_first.index("\n") :]


def _commands(template: list[str]) -> int:
    """Return how many different words of `template` tell a model what to do."""
    return len(COMMAND_WORDS.intersection(template))


def _is_instruction(template: list[str], kind: int, fewest: int = MIN_SUBJECTS_BEFORE_END) -> bool:
    """Return whether `template` may end at a token of `kind`: whether it is an instruction by itself.

    But for the end of a line it has at least `fewest` different words with a subject.
    """
    said = len(template) - template.count(SLOT)
    if kind == _LINE_END:
        return said >= MIN_WORDS_BEFORE_LINE_END
    return said >= MIN_TEMPLATE_WORDS and len({*template} - _NO_SUBJECTS) >= fewest


def _last_break(tokens: list[str]) -> int:
    """Return the place of the last line break, -1 if there is none."""
    return max((place for place, it in enumerate(tokens) if it == "\n"), default=-1)


def _goes_on(tokens: list[str], place: int) -> bool:
    """Return whether a word follows on the line of the token at this place, which a line break follows somewhere."""
    after = place + 1
    while tokens[after] != "\n":
        if any(map(str.isalpha, tokens[after])):
            return True
        after += 1
    return False


def bounded(text: str) -> str:
    """Return `text`, or the beginning and the end of it when it is longer than both together."""
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return f"{text[:HEAD_CHARACTERS]} {text[-TAIL_CHARACTERS:]}"


def normalised(text: str) -> str:
    """Return `text` in lower case, with compatibility forms and quotes unified, without invisible characters."""
    if text.isascii():
        return text.lower()
    # Lowering a letter may leave a form that NFKC unifies, hence twice.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    for typographic, straight in _STRAIGHT:
        text = text.replace(typographic, straight)
    for character in _INVISIBLE:
        text = text.replace(character, "")
    for character in _LINE_BREAKS:
        text = text.replace(character, "\n")
    return _AMONG_IDEOGRAPHS.sub(r"\1 ", text)  # scripts without spaces have none after punctuation either


def tokenised(text: str) -> list[str]:
    """Return the tokens of `text`: runs without spaces, line ends, and quoted text as slots; some are empty."""
    text = _QUOTED.sub(_slot_for_quoted, normalised(bounded(text))).strip()
    return text.replace("\n", " \n ").replace("\t", " ").replace("\r", " ").split(" ")


def _slot_for_quoted(quoted: re.Match[str]) -> str:
    """Return what stands for quoted text: a slot, and the mark of code for a fenced block."""
    return " ``` " if quoted[0].startswith("```") else " 0 "


def _token(text: str) -> Token | str:
    """Return what the token `text` becomes in a template: a word by itself, as nearly all are, or more."""
    if text.isalpha() and len(text) <= MAX_WORD_CHARACTERS and text < _FIRST_IDEOGRAPH:
        return text
    if text == "\n":
        return Token((), _LINE_END)
    core = text.rstrip(_CLOSING).lstrip(_OPENING)
    return _dressed(text, core) if core else _punctuation(text)


def _dressed(text: str, core: str) -> Token | str:
    """Return what a token becomes that is `core` with punctuation around it."""
    words = _words(core)
    if words is None or (text[0] == "<" and text[-1] == ">"):
        return Token(_SLOT_WORDS, _MARKUP if text[0] == "<" else _SLOT)
    if text.startswith("##"):
        return Token(words, _HEADING)
    if ":" in text:
        return Token(words, _COLON)
    return words[0] if len(words) == 1 else Token(words)


def _punctuation(text: str) -> Token:
    """Return what a token without letters or digits becomes: the mark of code, a separator, or nothing."""
    if text.startswith("```"):
        return Token(_SLOT_WORDS, _MARKUP)
    is_separator = len(text) >= _MIN_SEPARATOR_CHARACTERS and not text.startswith(".")
    if is_separator and text.startswith("##"):
        return Token((), _HEADING)
    return Token((), _MARKUP if is_separator else _PLAIN)


def _words(core: str) -> tuple[str, ...] | None:
    """Return the words of a token without its punctuation, or None when it is a literal."""
    if core in _NAMES:
        return (core,)
    parts = (core,) if core.isalpha() else tuple(_JOINED.split(core))
    if not all(part.isalpha() and len(part) <= MAX_WORD_CHARACTERS for part in parts):
        return None
    if core[0] >= _FIRST_IDEOGRAPH:
        return tuple("".join(parts))  # scripts without spaces: each character is a word
    return parts
