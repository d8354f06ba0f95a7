"""What a poller must know of a cluster, a standby and sequences: the Oracle stand-in's, through the real driver."""

# ruff: noqa: DTZ001 - DATEs have no zone

from __future__ import annotations

import datetime as dt
import sys
import threading
from typing import TYPE_CHECKING

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = 30.0  # seconds after which a wait that should end has failed
NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
EVERYWHERE = "select inst_id, start_date from gv$transaction order by inst_id"


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin(lock_timeout=WAITING) as running:
        yield running


@pytest.fixture
def app(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin) as connection:
        run(connection, "create table t (id number primary key, v varchar2(10), at_ date default sysdate)")
        yield connection


@pytest.fixture
def second(standin: OracleStandin, app: oracledb.Connection) -> Iterator[oracledb.Connection]:
    """A session in another instance, whose host is three seconds behind."""
    with connect(standin, dsn=standin.add_instance(2, ahead=dt.timedelta(seconds=-3))) as connection:
        yield connection


# --- open transactions ------------------------------------------------------------------------


def test_a_transaction_shows_from_its_first_change_on(standin: OracleStandin, app: oracledb.Connection) -> None:
    """Neither a query, a savepoint nor SERIALIZABLE is one yet; its start is that of the first change, to the second."""
    standin.clock.freeze(NOON)
    with connect(standin) as slow:
        run(slow, "set transaction isolation level serializable", "savepoint here")
        value(slow, "select count(*) from t")
        run(slow, "update t set v = 'x' where id = 99")
        assert [] == rows(app, EVERYWHERE)
        standin.clock.advance(dt.timedelta(seconds=90.7))
        run(slow, "insert into t (id) values (1)")
        standin.clock.advance(dt.timedelta(seconds=5))
        run(slow, "insert into t (id) values (2)")

        assert [(1, dt.datetime(2026, 5, 1, 12, 1, 30))] == rows(app, EVERYWHERE)
        slow.rollback()
    assert [] == rows(app, EVERYWHERE)


def test_transactions_have_identities(standin: OracleStandin, app: oracledb.Connection) -> None:
    """XID is a RAW(8) of undo segment, slot and sequence number; no two transactions share one."""
    seen = []
    sql = "select rawtohex(xid), xidusn, xidslot, xidsqn, status, start_scn from v$transaction"
    with connect(standin) as other:
        for _ in range(2):
            run(other, "insert into t (id) values (1)")
            ((xid, segment, slot, sequence, status, scn),) = rows(app, sql)
            other.rollback()
            seen.append(xid)

            assert (
                xid
                == b"".join(n.to_bytes(size, "little") for n, size in ((segment, 2), (slot, 2), (sequence, 4)))
                .hex()
                .upper()
            )
            assert "ACTIVE" == status
            assert 0 < scn <= value(app, "select current_scn from v$database")
    assert 2 == len(set(seen))


def test_a_statement_that_waits_for_a_row_is_stamped_before_its_transaction_shows(
    standin: OracleStandin, app: oracledb.Connection
) -> None:
    """As in Oracle a waiting session has asked for the other's lock and holds none of its own: SYSDATE is that of the
    statement's beginning, START_DATE that of its first change, however long it waited in between.
    """
    run(app, "insert into t values (1, 'old', null)")
    app.commit()
    standin.clock.freeze(NOON)
    with connect(standin) as holder, connect(standin) as waiter:
        run(holder, "update t set v = 'held' where id = 1")
        waiting = threading.Thread(target=run, args=(waiter, "update t set v = 'new', at_ = sysdate where id = 1"))
        waiting.start()
        while not standin.activity.executions("v = 'new'"):
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)  # it must be given the chance to show too early
        assert 1 == len(rows(app, EVERYWHERE))
        standin.clock.advance(dt.timedelta(minutes=5))
        holder.commit()
        waiting.join(WAITING)

        assert [(1, dt.datetime(2026, 5, 1, 12, 5))] == rows(app, EVERYWHERE)
        assert [("new", dt.datetime(2026, 5, 1, 12))] == rows(waiter, "select v, at_ from t")
        waiter.commit()


def test_start_dates_are_of_the_hosts_wall_clock(standin: OracleStandin, app: oracledb.Connection) -> None:
    """The zone is that of the host, as SYSDATE's: in the autumn's double hour a later start shows an earlier time."""
    standin.database.settings.system_zone = "Europe/Paris"
    standin.clock.freeze(dt.datetime(2026, 10, 25, 0, 50, tzinfo=dt.UTC))
    with connect(standin) as early, connect(standin) as late:
        run(early, "insert into t (id) values (1)")
        standin.clock.advance(dt.timedelta(minutes=20))
        run(late, "insert into t (id) values (2)")

        assert rows(app, "select start_date, start_time from v$transaction order by start_scn, xidsqn") == [
            (dt.datetime(2026, 10, 25, 2, 50), "10/25/26 02:50:00"),
            (dt.datetime(2026, 10, 25, 2, 10), "10/25/26 02:10:00"),
        ]
        late.rollback()
        early.rollback()


def test_each_of_the_two_views_has_a_grant_of_its_own(standin: OracleStandin, app: oracledb.Connection) -> None:
    """V$ alone, GV$ alone or neither: what is not granted does not exist."""
    run(app, "create user reader identified by reader", "grant create session to reader")
    with connect(standin, "reader") as reader:
        for granted, hidden in (("v", "gv"), ("gv", "v")):
            run(app, f"grant select on sys.{granted}_$transaction to reader")
            assert [] == rows(reader, f"select * from {granted}$transaction")
            with fails(942):
                rows(reader, f"select * from {hidden}$transaction")
            run(app, f"revoke select on sys.{granted}_$transaction from reader")
        with fails(942):
            rows(reader, "select * from v$transaction")


# --- more than one instance -------------------------------------------------------------------


def test_instances_have_clocks_and_transactions_of_their_own(
    standin: OracleStandin, app: oracledb.Connection, second: oracledb.Connection
) -> None:
    """V$TRANSACTION shows the session's own instance only, GV$TRANSACTION all; each stamps by its own host's clock."""
    standin.clock.freeze(NOON)
    run(app, "insert into t (id) values (1)")
    run(second, "insert into t (id) values (2)")
    early = dt.datetime(2026, 5, 1, 11, 59, 57)

    assert [(1, dt.datetime(2026, 5, 1, 12)), (2, early)] == rows(app, EVERYWHERE) == rows(second, EVERYWHERE)
    assert [(dt.datetime(2026, 5, 1, 12),)] == rows(app, "select start_date from v$transaction")
    assert [(early,)] == rows(second, "select start_date from v$transaction")
    assert [(early,)] == rows(second, "select at_ from t")
    assert early == value(second, "select sys_extract_utc(systimestamp) from dual")
    assert ("2", "stub2") == rows(
        second, "select sys_context('USERENV', 'INSTANCE'), sys_context('USERENV', 'INSTANCE_NAME') from dual"
    )[0]
    assert [(1,), (2,)] == rows(app, "select inst_id from gv$instance order by 1")
    second.rollback()


def test_an_instance_that_is_not_there(standin: OracleStandin) -> None:
    """The listener knows the instances it was told of."""
    missing = standin.add_instance(2).replace("stub2", "stub3")
    with pytest.raises(oracledb.DatabaseError, match=r"12521|DPY-6000"):
        connect(standin, dsn=missing)


def test_instances_number_from_caches_of_their_own(app: oracledb.Connection, second: oracledb.Connection) -> None:
    """NOORDER: an instance takes a block at a time, so that lower numbers come after higher ones."""
    run(app, "create sequence s cache 5")
    draw = "select s.nextval from dual"

    assert [1, 2] == [value(app, draw) for _ in range(2)]
    assert [6, 7] == [value(second, draw) for _ in range(2)]
    assert [3, 4, 5, 11] == [value(app, draw) for _ in range(4)]
    assert 8 == value(second, draw)
    assert 16 == value(app, "select last_number from user_sequences where sequence_name = 'S'")


def test_an_ordered_sequence_is_one_for_all_instances(app: oracledb.Connection, second: oracledb.Connection) -> None:
    """ORDER: numbers come in the order in which they were asked for, wherever that was."""
    run(app, "create sequence s cache 5 order")

    assert [1, 2, 3, 4] == [value(c, "select s.nextval from dual") for c in (app, second, app, second)]


# --- sequences --------------------------------------------------------------------------------


def test_rollbacks_and_crashes_leave_holes(standin: OracleStandin, app: oracledb.Connection) -> None:
    """Numbers are taken outside transactions, and what was cached is lost with the instance."""
    run(app, "create sequence s cache 10", "insert into t (id) values (s.nextval)")
    app.rollback()
    run(app, "insert into t (id) values (s.nextval)")
    standin.database.forget_numbers()
    run(app, "insert into t (id) select s.nextval from dual connect by level <= 3")
    app.commit()

    assert [(2,), (11,), (12,), (13,)] == rows(app, "select id from t order by id")
    assert 13 == value(app, "select s.currval from dual")


def test_sequences_end_or_begin_anew(app: oracledb.Connection) -> None:
    """MAXVALUE is the end, unless the sequence cycles; sequences may count down, and be altered."""
    run(
        app,
        "create sequence s start with 2 increment by 2 maxvalue 5 nocache",
        "create sequence c minvalue 1 maxvalue 3 cycle cache 2",
        "create sequence d increment by -1",
    )

    assert [2, 4] == [value(app, "select s.nextval from dual") for _ in range(2)]
    with fails(8004):
        value(app, "select s.nextval from dual")
    assert [1, 2, 3, 1] == [value(app, "select c.nextval from dual") for _ in range(4)]
    assert [-1, -2] == [value(app, "select d.nextval from dual") for _ in range(2)]
    run(app, "alter sequence s increment by 1 maxvalue 100 cache 20")
    assert 6 == value(app, "select s.nextval from dual")
    run(app, "alter sequence s restart start with 50")
    assert 50 == value(app, "select s.nextval from dual")
    described = (
        "select min_value, max_value, increment_by, cycle_flag, order_flag, cache_size, last_number from all_sequences"
    )
    assert [(1, 3, 1, "Y", "N", 2, 3)] == rows(app, f"{described} where sequence_name = 'C'")
    with fails(2283):
        run(app, "alter sequence s start with 7")


# --- a standby --------------------------------------------------------------------------------


def test_a_standby_says_so_and_takes_no_changes(standin: OracleStandin, app: oracledb.Connection) -> None:
    """DATABASE_ROLE tells; V$TRANSACTION is empty there, for the transactions are the primary's; rows still arrive."""
    standin.database.identity.role = "PHYSICAL STANDBY"

    assert "PHYSICAL STANDBY" == value(app, "select sys_context('USERENV', 'DATABASE_ROLE') from dual")
    with fails(16000):
        run(app, "insert into t (id) values (1)")
    with fails(16000):
        run(app, "create table u (a number)")
    standin.database.run_script("insert into app.t (id) values (1)")
    assert [] == rows(app, EVERYWHERE)
    assert [(1,)] == rows(app, "select id from t")


def test_the_clock_can_be_set_back(standin: OracleStandin, app: oracledb.Connection) -> None:
    """SYSTIMESTAMP then gives moments again that it has given before; commits keep their order all the same."""
    standin.clock.freeze(NOON)
    run(app, "insert into t (id) values (1)")
    app.commit()
    standin.clock.advance(dt.timedelta(minutes=-10))
    run(app, "insert into t (id) values (2)")
    app.commit()

    assert [(1, dt.datetime(2026, 5, 1, 12)), (2, dt.datetime(2026, 5, 1, 11, 50))] == rows(
        app, "select id, at_ from t order by id"
    )
    assert 1 == value(
        app, "select count(*) from t as of scn :s", s=value(app, "select current_scn from v$database") - 1
    )


# --- in one process ---------------------------------------------------------------------------


def test_threads_take_turns_quickly_while_one_runs() -> None:
    """A client that is busy in the same process does not make each statement wait for its turn four times over."""
    usual = sys.getswitchinterval()
    with OracleStandin():
        with OracleStandin():
            assert sys.getswitchinterval() < usual
        assert sys.getswitchinterval() < usual
    assert usual == sys.getswitchinterval()
