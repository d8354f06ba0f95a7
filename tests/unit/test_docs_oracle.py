"""What the documentation says of Oracle is what the product says."""

from __future__ import annotations

import re
import tomllib
from types import SimpleNamespace

import oracledb
import pytest

from connector.commands.settings import Settings
from connector.source.mapping import RowMapping
from connector.source.oracle.errors import calling, connecting
from connector.source.settings import SourceSettings
from tests.unit.pages import DOCS, fences, section

LOG_ON = {"CS2001", "CS2002", "CS2005", "CS2006", "CS2007", "CS2014", "CS2015"}
"""Messages about a log-on; the others are about a statement."""


def errors_of_the_page() -> list[tuple[str, set[str]]]:
    """Each code of the table, with the messages of its row."""
    page = (DOCS / "how-to" / "troubleshoot.md").read_text(encoding="utf-8")
    found = []
    for line in section(page, "Oracle's errors").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith(("| ORA-", "| DPY-")):
            codes = re.findall(r"(?:ORA|DPY|DPI)-\d+", cells[0])
            found += [(code, set(re.findall(r"CS\d+", cells[1]))) for code in codes]
    return found


@pytest.mark.parametrize(("code", "told"), errors_of_the_page())
def test_an_error_is_told_as_the_table_says(code: str, told: set[str]) -> None:
    """By what it is at a log-on, or in a statement."""
    said = SimpleNamespace(message=f"{code}: text", full_code=code, isrecoverable=False)
    error = oracledb.DatabaseError(said)
    fault = connecting("apogee", error) if told & LOG_ON else calling("apogee", "truth", error)

    assert fault.message.code in told


def test_the_table_is_found() -> None:
    """Otherwise nothing above would be tested."""
    assert len(errors_of_the_page()) > 40


def examples() -> dict[str, SourceSettings]:
    """The sources of the page about student systems."""
    page = (DOCS / "how-to" / "student-systems.md").read_text(encoding="utf-8")
    found: dict[str, SourceSettings] = {}
    for language, block in fences(page):
        if language == "toml":
            whole = {"kafka": {"bootstrap_servers": "k:1"}} | tomllib.loads(block)
            found |= Settings.model_validate(whole).sources
    return found


def test_each_student_system_has_a_whole_source() -> None:
    """With what its tables allow: a time that the database stamps, a scan, a time that the application stamps."""
    told = {name: [(hint.kind, hint.stamped_by) for hint in source.hints] for name, source in examples().items()}

    assert {
        "banner": [("timestamp", "database")] * 3,
        "apogee": [("scan", None)],
        "campus": [("timestamp", "application")],
    } == told


@pytest.mark.parametrize("name", ["banner", "apogee", "campus"])
def test_a_query_selects_what_the_patterns_read(name: str) -> None:
    """Every column of the patterns, conditions and cursors is one that the query names."""
    source = examples()[name]
    mapping = RowMapping.of(source)
    selected = source.membership.query or ""
    head = selected.partition("FROM")[0]
    names = {
        part.strip().split()[-1].rpartition(".")[2] for part in re.split(r",(?![^(]*\))", head.replace("SELECT", ""))
    }
    cursors = {hint.cursor for hint in source.hints if hint.query is None and hint.cursor is not None}

    assert set(mapping.columns) | cursors <= names
    for hint in source.hints:
        if hint.query is not None:
            wanted = set(mapping.idnumber.columns) if hint.by_cohort else {mapping.student_column}
            assert [column for column in wanted | {hint.cursor} if not re.search(rf"\b{column}\b", hint.query)] == []
