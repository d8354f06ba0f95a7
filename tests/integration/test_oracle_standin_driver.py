"""The Oracle stand-in under everything the driver offers: errors, breaks, flashback, pools, asyncio, data frames."""

# ruff: noqa: DTZ001 - DATEs and TIMESTAMPs have no zone

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from typing import TYPE_CHECKING, Any

import oracledb
import pytest

from tests.standins.oracle import Fault, OracleStandin
from tests.standins.oracle.client import ENROL, connect, insert_students, rows, run, value

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


# --- errors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select * from nope", "ORA-00942"),
        ("select nope from enrol", "ORA-00904"),
        ("selec 1", "ORA-00900"),
        ("insert into enrol (id) values (1)", "ORA-01400"),
        ("select * from enrol as of scn 1", "ORA-01555"),
        ("select * from enrol as of scn 99999999", "ORA-08181"),
    ],
)
def test_ora_errors(conn: oracledb.Connection, sql: str, code: str) -> None:
    """Each mistake has its ORA number, and the session goes on."""
    with pytest.raises(oracledb.DatabaseError, match=code):
        rows(conn, sql)
    assert rows(conn, "select 1 from dual") == [(1,)]


def test_injected_error_mid_fetch(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A fault in the middle of a fetch reaches the client with its number."""
    insert_students(conn, *range(100))
    standin.faults.add(Fault("fetch", ora=1555, message="snapshot too old", skip=2))
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
def test_connection_dropped_mid_fetch(standin: OracleStandin, conn: oracledb.Connection, fault: Fault) -> None:
    """A connection lost between or within packets is a recoverable error."""
    insert_students(conn, *range(5000))
    standin.faults.add(Fault(fault.point, ora=fault.ora, drop=fault.drop, drop_after_bytes=fault.drop_after_bytes))
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011") as caught:
        rows(conn, "select * from enrol")
    assert caught.value.args[0].isrecoverable
    with connect(standin) as again:
        assert rows(again, "select count(*) from enrol") == [(5000,)]


def test_commit_outcome_unknown(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A commit may take effect though its answer is lost."""
    insert_students(conn, 1, commit=False)
    standin.faults.add(Fault("commit", drop=True, after=True))
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
        conn.commit()
    with connect(standin) as again:
        assert rows(again, "select id from enrol") == [(1,)]


# The driver leaves the socket of a connection that died under it to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_killed_sessions(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """Cut connections fail and their work is rolled back."""
    insert_students(conn, 1, commit=False)
    standin.kill_sessions()
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-4011|DPY-1001"):
        rows(conn, "select 1 from dual")
    with connect(standin) as again:
        assert rows(again, "select count(*) from enrol") == [(0,)]


def test_call_timeout_breaks_the_call(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """call_timeout ends a slow call, and the session can be used again."""
    conn.call_timeout = 300
    standin.faults.add(Fault("execute", delay=5))
    started = time.monotonic()
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        rows(conn, "select 1 from dual")
    assert time.monotonic() - started < 2
    assert rows(conn, "select 2 from dual") == [(2,)]


def test_cancel_from_another_thread(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """cancel() ends a call with ORA-01013."""
    standin.faults.add(Fault("execute", delay=5))
    threading.Timer(0.3, conn.cancel).start()
    with pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
        rows(conn, "select 1 from dual")
    assert rows(conn, "select 2 from dual") == [(2,)]


# --- change tracking -------------------------------------------------------------


def scn(conn: oracledb.Connection) -> int:
    return int(value(conn, "select dbms_flashback.get_system_change_number from dual"))


def test_flashback_query(conn: oracledb.Connection) -> None:
    """AS OF SCN sees earlier instants."""
    insert_students(conn, 1, 2)
    before = scn(conn)
    cursor = conn.cursor()
    cursor.execute("update enrol set student = 'new' where id = 1")
    cursor.execute("delete from enrol where id = 2")
    cursor.execute("insert into enrol (id, student) values (3, 'three')")
    conn.commit()
    cursor.execute("update enrol set student = 'newer' where id = 1")
    conn.commit()
    sql = "select id, student from enrol as of scn :s e where e.id > 0 order by id"
    assert rows(conn, sql, s=before) == [(1, "student 1"), (2, "student 2")]
    assert rows(conn, sql, s=before + 1) == [(1, "new"), (3, "three")]
    assert rows(conn, sql, s=scn(conn)) == [(1, "newer"), (3, "three")]


def test_flashback_to_a_timestamp(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """AS OF TIMESTAMP sees earlier instants."""
    insert_students(conn, 1)
    then = rows(conn, "select cast(systimestamp as timestamp) from dual")[0][0]
    insert_students(conn, 2)
    bound = conn.cursor()
    bound.setinputsizes(t=oracledb.DB_TYPE_TIMESTAMP)
    bound.execute("select id from enrol as of timestamp :t", t=then)
    assert bound.fetchall() == [(1,)]


def test_ora_rowscn_is_the_commit_scn(conn: oracledb.Connection) -> None:
    """With ROWDEPENDENCIES each row tells the SCN of its commit."""
    insert_students(conn, 1)
    first = scn(conn)
    insert_students(conn, 2)
    found = rows(conn, "select id, ora_rowscn, rowid from enrol where ora_rowscn > :s", s=first)
    assert [r[:2] for r in found] == [(2, scn(conn))]
    assert len(found[0][2]) == 18


def test_ora_rowscn_is_per_block_without_rowdependencies(conn: oracledb.Connection) -> None:
    """Without ROWDEPENDENCIES rows share the SCN of their block."""
    conn.cursor().execute("create table plain (id number primary key)")
    conn.autocommit = True
    for i in range(3):
        conn.cursor().execute("insert into plain values (:1)", [i])
    assert {r[0] for r in rows(conn, "select ora_rowscn from plain")} == {scn(conn)}


def test_late_commit_is_visible_in_v_transaction(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A transaction that commits late is announced by V$TRANSACTION."""
    with connect(standin) as slow:
        opened_at = scn(conn)
        insert_students(slow, 1, commit=False)
        insert_students(conn, 2)
        assert rows(conn, "select id from enrol") == [(2,)]
        assert rows(conn, "select min(start_scn) from v$transaction") == [(opened_at,)]
        slow.commit()
    assert rows(conn, "select count(*) from v$transaction") == [(0,)]
    assert rows(conn, "select id from enrol order by ora_rowscn") == [(2,), (1,)]


def test_read_only_transaction_is_a_snapshot(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A READ ONLY transaction sees one instant."""
    insert_students(conn, 1)
    with connect(standin) as reader:
        reader.cursor().execute("set transaction read only")
        assert rows(reader, "select count(*) from enrol") == [(1,)]
        insert_students(conn, 2)
        assert rows(reader, "select count(*) from enrol") == [(1,)]
        reader.commit()
        assert rows(reader, "select count(*) from enrol") == [(2,)]


def test_schema_change_under_an_open_statement(conn: oracledb.Connection) -> None:
    """A re-executed statement learns of added and dropped columns."""
    insert_students(conn, 1)
    cursor = conn.cursor()
    cursor.execute("select * from enrol")
    assert len(cursor.fetchone()) == 10
    conn.cursor().execute("alter table enrol add (campus varchar2(20))")
    cursor.execute("select * from enrol")
    assert len(cursor.fetchone()) == 11
    assert cursor.description
    assert cursor.description[10].name == "CAMPUS"
    conn.cursor().execute("alter table enrol drop column campus")
    cursor.execute("select * from enrol")
    assert len(cursor.fetchone()) == 10


def test_dictionary_views(conn: oracledb.Connection) -> None:
    """Columns and keys of a table can be looked up."""
    found = rows(
        conn,
        "select column_name, data_type, data_precision, data_scale, nullable "
        "from all_tab_columns where owner = user and table_name = :t "
        "order by column_id",
        t="ENROL",
    )
    assert found[0] == ("ID", "NUMBER", 10, 0, "N")
    assert found[6] == ("UPDATED_AT", "TIMESTAMP(6)", None, 6, "Y")
    assert rows(
        conn,
        "select cc.column_name from all_constraints c join all_cons_columns cc "
        "on cc.constraint_name = c.constraint_name and cc.owner = c.owner "
        "where c.table_name = 'ENROL' and c.constraint_type = 'P'",
    ) == [("ID",)]


# --- pools, asyncio, data frames -------------------------------------------------


def test_pool(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A pool rolls back returned connections and replaces dead ones."""
    pool = oracledb.create_pool(user="app", password="app", dsn=standin.dsn, min=1, max=4, ping_interval=0)
    with pool.acquire() as one, pool.acquire() as two:
        insert_students(one, 1, commit=False)
        assert rows(two, "select count(*) from enrol") == [(0,)]
    with pool.acquire() as again:  # returning a connection rolled it back
        assert rows(again, "select count(*) from enrol") == [(0,)]
    standin.kill_sessions()
    time.sleep(0.1)
    with pool.acquire() as fresh:  # the pool notices and replaces
        assert rows(fresh, "select 1 from dual") == [(1,)]
    pool.close(force=True)


def test_asyncio(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """The asyncio driver works as well, with fetches, transactions, pools and faults."""
    insert_students(conn, *range(1000))

    async def work() -> None:
        async with oracledb.connect_async(user="app", password="app", dsn=standin.dsn) as one:
            with one.cursor() as cursor:
                cursor.arraysize = 37
                await cursor.execute("select id, student from enrol order by id")
                assert [r[0] async for r in cursor] == list(range(1000))
            assert list(await one.fetchone("select count(*) from enrol") or ()) == [1000]
            await one.execute("insert into enrol (id, student) values (5000, 'x')")
            await one.commit()
        pool = oracledb.create_pool_async(user="app", password="app", dsn=standin.dsn, min=2, max=4)
        async with pool.acquire() as a, pool.acquire() as b:
            both = await asyncio.gather(a.fetchone("select 1 from dual"), b.fetchone("select 2 from dual"))
            assert list(both) == [(1,), (2,)]
        await pool.close()
        standin.faults.add(Fault("execute", drop=True))
        async with oracledb.connect_async(user="app", password="app", dsn=standin.dsn) as one:
            with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
                await one.fetchone("select 1 from dual")

    asyncio.run(work())


def test_pipeline_falls_back_to_single_calls(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A pipeline is run call by call."""

    async def work() -> list[Any]:
        async with oracledb.connect_async(user="app", password="app", dsn=standin.dsn) as one:
            pipeline = oracledb.create_pipeline()
            pipeline.add_fetchall("select 1 from dual")
            pipeline.add_execute("insert into enrol (id, student) values (1, 'x')")
            pipeline.add_commit()
            pipeline.add_fetchone("select count(*) from enrol")
            return [r.rows for r in await one.run_pipeline(pipeline)]

    assert asyncio.run(work()) == [[(1,)], None, None, [(1,)]]


def test_data_frames(conn: oracledb.Connection) -> None:
    """Data frames are fetched whole and in batches with the right types."""
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
    assert whole["GRADE"][3].as_py() is None
    assert whole["GRADE"][1].as_py() == 0.25


@pytest.mark.parametrize("sdu", [512, 2048, 65535])
def test_other_packet_sizes(sdu: int) -> None:
    """Small and large packets carry the same rows."""
    with OracleStandin(sdu=sdu) as standin, connect(standin) as conn:
        conn.cursor().execute(ENROL)
        insert_students(conn, *range(3000))
        assert len(rows(conn, "select * from enrol")) == 3000
