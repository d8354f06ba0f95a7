"""Snapshots, truth and what hints watch over the wire: never waiting, cursors beside the rows, every way to fail."""

# ruff: noqa: DTZ001 - cursors are naive, in the column's own terms

from __future__ import annotations

import socket
import threading
from datetime import datetime
from typing import Any

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.source.mapping import stamp_column
from connector.source.oracle.check import check_source
from tests.demo.waiting import wait_until
from tests.integration.connector_world import Database, settings_for
from tests.integration.oracle_reading import all_of, reading
from tests.standins.oracle import Fault, OracleStandin

TEN = datetime(2026, 7, 1, 10, 0, 0)
SNAPSHOT = "NLSSORT"
# The driver leaves the sockets of cut sessions and refused log-ons to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def snapshot_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "oracle-snapshot"]


# --- it never waits ---------------------------------------------------------------------------


def test_a_snapshot_does_not_wait_for_the_database(standin: OracleStandin, database: Database) -> None:
    """While it sorts, empty batches come and polling goes on; one that is dropped then ends its call and its session."""
    database.enrol((1, "s", "G"))
    standin.faults.add(Fault("execute", delay=300.0, matching=SNAPSHOT))
    with reading(settings_for(database.dsn)) as source:
        batches = source.snapshot()
        assert [] == next(batches)
        wait_until(lambda: standin.activity.executions("READ ONLY"), "the snapshot's transaction")
        assert [] == next(batches)
        assert 1 == len(source.truth(["s"]))
        assert 1 == len(snapshot_threads())
        batches.close()  # type: ignore[attr-defined]
        wait_until(lambda: not snapshot_threads(), "the end of its thread")
        wait_until(lambda: 2 == len(standin.sessions), "the end of its session")
        assert 1 == len(source.truth(["s"]))


def test_closing_the_source_ends_its_snapshot(standin: OracleStandin, database: Database) -> None:
    """Even if nobody closes the iterator."""
    standin.faults.add(Fault("execute", delay=300.0, matching=SNAPSHOT))
    with reading(settings_for(database.dsn)) as source:
        batches = source.snapshot()
        assert [] == next(batches)
        wait_until(lambda: standin.activity.executions("READ ONLY"), "the snapshot's transaction")
    wait_until(lambda: not snapshot_threads(), "the end of its thread")


def test_a_snapshot_can_be_dropped_half_way(standin: OracleStandin, database: Database) -> None:
    """While the thread waits for somebody to take its rows; the next one begins from the start."""
    database.enrol(*((n, f"s{n:04}", "G") for n in range(2000)))
    with reading(settings_for(database.dsn, fetch_rows=10)) as source:
        batches = source.snapshot()
        wait_until(lambda: next(batches), "the first rows")
        batches.close()  # type: ignore[attr-defined]
        wait_until(lambda: not snapshot_threads(), "the end of its thread")

        assert 2000 == len(all_of(source.snapshot()))


def test_sessions_say_what_they_do(standin: OracleStandin, database: Database) -> None:
    """The DBA sees the module, and the query as the action; the snapshot is one read-only transaction."""
    database.enrol((1, "s", "G"))
    with reading(settings_for(database.dsn, module="cohorts")) as source:
        all_of(source.snapshot())
    ran = standin.activity.executions(f"READ ONLY|{SNAPSHOT}")

    assert [("cohorts", "snapshot")] * 2 == [(one.module, one.action) for one in ran]
    assert "READ ONLY" in ran[0].sql
    assert 1 == len({one.session for one in ran})


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault("fetch", ora=3113, matching=SNAPSHOT, skip=2), Unavailable, "CS2008"),
        (Fault("fetch", drop=True, matching=SNAPSHOT, skip=2), Unavailable, "CS2008"),
        (Fault("fetch", ora=1555, matching=SNAPSHOT, skip=2), Unavailable, "CS2009"),
        (Fault("fetch", ora=8103, matching=SNAPSHOT), Unavailable, "CS2016"),
        (Fault("execute", ora=1466, matching=SNAPSHOT), Unavailable, "CS2016"),
        (Fault("fetch", ora=1410, matching=SNAPSHOT), Unavailable, "CS2016"),
        (Fault("fetch", ora=1013, matching=SNAPSHOT), Unavailable, "CS2013"),
        (Fault("execute", ora=40, matching=SNAPSHOT), Unavailable, "CS2017"),
        (Fault("fetch", ora=2393, matching=SNAPSHOT), Unavailable, "CS2017"),
        (Fault("execute", ora=1652, matching=SNAPSHOT), Unavailable, "CS2018"),
        (Fault("execute", ora=942, matching=SNAPSHOT), Halted, "CS2003"),
        (Fault("execute", ora=4063, matching=SNAPSHOT), Halted, "CS2003"),
        (Fault("execute", ora=28112, matching=SNAPSHOT), Halted, "CS2003"),
        (Fault("logon", ora=2391), Unavailable, "CS2015"),
        (Fault("connect", ora=12520), Unavailable, "CS2015"),
    ],
)
def test_every_way_to_fail_is_told(
    standin: OracleStandin, database: Database, fault: Fault, kind: type[OperationalError], code: str
) -> None:
    """In words that fit it; a snapshot is not tried again by itself, and the next one works."""
    database.enrol(*((n, f"s{n:04}", "G") for n in range(100)))
    with reading(settings_for(database.dsn, fetch_rows=10)) as source:
        source.truth(["s0001"])
        standin.faults.add(fault)
        with pytest.raises(kind) as caught:
            all_of(source.snapshot())
        assert code == caught.value.message.code
        assert [] == standin.faults.pending()
        assert 100 == len(all_of(source.snapshot()))


def test_a_refused_password_is_refused_for_all_sessions(standin: OracleStandin, database: Database) -> None:
    """Of a source: one attempt, whichever session makes it."""
    with reading(settings_for(database.dsn, password="wrong")) as source:
        for call in (source.clock, lambda: all_of(source.snapshot()), lambda: source.sample(1)):
            with pytest.raises(Halted):
                call()
        session = source._second_session()
        with pytest.raises(Halted):
            session.rows("clock", "SELECT 1 FROM DUAL")

    assert 1 == standin.activity.failed_logons["APP"]


# --- what rows hold ---------------------------------------------------------------------------


def test_rows_hold_the_cursors_of_the_hints_that_watch_them(database: Database) -> None:
    """In their own terms, zones in UTC; truth and snapshot alike."""
    database.run("alter table enrolments add (seen timestamp(6) with time zone, seq_ number(20), at_ date)")
    values = "1, 's', 'G', 'T', 'E', timestamp '2026-07-01 10:00:00.000001'"
    later = f"{values}, timestamp '2026-07-01 12:00:00.5 +02:00', 12345678901234567890, timestamp '2026-07-01 10:00:00'"
    database.run(f"insert into enrolments values ({later})")
    hints = [
        {"cursor": "updated_at"},
        {"cursor": "seen", "name": "zoned"},
        {"kind": "scan"},
        {"cursor": "x", "table": "elsewhere"},
        {"kind": "timestamp+sequence", "cursor": "at_", "sequence": "seq_", "table": "enrolments"},
    ]
    stamps = {
        stamp_column(1): TEN.replace(microsecond=1),
        stamp_column(2): TEN.replace(microsecond=500_000),
        stamp_column(3): TEN,
        stamp_column(4): 12345678901234567890,
    }
    with reading(settings_for(database.dsn, hints=hints)) as source:
        assert ["timestamp1", "zoned", "timestamp+sequence5", "timestamp+sequence5/sequence"] == [
            *source.mapping.stamped
        ]
        (row,) = source.truth(["s"])
        assert [row] == all_of(source.snapshot()) == source.sample(5) == [r for b in source.some(None) for r in b]

    assert stamps == {name: row[name] for name in stamps}
    assert ("s", "G", 1) == (row["STUDENT"], row["GRP"], row["ID"])


def test_what_has_left_a_view_is_still_watched(database: Database) -> None:
    """In the table of the first hint with the row's key; its student's column may have another name and type."""
    database.run("create table base (id number(10), who number(10), state varchar2(1), at_ date)")
    database.run("create view v as select id, to_char(who) student, 'G' grp from base where state = 'E'")
    database.run("insert into base values (:1, :2, :3, sysdate)", (1, 7, "E"), (2, 7, "X"), (3, 8, "X"))
    watching: dict[str, Any] = {"table": "base", "cursor": "at_", "student": "who"}
    membership = {"table": "v", "student": "{STUDENT}", "row_key": "{ID}"}

    def seen(*hints: dict[str, Any], **changes: Any) -> Any:
        given: dict[str, Any] = {"membership": membership, "cohort": {"idnumber": "{GRP}"}, **changes}
        with reading(settings_for(database.dsn, hints=list(hints), **given)) as source:
            found = source.watched(["7", "9", "no number"])
            assert found is None or [] == source.watched(["no number"])
            return found and sorted((int(str(row["ID"])), row["STUDENT"]) for row in found)

    assert [(1, 7), (2, 7)] == seen(watching)
    assert [(1, 7), (2, 7)] == seen({"kind": "scan"}, {"table": "v", "cursor": "at_", "by_cohort": True}, watching)
    assert seen({"kind": "scan"}) is None
    assert seen({**watching, "kind": "journal", "operation": "state"}) is None
    assert seen({"query": "select who student, at_ from base", "cursor": "at_"}) is None
    assert seen(watching, membership={"table": "v", "student": "{STUDENT}"}) is None


def test_a_query_through_a_link_leaves_no_transaction_open(standin: OracleStandin, database: Database) -> None:
    """Oracle begins a distributed one for it, which nobody would end otherwise."""
    with reading(settings_for(database.dsn)) as source:
        source.clock()
        connection = source.session.connected()
        with connection.cursor() as cursor:
            cursor.execute("insert into enrolments (id) values (1)")
        before = bool(connection.transaction_in_progress)
        source.clock()

        assert (True, False) == (before, bool(connection.transaction_in_progress))
        assert () == source.open_transactions().open


# --- ports that are no Oracle -----------------------------------------------------------------


def test_a_check_of_a_port_that_is_no_oracle_waits_once(standin: OracleStandin) -> None:
    """One that greets as another service does and then waits for an answer, for ever: one log-on's time, no more."""
    peers = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                peers.append(peer)
                peer.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")

        threading.Thread(target=greet, daemon=True).start()
        settings = settings_for(f"127.0.0.1:{server.getsockname()[1]}/x", connect_timeout="500ms")
        checks = list(check_source("apogee", settings, SystemClock()))

        assert ["CS2007"] == [check.message and check.message.code for check in checks]
        assert 1 == len(peers)
        for peer in peers:
            peer.close()
