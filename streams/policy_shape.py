"""Whether a table read from a file has the shape of a struct: every key known, every value of its type and range.

`msgspec` decides what is acceptable, as it does everywhere else; it stops at the first mistake, so this asks it leaf by
leaf and puts each refusal into a sentence. Nothing here knows what a policy is.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from streams.policy_lines import Path, written

LONGEST_VALUE = 40
"""A refused value is shown up to this many characters."""


class Misfit(Struct, frozen=True):
    """One place where the table is not what it should be; `sentence` names the place."""

    path: Path
    sentence: str


def misfits(table: Mapping[str, Any], shape: type[Struct], shipped: Mapping[str, Any]) -> Iterator[Misfit]:
    """Yield every misfit of `table`. `shipped` is a whole example: where keys are free, its keys are the known ones."""
    return _table(table, shape, shipped, ())


def _table(table: Mapping[str, Any], shape: object, shipped: Mapping[str, Any], path: Path) -> Iterator[Misfit]:
    inner = _inner_types(shape, shipped)
    for key, value in table.items():
        if key not in inner:
            yield _unknown(key, inner, path)
        elif isinstance(shipped[key], Mapping):
            yield from _nested(value, inner[key], shipped[key], (*path, key))
        else:
            yield from _leaf(value, inner[key], (*path, key))


def _inner_types(shape: object, shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type behind each known key: of a struct its fields', of a mapping the one type of its values."""
    if isinstance(shape, type) and issubclass(shape, Struct):
        return get_type_hints(shape, include_extras=True)
    return dict.fromkeys(shipped, get_args(shape)[1])


def _unknown(key: str, known: Iterable[str], path: Path) -> Misfit:
    table = f"[{written(path)}]" if path else "the policy"
    close = difflib.get_close_matches(key, known, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else "."
    return Misfit((*path, key), f'{table} has no "{key}"{hint}')


def _nested(value: object, shape: object, shipped: Mapping[str, Any], path: Path) -> Iterator[Misfit]:
    if isinstance(value, Mapping):
        yield from _table(value, shape, shipped, path)
    else:
        yield Misfit(path, f"{written(path)} must be a table, not {_shown(value)}.")


def _leaf(value: object, shape: object, path: Path) -> Iterator[Misfit]:
    items = types.type_info(shape)
    if isinstance(items, types.FrozenSetType) and isinstance(value, list):
        for position, item in enumerate(value):
            yield from _leaf(item, get_args(shape)[0], (*path, position))
        return
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError:
        yield Misfit(path, f"{written(path)} must be {_expected(items)}, not {_shown(value)}.")


def _expected(wanted: types.Type) -> str:
    if isinstance(wanted, types.UnionType):
        return _expected(wanted.types[0])
    if isinstance(wanted, types.BoolType):
        return "true or false"
    if isinstance(wanted, types.LiteralType):
        return f"one of {', '.join(map(str, wanted.values))}"
    if isinstance(wanted, types.StrType):
        return f"text of {wanted.min_length} to {wanted.max_length} characters"
    if isinstance(wanted, types.IntType | types.FloatType):
        kind = "a whole number" if isinstance(wanted, types.IntType) else "a number"
        return f"{kind} {_range(wanted)}"
    return "a list"


def _range(wanted: types.IntType | types.FloatType) -> str:
    low = f"above {wanted.gt}" if wanted.gt is not None else f"from {wanted.ge}"
    high = f"and below {wanted.lt}" if wanted.lt is not None else f"to {wanted.le}"
    return f"{low} {high}"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str | bool | int | float):
        shown = msgspec.json.encode(value).decode() if not isinstance(value, float) else f"{value:g}"
        return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}..."
    return str(value)
