"""Scripted faults, accounts, clock and control port of the Oracle stand-in, through the real driver."""

# ruff: noqa: DTZ001 - DATEs and TIMESTAMPs have no zone

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oracledb
import pytest

from tests.standins.oracle import Fault, OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[1] / "standins" / "oracle" / "example.sql"
UP = 60  # seconds for a process to listen

# The driver leaves the socket of a connection that died under it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin(control_port=0) as running:
        yield running


@pytest.fixture
def conn(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    connection = connect(standin)
    run(connection, "create table t (n number)", "insert into t select level from dual connect by level <= 100")
    connection.commit()
    yield connection
    try:
        connection.close()
    except oracledb.DatabaseError:
        assert not connection.is_healthy()  # the test has killed it


def ask(standin: OracleStandin, method: str, path: str, **body: Any) -> Any:
    return ask_url(standin.control_url, method, path, **body)


def ask_url(url: str, method: str, path: str, **body: Any) -> Any:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url + path, data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


# --- faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["parse", "execute", "fetch"])
def test_a_fault_hits_the_statement_it_names(standin: OracleStandin, conn: oracledb.Connection, point: Any) -> None:
    """An error comes at its point, for a matching statement of its user, as often as said."""
    standin.faults.add(Fault(point, ora=1555, matching="from T where", user="APP", skip=1, times=2))
    sql = "select n from t where n > {}"
    with conn.cursor() as cursor:
        cursor.prefetchrows = 0
        for i, broken in enumerate((False, True, True, False)):
            assert rows(conn, "select 1 from dual") == [(1,)]
            if broken:
                with fails(1555):
                    cursor.execute(sql.format(i)).fetchone()
            else:
                assert cursor.execute(sql.format(i) + " order by n fetch first 1 row only").fetchone()
    assert standin.faults.pending() == []


def test_usual_texts_and_own_ones(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A fault without message says what Oracle says."""
    standin.faults.add(Fault("execute", ora=1555))
    standin.faults.add(Fault("execute", ora=20001, message="ours"))
    with pytest.raises(oracledb.DatabaseError, match="ORA-01555: snapshot too old"):
        rows(conn, "select 1 from dual")
    with pytest.raises(oracledb.DatabaseError, match="ORA-20001: ours"):
        rows(conn, "select 1 from dual")


def test_latency_for_matching_statements_until_cleared(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """A standing delay applies beside other faults."""
    standin.faults.add(Fault("execute", delay=0.2, matching="from t", times=None))
    standin.faults.add(Fault("execute", ora=942, matching="from t"))
    started = time.monotonic()
    with fails(942):
        rows(conn, "select n from t")
    rows(conn, "select n from t")

    assert time.monotonic() - started >= 0.4
    standin.faults.clear()
    assert standin.faults.pending() == []


@pytest.mark.parametrize("code", [3113, 28, 1092])
def test_errors_that_end_the_session_end_it(standin: OracleStandin, conn: oracledb.Connection, code: int) -> None:
    """After ORA-03113 and its like the connection is gone on both sides, uncommitted work rolled back."""
    run(conn, "delete from t")
    standin.faults.add(Fault("execute", ora=code))
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011") as caught:
        rows(conn, "select 1 from dual")
    assert caught.value.args[0].isrecoverable

    with connect(standin) as again:
        assert value(again, "select count(*) from t") == 100


def test_commit_fails_before_or_after_it_took_effect(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """The same answer, two outcomes: a client cannot know."""
    for after, left in ((False, 100), (True, 0)):
        with connect(standin) as doomed:
            run(doomed, "delete from t")
            standin.faults.add(Fault("commit", drop=True, after=after))
            with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
                doomed.commit()
        assert value(conn, "select count(*) from t") == left


def test_an_insert_that_took_effect_may_lose_its_answer(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """`after` on execute: the statement is done, with autocommit for good, and then the line drops."""
    standin.faults.add(Fault("execute", drop=True, after=True, matching="insert"))
    with connect(standin) as doomed:
        doomed.autocommit = True
        with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
            run(doomed, "insert into t values (1000)")

    assert value(conn, "select count(*) from t where n = 1000") == 1


def test_a_wrong_fault_is_refused() -> None:
    """A point that does not exist would never happen: it is an error at once."""
    with pytest.raises(ValueError, match="unknown point"):
        Fault("comit")  # type: ignore[arg-type]


# --- listener and accounts ----------------------------------------------------------------


def test_listener_stops_and_starts_on_its_port(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """Without listener new connections are refused, open ones go on; later the same port answers again."""
    port = standin.port
    standin.stop_listener()
    with pytest.raises(oracledb.OperationalError, match="DPY-6005"):
        connect(standin)
    assert value(conn, "select count(*) from t") == 100
    standin.start_listener()

    assert standin.port == port
    with connect(standin) as again:
        assert value(again, "select count(*) from t") == 100


@pytest.mark.parametrize(("code", "said"), [(12514, "DPY-6001"), (12528, "DPY-6000"), (12505, "DPY-6003")])
def test_listener_refuses_with_an_error(standin: OracleStandin, code: int, said: str) -> None:
    """A refusal at connect carries the listener's error number."""
    standin.faults.add(Fault("connect", ora=code))
    with pytest.raises(oracledb.OperationalError, match=said):
        connect(standin)
    connect(standin).close()


def test_wrong_passwords_are_counted_and_lock(standin: OracleStandin) -> None:
    """Each attempt counts; at the limit the account is locked even for the right password."""
    for _ in range(10):
        with fails(1017):
            connect(standin, "app", "wrong")
    assert standin.activity.failed_logons["APP"] == 10
    assert standin.activity.logons["APP"] == 0
    with fails(28000):
        connect(standin)
    standin.database.accounts.known("APP").locked = False
    standin.database.accounts.known("APP").failed_in_a_row = 0
    connect(standin).close()
    assert standin.activity.logons["APP"] == 1


def test_accounts_locked_expired_or_without_a_session(standin: OracleStandin) -> None:
    """ORA-28000, ORA-28001 and ORA-01045 as ALTER USER and missing grants cause them; passwords change."""
    with connect(standin) as dba:
        run(dba, "create user bob identified by bob")
        with fails(1045):
            connect(standin, "bob")
        run(dba, "grant create session to bob", "alter user bob account lock")
        with fails(28000):
            connect(standin, "bob")
        run(dba, "alter user bob account unlock", "alter user bob password expire")
        with fails(28001):
            connect(standin, "bob")
        run(dba, 'alter user bob identified by "New"')
    with fails(1017):
        connect(standin, "bob")
    connect(standin, "bob", "New").close()


def test_killing_the_sessions_of_one_user(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """Others go on."""
    with connect(standin) as dba:
        run(dba, "create user bob identified by bob", "grant create session to bob")
    bob = connect(standin, "bob")
    assert standin.kill_sessions("bob") == 1

    with pytest.raises(oracledb.DatabaseError, match=r"DPY-4011|DPY-1001"):
        rows(bob, "select 1 from dual")
    assert value(conn, "select count(*) from t") == 100


# --- clock ------------------------------------------------------------------------------------


def test_the_clock_can_be_moved_and_stopped(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """SYSTIMESTAMP follows the stand-in's clock, also backwards."""
    now = "select sys_extract_utc(systimestamp) from dual"
    at = dt.datetime(2026, 10, 25, 0, 59, 59, tzinfo=dt.UTC)
    standin.clock.freeze(at)
    assert value(conn, now) == at.replace(tzinfo=None)
    standin.clock.advance(dt.timedelta(minutes=1))
    assert value(conn, now) == dt.datetime(2026, 10, 25, 1, 0, 59)
    standin.clock.offset = dt.timedelta(days=-365)
    assert value(conn, now) < dt.datetime.now()  # noqa: DTZ005 - a year's difference needs no zone
    standin.clock.set(at)
    assert at.replace(tzinfo=None) <= value(conn, now) < dt.datetime(2026, 10, 25, 2)


# --- control port ------------------------------------------------------------------------------


def test_control_port_scripts_faults_clock_and_listener(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """What tests do in-process another process can do over HTTP."""
    ask(standin, "POST", "/faults", point="execute", ora=1555, matching="from t")
    assert ask(standin, "GET", "/state")["faults"][0]["ora"] == 1555
    with fails(1555):
        rows(conn, "select n from t")
    ask(standin, "POST", "/clock", freeze="2026-01-01T00:00:00+00:00")
    assert value(conn, "select sysdate from dual") == dt.datetime(2026, 1, 1)
    assert ask(standin, "POST", "/clock", offset=-60)["now"] < "3"
    ask(standin, "POST", "/listener", running=False)
    assert ask(standin, "GET", "/state")["listening"] is False
    ask(standin, "POST", "/listener", running=True)
    ask(standin, "POST", "/accounts", name="app", expired=True)
    with fails(28001):
        connect(standin)
    ask(standin, "POST", "/identity", unique_name="COPY")
    assert value(conn, "select sys_context('USERENV', 'DB_UNIQUE_NAME') from dual") == "COPY"
    ask(standin, "POST", "/script", sql="insert into app.t values (7777); create table app.u (x number)")
    assert value(conn, "select count(*) from t where n = 7777") == 1
    ask(standin, "POST", "/sessions/kill")
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-4011|DPY-1001"):
        rows(conn, "select 1 from dual")


def test_control_port_counts(standin: OracleStandin, conn: oracledb.Connection) -> None:
    """Log-ons, statements with their binds, commits are reported, and can be set to zero."""
    ask(standin, "POST", "/reset")
    with fails(1017):
        connect(standin, "app", "wrong")
    rows(conn, "select n from t where n = :n", n=5)
    conn.commit()
    state = ask(standin, "GET", "/state")

    assert (state["statements"], state["failed_logons"], state["logons"]) == (1, {"APP": 1}, {})
    found = ask(standin, "GET", "/statements?matching=where&user=app")
    assert [(s["sql"], s["binds"], s["user"]) for s in found] == [("select n from t where n = :n", ["5"], "APP")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/faults", {"point": "nowhere"}, 400),
        ("POST", "/faults", {"pint": "fetch"}, 400),
        ("POST", "/clock", {"now": "2026-01-01"}, 400),
        ("POST", "/settings", {"no_such": 1}, 400),
        ("POST", "/script", {"sql": "select nope from dual"}, 400),
        ("GET", "/nowhere", {}, 404),
    ],
)
def test_control_port_refuses_what_it_does_not_know(
    standin: OracleStandin, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    """A mistake is answered with the reason."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(standin, method, path, **body)
    assert caught.value.code == status
    assert json.load(caught.value)["error"]


# --- by itself ------------------------------------------------------------------------------------


def test_starts_alone_with_the_example_script() -> None:
    """One command: data, users, grants and control port; SIGTERM ends it cleanly."""
    command = [sys.executable, "-m", "tests.standins.oracle", "--port", "0", "--control-port", "0"]
    command += ["--init", str(EXAMPLE), "--user", "boss/secret", "--time-zone", "Europe/Paris"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = re.fullmatch(r"listening (\S+) control (\S+)\n", line)
            assert found, line
            with oracledb.connect(user="reader", password="reader", dsn=found[1]) as reader:
                assert [r[:2] for r in rows(reader, "select * from apogee.v_groupe order by 1")] == [
                    ("20260001", "L1-MATHS-A"),
                    ("20260002", "L1-MATHS-A"),
                ]
            assert ask_url(found[2], "GET", "/state")["logons"] == {"READER": 1}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(UP) == 0


def test_help_shows_how() -> None:
    """--help has examples."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.standins.oracle", "--help"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=UP,
    )  # fmt: skip

    assert "--init tests/standins/oracle/example.sql" in done.stdout
    assert EXAMPLE.exists()
