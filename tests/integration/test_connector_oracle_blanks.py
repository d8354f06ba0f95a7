"""Blanks that pad a CHAR: Oracle tells them from no blanks, where one of two columns is a VARCHAR2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.source.hints import HintRow
from connector.source.hints.following import time_column
from connector.source.oracle.reader import OracleSource
from tests.integration.connector_world import Database, settings_for
from tests.integration.oracle_reading import HINT, reading
from tests.standins.oracle import Fault, OracleStandin

KINDS = [
    ("char(10)", "varchar2(10)"),
    ("varchar2(10)", "char(10)"),
    ("char(6)", "char(10)"),
    ("char(10)", "char(10)"),
    ("varchar2(10)", "varchar2(10)"),
]
"""Of a hint's table, and of the memberships."""


def settings(database: Database, hinted: str, members: str, **hint: Any) -> Any:
    """A membership in one table, which a hint on another one tells of."""
    database.run(f"create table m (student {members}, grp {members})")
    database.run(f"create table h (student {hinted}, grp {hinted}, at_ date)")
    database.run("insert into m values ('s1', 'G')")
    database.run("insert into h values ('s1', 'G', sysdate)")
    return settings_for(
        database.dsn,
        membership={"table": "m", "student": "{STUDENT}"},
        cohort={"idnumber": "{GRP}"},
        hints=[{"table": "h", **hint}],
    )


def changed(source: OracleSource) -> list[HintRow]:
    return source.changed(HINT, time_column(source, HINT).bound(source.clock() - timedelta(hours=1)))


@pytest.mark.parametrize(("hinted", "members"), KINDS)
def test_a_student_is_found_however_many_blanks_pad_them(database: Database, hinted: str, members: str) -> None:
    """A new one, too, of whom nothing is known but what the hint's table says."""
    with reading(settings(database, hinted, members, cursor="at_")) as source:
        rows = source.truth([row.subject for row in changed(source) if isinstance(row.subject, str)])

        assert {"s1"} == {source.mapping.student_of(str(row["STUDENT"])) for row in rows}


@pytest.mark.parametrize(("hinted", "members"), KINDS)
def test_a_scanned_student_is_found_however_many_blanks_pad_them(database: Database, hinted: str, members: str) -> None:
    """As by a time."""
    with reading(settings(database, hinted, members, kind="scan", columns=["GRP"])) as source:
        subjects = [group.subject for group in source.scan("scan1")]

        assert 1 == len(source.truth([subject for subject in subjects if isinstance(subject, str)]))


@pytest.mark.parametrize(("hinted", "members"), KINDS)
def test_a_cohort_is_found_however_many_blanks_pad_it(database: Database, hinted: str, members: str) -> None:
    """And with it its students."""
    with reading(settings(database, hinted, members, cursor="at_", by_cohort=True)) as source:
        found = [source.students_of(row.subject) for row in changed(source) if isinstance(row.subject, tuple)]

        assert {"s1"} == {source.mapping.student_of(value) for values in found for value in values}


def test_a_text_that_holds_blanks_is_found_as_well(database: Database) -> None:
    """A view that computes a VARCHAR2 from a CHAR keeps its blanks."""
    plain = settings(database, "char(10)", "char(10)", cursor="at_")
    database.run("create view v as select substr(student, 1, 10) student, grp from m")
    membership = plain.membership.model_copy(update={"table": "V"})
    with reading(plain.model_copy(update={"membership": membership})) as source:
        rows = source.truth([row.subject for row in changed(source) if isinstance(row.subject, str)])

        assert 1 == len(rows)


def test_a_person_need_not_count_blanks(database: Database) -> None:
    """Who asks for a student of a CHAR column names them as they are."""
    with reading(settings(database, "char(10)", "char(10)", cursor="at_")) as source:
        assert 1 == len(source.truth(["s1"]))


@pytest.mark.parametrize("kind", ["char(10)", "varchar2(10)"])
def test_a_text_that_is_too_long_for_the_column_is_not_asked_for(
    standin: OracleStandin, database: Database, kind: str
) -> None:
    """A database refuses a long one, as often as it is tried."""
    standin.faults.add(Fault("execute", ora=1461, matching="IN \\(", times=None))
    with reading(settings(database, kind, kind, cursor="at_")) as source:
        assert [] == source.truth(["x" * 40_000])
