"""The chart's README: its tables of values, from values.schema.json and values.yaml. `python -m tests.helm.readme`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "helm" / "stillwatch"
README = CHART / "README.md"
BEGIN = "<!-- values: made by python -m tests.helm.readme -->"
END = "<!-- end of values -->"

Schema = dict[str, Any]


def text() -> str:
    """The README as it should be: what people wrote, and between the marks the values."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}{END}{after}"


def tables() -> str:
    """A table for each group of values, each value with its default."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    alone: list[str] = []
    groups: list[str] = []
    for key, given in schema["properties"].items():
        found = resolved(schema, given)
        if key not in values:
            continue
        if "properties" in found:
            lines = rows(schema, found, values[key], f"{key}.")
            groups.append("\n".join([f"### {key}", "", found["description"], "", *HEAD, *lines, ""]))
        else:
            alone.append(row(key, found, values[key]))
    return "\n" + "\n".join(["### All", "", *HEAD, *alone, "", *groups]) + "\n"


HEAD = ("| value | default | what it is |", "|---|---|---|")


def resolved(schema: Schema, given: Schema) -> Schema:
    """A schema, or the one that it refers to."""
    if "$ref" in given:
        found: Schema = schema["definitions"][given["$ref"].rpartition("/")[2]]
        return found
    return given


def rows(schema: Schema, group: Schema, values: dict[str, Any], path: str) -> Iterator[str]:
    """A row for each value of a group, and of the groups in it; users of one kind share their rows."""
    told: set[str] = set()
    for key, given in group["properties"].items():
        found = resolved(schema, given)
        if "properties" in found and isinstance(values[key], dict) and key != "resources":
            shared = given.get("$ref", "")
            if shared.endswith("User"):
                if shared not in told:
                    names = (
                        "{" + ",".join(it for it, one in group["properties"].items() if one.get("$ref") == shared) + "}"
                    )
                    yield from rows(schema, found, values[key], f"{path}{names}.")
                told.add(shared)
            else:
                yield from rows(schema, found, values[key], f"{path}{key}.")
        else:
            yield row(f"{path}{key}", found, values[key])


def row(path: str, schema: Schema, default: object) -> str:
    """One line of a table."""
    words = schema["description"]
    if "enum" in schema:
        words += " One of " + ", ".join(f"`{it}`" if it else "empty" for it in schema["enum"]) + "."
    shown = json.dumps(default, ensure_ascii=False).replace("|", "\\|")
    words = words.replace("|", "\\|")
    return f"| `{path}` | `{shown}` | {words} |"


if __name__ == "__main__":
    README.write_text(text(), encoding="utf-8")
