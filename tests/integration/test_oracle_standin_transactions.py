"""Transactions of the Oracle stand-in: who sees what. Through the real driver."""

# ruff: noqa: DTZ001 - DATEs and TIMESTAMPs have no zone

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = 30.0  # seconds after which a wait that should end has failed
STILL = 0.3  # seconds in which a call that must wait gets its chance to be wrong


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin(lock_timeout=WAITING) as running:
        with connect(running) as setup:
            run(
                setup,
                "create table t (id number primary key, v varchar2(10))",
                "insert into t select level, 'old' from dual connect by level <= 5",
            )
            setup.commit()
        yield running


@pytest.fixture
def one(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin) as connection:
        yield connection


@pytest.fixture
def two(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin) as connection:
        yield connection


def values(connection: oracledb.Connection) -> list[str]:
    return [v for (v,) in rows(connection, "select v from t order by id")]


def test_a_statement_sees_what_committed_before_it(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """In an open transaction the next statement sees others' new commits and its own changes, nothing uncommitted."""
    run(one, "update t set v = 'one' where id = 1")
    run(two, "update t set v = 'two' where id = 2")

    assert values(one) == ["one", "old", "old", "old", "old"]
    assert values(two) == ["old", "two", "old", "old", "old"]
    two.commit()
    assert values(one) == ["one", "two", "old", "old", "old"]
    one.rollback()
    assert values(one) == ["old", "two", "old", "old", "old"]


def test_an_open_cursor_keeps_its_instant(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """Rows fetched later are of the moment the query began."""
    with one.cursor() as cursor:
        cursor.prefetchrows = cursor.arraysize = 2
        cursor.execute("select v from t order by id")
        first = cursor.fetchone()
        run(two, "update t set v = 'new'", "delete from t where id = 5")
        two.commit()

        assert [first, *cursor.fetchall()] == [("old",)] * 5


def test_a_read_only_transaction_is_one_instant(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """READ ONLY sees its beginning, refuses changes, and ends with commit or rollback."""
    run(one, "set transaction read only")
    run(two, "update t set v = 'new' where id = 1", "insert into t values (9, 'nine')")
    two.commit()
    run(two, "update t set v = 'newer' where id = 1")

    assert values(one) == ["old"] * 5
    with fails(1456):
        run(one, "delete from t")
    with fails(1453):
        run(one, "set transaction read only")
    two.commit()
    assert values(one) == ["old"] * 5
    one.commit()
    assert values(one) == ["newer", *["old"] * 4, "nine"]


def test_read_only_meets_ddl_and_lost_undo(
    standin: OracleStandin, one: oracledb.Connection, two: oracledb.Connection
) -> None:
    """A table redefined since cannot be read (ORA-01466); undo that is gone is ORA-01555."""
    run(one, "set transaction read only")
    run(two, "alter table t add (x number)")
    with fails(1466):
        values(one)
    one.rollback()
    run(one, "set transaction read only")
    standin.database.settings.undo_floor = standin.database.ledger.advance(10)
    with fails(1555):
        values(one)


def test_serializable_refuses_rows_changed_since(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """SERIALIZABLE sees its beginning and its own work; a row changed meanwhile is ORA-08177."""
    run(one, "set transaction isolation level serializable", "update t set v = 'mine' where id = 1")
    run(two, "update t set v = 'theirs' where id = 2")
    two.commit()

    assert values(one) == ["mine", "old", "old", "old", "old"]
    with fails(8177):
        run(one, "update t set v = 'mine' where id = 2")


def test_savepoints(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """ROLLBACK TO undoes what came after, and keeps the rest of the transaction."""
    run(
        one,
        "update t set v = 'kept' where id = 1",
        "savepoint here",
        "update t set v = 'undone' where id in (1, 2)",
        "insert into t values (8, 'undone')",
        "rollback to here",
    )
    assert values(one) == ["kept", "old", "old", "old", "old"]
    with fails(1086):
        run(one, "rollback to nowhere")
    one.commit()
    assert values(two) == ["kept", "old", "old", "old", "old"]


def test_late_commits_are_announced_by_v_transaction(standin: OracleStandin, one: oracledb.Connection) -> None:
    """V$TRANSACTION tells since when a transaction has been open, until it ends, and by which session."""
    standin.clock.freeze(dt.datetime(2026, 5, 1, 8, 0, 0, 500000, tzinfo=dt.UTC))
    with connect(standin) as slow:
        run(slow, "update t set v = 'late' where id = 1")
        standin.clock.advance(dt.timedelta(hours=2))
        sql = """select t.start_date, t.start_time, t.start_scn, s.username
                 from v$transaction t join v$session s on s.taddr = t.addr"""
        found = rows(one, sql)
        slow.commit()

    assert [(f[0], f[1], f[3]) for f in found] == [(dt.datetime(2026, 5, 1, 8), "05/01/26 08:00:00", "APP")]
    assert rows(one, sql) == []


def test_definitions_meet_open_transactions(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """DDL on a table with uncommitted changes is ORA-00054; DDL commits its own session's work."""
    run(one, "update t set v = 'open' where id = 1")
    with fails(54):
        run(two, "alter table t add (x number)")
    run(one, "create table u (a number)")
    assert not one.transaction_in_progress
    assert values(two)[0] == "open"
    run(two, "alter table t add (x number)")


def test_flashback_query_sees_earlier_instants(one: oracledb.Connection) -> None:
    """AS OF SCN and AS OF TIMESTAMP look back, also past deletes and keys used anew."""
    before = value(one, "select dbms_flashback.get_system_change_number from dual")
    run(one, "delete from t where id = 1")
    one.commit()
    run(one, "insert into t values (1, 'anew')")
    one.commit()

    assert value(one, "select v from t as of scn :s where id = 1", s=before) == "old"
    assert rows(one, "select v from t as of scn :s where id = 1", s=before + 1) == []
    assert value(one, "select v from t where id = 1") == "anew"


def test_a_failed_statement_undoes_itself_only(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """An insert of many rows that breaks a key leaves nothing, and the transaction before it alone."""
    run(one, "insert into t values (10, 'kept')")
    with fails(1):
        run(one, "insert into t select level + 8, 'x' from dual connect by level <= 5")
    one.commit()

    assert values(two) == [*["old"] * 5, "kept"]


def test_an_array_stops_at_its_first_bad_row(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """The rows before it stay in the transaction, as in Oracle; the caller decides."""
    with fails(1), one.cursor() as cursor:
        cursor.executemany("insert into t values (:1, 'x')", [(11,), (12,), (1,), (13,)])
    assert values(one) == [*["old"] * 5, "x", "x"]
    assert values(two) == ["old"] * 5
    with fails(3001), one.cursor() as cursor:
        cursor.executemany("insert into t values (:1, 'x')", [(14,)], batcherrors=True)
