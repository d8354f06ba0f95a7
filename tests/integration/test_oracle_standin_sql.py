"""What the Oracle stand-in's SQL means, seen through the real driver."""

# ruff: noqa: DTZ001 - DATEs and TIMESTAMPs have no zone

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFIED = dt.datetime(2026, 10, 25, 2, 30, 0, 250000)


@pytest.fixture(scope="module")
def standin() -> Iterator[OracleStandin]:
    with OracleStandin() as running:
        with connect(running) as owner:
            run(
                owner,
                "create table membership (student char(8), login varchar2(20), num number, grp varchar2(10), "
                "d date, ts timestamp(3), tz timestamp(6) with time zone, ltz timestamp(6) with local time zone)",
                "insert into membership values ('E1', 'e1', 10, 'A', date '2026-01-02', "
                "timestamp '2026-10-25 02:30:00.250', timestamp '2026-07-01 12:00:00 +02:00', "
                "timestamp '2026-07-01 12:00:00')",
                "insert into membership values ('E2', 'e2', 2.5, 'a', null, null, null, null)",
                "insert into membership values ('É3', null, null, 'Z', null, timestamp '2026-01-01 00:00:00', null, null)",
            )
            owner.commit()
        yield running


@pytest.fixture
def conn(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin) as connection:
        run(connection, "alter session set time_zone = 'UTC'")
        yield connection


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a' || null || 'b'", "ab"),
        ("1.50 || 'x'", "1.5x"),
        ("0.5 || ''", ".5"),
        ("nvl('', 'empty is null')", "empty is null"),
        ("nvl2(null, 'a', 'b')", "b"),
        ("decode(null, null, 'same', 'other')", "same"),
        ("decode(3, 1, 'a', 2, 'b')", None),
        ("coalesce(null, 3)", 3),
        ("case 2 when 1 then 'a' when 2 then 'b' end", "b"),
        ("substr('hello', 2, 3)", "ell"),
        ("substr('hello', -3)", "llo"),
        ("substr('hello', 0, 2)", "he"),
        ("substr('hello', 9)", None),
        ("instr('banana', 'an', 1, 2)", 4),
        ("instr('banana', 'z')", 0),
        ("lpad('7', 3, '0')", "007"),
        ("rpad('abc', 2)", "ab"),
        ("trim('  x ')", "x"),
        ("trim(' ')", None),
        ("trim(leading '0' from '007')", "7"),
        ("ltrim('0012', '0')", "12"),
        ("rtrim('x  ')", "x"),
        ("upper('é') || lower('É')", "Éé"),
        ("replace('banana', 'an')", "ba"),
        ("translate('2KRW229', '0123456789', '##########')", "#KRW###"),
        ("initcap('jean-paul martin')", "Jean-Paul Martin"),
        ("length('héé')", 3),
        ("lengthb('hé')", 3),
        ("regexp_substr('L1-MATHS-A', '[^-]+', 1, 2)", "MATHS"),
        ("regexp_replace('a1b22', '[0-9]+', '#')", "a#b#"),
        ("regexp_count('a1b22', '[0-9]+')", 2),
        ("to_char(12.5, 'FM9990.00')", "12.50"),
        ("to_char(7, '000')", " 007"),
        ("to_char(1234567.891, 'FM9,999,990.99')", "1,234,567.89"),
        ("to_char(12345, '999')", "####"),
        ("to_char(-3)", "-3"),
        ("to_number('12.50')", 12.5),
        ("to_number('1,250.5', '9,999.9')", 1250.5),
        ("mod(-7, 3)", -1),
        ("round(2.567, 2)", 2.57),
        ("trunc(-2.5)", -2),
        ("greatest(1, null)", None),
        ("10 / 4", 2.5),
        ("to_char(date '2026-01-05', 'YYYY-MM-DD HH24:MI:SS')", "2026-01-05 00:00:00"),
        ("to_char(date '2026-01-05', 'DAY') || '|'", "MONDAY   |"),
        ("to_char(timestamp '2026-01-05 03:04:05.123456', 'YYYYMMDD\"T\"HH24MISSFF3')", "20260105T030405123"),
        ("to_char(date '2026-01-05', 'DD-Mon-RR')", "05-Jan-26"),
        ("to_date('2026-02-03 04:05:06', 'YYYY-MM-DD HH24:MI:SS')", dt.datetime(2026, 2, 3, 4, 5, 6)),
        ("to_date('03/02/2026', 'DD/MM/YYYY')", dt.datetime(2026, 2, 3)),
        ("to_date('20260203', 'YYYYMMDD')", dt.datetime(2026, 2, 3)),
        (
            "to_timestamp('2026-02-03T04:05:06.789', 'YYYY-MM-DD\"T\"HH24:MI:SS.FF')",
            dt.datetime(2026, 2, 3, 4, 5, 6, 789000),
        ),
        (
            "sys_extract_utc(to_timestamp_tz('2026-07-01 12:00:00 +02:00', 'YYYY-MM-DD HH24:MI:SS TZH:TZM'))",
            dt.datetime(2026, 7, 1, 10),
        ),
        ("trunc(timestamp '2026-05-17 10:11:12')", dt.datetime(2026, 5, 17)),
        ("trunc(date '2026-05-17', 'MM')", dt.datetime(2026, 5, 1)),
        ("add_months(date '2026-01-31', 1)", dt.datetime(2026, 2, 28)),
        ("months_between(date '2026-03-15', date '2026-01-15')", 2),
        ("last_day(date '2026-02-03')", dt.datetime(2026, 2, 28)),
        ("date '2026-01-02' + 1/24", dt.datetime(2026, 1, 2, 1)),
        ("date '2026-01-03' - date '2026-01-01'", 2),
        ("timestamp '2026-01-01 00:00:10.5' - numtodsinterval(10, 'SECOND')", dt.datetime(2026, 1, 1, 0, 0, 0, 500000)),
        ("timestamp '2026-01-01 00:00:00' - interval '5' minute", dt.datetime(2025, 12, 31, 23, 55)),
        ("timestamp '2026-01-01 00:00:01' - timestamp '2026-01-01 00:00:00'", dt.timedelta(seconds=1)),
        ("extract(month from date '2026-05-17')", 5),
        ("cast('2.456' as number(5,2))", 2.46),
        ("cast('abc' as varchar2(2))", "ab"),
        ("rawtohex(standard_hash('abc', 'MD5'))", "900150983CD24FB0D6963F7D28E17F72"),
        ("rawtohex(nlssort('ab', 'NLS_SORT=BINARY'))", "616200"),
        ("ora_hash('x', 99) - ora_hash('x', 99)", 0),
        ("(select count(*) from dual where rownum <= 5)", 1),
    ],
)
def test_expressions_mean_what_they_mean_in_oracle(conn: oracledb.Connection, expression: str, expected: Any) -> None:
    """Each expression has Oracle's value."""
    assert value(conn, f"select {expression} from dual") == expected


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select 1 from dual limit 5", 933),
        ("select * from membership as m", 933),
        ("select 1", 923),
        ("select 1 from dual;", 911),
        ("select nosuch(1) from dual", 904),
        ("select m.nope from membership m", 904),
        ("select student from membership a, membership b", 918),
        ("select count(*) from membership where num", 920),
        ("select num, count(*) from membership", 937),
        ("select grp, count(*) from membership group by num", 979),
        ("select to_date('2026-13-01', 'YYYY-MM-DD') from dual", 1843),
        ("select to_date('2026-02-30', 'YYYY-MM-DD') from dual", 1839),
        ("select to_date('x', 'YYYY') from dual", 1861),
        ("select to_number('x') from dual", 1722),
        ("select 1/0 from dual", 1476),
        ("select 1 from membership where login = 5", 1722),
        ("select 1 from membership where d = 5", 932),
        ("select 1 from dual union select 'x' from dual", 1790),
        ("select 1, 2 from dual union select 1 from dual", 1789),
        ("select (select student from membership) from dual", 1427),
        ("begin null; end;", 6550),
        ("select from_tz(timestamp '2026-03-29 02:30:00', 'Europe/Paris') from dual", 1878),
        ("select from_tz(timestamp '2026-03-29 02:30:00', 'Europe/Pariss') from dual", 1882),
    ],
)
def test_what_oracle_refuses_is_refused_with_its_number(conn: oracledb.Connection, sql: str, code: int) -> None:
    """Wrong SQL gets Oracle's error, also where DuckDB would accept it."""
    with fails(code):
        rows(conn, sql)

    assert rows(conn, "select 1 from dual") == [(1,)]


def test_char_columns_compare_blank_padded_only_with_chars(conn: oracledb.Connection) -> None:
    """A CHAR column equals a literal, but not an unpadded VARCHAR2 bind: the driver binds str as VARCHAR2."""
    count = "select count(*) from membership where student = "
    in_list = "select count(*) from membership where student in (:1, :2)"

    assert value(conn, count + "'E1'") == 1
    assert value(conn, count + ":1", ["E1"]) == 0
    assert value(conn, count + ":1", ["E1      "]) == 1
    assert value(conn, in_list, ["E1", "E2"]) == 0
    with conn.cursor() as cursor:
        cursor.setinputsizes(oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_CHAR)
        cursor.execute(in_list, ["E1", "E2"])
        assert cursor.fetchone() == (2,)
    assert value(conn, "select count(*) from membership where trim(student) in (:1, :2)", ["E1", "E2"]) == 2
    assert value(conn, "select length(student) from membership where login = 'e1'") == 8


def test_five_hundred_binds_of_each_kind_of_key(conn: oracledb.Connection) -> None:
    """The truth query's IN list works for CHAR, VARCHAR2 and NUMBER keys."""
    names = ", ".join(f":{i}" for i in range(1, 501))
    texts = [f"e{i}" for i in range(1, 501)]

    assert rows(conn, f"select login from membership where login in ({names}) order by 1", texts) == [("e1",), ("e2",)]
    numbers = [float(i) / 2 for i in range(1, 501)]
    assert rows(conn, f"select num from membership where num in ({names}) order by 1", numbers) == [(2.5,), (10,)]
    padded = [t.upper().ljust(8) for t in texts]
    assert len(rows(conn, f"select 1 from membership where student in ({names})", padded)) == 2


def test_binary_order_differs_from_a_dictionary(conn: oracledb.Connection) -> None:
    """NLSSORT BINARY orders and pages by bytes: capitals first, accents last."""
    order = "order by nlssort(grp, 'NLS_SORT=BINARY')"
    page = f"select grp from membership where nlssort(grp, 'NLS_SORT=BINARY') > nlssort(:k, 'NLS_SORT=BINARY') {order}"

    assert rows(conn, f"select grp from membership {order}") == [("A",), ("Z",), ("a",)]
    assert rows(conn, page + " fetch first :n rows only", k="A", n=1) == [("Z",)]


def test_hint_query_over_a_users_query(conn: oracledb.Connection) -> None:
    """The shape of the hint query: distinct students since a bound, newest last, so many at most."""
    sql = """select q."STUDENT", max(q.ts) from (select m.*, m.num * 2 twice from membership m) q
             where q.ts >= :since - numtodsinterval(:slack, 'SECOND') and q.ts < systimestamp + 400
             group by q."STUDENT" order by 2, 1 fetch first :n rows only"""
    with conn.cursor() as cursor:
        cursor.setinputsizes(since=oracledb.DB_TYPE_TIMESTAMP)
        cursor.execute(sql, since=dt.datetime(2026, 1, 1, 0, 0, 5), slack=5, n=10)
        found = cursor.fetchall()

    assert found == [("É3     ", dt.datetime(2026, 1, 1)), ("E1      ", MODIFIED)]


def test_local_times_become_utc_by_real_zone_rules(conn: oracledb.Connection) -> None:
    """The autumn hour is taken as standard time, as Oracle takes it; summer and winter differ."""
    sql = "select sys_extract_utc(from_tz(cast(:t as timestamp), 'Europe/Paris')) from dual"

    assert value(conn, sql, t=dt.datetime(2026, 10, 25, 2, 30)) == dt.datetime(2026, 10, 25, 1, 30)
    assert value(conn, sql, t=dt.datetime(2026, 10, 25, 1, 30)) == dt.datetime(2026, 10, 24, 23, 30)
    assert value(conn, sql, t=dt.datetime(2026, 7, 1, 12)) == dt.datetime(2026, 7, 1, 10)
    with fails(1878):
        value(conn, sql, t=dt.datetime(2026, 3, 29, 2, 30))
    assert value(conn, "select sys_extract_utc(from_tz(ts, 'Europe/Paris')) from membership where login = 'e1'") == (
        MODIFIED - dt.timedelta(hours=1)
    )


def test_zoned_values_keep_their_offset(conn: oracledb.Connection) -> None:
    """A zoned column comes back as its own wall clock without zone; a named zone is refused by the driver."""
    assert value(conn, "select tz from membership where login = 'e1'") == dt.datetime(2026, 7, 1, 12)
    assert value(conn, "select sys_extract_utc(tz) from membership where login = 'e1'") == dt.datetime(2026, 7, 1, 10)
    assert value(conn, "select tz at time zone '+05:30' from membership where login = 'e1'") == dt.datetime(
        2026, 7, 1, 15, 30
    )
    with pytest.raises(oracledb.DatabaseError, match="DPY-3022"):
        rows(conn, "select tz at time zone 'Europe/Paris' from membership where login = 'e1'")


def test_local_zone_columns_follow_the_session(conn: oracledb.Connection) -> None:
    """TIMESTAMP WITH LOCAL TIME ZONE is stored as an instant and shown in the session's zone."""
    run(conn, "alter session set time_zone = 'Europe/Paris'")
    paris = value(conn, "select ltz from membership where login = 'e1'")
    run(conn, "alter session set time_zone = 'UTC'")
    utc = value(conn, "select ltz from membership where login = 'e1'")

    assert paris - utc == dt.timedelta(hours=2)
    assert value(conn, "select sys_extract_utc(ltz) from membership where login = 'e1'") == utc


def test_sysdate_is_the_servers_wall_clock() -> None:
    """SYSDATE is in the server's zone, SYSTIMESTAMP knows it, CURRENT_TIMESTAMP is in the session's."""
    with OracleStandin(system_zone="Europe/Paris") as standin, connect(standin) as conn:
        standin.clock.freeze(dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC))
        run(conn, "alter session set time_zone = 'America/New_York'")
        sql = "select sysdate, sys_extract_utc(systimestamp), to_char(systimestamp, 'TZH:TZM'), current_date from dual"
        found = rows(conn, sql)

    expected = (dt.datetime(2026, 7, 1, 12), dt.datetime(2026, 7, 1, 10), "+02:00", dt.datetime(2026, 7, 1, 6))
    assert found == [expected]


def test_rounding_on_the_way_in(conn: oracledb.Connection) -> None:
    """TIMESTAMP(3) rounds to milliseconds; a datetime bound as such is a DATE and loses its fraction."""
    run(conn, "create table rounded (ts timestamp(3), n number(5,2), c char(3))")
    try:
        with conn.cursor() as cursor:
            cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP, None, None)
            cursor.execute(
                "insert into rounded values (:1, :2, :3)", [MODIFIED.replace(microsecond=250600), 1.005, "é"]
            )
            assert rows(conn, "select * from rounded") == [(MODIFIED.replace(microsecond=251000), 1.01, "é ")]
            with fails(1438):
                cursor.execute("insert into rounded (n) values (1000)")
            with fails(12899):
                cursor.execute("insert into rounded (c) values ('four')")
        with conn.cursor() as cursor:
            cursor.execute("insert into rounded (ts) values (:1)", [MODIFIED])
        assert value(conn, "select ts from rounded where c is null") == MODIFIED.replace(microsecond=0)
    finally:
        conn.rollback()
        run(conn, "drop table rounded")


def test_queries_of_every_shape(conn: oracledb.Connection) -> None:
    """Joins old and new, set operations, WITH, analytic functions, EXISTS, ROWNUM."""
    base = "(select level n from dual connect by level <= 4)"
    checks: list[tuple[str, list[tuple[Any, ...]]]] = [
        (f"select a.n, b.n from {base} a, {base} b where a.n = b.n(+) - 2 and b.n(+) > 3 order by 1",
         [(1, None), (2, 4), (3, None), (4, None)]),
        (f"select a.n from {base} a left join {base} b on b.n = a.n + 1 where b.n is null", [(4,)]),
        (f"select n from {base} minus select 2 from dual union all select 9 from dual order by n desc",
         [(9,), (4,), (3,), (1,)]),
        (f"with x as (select n from {base}) select max(n), count(*) from x where n in (select n from x where n < 3)",
         [(2, 2)]),
        (f"select n, row_number() over (order by n desc) r, lag(n) over (order by n) p from {base} order by n",
         [(1, 4, None), (2, 3, 1), (3, 2, 2), (4, 1, 3)]),
        (f"select mod(n, 2), listagg(n, ',') within group (order by n desc) from {base} group by mod(n, 2) order by 1",
         [(0, "4,2"), (1, "3,1")]),
        (f"select max(n) keep (dense_rank first order by mod(n, 3)) from {base}", [(3,)]),
        (f"select rownum, n from (select n from {base} order by n desc) where rownum <= 2", [(1, 4), (2, 3)]),
        (f"select n from {base} order by n offset 1 rows fetch next 2 rows only", [(2,), (3,)]),
        ("select count(*) from membership m where exists (select 1 from membership x where x.login = m.login)", [(2,)]),
        ("select count(*) from membership where (login, grp) in (('e1', 'A'), ('e2', 'b'))", [(1,)]),
        ("select count(distinct num), sum(num), count(num), count(*) from membership", [(2, 12.5, 2, 3)]),
        ("select login from membership order by login nulls first", [(None,), ("e1",), ("e2",)]),
        ("select num from membership order by num desc", [(None,), (10,), (2.5,)]),
        ("select login from membership where not (login = 'e1')", [("e2",)]),
        ("select login from membership where login like 'e_' and login not like '%2'", [("e1",)]),
        ("select q'[it's]', n'é' from dual -- a comment", [("it's", "é")]),
    ]  # fmt: skip
    for sql, expected in checks:
        assert rows(conn, sql) == expected, sql


def test_session_context(conn: oracledb.Connection, standin: OracleStandin) -> None:
    """SYS_CONTEXT tells who and where; end-to-end attributes set on the driver arrive."""
    conn.module, conn.action, conn.client_identifier = "cohortstream", "poll", "src-1"
    sql = "select " + ", ".join(
        f"sys_context('USERENV', '{name}')"
        for name in ("DB_NAME", "DB_UNIQUE_NAME", "DATABASE_ROLE", "SERVICE_NAME", "CURRENT_SCHEMA", "CON_NAME",
                     "MODULE", "ACTION", "CLIENT_IDENTIFIER")
    )  # fmt: skip

    assert rows(conn, sql + ", sys_extract_utc(systimestamp) from dual")[0][:-1] == (
        "FREEPDB1", "STUB", "PRIMARY", "FREEPDB1", "APP", "FREEPDB1", "cohortstream", "poll", "src-1",
    )  # fmt: skip
    executed = standin.activity.executions("DB_UNIQUE_NAME")[-1]
    assert (executed.user, executed.module, executed.action) == ("APP", "cohortstream", "poll")
    assert rows(conn, "select module from v$session where client_identifier = 'src-1'") == [("cohortstream",)]


def test_session_formats_steer_conversions(conn: oracledb.Connection) -> None:
    """NLS_DATE_FORMAT is used where a date meets text."""
    assert value(conn, "select to_char(date '2026-01-05') from dual") == "05-JAN-26"
    run(conn, "alter session set nls_date_format = 'YYYY/MM/DD'")
    assert (
        value(conn, "select date '2026-01-05' || '' from dual where date '2026-01-05' = '2026/01/05'") == "2026/01/05"
    )
    with fails(2248):
        run(conn, "alter session set no_such_thing = 1")
