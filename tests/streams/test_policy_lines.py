"""Where keys stand in a TOML text: against texts that are written together with their lines, and by example."""

import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.policy_lines import MOST_MISTAKES, Mistake, Path, read, written

EVERYTHING = '''\
# a comment with [brackets] = { and "quotes
title = "a # no comment, a [bracket] and an = sign"
a.b . "c.d" = 1.5

[ table . 'quoted key' ]   # comment
when = 1979-05-27 07:32:00.99
text = """
[not.a.header]
key = "no key" \\"""
"""
literal = \'\'\'
x = 1\'\'\'\'
list = [ # comment ]
  1,
  [ "two",
    { three = 3, four.five = [
      "six" ] } ], # trailing

  -inf,
]
inline = { a = 1, "b" = { c = [] } }

[[array]]
name = "first"
[array.inner]
x = 1
[[array]]
name = "second"
[[array.deeper]]
y = 2
'''


def test_every_way_to_write_a_key_has_its_line() -> None:
    reading = read(EVERYTHING)
    assert reading.table == tomllib.loads(EVERYTHING)
    assert reading.mistakes == ()
    quoted: Path = ("table", "quoted key")
    assert reading.lines == {
        ("title",): 2,
        ("a",): 3,
        ("a", "b"): 3,
        ("a", "b", "c.d"): 3,
        ("table",): 5,
        quoted: 5,
        (*quoted, "when"): 6,
        (*quoted, "text"): 7,
        (*quoted, "literal"): 11,
        (*quoted, "list"): 13,
        (*quoted, "list", 0): 14,
        (*quoted, "list", 1): 15,
        (*quoted, "list", 1, 0): 15,
        (*quoted, "list", 1, 1): 16,
        (*quoted, "list", 1, 1, "three"): 16,
        (*quoted, "list", 1, 1, "four"): 16,
        (*quoted, "list", 1, 1, "four", "five"): 16,
        (*quoted, "list", 1, 1, "four", "five", 0): 17,
        (*quoted, "list", 2): 19,
        (*quoted, "inline"): 21,
        (*quoted, "inline", "a"): 21,
        (*quoted, "inline", "b"): 21,
        (*quoted, "inline", "b", "c"): 21,
        ("array",): 23,
        ("array", 0): 23,
        ("array", 0, "name"): 24,
        ("array", 0, "inner"): 25,
        ("array", 0, "inner", "x"): 26,
        ("array", 1): 27,
        ("array", 1, "name"): 28,
        ("array", 1, "deeper"): 29,
        ("array", 1, "deeper", 0): 29,
        ("array", 1, "deeper", 0, "y"): 30,
    }


NAMES = st.sampled_from(["a", "b-1", "c_c", "42", "with space", "dot.ted", 'quo"te', "ünïcode", "", "#", "[x]"])
SCALARS = st.one_of(
    st.integers(-99, 99).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: repr(value).replace("e+", "e")),
    st.sampled_from(["true", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "+inf", "'li\\teral'", '"a\\"b # ]"']),
)


def spelt(name: str) -> str:
    bare = name and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in name)
    return name if bare else '"' + name.replace('"', '\\"') + '"'


class Writer:
    """Writes a TOML text and notes the line of everything as it goes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[Path, int] = {}

    def note(self, path: Path) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], self.text.count("\n") + 1)

    def filler(self) -> None:
        self.text += self.draw(st.sampled_from(["", " ", "\n", " # x = [1\n", "\n\n"]))

    def value(self, path: Path, depth: int = 0) -> None:
        kind = (
            self.draw(st.sampled_from(["scalar", "scalar", "array", "table", "multiline"])) if depth < 3 else "scalar"
        )
        if kind == "array":
            self.text += "["
            for position in range(self.draw(st.integers(0, 3))):
                self.filler()
                self.note((*path, position))
                self.value((*path, position), depth + 1)
                self.text += ","
            self.filler()
            self.text += "]"
        elif kind == "table":
            self.text += "{ "
            for position, name in enumerate(self.draw(st.lists(NAMES, max_size=3, unique=True))):
                self.text += ", " if position else ""
                self.note((*path, name))
                self.text += f"{spelt(name)} = "
                self.value((*path, name), depth + 1)
            self.text += " }"
        else:
            self.text += '"""\n[a]\nb = 1 \\\n"""' if kind == "multiline" else self.draw(SCALARS)

    def keys(self, section: Path) -> None:
        for name in self.draw(st.lists(NAMES, max_size=3, unique=True)):
            tail = tuple(self.draw(st.lists(NAMES, max_size=2)))
            self.note((*section, name, *tail))
            self.text += " . ".join(map(spelt, (name, *tail))) + " = "
            self.value((*section, name, *tail))
            self.text += self.draw(st.sampled_from(["\n", " # comment\n", "\n\n"]))


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Path, int]]:
    writer = Writer(draw)
    writer.keys(())
    for position, name in enumerate(draw(st.lists(NAMES, max_size=3, unique=True))):
        header = (f"section {position}", name)
        writer.note(header)
        writer.text += f"[{'.'.join(map(spelt, header))}]\n"
        writer.keys(header)
    for position in range(draw(st.integers(0, 2))):
        writer.note(("array of tables", position))
        writer.text += '[["array of tables"]]\n'
        writer.keys(("array of tables", position))
    return writer.text, writer.lines


@given(documents(), st.sampled_from(["\n", "\r\n"]))
def test_lines_are_those_the_text_was_written_with(document: tuple[str, dict[Path, int]], newline: str) -> None:
    text, lines = document
    reading = read(text.replace("\n", newline))
    assert reading.mistakes == ()
    assert reading.table == tomllib.loads(text)
    assert reading.lines == lines


def paths_in(value: object, path: Path = ()) -> set[Path]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return ({path} - {()}).union(*(paths_in(item, (*path, key)) for key, item in inner))


@example("\r\r\n")
@given(st.text(alphabet="ab.=[]{},\"'#\n\\ 1\r\t", max_size=60))
def test_any_text_is_read_as_far_as_it_is_toml(text: str) -> None:
    reading = read(text)
    assert set(reading.lines) == paths_in(reading.table)
    assert all(1 <= mistake.line <= text.count("\n") + 1 for mistake in reading.mistakes)
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert reading.mistakes
    else:
        assert (reading.table, reading.mistakes) == (whole, ())


def test_reading_goes_on_after_a_mistake() -> None:
    reading = read("a = 1\nb = \nc = 3\n[d]\ne = [1,,2]\nf = 6")
    assert reading.table == {"a": 1, "c": 3, "d": {"f": 6}}
    assert [mistake.line for mistake in reading.mistakes] == [2, 5]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a = 1\n\na = 2", Mistake(3, "a is given twice; the first is on line 1.")),
        ("a.b = 1\n[x]\n[x]\ny = 1", Mistake(3, "x is given twice; the first is on line 2.")),
        ("[x]\na = 1\n[y]\n[x.a]\nb = 1", Mistake(4, "x.a is given twice; the first is on line 2.")),
        ("'a b' = 1\n\"a b\" = [\n2]\nc = 1", Mistake(2, "a b is given twice; the first is on line 1.")),
        ("a = 1\n= 2", Mistake(2, "not TOML: invalid statement.")),
        ('a = """never\nclosed', Mistake(1, "not TOML: unterminated string.")),
        ("[a\nb = 1", Mistake(1, "not TOML: expected ']' at the end of a table declaration.")),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(text: str, mistake: Mistake) -> None:
    assert read(text).mistakes == (mistake,)


def test_a_refused_header_takes_its_keys_with_it() -> None:
    assert read("[a]\nx = 1\n[a]\nx = 2\n[b]\ny = 3").table == {"a": {"x": 1}, "b": {"y": 3}}


def test_brackets_without_end_are_refused() -> None:
    assert read("a = " + "[" * 5000).mistakes != ()


def test_reading_gives_up_after_many_mistakes() -> None:
    assert len(read("=\n" * 1000).mistakes) == MOST_MISTAKES


def test_a_path_is_written_as_a_reader_would() -> None:
    assert written(("allowlist", "accounts", 1)) == "allowlist.accounts item 2"
