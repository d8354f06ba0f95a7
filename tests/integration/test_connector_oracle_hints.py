"""Hint queries of every kind over the wire: bounds, numbers, journals, scans, and what is no fit."""

# ruff: noqa: DTZ001 - cursors are naive, in the column's own terms

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from connector.runtime.errors import Halted, Unavailable
from connector.source.hints import HintRow
from connector.source.hints.zones import Grain, NumberColumn, TimeColumn
from connector.source.oracle.reader import OracleSource
from tests.integration.connector_world import Database, settings_for
from tests.integration.oracle_reading import HINT, fault_of, reading
from tests.standins.oracle import OracleStandin

TEN = datetime(2026, 7, 1, 10, 0, 0)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)


def source(database: Database, **hint: Any) -> AbstractContextManager[OracleSource]:
    """A source with one hint, called h."""
    return reading(settings_for(database.dsn, hints=[{"name": "h", **hint}]))


# --- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "digits"),
    [
        ("date", 0),
        ("timestamp(0)", 0),
        ("timestamp(3)", 3),
        ("timestamp(6)", 6),
        ("timestamp(9)", 9),
        ("timestamp(2) with time zone", 2),
        ("timestamp(4) with local time zone", 4),
    ],
)
def test_the_digits_of_the_second_are_those_of_the_column(database: Database, kind: str, digits: int) -> None:
    """A bound is cut to them: a stamp was rounded to them, perhaps up."""
    database.run(f"create table c (student varchar2(20), at_ {kind})")
    with source(database, table="c", cursor="at_") as found:
        column = found.cursor_column("h")

    assert isinstance(column, TimeColumn)
    assert digits == column.digits


@pytest.mark.parametrize("kind", ["date", "timestamp(6)", "timestamp(6) with time zone"])
def test_a_range_of_times_includes_both_ends(database: Database, kind: str) -> None:
    """The upper end as well, down to the last digit that the column keeps."""
    database.run(f"create table c (student varchar2(20), at_ {kind})")
    for name, second in (("a", "00"), ("b", "05"), ("c", "06")):
        literal = f"timestamp '2026-07-01 10:00:{second}" + (" +00:00'" if "zone" in kind else "'")
        database.run(f"insert into c values ('{name}', {literal})")
    with source(database, table="c", cursor="at_") as found:

        def seen(low: datetime, high: datetime | None) -> str:
            return "".join(sorted(str(row.subject) for row in found.changed("h", low, high)))

        assert "abc" == seen(TEN, None)
        assert "ab" == seen(TEN, TEN + 5 * SECOND)
        assert "b" == seen(TEN + SECOND, TEN + 5 * SECOND)
        assert "a" == seen(TEN, TEN + 5 * SECOND - MICROSECOND)
        assert "" == seen(TEN + SECOND, TEN + 2 * SECOND)


def test_the_statement_through_an_index_has_the_columns_own_type(standin: OracleStandin, database: Database) -> None:
    """A DATE that meets a TIMESTAMP would be converted, row by row, and its index would not serve."""
    database.run("create table c (student varchar2(20), at_ date)")
    with source(database, table="c", cursor="at_") as found:
        found.changed("h", TEN, TEN)
    (ran,) = standin.activity.executions("STAMP_")

    assert [TEN, TEN + SECOND] == list(ran.binds)
    assert "FROM_TZ" not in ran.sql


# --- numbers ----------------------------------------------------------------------------------


@pytest.fixture
def numbers(database: Database) -> Database:
    database.run("create table n (student varchar2(20), seq_ number(28))")
    database.run(
        "insert into n values (:1, :2)", *((f"s{n % 7}", n) for n in (*range(1, 50), 60, 10**27 + 1) if n % 10)
    )
    database.run("insert into n values (null, 41)")
    database.run("insert into n values ('s6', 41)")
    return database


def test_ranges_of_numbers(numbers: Database) -> None:
    """Both ends are included, overlaps bring nothing twice, and what is above all has no end."""
    with source(numbers, kind="sequence", cursor="seq_", table="n") as found:

        def seen(*ranges: tuple[int, int | None]) -> list[int]:
            return sorted(int(str(row.stamp)) for row in found.numbered("h", ranges) for _ in range(row.count))

        assert isinstance(found.cursor_column("h"), NumberColumn)
        assert 10**27 + 1 == found.highest("h")
        assert [3, 4, 5] == seen((3, 5))
        assert [3, 4, 5, 6] == seen((3, 5), (4, 6))
        assert [9, 11, 41, 41, 49] == seen((9, 11), (41, 41), (49, 60))
        assert [49, 10**27 + 1] == seen((49, None))
        assert [] == seen((20, 20), (50, 10**27))
        assert [HintRow("s6", 41, 2)] == found.numbered("h", [(41, 41)])


def test_ranges_of_numbers_make_few_statements(standin: OracleStandin, numbers: Database) -> None:
    """Sixty-four gaps and what is above all are one; texts are of four sizes, parsed once each."""
    with source(numbers, kind="sequence", cursor="seq_", table="n") as found:
        for gaps in (0, 1, 2, 4, 5, 16, 17, 64):
            brought = found.numbered("h", [*((n * 2 + 1, n * 2 + 1) for n in range(gaps)), (1000, None)])
            expected = {n * 2 + 1 for n in range(gaps) if n * 2 + 1 < 50} | {10**27 + 1}
            assert expected == {row.stamp for row in brought}
        many = found.numbered("h", [(n, n) for n in range(1, 201)])
        assert 45 == len({row.stamp for row in many})

    assert 4 == len({ran.sql for ran in standin.activity.executions("BETWEEN")})
    assert 8 + 4 == len(standin.activity.executions("BETWEEN"))


def test_an_empty_table_has_no_highest_number(database: Database) -> None:
    """And nothing above it."""
    database.run("create table n (student varchar2(20), seq_ number)")
    with source(database, kind="sequence", cursor="seq_", table="n") as found:
        assert found.highest("h") is None
        assert [] == found.numbered("h", [(-(10**27), None)])


def test_a_fraction_is_no_number_of_a_sequence(database: Database) -> None:
    """Told with its value, instead of being cut."""
    database.run("create table n (student varchar2(20), seq_ number)")
    database.run("insert into n values ('s', 3.5)")
    with source(database, kind="sequence", cursor="seq_", table="n") as found:
        for call in (lambda: found.highest("h"), lambda: found.numbered("h", [(1, None)])):
            text = fault_of(Halted, call)
            assert ("CS2029", True, True) == (text[:6], "3.5" in text, "SEQ_" in text)


def test_timestamp_and_sequence_are_two_hints(numbers: Database) -> None:
    """Over the same table."""
    numbers.run("alter table n add (at_ timestamp(6) default timestamp '2026-07-01 10:00:00')")
    with source(numbers, kind="timestamp+sequence", cursor="at_", sequence="seq_", table="n") as found:
        assert isinstance(found.cursor_column("h"), TimeColumn)
        assert isinstance(found.cursor_column("h/sequence"), NumberColumn)
        assert [HintRow("s6", 41, 2)] == found.numbered("h/sequence", [(41, 41)])


@pytest.mark.parametrize(
    ("kind", "column", "named", "fitting"),
    [
        ("timestamp", "number(10)", "NUMBER(10)", "DATE or TIMESTAMP"),
        ("timestamp", "varchar2(20)", "VARCHAR2", "DATE or TIMESTAMP"),
        ("due", "number", "NUMBER", "DATE or TIMESTAMP"),
        ("sequence", "date", "DATE", "NUMBER without decimals"),
        ("sequence", "number(10,2)", "NUMBER(10,2)", "NUMBER without decimals"),
        ("sequence", "float", "FLOAT", "NUMBER without decimals"),
        ("sequence", "binary_double", "BINARY_DOUBLE", "NUMBER without decimals"),
        ("journal", "varchar2(20)", "VARCHAR2", "DATE or TIMESTAMP, or NUMBER without decimals"),
    ],
)
def test_a_cursor_that_does_not_fit_its_kind(
    database: Database, kind: str, column: str, named: str, fitting: str
) -> None:
    """Is told with what it is, and what would fit."""
    database.run(f"create table c (student varchar2(20), op varchar2(1), x {column})")
    more = {"operation": "op"} if kind == "journal" else {}
    with source(database, kind=kind, table="c", cursor="x", **more) as found:
        text = fault_of(Halted, found.cursor_column, "h")

    assert text.startswith("CS2010")
    assert f" is a {named}." in text
    assert f" a {fitting};" in text


# --- journals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["char(6)", "varchar2(6)", "number(1)"])
def test_a_journal_tells_of_deletes(database: Database, operation: str) -> None:
    """Blanks that pad a CHAR do not matter; one row for each student and stamp, whatever was done at once."""
    database.run(f"create table j (student varchar2(20), seq_ number(10), at_ timestamp(6), op {operation})")
    deleted, inserted = ("9", "1") if operation == "number(1)" else ("'DEL'", "'I'")
    at = "timestamp '2026-07-01 10:00:00'"
    for values in (f"'a', 1, {at}, {inserted}", f"'b', 2, {at}, {deleted}", f"'c', 3, {at}, null"):
        database.run(f"insert into j values ({values})")
    database.run(f"insert into j values ('a', 4, {at}, {deleted})")
    hint = {"kind": "journal", "table": "j", "operation": "op", "deletes": ["DEL ", "9"]}

    with source(database, cursor="at_", **hint) as found:
        rows = {HintRow("a", TEN, 2, True), HintRow("b", TEN, 1, True), HintRow("c", TEN, 1, False)}
        assert rows == set(found.changed("h", TEN))
    with source(database, cursor="seq_", **hint) as found:
        rows = {HintRow("a", 1), HintRow("b", 2, 1, True), HintRow("c", 3), HintRow("a", 4, 1, True)}
        assert rows == set(found.numbered("h", [(1, None)]))
    with source(database, cursor="seq_", **{**hint, "operation": "nope"}) as found:
        assert "NOPE" in fault_of(Halted, found.numbered, "h", [(1, None)])


# --- scans ------------------------------------------------------------------------------------


def scanned(found: OracleSource) -> dict[Any, tuple[int, int]]:
    return {group.subject: (group.count, group.hash) for group in found.scan("h")}


@pytest.mark.parametrize("by_cohort", [False, True])
def test_a_scan_counts_and_hashes(database: Database, *, by_cohort: bool) -> None:
    """Each column's change shows in its group alone; the order of rows does not."""
    database.enrol((1, "s1", "G1"), (2, "s1", "G2"), (3, "s2", "G1"), (4, None, "G3"))
    key: Any = ("G1",) if by_cohort else "s1"
    with source(database, kind="scan", by_cohort=by_cohort) as found:
        before = scanned(found)
        assert ({("G1",): 2, ("G2",): 1, ("G3",): 1} if by_cohort else {"s1": 2, "s2": 1}) == {
            subject: count for subject, (count, _) in before.items()
        }
        database.run("update enrolments set title = 'Other' where id = 1")
        after = scanned(found)
        assert {key} == {subject for subject in before if before[subject] != after[subject]}
        database.run("update enrolments set title = 'Group' where id = 1")
        database.run("update enrolments set updated_at = null")
        assert before == scanned(found)


def test_a_scan_tells_neighbouring_columns_apart(database: Database) -> None:
    """Neither a moved letter nor a NULL in the other column looks alike."""
    database.run("create table w (student varchar2(20), a varchar2(4000), b varchar2(4000))")
    pairs = [("xy", "z"), ("x", "yz"), ("xyz", None), (None, "xyz"), (None, None), ("-", None), (",", ","), ("0", None)]
    database.run("insert into w values (:1, :2, :3)", *((f"s{n}", *pair) for n, pair in enumerate(pairs)))
    with source(database, kind="scan", table="w", columns=["a", "b"]) as found:
        assert len(pairs) == len({group.hash for group in found.scan("h")})
        database.run("update w set a = rpad('a', 4000, 'x'), b = rpad('b', 4000, 'x')")
        assert 1 == len({group.hash for group in found.scan("h")})


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("number", "1.5", "1.25"),
        ("date", "timestamp '2026-07-01 10:00:00'", "timestamp '2026-07-01 22:00:00'"),
        ("timestamp(6)", "timestamp '2026-07-01 10:00:00.000001'", "timestamp '2026-07-01 10:00:00.000002'"),
        (
            "timestamp(6) with time zone",
            "timestamp '2026-07-01 10:00:00 +00:00'",
            "timestamp '2026-07-01 10:00:00 +02:00'",
        ),
        ("raw(4)", "hextoraw('00')", "hextoraw('01')"),
        ("binary_double", "1", "2"),
    ],
)
def test_a_scan_sees_every_digit(database: Database, kind: str, one: str, other: str) -> None:
    """Of times by a format of its own, so that no session's settings decide."""
    database.run(f"create table w (student varchar2(20), x {kind})")
    for student, value in (("a", one), ("b", one), ("c", other)):
        database.run(f"insert into w values ('{student}', {value})")
    with source(database, kind="scan", table="w", columns=["x"]) as found:
        hashes = {subject: row_hash for subject, (_, row_hash) in scanned(found).items()}

    assert hashes["a"] == hashes["b"] != hashes["c"]


def test_a_scan_names_its_columns(database: Database) -> None:
    """Those of the patterns, if the table has them; otherwise it says which are missing."""
    database.run("create table w (student varchar2(20), x number)")
    with source(database, kind="scan", table="w") as found:
        text = fault_of(Halted, found.scan, "h")

    assert ("CS2004", True) == (text[:6], "columns" in text)


# --- subjects, tables that change -------------------------------------------------------------


def test_a_hint_without_its_subject_says_so(database: Database) -> None:
    """Before anything else of it is tried."""
    database.run("create table w (who varchar2(20), at_ date)")
    with source(database, table="w", cursor="at_") as found:
        assert "STUDENT" in fault_of(Halted, found.cursor_column, "h")
    with source(database, table="w", cursor="at_", student="who") as found:
        assert Grain.DATE is found.cursor_column("h").grain  # type: ignore[union-attr]


def test_a_cursor_that_is_retyped_is_read_in_its_new_terms(database: Database) -> None:
    """The read that notices brings nothing, since its bound was of the old terms; the next is right by itself."""
    database.run("create table w (student varchar2(20), at_ date)")
    with source(database, table="w", cursor="at_") as found:
        found.changed("h", TEN)
        database.run("alter table w drop column at_")
        database.run("alter table w add (at_ timestamp(6) with time zone)")
        database.run("insert into w values ('s', timestamp '2026-07-01 12:00:00 +02:00')")
        text = fault_of(Unavailable, found.changed, "h", TEN)
        assert ("CS2019", True) == (text[:6], "TIMESTAMP WITH TIME ZONE" in text)
        found.refresh()

        assert Grain.ZONED is found.cursor_column("h").grain  # type: ignore[union-attr]
        assert [HintRow("s", TEN)] == found.changed("h", TEN)


def test_other_changes_of_a_table_do_no_harm(database: Database) -> None:
    """A column is added, another grows, the statements are known already."""
    database.run("insert into enrolments values (1, 's', 'G', 'T', 'E', timestamp '2026-07-01 10:00:00')")
    with reading(settings_for(database.dsn)) as found:
        assert 1 == len(found.changed(HINT, TEN))
        before = found.truth(["s"])
        database.run("alter table enrolments add (more varchar2(10))")
        database.run("alter table enrolments modify (student varchar2(40))")
        database.run("alter table enrolments drop column more")

        assert 1 == len(found.changed(HINT, TEN))
        assert before == found.truth(["s"])


def test_a_student_column_that_is_retyped_is_told_once(database: Database) -> None:
    """A text would be compared with numbers; after a look at the column it goes on."""
    database.run("create table w (student varchar2(20), grp varchar2(20), at_ date)")
    settings = settings_for(
        database.dsn,
        membership={"table": "w", "student": "{STUDENT}"},
        cohort={"idnumber": "{GRP}"},
        hints=[{"cursor": "at_"}],
    )
    with reading(settings) as found:
        assert [] == found.truth(["7"])
        database.run("alter table w drop column student")
        database.run("alter table w add (student number(10))")
        database.run("insert into w (student, grp) values (7, 'G')")
        assert fault_of(Unavailable, found.truth, ["7"]).startswith("CS2019")
        found.refresh()

        assert [7] == [row["STUDENT"] for row in found.truth(["7", "x", "nan"])]
