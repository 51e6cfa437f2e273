"""Each file of mistakes/ has one, on top of the least values, and says in its first line what helm then says."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.helm.readme import resolved
from tests.helm.rendering import CHART, EXAMPLES, helm, needs_helm, told, values

MISTAKES = {path.stem: path for path in sorted(Path(__file__).with_name("mistakes").glob("*.yaml"))}
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))


@needs_helm
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_sentence_and_nothing_is_rendered(name: str) -> None:
    first = MISTAKES[name].read_text(encoding="utf-8").splitlines()[0]
    done = helm("template", "--values", str(EXAMPLES["minimal"]), "--values", str(MISTAKES[name]))
    assert done.returncode == 1
    assert first.startswith("# says: ")
    assert first.removeprefix("# says: ") in told(done.stderr)
    assert "hunter2" not in done.stderr
    assert done.stdout == ""


def test_every_value_has_a_description_and_every_object_of_ours_is_closed() -> None:
    def walk(schema: dict[str, object], path: str) -> list[str]:
        found = resolved(SCHEMA, schema)
        wrong = [] if found.get("description") else [f"{path} has no description"]
        properties = found.get("properties")
        if isinstance(properties, dict):
            wrong += [] if found.get("additionalProperties") is False else [f"{path} is open"]
            for key, one in properties.items():
                # What Kubernetes defines, Kubernetes describes.
                wrong += [] if path.endswith(".resources") else walk(one, f"{path}.{key}")
        return wrong

    assert walk(SCHEMA, "values") == []


def test_the_schema_has_each_value_and_no_other() -> None:
    def keys(schema: dict[str, object], default: object) -> list[str]:
        properties = resolved(SCHEMA, schema).get("properties")
        if not isinstance(properties, dict) or not isinstance(default, dict) or set(default) == {"requests", "limits"}:
            return []
        wrong = sorted(set(properties) ^ set(default) - {"global"})
        return wrong + [it for key in set(properties) & set(default) for it in keys(properties[key], default[key])]

    assert keys(SCHEMA, values()) == ["global"]


def test_the_schema_is_one_and_takes_the_values_of_the_chart() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(values())
