"""The audit says what it found, and never that all is well where it could not look."""

import subprocess
from typing import Any

import pytest

from deploy import audit

FINE = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3"]}, {"id": "GHSA-2"}]}
UNSEEN = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (3)"}


BEYOND = "packages could not be looked up, so nothing is said of them"
REACH = "is the service that pip-audit asks within reach?"


@pytest.mark.parametrize(
    ("packages", "code", "lines"),
    [
        ([FINE, FINE], 0, ["None of 2 packages has a known vulnerability."]),
        ([FINE, BAD], 1, ["b 2: PYSEC-1, mended in 2.1, 3", "b 2: GHSA-2"]),
        ([FINE, UNSEEN], 2, [f"1 of 2 {BEYOND} (c): {REACH}"]),
        ([], 2, [f"0 of 0 {BEYOND}: {REACH}"]),
    ],
)
def test_the_exit_code_and_the_lines_say_what_was_found(
    packages: list[dict[str, Any]], code: int, lines: list[str]
) -> None:
    assert audit.judged(packages) == (code, lines)


def test_a_vulnerability_counts_more_than_what_could_not_be_looked_up() -> None:
    code, lines = audit.judged([BAD, UNSEEN])
    assert (code, len(lines)) == (1, 3)


@pytest.mark.parametrize("answer", ["", "Traceback", "{}"])
def test_where_pip_audit_says_nothing_nothing_was_audited(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.CompletedProcess[str]((), 1, stdout=answer, stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_more: done)
    assert audit.main(["a.lock"]) == 2
    assert capsys.readouterr() == (
        "",
        "Nothing was audited: pip-audit, or the service that it asks, gave no answer (a.lock).\n",
    )
