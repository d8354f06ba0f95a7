"""The Oracle stand-in's wire protocol: what the real python-oracledb thin driver expects of a server."""

# ruff: noqa: DTZ001 - DATEs and TIMESTAMPs have no zone

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import ENROL, connect, in_transaction, insert_students, rows, run

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, 891234)


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin() as running:
        yield running


@pytest.fixture
def conn(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin) as connection:
        run(connection, ENROL)
        yield connection


# --- connecting ------------------------------------------------------------------


def test_connects_and_reports_a_version(conn: oracledb.Connection) -> None:
    """The driver logs on, pings and reads the version it was told."""
    assert conn.version == "19.21.0.0.0"
    conn.ping()
    assert conn.is_healthy()


@pytest.mark.parametrize(("user", "password"), [("app", "wrong"), ("nobody", "app")])
def test_bad_credentials(standin: OracleStandin, user: str, password: str) -> None:
    """A wrong password and an unknown user look the same."""
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        connect(standin, user=user, password=password)


def test_unknown_service(standin: OracleStandin) -> None:
    """A service that does not exist is refused by the listener."""
    with pytest.raises(oracledb.OperationalError, match="DPY-6001"):
        connect(standin, dsn=standin.dsn.replace("FREEPDB1", "NOPE"))


def test_long_connect_descriptor(standin: OracleStandin) -> None:
    """A descriptor too long for the CONNECT packet arrives in a packet of its own."""
    padding = "x" * 300
    dsn = (
        f"(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={standin.port}))"
        f"(CONNECT_DATA=(SERVICE_NAME=FREEPDB1)(NOTE={padding})))"
    )
    assert rows(connect(standin, dsn=dsn), "select 1 from dual") == [(1,)]


def test_session_attributes_ride_along(conn: oracledb.Connection) -> None:
    """Module, action and schema set on the driver do not disturb the next call."""
    conn.module, conn.action, conn.client_identifier = "cdc", "poll", "worker-1"
    conn.current_schema = "APP"
    assert rows(conn, "select user from dual") == [("APP",)]


# --- types -----------------------------------------------------------------------


def test_every_type_round_trips(conn: oracledb.Connection) -> None:
    """A value of each type comes back as it went, and is described as declared."""
    cursor = conn.cursor()
    cursor.setinputsizes(None, None, None, None, None, None, oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_TIMESTAMP_TZ)
    cursor.execute(
        "insert into enrol values (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10)",
        [7, "Zoë 漢字", "A", Decimal("99.95"), Decimal("-1234567890.0625"), NOW, NOW, NOW, b"\x00\xff", 2.5],
    )
    assert cursor.rowcount == 1
    conn.commit()
    with _decimals():
        cursor.execute("select * from enrol")
        row = cursor.fetchone()
    assert row == (
        7,
        "Zoë 漢字",
        "A ",
        Decimal("99.95"),
        Decimal("-1234567890.0625"),
        NOW.replace(microsecond=0),
        NOW,
        NOW,
        b"\x00\xff",
        2.5,
    )
    assert cursor.description
    described = [(d.name, d.type.name, d.precision, d.scale, d.null_ok) for d in cursor.description]
    assert described[0] == ("ID", "DB_TYPE_NUMBER", 10, 0, False)
    assert described[1][:2] == ("STUDENT", "DB_TYPE_VARCHAR")
    assert not described[1][4]
    assert (cursor.description[1].display_size, cursor.description[1].internal_size) == (60, 240)
    assert described[2][1] == "DB_TYPE_CHAR"
    assert described[3][2:4] == (5, 2)
    assert described[4][2:4] == (0, -127)
    assert [d[1] for d in described[5:]] == [
        "DB_TYPE_DATE",
        "DB_TYPE_TIMESTAMP",
        "DB_TYPE_TIMESTAMP_TZ",
        "DB_TYPE_RAW",
        "DB_TYPE_BINARY_DOUBLE",
    ]


@contextmanager
def _decimals() -> Iterator[None]:
    """Numbers are fetched as decimals inside."""
    before, oracledb.defaults.fetch_decimals = oracledb.defaults.fetch_decimals, True
    try:
        yield
    finally:
        oracledb.defaults.fetch_decimals = before


def test_nulls_and_empty_strings(conn: oracledb.Connection) -> None:
    """NULL travels in each type; the empty string is NULL."""
    conn.cursor().execute("insert into enrol (id, student, status) values (1, :s, '')", s="x")
    assert rows(conn, "select status, grade, fee, enrolled, updated_at, seen, code, score from enrol") == [(None,) * 8]
    assert rows(conn, "select count(*) from enrol where status is null and grade is null") == [(1,)]


@pytest.mark.parametrize(
    "number", [0, 1, -1, 99, 100, 10**18, -(10**18), 10**27, Decimal("0.01"), Decimal("-0.5"), Decimal("12345678.9")]
)
def test_numbers(conn: oracledb.Connection, number: Any) -> None:
    """Numbers of every magnitude keep their digits."""
    with _decimals():
        assert rows(conn, "select :n n from dual", n=number) == [(number,)]


def test_long_values_span_packets(conn: oracledb.Connection) -> None:
    """A value of several packets arrives whole."""
    text = "é" * 12_000
    assert rows(conn, "select :t t from dual", t=text) == [(text,)]


def test_binds_by_name_repeat_and_position(conn: oracledb.Connection) -> None:
    """Binds work by name, repeated, and by position; a missing one is an error."""
    insert_students(conn, 1, 2, 3)
    assert rows(conn, "select id from enrol where id >= :a and (id = :b or id = :a) order by id", a=2, b=3) == [
        (2,),
        (3,),
    ]
    assert rows(
        conn, "select id from enrol where student = :1 and updated_at > :2", ["student 2", dt.datetime(2026, 1, 1)]
    ) == [(2,)]
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-01008|DPY-4010"):
        rows(conn, "select id from enrol where id = :a")


# --- fetching --------------------------------------------------------------------


@pytest.mark.parametrize(("prefetch", "array"), [(2, 100), (0, 7), (1000, 1000), (501, 500), (500, 500)])
def test_fetch_spans_round_trips(conn: oracledb.Connection, prefetch: int, array: int) -> None:
    """Whatever prefetch and array size, all rows come once, also on re-execution."""
    insert_students(conn, *range(500))
    cursor = conn.cursor()
    cursor.prefetchrows, cursor.arraysize = prefetch, array
    for _ in range(2):  # the second time re-executes the open cursor
        cursor.execute("select id, student from enrol where id < :n order by id", n=500)
        assert cursor.fetchall() == [(i, f"student {i}") for i in range(500)]
    assert cursor.rowcount == 500


def test_interleaved_cursors(conn: oracledb.Connection) -> None:
    """Two open cursors do not disturb each other."""
    insert_students(conn, *range(50))
    one, two = conn.cursor(), conn.cursor()
    one.arraysize = two.arraysize = one.prefetchrows = two.prefetchrows = 5
    one.execute("select id from enrol order by id")
    two.execute("select id from enrol order by id desc")
    pairs = [(a[0], b[0]) for a, b in zip(one, two, strict=True)]
    assert pairs == [(i, 49 - i) for i in range(50)]


def test_many_statements_close_their_cursors(conn: oracledb.Connection) -> None:
    """More statements than the cache holds close the older cursors."""
    insert_students(conn, 1)
    for i in range(60):  # over the statement cache size
        assert rows(conn, f"select id, {i} from enrol") == [(1, i)]


def test_row_limits_and_oracle_functions(conn: oracledb.Connection) -> None:
    """Row limits, ROWNUM pages and common functions work together."""
    insert_students(conn, *range(10))
    assert rows(conn, "select id from enrol order by id fetch first 2 rows only") == [(0,), (1,)]
    assert rows(conn, "select id from (select id from enrol order by id desc) where rownum <= 2") == [(9,), (8,)]
    assert rows(
        conn,
        "select nvl(status, '--'), decode(id, 3, 'three', 'other'), "
        "to_char(updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6') from enrol where id = 3",
    ) == [("--", "three", "2026-01-01T00:00:03.000000")]
    assert rows(
        conn, "select id from enrol where updated_at > to_timestamp('2026-01-01 00:00:08', 'YYYY-MM-DD HH24:MI:SS')"
    ) == [(9,)]
    assert rows(conn, "select count(*) from enrol where updated_at < sysdate - 1/24") == [(10,)]
    assert rows(
        conn,
        "select count(*) from enrol where trunc(updated_at) = date '2026-01-01' and "
        "updated_at < systimestamp - numtodsinterval(5, 'MINUTE')",
    ) == [(10,)]
    page = (
        "select id from (select t.id, rownum n from (select id from enrol order by id) t "
        "where rownum <= :hi) where n > :lo"
    )
    assert rows(conn, page, hi=5, lo=3) == [(3,), (4,)]
    assert rows(
        conn,
        "select id from enrol where updated_at > :t or (updated_at = :t and id > :i) "
        "order by updated_at, id fetch next :n rows only",
        t=dt.datetime(2026, 1, 1, 0, 0, 5),
        i=4,
        n=2,
    ) == [(5,), (6,)]
    assert rows(conn, "with x as (select max(id) m from enrol) select m from x") == [(9,)]


# --- changing --------------------------------------------------------------------


def test_dml_rowcounts_and_transactions(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """Row counts, rollback and the transaction flag are right."""
    insert_students(conn, 1, 2, 3)
    cursor = conn.cursor()
    cursor.execute("update enrol set student = :s where id > :i", s="x", i=1)
    assert cursor.rowcount == 2
    assert in_transaction(conn)
    with connect(standin) as other:
        assert rows(other, "select count(*) from enrol where student = 'x'") == [(0,)]
    conn.rollback()
    assert not in_transaction(conn)
    cursor.execute("delete from enrol where id = 1")
    assert cursor.rowcount == 1
    conn.commit()
    assert rows(conn, "select id from enrol order by id") == [(2,), (3,)]


def test_executemany_of_ten_thousand(conn: oracledb.Connection) -> None:
    """A large array insert arrives in one call."""
    insert_students(conn, *range(10_000))
    assert rows(conn, "select count(*), max(student) from enrol") == [(10_000, "student 9999")]


def test_autocommit_and_lastrowid(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """Autocommit commits, and the ROWID of the last row finds it."""
    conn.autocommit = True
    cursor = conn.cursor()
    for i in (1, 2):  # the second is a re-execute
        cursor.execute("insert into enrol (id, student) values (:1, 'x')", [i])
    assert rows(conn, "select id from enrol where rowid = :r", r=cursor.lastrowid) == [(2,)]
    with connect(standin) as other:
        assert rows(other, "select count(*) from enrol") == [(2,)]


def test_statement_rollback_keeps_the_transaction(conn: oracledb.Connection) -> None:
    """A failed statement leaves the transaction before it alone."""
    insert_students(conn, 1, commit=False)
    with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
        insert_students(conn, 1)
    conn.commit()
    assert rows(conn, "select id from enrol") == [(1,)]


def test_column_names_are_oracles(conn: oracledb.Connection) -> None:
    """Unquoted names are upper case; an expression without alias is named by its text."""
    with conn.cursor() as cursor:
        cursor.execute('select student, m.grade "Num", count(*) over (), 1 + 1 two from enrol m')

        assert [d.name for d in cursor.description] == ["STUDENT", "Num", "COUNT(*)OVER()", "TWO"]
