"""The table of rights against the two files that a person applies."""

import re

import pytest

from agents import rights
from tests.integration.secured_kafka import principals, table
from tests.integration.secured_redis import PREFIX, users


def test_the_table_of_kafka_is_what_its_file_says() -> None:
    found: dict[str, dict[str, set[str]]] = {name: {} for name in principals()}
    groups = set()
    for rule in table():
        if rule.kind == "group":
            groups |= {rule.principal} if rule.name == PREFIX else set()
            continue
        for stage in rights.KAFKA["oncall"]:
            if rule.covers("topic", f"{PREFIX}.{stage}"):
                found[rule.principal].setdefault(stage, set()).add(rule.operation)
    assert found == rights.KAFKA
    assert groups == rights.IN_GROUP


@pytest.mark.parametrize("part", rights.REDIS)
def test_every_command_that_the_file_of_redis_allows_is_tried(part: str) -> None:
    allowed = set(re.findall(r" \+(\S+)", users()[part]))
    _, tries = rights.REDIS[part]
    tried = {"|".join(line.split()[: 2 if line.startswith("CLUSTER") else 1]).lower() for line in tries}
    assert tried == allowed


def test_the_file_of_redis_has_no_user_without_a_row() -> None:
    assert set(users()) == {"default", *rights.REDIS}
