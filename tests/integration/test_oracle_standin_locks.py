"""Locks of the Oracle stand-in: who waits for whom, and that nothing is lost. Through the real driver."""

from __future__ import annotations

import random
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAITING = 30.0  # seconds after which a wait that should end has failed
STILL = 0.3  # seconds in which a call that must wait gets its chance to be wrong


# The driver leaves the socket of a connection that died under it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


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


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[None]]]:
    """Runs a call on another thread."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


def must_wait(call: Future[None]) -> None:
    """The call has not come back yet."""
    with pytest.raises(TimeoutError):
        call.result(STILL)


def values(connection: oracledb.Connection) -> list[str]:
    return [v for (v,) in rows(connection, "select v from t order by id")]


def test_a_row_changed_by_another_is_waited_for(
    one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """An update of a held row waits, then works on what the other committed: nothing is lost."""
    run(one, "update t set v = v || '+1' where id = 3")
    waiting = aside(run, two, "update t set v = v || '+2' where id = 3")
    must_wait(waiting)
    one.commit()
    waiting.result(WAITING)
    two.commit()

    assert values(one)[2] == "old+1+2"


def test_a_wait_ends_when_the_holder_rolls_back_or_dies(
    standin: OracleStandin, one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """Rollback and a lost connection free rows alike."""
    run(one, "delete from t where id = 3")
    waiting = aside(run, two, "update t set v = 'two' where id = 3")
    must_wait(waiting)
    one.rollback()
    waiting.result(WAITING)
    two.rollback()
    dying = connect(standin, "app")
    run(dying, "update t set v = 'never' where id = 3")
    waiting = aside(run, two, "update t set v = 'two' where id = 3")
    must_wait(waiting)
    dying.close()
    waiting.result(WAITING)
    two.commit()

    assert values(one)[2] == "two"


def test_a_row_that_the_wait_made_disappear_is_not_changed(
    one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """After the wait the condition is looked at anew."""
    run(one, "update t set v = 'gone' where v = 'old' and id = 1")
    waiting = aside(run, two, "update t set v = 'late' where v = 'old' and id <= 2")
    must_wait(waiting)
    one.commit()
    waiting.result(WAITING)
    two.commit()

    assert values(one) == ["gone", "late", "old", "old", "old"]


def test_waiting_is_bounded(standin: OracleStandin, one: oracledb.Connection, two: oracledb.Connection) -> None:
    """Past the stand-in's limit a wait is ORA-30006; the transaction goes on."""
    standin.database.settings.lock_timeout = 0.1
    run(two, "update t set v = 'two' where id = 1")
    run(one, "update t set v = 'one' where id = 2")
    with fails(30006):
        run(one, "update t set v = 'one' where id = 1")
    one.commit()

    assert values(one) == ["old", "one", "old", "old", "old"]


def test_a_break_ends_a_wait(one: oracledb.Connection, two: oracledb.Connection) -> None:
    """cancel() while waiting for a row is ORA-01013."""
    run(two, "update t set v = 'two' where id = 1")
    threading.Timer(STILL, one.cancel).start()
    with fails(1013):
        run(one, "update t set v = 'one' where id = 1")

    assert values(one) == ["old"] * 5


def test_deadlock_is_found(
    one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """Two that wait for each other: one statement gets ORA-00060, and its rollback lets the other go on."""
    run(one, "update t set v = 'one' where id = 1")
    run(two, "update t set v = 'two' where id = 2")
    waiting = aside(run, one, "update t set v = 'one' where id = 2")
    must_wait(waiting)
    with fails(60):
        run(two, "update t set v = 'two' where id = 1")
    two.rollback()
    waiting.result(WAITING)
    one.commit()

    assert values(two)[:2] == ["one", "one"]


def test_select_for_update_holds_rows(
    one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """FOR UPDATE makes others wait, NOWAIT refuses, readers are not hindered."""
    assert rows(one, "select v from t where id = 1 for update") == [("old",)]
    assert one.transaction_in_progress
    with fails(54):
        rows(two, "select v from t where id = 1 for update nowait")
    with fails(30006):
        rows(two, "select v from t where id <= 2 for update wait 1")
    assert rows(two, "select v from t where id = 2 for update nowait") == [("old",)]
    waiting = aside(run, two, "update t set v = 'two' where id = 1")
    must_wait(waiting)
    assert values(one) == ["old"] * 5
    one.rollback()
    waiting.result(WAITING)


def test_a_key_inserted_by_another_is_waited_for(
    one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """The second insert of a key waits for the first: ORA-00001 if that commits, success if not."""
    insert = "insert into t values (7, 'x')"
    run(one, insert)
    waiting = aside(run, two, insert)
    must_wait(waiting)
    one.rollback()
    waiting.result(WAITING)
    waiting = aside(run, one, insert)
    must_wait(waiting)
    two.commit()
    with fails(1):
        waiting.result(WAITING)


def test_lock_table_keeps_writers_out(
    one: oracledb.Connection, two: oracledb.Connection, aside: Callable[..., Future[None]]
) -> None:
    """LOCK TABLE IN EXCLUSIVE MODE waits for writers and keeps new ones out."""
    run(one, "update t set v = 'x' where id = 1")
    with fails(54):
        run(two, "lock table t in exclusive mode nowait")
    one.commit()
    run(two, "lock table t in exclusive mode")
    waiting = aside(run, one, "insert into t values (6, 'x')")
    must_wait(waiting)
    two.commit()
    waiting.result(WAITING)


def test_many_writers_lose_nothing(standin: OracleStandin) -> None:
    """Sessions that add to the same rows at once: every addition counts."""
    with connect(standin) as setup:
        run(setup, "create table counter (id number primary key, n number)", "insert into counter values (1, 0)")
        setup.commit()

    def work() -> None:
        with connect(standin) as connection:
            for _ in range(25):
                run(connection, "update counter set n = n + 1 where id = 1")
                connection.commit()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work) for _ in range(6)]:
            done.result(120)
    with connect(standin) as reader:
        assert value(reader, "select n from counter") == 150


def test_killed_sessions_lose_no_money(standin: OracleStandin) -> None:
    """Transfers between rows, sessions killed in between: each happens whole or not at all."""
    with connect(standin) as setup:
        run(setup, "create table account (id number primary key, n number)")
        run(setup, "insert into account select level, 100 from dual connect by level <= 10")
        setup.commit()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        connection = connect(standin)
        for turn in range(40):
            one, other = chance.sample(range(1, 11), 2)
            try:
                run(connection, f"update account set n = n - 1 where id = {one}")
                run(connection, f"update account set n = n + 1 where id = {other}")
                connection.commit()
                assert value(connection, "select sum(n) from account") == 1000
            except oracledb.DatabaseError as error:
                # A deadlock; waited too long, on a busy machine; or killed.
                if not re.search(r"ORA-(00060|30006)|DPY-(4011|1001)", str(error)):
                    raise
                if connection.is_healthy():
                    connection.rollback()
                else:
                    connection = connect(standin)
            if seed == 0 and turn % 10 == 9:
                standin.kill_sessions()
        if connection.is_healthy():
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, seed) for seed in range(4)]:
            done.result(120)
    with connect(standin) as reader:
        assert value(reader, "select sum(n) from account") == 1000
        assert rows(reader, "select 1 from v$transaction") == []
