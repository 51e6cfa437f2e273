"""deploy/ingest.md has the tables of the formats; `python -m tests.agents.normalise.test_documentation` writes them."""

from pathlib import Path

import pytest

from agents.normalise import FORMATS, envoy, genai, litellm
from agents.normalise.mapping import REQUIRED, Table
from streams.events import RequestRecord

PAGE = Path(__file__).parents[3] / "deploy" / "ingest.md"
TABLES = {"litellm": litellm.TABLE, "genai": genai.TABLE, "envoy": envoy.TABLE}


def lines_of(table: Table) -> str:
    """The table as Markdown: field, attributes in the order in which they are tried, how the value is read."""
    rows = ["| field | from, the first that says something | read as |", "|---|---|---|"]
    for source in table:
        name = f"**{source.field}**" if source.field in REQUIRED else source.field
        attributes = ", ".join(it if it.startswith("(") else f"`{it}`" for it in source.attributes)
        rows.append(f"| {name} | {attributes} | {source.note or getattr(source.reading, '__name__', '')} |")
    return "\n".join(rows) + "\n"


def with_table(page: str, name: str) -> str:
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    assert begin
    assert end
    return f"{before}{begin}{lines_of(TABLES[name])}{end}{after}"


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_table_that_the_code_reads_by(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, name)


def test_the_page_names_every_format() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in FORMATS if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_each_field_of_a_record_once_and_all_that_are_required(name: str) -> None:
    fields = [source.field for source in TABLES[name]]
    assert len(fields) == len(set(fields))
    assert set(REQUIRED) <= set(fields) <= set(RequestRecord.__struct_fields__)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for each in TABLES:
        text = with_table(text, each)
    PAGE.write_text(text, encoding="utf-8")
