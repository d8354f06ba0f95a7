"""The real python-oracledb thin driver against the stand-in."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import oracledb
import pytest


from tests.standins.oracle import Fault, OracleStandin  # noqa: E402

TABLE = """create table enrol (
  id number(10) primary key, student varchar2(60 char) not null, status char(2), grade number(5,2),
  fee number, enrolled date, updated_at timestamp(6), seen timestamp(6) with time zone,
  code raw(8), score binary_double) rowdependencies"""
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, 891234)


@pytest.fixture
def stub() -> Iterator[OracleStandin]:
    with OracleStandin() as running:
        yield running


@pytest.fixture
def conn(stub: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(stub) as connection:
        connection.cursor().execute(TABLE)
        yield connection


def connect(stub: OracleStandin, **kw) -> oracledb.Connection:
    return oracledb.connect(**({"user": "app", "password": "app", "dsn": stub.dsn} | kw))


def insert(conn: oracledb.Connection, *ids: int, commit: bool = True) -> None:
    rows = [(i, f"student {i}", dt.datetime(2026, 1, 1) + dt.timedelta(seconds=i)) for i in ids]
    conn.cursor().executemany("insert into enrol (id, student, updated_at) values (:1, :2, :3)", rows)
    if commit:
        conn.commit()


def query(conn: oracledb.Connection, sql: str, *args, **kw) -> list[tuple]:
    with conn.cursor() as cursor:
        cursor.execute(sql, *args, **kw)
        return cursor.fetchall()


# --- connecting ------------------------------------------------------------------


def test_connects_and_reports_a_version(conn):
    assert conn.version == "19.21.0.0.0"
    conn.ping()
    assert conn.is_healthy()


@pytest.mark.parametrize("user, password", [("app", "wrong"), ("nobody", "app")])
def test_bad_credentials(stub, user, password):
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        connect(stub, user=user, password=password)


def test_unknown_service(stub):
    with pytest.raises(oracledb.OperationalError, match="DPY-6001"):
        connect(stub, dsn=stub.dsn.replace("FREEPDB1", "NOPE"))


def test_long_connect_descriptor(stub):
    padding = "x" * 300
    dsn = (
        f"(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={stub.port}))"
        f"(CONNECT_DATA=(SERVICE_NAME=FREEPDB1)(NOTE={padding})))"
    )
    assert query(connect(stub, dsn=dsn), "select 1 from dual") == [(1,)]


def test_session_attributes_ride_along(conn):
    conn.module, conn.action, conn.client_identifier = "cdc", "poll", "worker-1"
    conn.current_schema = "APP"
    assert query(conn, "select user from dual") == [("APP",)]


# --- types -----------------------------------------------------------------------


def test_every_type_round_trips(conn):
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
    described = [(d.name, d.type.name, d.precision, d.scale, d.null_ok) for d in cursor.description]
    assert described[0] == ("ID", "DB_TYPE_NUMBER", 10, 0, False)
    assert described[1][:2] == ("STUDENT", "DB_TYPE_VARCHAR") and not described[1][4]
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


class _decimals:
    def __enter__(self):
        self.old, oracledb.defaults.fetch_decimals = oracledb.defaults.fetch_decimals, True

    def __exit__(self, *_):
        oracledb.defaults.fetch_decimals = self.old


def test_nulls_and_empty_strings(conn):
    conn.cursor().execute("insert into enrol (id, student, status) values (1, :s, '')", s="x")
    assert query(conn, "select status, grade, fee, enrolled, updated_at, seen, code, score from enrol") == [(None,) * 8]
    assert query(conn, "select count(*) from enrol where status is null and grade is null") == [(1,)]


@pytest.mark.parametrize(
    "number", [0, 1, -1, 99, 100, 10**18, -(10**18), 10**27, Decimal("0.01"), Decimal("-0.5"), Decimal("12345678.9")]
)
def test_numbers(conn, number):
    with _decimals():
        assert query(conn, "select :n n from dual", n=number) == [(number,)]


def test_long_values_span_packets(conn):
    text = "é" * 12_000
    assert query(conn, "select :t t from dual", t=text) == [(text,)]


def test_binds_by_name_repeat_and_position(conn):
    insert(conn, 1, 2, 3)
    assert query(conn, "select id from enrol where id >= :a and (id = :b or id = :a) order by id", a=2, b=3) == [
        (2,),
        (3,),
    ]
    assert query(
        conn, "select id from enrol where student = :1 and updated_at > :2", ["student 2", dt.datetime(2026, 1, 1)]
    ) == [(2,)]
    with pytest.raises(oracledb.DatabaseError, match="ORA-01008|DPY-4010"):
        query(conn, "select id from enrol where id = :a")


# --- fetching --------------------------------------------------------------------


@pytest.mark.parametrize("prefetch, array", [(2, 100), (0, 7), (1000, 1000), (501, 500), (500, 500)])
def test_fetch_spans_round_trips(conn, prefetch, array):
    insert(conn, *range(500))
    cursor = conn.cursor()
    cursor.prefetchrows, cursor.arraysize = prefetch, array
    for _ in range(2):  # the second time re-executes the open cursor
        cursor.execute("select id, student from enrol where id < :n order by id", n=500)
        assert cursor.fetchall() == [(i, f"student {i}") for i in range(500)]
    assert cursor.rowcount == 500


def test_interleaved_cursors(conn):
    insert(conn, *range(50))
    one, two = conn.cursor(), conn.cursor()
    one.arraysize = two.arraysize = one.prefetchrows = two.prefetchrows = 5
    one.execute("select id from enrol order by id")
    two.execute("select id from enrol order by id desc")
    pairs = [(a[0], b[0]) for a, b in zip(one, two, strict=True)]
    assert pairs == [(i, 49 - i) for i in range(50)]


def test_many_statements_close_their_cursors(conn):
    insert(conn, 1)
    for i in range(60):  # over the statement cache size
        assert query(conn, f"select id, {i} from enrol") == [(1, i)]


def test_row_limits_and_oracle_functions(conn):
    insert(conn, *range(10))
    assert query(conn, "select id from enrol order by id fetch first 2 rows only") == [(0,), (1,)]
    assert query(conn, "select id from (select id from enrol order by id desc) where rownum <= 2") == [(9,), (8,)]
    assert query(
        conn,
        "select nvl(status, '--'), decode(id, 3, 'three', 'other'), "
        "to_char(updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6') from enrol where id = 3",
    ) == [("--", "three", "2026-01-01T00:00:03.000000")]
    assert query(
        conn, "select id from enrol where updated_at > to_timestamp('2026-01-01 00:00:08', 'YYYY-MM-DD HH24:MI:SS')"
    ) == [(9,)]
    assert query(conn, "select count(*) from enrol where updated_at < sysdate - 1/24") == [(10,)]
    assert query(
        conn,
        "select count(*) from enrol where trunc(updated_at) = date '2026-01-01' and "
        "updated_at < systimestamp - numtodsinterval(5, 'MINUTE')",
    ) == [(10,)]
    page = (
        "select id from (select t.id, rownum n from (select id from enrol order by id) t "
        "where rownum <= :hi) where n > :lo"
    )
    assert query(conn, page, hi=5, lo=3) == [(3,), (4,)]
    assert query(
        conn,
        "select id from enrol where updated_at > :t or (updated_at = :t and id > :i) "
        "order by updated_at, id fetch next :n rows only",
        t=dt.datetime(2026, 1, 1, 0, 0, 5),
        i=4,
        n=2,
    ) == [(5,), (6,)]
    assert query(conn, "with x as (select max(id) m from enrol) select m from x") == [(9,)]


# --- changing --------------------------------------------------------------------


def test_dml_rowcounts_and_transactions(stub, conn):
    insert(conn, 1, 2, 3)
    cursor = conn.cursor()
    cursor.execute("update enrol set student = :s where id > :i", s="x", i=1)
    assert cursor.rowcount == 2 and conn.transaction_in_progress
    with connect(stub) as other:
        assert query(other, "select count(*) from enrol where student = 'x'") == [(0,)]
    conn.rollback()
    assert not conn.transaction_in_progress
    cursor.execute("delete from enrol where id = 1")
    assert cursor.rowcount == 1
    conn.commit()
    assert query(conn, "select id from enrol order by id") == [(2,), (3,)]


def test_executemany_of_ten_thousand(conn):
    insert(conn, *range(10_000))
    assert query(conn, "select count(*), max(student) from enrol") == [(10_000, "student 9999")]


def test_autocommit_and_lastrowid(stub, conn):
    conn.autocommit = True
    cursor = conn.cursor()
    for i in (1, 2):  # the second is a re-execute
        cursor.execute("insert into enrol (id, student) values (:1, 'x')", [i])
    assert query(conn, "select id from enrol where rowid = :r", r=cursor.lastrowid) == [(2,)]
    with connect(stub) as other:
        assert query(other, "select count(*) from enrol") == [(2,)]


def test_statement_rollback_keeps_the_transaction(conn):
    insert(conn, 1, commit=False)
    with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
        insert(conn, 1)
    conn.commit()
    assert query(conn, "select id from enrol") == [(1,)]


# --- errors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql, code",
    [
        ("select * from nope", "ORA-00942"),
        ("select nope from enrol", "ORA-00904"),
        ("selec 1", "ORA-00900"),
        ("insert into enrol (id) values (1)", "ORA-01400"),
        ("select * from enrol as of scn 1", "ORA-01555"),
        ("select * from enrol as of scn 99999999", "ORA-08181"),
    ],
)
def test_ora_errors(conn, sql, code):
    with pytest.raises(oracledb.DatabaseError, match=code):
        query(conn, sql)
    assert query(conn, "select 1 from dual") == [(1,)]


def test_injected_error_mid_fetch(stub, conn):
    insert(conn, *range(100))
    stub.faults.add(Fault("fetch", ora=1555, message="snapshot too old", skip=2))
    cursor = conn.cursor()
    cursor.arraysize = cursor.prefetchrows = 10
    cursor.execute("select id from enrol")
    with pytest.raises(oracledb.DatabaseError, match="ORA-01555") as caught:
        cursor.fetchall()
    assert caught.value.args[0].code == 1555
    conn.ping()


@pytest.mark.parametrize(
    "fault",
    [Fault("fetch", drop=True), Fault("fetch", drop_after_bytes=50), Fault("fetch", ora=3113, message="end-of-file")],
)
def test_connection_dropped_mid_fetch(stub, conn, fault):
    insert(conn, *range(5000))
    stub.faults.add(Fault(fault.point, ora=fault.ora, drop=fault.drop, drop_after_bytes=fault.drop_after_bytes))
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011") as caught:
        query(conn, "select * from enrol")
    assert caught.value.args[0].isrecoverable
    with connect(stub) as again:
        assert query(again, "select count(*) from enrol") == [(5000,)]


def test_commit_outcome_unknown(stub, conn):
    insert(conn, 1, commit=False)
    stub.faults.add(Fault("commit", drop=True, after=True))
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
        conn.commit()
    with connect(stub) as again:
        assert query(again, "select id from enrol") == [(1,)]


# The driver leaves the socket of a connection that died under it to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_killed_sessions(stub, conn):
    insert(conn, 1, commit=False)
    stub.kill_sessions()
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011|DPY-1001"):
        query(conn, "select 1 from dual")
    with connect(stub) as again:
        assert query(again, "select count(*) from enrol") == [(0,)]


def test_call_timeout_breaks_the_call(stub, conn):
    conn.call_timeout = 300
    stub.faults.add(Fault("execute", delay=5))
    started = time.monotonic()
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        query(conn, "select 1 from dual")
    assert time.monotonic() - started < 2
    assert query(conn, "select 2 from dual") == [(2,)]


def test_cancel_from_another_thread(stub, conn):
    stub.faults.add(Fault("execute", delay=5))
    threading.Timer(0.3, conn.cancel).start()
    with pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
        query(conn, "select 1 from dual")
    assert query(conn, "select 2 from dual") == [(2,)]


# --- change tracking -------------------------------------------------------------


def scn(conn: oracledb.Connection) -> int:
    return query(conn, "select dbms_flashback.get_system_change_number from dual")[0][0]


def test_flashback_query(conn):
    insert(conn, 1, 2)
    before = scn(conn)
    cursor = conn.cursor()
    cursor.execute("update enrol set student = 'new' where id = 1")
    cursor.execute("delete from enrol where id = 2")
    cursor.execute("insert into enrol (id, student) values (3, 'three')")
    conn.commit()
    cursor.execute("update enrol set student = 'newer' where id = 1")
    conn.commit()
    sql = "select id, student from enrol as of scn :s e where e.id > 0 order by id"
    assert query(conn, sql, s=before) == [(1, "student 1"), (2, "student 2")]
    assert query(conn, sql, s=before + 1) == [(1, "new"), (3, "three")]
    assert query(conn, sql, s=scn(conn)) == [(1, "newer"), (3, "three")]


def test_flashback_to_a_timestamp(stub, conn):
    insert(conn, 1)
    then = query(conn, "select cast(systimestamp as timestamp) from dual")[0][0]
    insert(conn, 2)
    bound = conn.cursor()
    bound.setinputsizes(t=oracledb.DB_TYPE_TIMESTAMP)
    bound.execute("select id from enrol as of timestamp :t", t=then)
    assert bound.fetchall() == [(1,)]


def test_ora_rowscn_is_the_commit_scn(conn):
    insert(conn, 1)
    first = scn(conn)
    insert(conn, 2)
    rows = query(conn, "select id, ora_rowscn, rowid from enrol where ora_rowscn > :s", s=first)
    assert [r[:2] for r in rows] == [(2, scn(conn))] and len(rows[0][2]) == 18


def test_ora_rowscn_is_per_block_without_rowdependencies(conn):
    conn.cursor().execute("create table plain (id number primary key)")
    conn.autocommit = True
    for i in range(3):
        conn.cursor().execute("insert into plain values (:1)", [i])
    assert {r[0] for r in query(conn, "select ora_rowscn from plain")} == {scn(conn)}


def test_late_commit_is_visible_in_v_transaction(stub, conn):
    with connect(stub) as slow:
        opened_at = scn(conn)
        insert(slow, 1, commit=False)
        insert(conn, 2)
        assert query(conn, "select id from enrol") == [(2,)]
        assert query(conn, "select min(start_scn) from v$transaction") == [(opened_at,)]
        slow.commit()
    assert query(conn, "select count(*) from v$transaction") == [(0,)]
    assert query(conn, "select id from enrol order by ora_rowscn") == [(2,), (1,)]


def test_read_only_transaction_is_a_snapshot(stub, conn):
    insert(conn, 1)
    with connect(stub) as reader:
        reader.cursor().execute("set transaction read only")
        assert query(reader, "select count(*) from enrol") == [(1,)]
        insert(conn, 2)
        assert query(reader, "select count(*) from enrol") == [(1,)]
        reader.commit()
        assert query(reader, "select count(*) from enrol") == [(2,)]


def test_schema_change_under_an_open_statement(conn):
    insert(conn, 1)
    cursor = conn.cursor()
    cursor.execute("select * from enrol")
    assert len(cursor.fetchone()) == 10
    conn.cursor().execute("alter table enrol add (campus varchar2(20))")
    cursor.execute("select * from enrol")
    assert len(cursor.fetchone()) == 11 and cursor.description[10].name == "CAMPUS"
    conn.cursor().execute("alter table enrol drop column campus")
    cursor.execute("select * from enrol")
    assert len(cursor.fetchone()) == 10


def test_dictionary_views(conn):
    rows = query(
        conn,
        "select column_name, data_type, data_precision, data_scale, nullable "
        "from all_tab_columns where owner = user and table_name = :t "
        "order by column_id",
        t="ENROL",
    )
    assert rows[0] == ("ID", "NUMBER", 10, 0, "N")
    assert rows[6] == ("UPDATED_AT", "TIMESTAMP(6)", None, 6, "Y")
    assert query(
        conn,
        "select cc.column_name from all_constraints c join all_cons_columns cc "
        "on cc.constraint_name = c.constraint_name and cc.owner = c.owner "
        "where c.table_name = 'ENROL' and c.constraint_type = 'P'",
    ) == [("ID",)]


# --- pools, asyncio, data frames -------------------------------------------------


def test_pool(stub, conn):
    pool = oracledb.create_pool(user="app", password="app", dsn=stub.dsn, min=1, max=4, ping_interval=0)
    with pool.acquire() as one, pool.acquire() as two:
        insert(one, 1, commit=False)
        assert query(two, "select count(*) from enrol") == [(0,)]
    with pool.acquire() as again:  # returning a connection rolled it back
        assert query(again, "select count(*) from enrol") == [(0,)]
    stub.kill_sessions()
    time.sleep(0.1)
    with pool.acquire() as fresh:  # the pool notices and replaces
        assert query(fresh, "select 1 from dual") == [(1,)]
    pool.close(force=True)


def test_asyncio(stub, conn):
    insert(conn, *range(1000))

    async def work() -> None:
        async with oracledb.connect_async(user="app", password="app", dsn=stub.dsn) as one:
            with one.cursor() as cursor:
                cursor.arraysize = 37
                await cursor.execute("select id, student from enrol order by id")
                assert [r[0] async for r in cursor] == list(range(1000))
            assert await one.fetchone("select count(*) from enrol") == (1000,)
            await one.execute("insert into enrol (id, student) values (5000, 'x')")
            await one.commit()
        pool = oracledb.create_pool_async(user="app", password="app", dsn=stub.dsn, min=2, max=4)
        async with pool.acquire() as a, pool.acquire() as b:
            both = await asyncio.gather(a.fetchone("select 1 from dual"), b.fetchone("select 2 from dual"))
            assert both == [(1,), (2,)]
        await pool.close()
        stub.faults.add(Fault("execute", drop=True))
        async with oracledb.connect_async(user="app", password="app", dsn=stub.dsn) as one:
            with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
                await one.fetchone("select 1 from dual")

    asyncio.run(work())


def test_pipeline_falls_back_to_single_calls(stub, conn):
    async def work() -> list:
        async with oracledb.connect_async(user="app", password="app", dsn=stub.dsn) as one:
            pipeline = oracledb.create_pipeline()
            pipeline.add_fetchall("select 1 from dual")
            pipeline.add_execute("insert into enrol (id, student) values (1, 'x')")
            pipeline.add_commit()
            pipeline.add_fetchone("select count(*) from enrol")
            return [r.rows for r in await one.run_pipeline(pipeline)]

    assert asyncio.run(work()) == [[(1,)], None, None, [(1,)]]


def test_data_frames(conn):
    pa = pytest.importorskip("pyarrow")
    cursor = conn.cursor()
    cursor.setinputsizes(None, None, None, None, oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_TIMESTAMP_TZ)
    cursor.executemany(
        "insert into enrol (id, student, grade, enrolled, updated_at, seen) values (:1, :2, :3, :4, :5, :6)",
        [(i, f"s{i}", i / 4 if i % 3 else None, NOW, NOW, NOW) for i in range(1000)],
    )
    conn.commit()
    sql = "select id, student, grade, enrolled, updated_at, seen from enrol order by id"
    whole = pa.table(conn.fetch_df_all(sql, arraysize=130))
    batches = [pa.table(f) for f in conn.fetch_df_batches(sql, size=300)]
    assert [b.num_rows for b in batches] == [300, 300, 300, 100]
    assert pa.concat_tables(batches).to_pylist() == whole.to_pylist()
    assert [str(t) for t in whole.schema.types] == [
        "int64",
        "large_string",
        "double",
        "timestamp[s]",
        "timestamp[us]",
        "timestamp[us]",
    ]
    assert whole["UPDATED_AT"][5].as_py() == NOW
    assert whole["GRADE"][3].as_py() is None and whole["GRADE"][1].as_py() == 0.25


@pytest.mark.parametrize("sdu", [512, 2048, 65535])
def test_other_packet_sizes(sdu):
    with OracleStandin(sdu=sdu) as stub, connect(stub) as conn:
        conn.cursor().execute(TABLE)
        insert(conn, *range(3000))
        assert len(query(conn, "select * from enrol")) == 3000
