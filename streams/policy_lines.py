"""Where in a TOML text each key stands, and reading on after a mistake.

`tomllib` gives values without lines, and stops at the first mistake. `read` gives both: the values are always
`tomllib`'s own, the lines come from a small tokeniser (tables, arrays of tables, dotted and quoted keys, inline tables,
arrays over several lines), and a statement that `tomllib` refuses is left out, so that one reading lists every mistake.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

Path = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and the position in an array."""

MOST_MISTAKES = 50
"""How many refused statements are listed before the reading gives up: each costs one more reading of the text."""

_TOKEN = re.compile(
    r'''
      (?P<text> """(?:\\[\s\S]|[^\\])*?(?:"{3,5}|\Z) | \'\'\'[\s\S]*?(?:'{3,5}|\Z) | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<newline> \n )
    | (?P<skipped> [ \t]+ | \r(?=\n) | \#[^\n]* )
    | (?P<mark> [\[\]{},=.] )
    | (?P<word> [^\s\[\]{},=.\#"']+ | . | \s )
    ''',
    re.VERBOSE,
)
_PLACE = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)


class Mistake(Struct, frozen=True):
    """A statement that is no TOML, or says again what was said before; `line` counts from 1."""

    line: int
    sentence: str


class Reading(Struct, frozen=True):
    """What could be read: `tomllib`'s table, the line of every path in it, and what was left out and why."""

    table: dict[str, Any]
    lines: dict[Path, int]
    mistakes: tuple[Mistake, ...]


class _Token(Struct, frozen=True, gc=False):
    """One piece of the text: a quoted `text`, a `newline`, a `mark` of punctuation or a bare `word`."""

    kind: str
    text: str
    line: int


class _Statement(Struct, frozen=True):
    """One `[header]` or one `key = value`, from its first line to its last."""

    tokens: tuple[_Token, ...]
    last_line: int

    @property
    def line(self) -> int:
        return self.tokens[0].line

    @property
    def header_depth(self) -> int:
        """0 for `key = value`, 1 for `[table]`, 2 for `[[array of tables]]`."""
        opening = "".join(token.text for token in self.tokens[:2])
        return 2 if opening == "[[" else int(opening.startswith("["))


def read(text: str) -> Reading:
    """Read `text` as far as it is TOML. Never raises: whatever `tomllib` refuses becomes a mistake with its line."""
    lines = text.split("\n")
    mistakes: list[Mistake] = []
    while len(mistakes) < MOST_MISTAKES:
        remaining = "\n".join(lines)
        try:
            table = tomllib.loads(remaining)
        except tomllib.TOMLDecodeError as error:
            mistake, left_out = _refused(str(error), remaining)
            mistakes.append(mistake)
            for index in left_out:
                lines[index] = ""
        except RecursionError:
            mistakes.append(Mistake(1, "not TOML: brackets are nested too deeply."))
            break
        else:
            return Reading(table, _locate(_statements(remaining)), _in_order(mistakes))
    return Reading({}, {}, _in_order(mistakes))


def _in_order(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    return tuple(sorted(mistakes, key=lambda mistake: mistake.line))


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind != "skipped":
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")


def _statements(text: str) -> tuple[_Statement, ...]:
    """Cut at the newlines that stand outside every bracket."""
    found: list[_Statement] = []
    current: list[_Token] = []
    depth = 0
    for token in (*_tokens(text), _Token("newline", "\n", text.count("\n") + 1)):
        if token.kind != "newline":
            current.append(token)
            if token.kind == "mark":
                depth = max(0, depth + (token.text in "[{") - (token.text in "]}"))
        elif depth == 0 and current:
            found.append(_Statement(tuple(current), token.line))
            current = []
    if current:
        found.append(_Statement(tuple(current), text.count("\n") + 1))
    return tuple(found)


def _refused(error: str, text: str) -> tuple[Mistake, range]:
    """Say what `tomllib` refused, and which lines (from 0) to leave out so that it can read on."""
    match = _PLACE.match(error)
    what, place = (match["what"], match["line"]) if match else (error, None)
    statements = _statements(text)
    line = int(place) if place else statements[-1].line
    position = bisect_right(statements, line, key=lambda statement: statement.line) - 1
    if position < 0 or line > statements[position].last_line:  # a comment, with a character that none may have
        return Mistake(line, _not_toml(what)), range(line - 1, line)
    refused, paths = statements[position], _paths(statements[: position + 1])
    first = next((s.line for s, path in zip(statements[:position], paths, strict=False) if path == paths[-1]), None)
    if first is None:
        return Mistake(line, _not_toml(what)), _extent(statements, position, text)
    sentence = f"{written(paths[-1])} is given twice; the first is on line {first}."
    return Mistake(refused.line, sentence), _extent(statements, position, text)


def _not_toml(what: str) -> str:
    return f"not TOML: {what[:1].lower()}{what[1:]}."


def _extent(statements: tuple[_Statement, ...], position: int, text: str) -> range:
    """Return a statement's lines, from 0. A refused header takes its keys with it: they belong to no other table."""
    refused = statements[position]
    if not refused.header_depth:
        return range(refused.line - 1, refused.last_line)
    after = (statement.line - 1 for statement in statements[position + 1 :] if statement.header_depth)
    return range(refused.line - 1, next(after, text.count("\n") + 1))


def written(path: Path) -> str:
    """Spell a path as a reader of the file would: `account.observe.score`, `allowlist.accounts item 2`."""
    names = ".".join(name for name in path if isinstance(name, str))
    return "".join([names, *(f" item {position + 1}" for position in path if isinstance(position, int))])


def _paths(statements: tuple[_Statement, ...]) -> list[Path]:
    """Return the whole path that each statement gives, its table's header included."""
    found: list[Path] = []
    lengths: dict[Path, int] = {}
    section: Path = ()
    for statement in statements:
        key = _Cursor(statement.tokens[statement.header_depth :], {}).key()
        if statement.header_depth:
            section = _within_arrays(key[:-1], lengths) + key[-1:]
            if statement.header_depth == 2:  # noqa: PLR2004 - the two brackets of an array of tables
                lengths[section] = lengths.get(section, 0) + 1
                section += (lengths[section] - 1,)
        found.append(section if statement.header_depth else section + key)
    return found


def _within_arrays(path: Path, lengths: dict[Path, int]) -> Path:
    """Put in the position of the last table wherever a name on the path is an array of tables."""
    whole: Path = ()
    for name in path:
        whole += (name,)
        if whole in lengths:
            whole += (lengths[whole] - 1,)
    return whole


def _locate(statements: tuple[_Statement, ...]) -> dict[Path, int]:
    """Return the line of every table, key and array item of a text that `tomllib` has accepted."""
    lines: dict[Path, int] = {}
    for statement, path in zip(statements, _paths(statements), strict=True):
        cursor = _Cursor(statement.tokens[statement.header_depth :], lines)
        cursor.note(path)
        if not statement.header_depth:
            cursor.key()
            cursor.skip()
            cursor.value(path)
    return lines


def _name(token: _Token) -> str:
    """Return the key that a token spells: a bare word is itself, a quoted one is `tomllib`'s to read."""
    if token.kind != "text":
        return token.text
    try:
        return str(next(iter(tomllib.loads(f"{token.text} = 0"))))
    except tomllib.TOMLDecodeError:
        return token.text


class _Cursor:
    """Steps through one statement's tokens and notes the line of every path it meets."""

    def __init__(self, tokens: tuple[_Token, ...], lines: dict[Path, int]) -> None:
        self._tokens = tuple(token for token in tokens if token.kind != "newline")
        self._next = 0
        self._lines = lines

    def _mark(self) -> str | None:
        """Return the next token's text if it is punctuation or the end (""), None if it is a name or a value."""
        if self._next == len(self._tokens):
            return ""
        token = self._tokens[self._next]
        return token.text if token.kind == "mark" else None

    def skip(self) -> None:
        """Step over one token."""
        self._next += 1

    def note(self, path: Path) -> None:
        """Keep the next token's line for `path` and for the tables on the way to it, unless they have one."""
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], self._tokens[self._next].line)

    def key(self) -> Path:
        """Read one key, dotted or not; a broken one as far as it goes, so that it can be named."""
        names: list[str] = []
        while self._mark() in {None, "."}:
            if self._mark() is None:
                names.append(_name(self._tokens[self._next]))
            self.skip()
        return tuple(names)

    def value(self, path: Path) -> None:
        """Read one value; what an inline table or an array holds is noted under `path`."""
        if self._mark() == "{":
            self._inline_table(path)
        elif self._mark() == "[":
            self._array(path)
        else:
            self.key()  # a number or a date is words and dots, as a key is

    def _inline_table(self, path: Path) -> None:
        self.skip()
        while self._mark() != "}":
            start = self._next
            inner = path + self.key()
            after, self._next = self._next, start
            self.note(inner)
            self._next = after + 1
            self.value(inner)
            if self._mark() == ",":
                self.skip()
        self.skip()

    def _array(self, path: Path) -> None:
        self.skip()
        position = 0
        while self._mark() != "]":
            self.note((*path, position))
            self.value((*path, position))
            position += 1
            if self._mark() == ",":
                self.skip()
        self.skip()
