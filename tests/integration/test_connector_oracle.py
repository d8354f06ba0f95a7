"""The connector's Oracle side over the wire: types, zones, grants, failures."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.runtime.checks import Check, Outcome
from connector.runtime.clock import SystemClock
from connector.runtime.errors import Halted, Unavailable
from connector.source.hints.following import time_column
from connector.source.oracle.check import check_source
from connector.source.oracle.reader import OracleSource
from connector.source.preview import preview
from tests.integration.connector_world import Database, settings_for
from tests.integration.oracle_reading import HINT, all_of, fault_of, reading
from tests.standins.oracle import Fault, OracleStandin
from tests.standins.oracle import values as encoding


@pytest.mark.parametrize(
    "kind", ["date", "timestamp(6)", "timestamp(6) with time zone", "timestamp(6) with local time zone"]
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
def test_every_type_of_cursor_is_read_in_utc(standin: OracleStandin, database: Database, kind: str, zone: str) -> None:
    """A stamp of half an hour ago is at or above its own bound and below the next second's, in any zone."""
    database.run(f"create table c (student varchar2(20), grp varchar2(20), at_ {kind})")
    moment = datetime(2026, 7, 1, 10, 0, 5, tzinfo=UTC)
    shown = {"UTC": "2026-07-01 10:00:05", "Europe/Paris": "2026-07-01 12:00:05"}[zone]
    literal = f"timestamp '{shown}'"
    if "zone" in kind:
        literal = "timestamp '2026-07-01 12:00:05 +02:00'"
    database.run(f"insert into c values ('s', 'G', {literal})")
    changes: dict[str, Any] = {"membership": {"table": "c", "student": "{STUDENT}"}, "timezone": zone}
    settings = settings_for(database.dsn, hints=[{"cursor": "at_"}], cohort={"idnumber": "{GRP}"}, **changes)

    with reading(settings) as source:
        column = time_column(source, HINT)
        (row,) = source.changed(HINT, column.bound(moment))

        assert isinstance(row.stamp, datetime)
        assert ("s", moment) == (row.subject, column.utc(row.stamp, source.clock()))
        assert [] == source.changed(HINT, column.bound(moment + timedelta(seconds=1)))


def test_a_bound_keeps_its_microseconds(database: Database) -> None:
    """The driver would cut them off, and read a second of rows again or, worse, compare with another second."""
    database.run("insert into enrolments values (1, 's', 'G', 'T', 'E', timestamp '2026-07-01 10:00:05.500001')")
    with reading(settings_for(database.dsn)) as source:
        at = datetime.fromisoformat("2026-07-01T10:00:05.500001")

        assert 1 == len(source.changed(HINT, at))
        assert [] == source.changed(HINT, at + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("kind", "stored", "values"),
    [
        ("varchar2(10)", ["' a'", "'a'"], [" a", "a"]),
        ("char(5)", ["'a'", "'b'"], ["a    ", "b    "]),
        ("number(10)", ["12", "7"], ["12", "7"]),
        ("number", ["12.5", "-3"], ["12.5", "-3"]),
    ],
)
def test_students_are_found_by_the_exact_values_of_their_column(
    database: Database, kind: str, stored: list[str], values: list[str]
) -> None:
    """Blanks, padding and numbers make the round trip from hint to truth."""
    database.run(f"create table c (student {kind}, grp varchar2(20), at_ date)")
    for value in stored:
        database.run(f"insert into c values ({value}, 'G', sysdate)")
    changes: dict[str, Any] = {"membership": {"table": "c", "student": "{STUDENT|trim}"}}
    settings = settings_for(database.dsn, hints=[{"cursor": "at_"}], cohort={"idnumber": "{GRP}"}, **changes)
    with reading(settings) as source:
        hinted = source.changed(HINT, time_column(source, HINT).bound(source.clock() - timedelta(hours=1)))

        assert set(values) == {row.subject for row in hinted}
        assert [1, 1] == [len(source.truth([value])) for value in values]
        assert 2 == len(source.truth(values))
        assert [] == source.truth(["no number"])
        assert sorted(values) == sorted(source.students_of(("G",)))


def test_five_hundred_students_are_one_statement(standin: OracleStandin, database: Database) -> None:
    """Of a few sizes only, so that statements are parsed once; the session says who it is."""
    database.enrol(*((n, f"s{n:04}", "G") for n in range(600)))
    with reading(settings_for(database.dsn)) as source:
        assert 500 == len(source.truth([f"s{n:04}" for n in range(500)]))
        for few in (2, 3, 4, 5):
            assert few == len(source.truth([f"s{n:04}" for n in range(few)]))
    read = standin.activity.executions("IN \\(")
    assert 2 == len({statement.sql for statement in read})
    assert {("cohortstream", "truth")} == {(statement.module, statement.action) for statement in read}


def test_a_snapshot_is_one_instant_in_order(database: Database) -> None:
    """What commits while it is read is not in it."""
    database.enrol(*((n, f"s{n % 50:04}", f"G{n}") for n in range(300)))
    with reading(settings_for(database.dsn, fetch_rows=50)) as source:
        batches = source.snapshot()
        first = next(batch for batch in batches if batch)
        database.enrol((1000, "s9999", "G"))
        rows = first + all_of(batches)

    students = [str(row["STUDENT"]) for row in rows]
    assert (300, sorted(students)) == (len(students), students)


def test_a_wrong_password_is_tried_once(standin: OracleStandin, database: Database, tmp_path: Any) -> None:
    """Again only when the secret has another value; then it works by itself."""
    secret = tmp_path / "password"
    secret.write_text("wrong")
    with reading(settings_for(database.dsn, password={"file": str(secret)})) as source:
        faults = {fault_of(Halted, source.clock) for _ in range(5)}
        assert 1 == standin.activity.failed_logons["APP"]
        secret.write_text("app")
        source.clock()

        secret.unlink()
        source.session.close()
        assert fault_of(Halted, source.clock).startswith("CS1009")

    (text,) = faults
    assert text.startswith("CS2002")


def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def http_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(1000)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


# The driver leaves the socket of a refused log-on to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("port", [silent_port, http_port])
def test_a_port_that_is_no_oracle_is_told(port: Any) -> None:
    """One that answers something else, and one that says nothing for ever."""
    for number in port():
        settings = settings_for(f"127.0.0.1:{number}/x", connect_timeout="300ms")
        with reading(settings) as source:
            assert fault_of(Unavailable, source.clock).startswith("CS2007")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_slow_log_on_goes_on_behind_an_impatient_poller(standin: OracleStandin, database: Database) -> None:
    """Other sources are not held up; the connection is there when it is asked for again, and was made once."""
    standin.faults.add(Fault("logon", delay=1.0))
    before = standin.activity.connections
    source = OracleSource("apogee", settings_for(database.dsn), SystemClock(), patience_s=0.1)
    try:
        assert fault_of(Unavailable, source.clock).startswith("CS2007")
        SystemClock().sleep(1.5)
        source.clock()
    finally:
        source.close()

    assert before + 1 == standin.activity.connections


def test_addresses_that_cannot_be_right(database: Database) -> None:
    """No listener, no such service, no such name: each says so."""
    for dsn, kind, code in [
        ("127.0.0.1:1/x", Unavailable, "CS2001"),
        (database.dsn.replace("FREEPDB1", "NOPE"), Unavailable, "CS2001"),
        ("nosuchname", Halted, "CS2005"),
    ]:
        with reading(settings_for(dsn)) as source:
            assert fault_of(kind, source.clock).startswith(code)


def test_columns_that_are_missing_are_named(database: Database) -> None:
    """With the pattern that needs them and the columns there are; also when they go while polling."""
    with reading(settings_for(database.dsn, cohort={"idnumber": "{GRP}-{YEAR}"})) as source:
        text = fault_of(Halted, source.truth, ["s"])
        assert ("CS2004", True, True) == (text[:6], "YEAR" in text, "UPDATED_AT" in text)
    with reading(settings_for(database.dsn, hints=[{"cursor": "changed"}])) as source:
        assert "CHANGED" in fault_of(Halted, source.cursor_column, HINT)
    with reading(settings_for(database.dsn, hints=[{"cursor": "GRP"}])) as source:
        assert fault_of(Halted, source.cursor_column, HINT).startswith("CS2010")
    with reading(settings_for(database.dsn)) as source:
        source.truth(["s"])
        database.run("alter table enrolments drop column title")
        assert "TITLE" in fault_of(Halted, source.truth, ["s"])
        source.refresh()
        assert fault_of(Halted, source.truth, ["s"]).startswith("CS2004")


@pytest.mark.parametrize(("kind", "said"), [("raw(16)", "RAW"), ("interval day to second", "INTERVAL")])
def test_a_column_that_has_no_text_is_named(database: Database, kind: str, said: str) -> None:
    """At the start, and by a check: each of its rows would be one that cannot be mapped, and nothing would be published."""
    database.run(f"create table g (key_ {kind}, student varchar2(20), grp varchar2(20), stage number)")
    database.run("insert into g (student, grp) values ('s', 'G')")
    membership = {"table": "g", "student": "{STUDENT}", "row_key": "{KEY_}"}
    settings = settings_for(database.dsn, membership=membership, cohort={"idnumber": "{GRP}"}, hints=[])
    with reading(settings) as source:
        text = fault_of(Halted, source.truth, ["s"])
        assert ("CS2047", True, True) == (text[:6], "KEY_" in text, said in text)
    tried = outcomes(list(check_source("apogee", settings, SystemClock())))
    assert "CS2047" == tried["membership query"]


def test_a_passing_error_is_tried_again(standin: OracleStandin, database: Database) -> None:
    """A few times; a dropped connection and a listener that comes back cost nothing."""
    database.enrol((1, "s", "G"))
    with reading(settings_for(database.dsn)) as source:
        for fault in (
            Fault("execute", ora=3113, matching="IN \\("),
            Fault("fetch", drop=True, matching="IN \\("),
            Fault("execute", ora=1555, matching="IN \\(", times=2),
            Fault("connect", ora=12514),
        ):
            source.session.close()
            standin.faults.add(fault)
            assert 1 == len(source.truth(["s"]))
            standin.faults.clear()
        standin.faults.add(Fault("execute", ora=1555, matching="IN \\(", times=None))

        assert fault_of(Unavailable, source.truth, ["s"]).startswith("CS2009")


def test_a_call_that_hangs_is_ended(standin: OracleStandin, database: Database) -> None:
    """By the call's own time limit."""
    standin.faults.add(Fault("execute", delay=30, matching="IN \\(", times=3))
    with reading(settings_for(database.dsn, call_timeout="300ms")) as source:
        assert fault_of(Unavailable, source.truth, ["s"]).startswith("CS2013")


@pytest.mark.parametrize("year", [b"\x35\x58", b"\x64\x64"], ids=["4713 BC", "0000"])
def test_a_date_that_cannot_be_read_stops_its_source_only(
    database: Database, monkeypatch: pytest.MonkeyPatch, year: bytes
) -> None:
    """The driver has no dates before the year 1, and raises what is no error of a database; the next query works."""
    whole = encoding.encode_date
    monkeypatch.setattr(encoding, "encode_date", lambda at: year + whole(at)[2:] if at.year == 44 else whole(at))
    database.run("create table old (student varchar2(20), grp varchar2(20), at_ date)")
    database.run("insert into old values ('s1', 'G', date '0044-03-15')")
    database.run("insert into old values ('s2', 'G', sysdate)")
    old = {"membership": {"table": "old", "student": "{STUDENT}"}, "cohort": {"idnumber": "{GRP}"}}
    with reading(settings_for(database.dsn, hints=[{"cursor": "at_"}], **old)) as source:
        assert fault_of(Halted, source.truth, ["s1"]).startswith("CS2003")
        assert fault_of(Halted, all_of, source.snapshot()).startswith("CS2003")
        assert 1 == len(source.truth(["s2"]))


def test_numbers_that_no_column_can_have_are_nobody(database: Database) -> None:
    """A person, or a hint of another table, may name anything: it must not fail again and again."""
    database.run("create table n (student number, grp varchar2(20))")
    database.run("insert into n values (12, 'G')")
    numbers = {"membership": {"table": "n", "student": "{STUDENT}"}, "cohort": {"idnumber": "{GRP}"}, "hints": []}
    with reading(settings_for(database.dsn, **numbers)) as source:
        for value in ("1e400", "1e126", "1e-300", "9" * 41, "0." + "3" * 41, "-" + "9" * 60, "NaN", "x"):
            assert [] == source.truth([value]), value
        assert 1 == len(source.truth(["12", "1e400", "12.0"]))


def test_a_query_with_a_bind_of_its_own_needs_a_person(database: Database) -> None:
    """Nobody gives it a value, however often it is tried."""
    membership = {"query": "select * from enrolments where grp = :grp", "student": "{STUDENT}"}
    with reading(settings_for(database.dsn, membership=membership)) as source:
        text = fault_of(Halted, source.truth, ["s"])
        assert text.startswith("CS2003")
        assert ":GRP" in text


def test_a_zone_that_is_named_needs_a_person(database: Database) -> None:
    """The thin driver cannot read it; selected in UTC, or as text, it can be read."""
    database.run("create table z (student varchar2(20), grp timestamp with time zone)")
    database.run("insert into z values ('s', timestamp '2026-07-01 10:00:00 Europe/Paris')")
    named = {"membership": {"table": "z", "student": "{STUDENT}"}, "cohort": {"idnumber": "{GRP}"}, "hints": []}
    with reading(settings_for(database.dsn, **named)) as source:
        assert fault_of(Halted, source.truth, ["s"]).startswith("CS2003")


def test_a_lost_grant_needs_a_person(standin: OracleStandin, database: Database) -> None:
    """And works again once it is granted."""
    database.run("create user reader identified by pw")
    database.run("grant create session to reader")
    database.run("grant select on enrolments to reader")
    membership = {"table": "app.enrolments", "student": "{STUDENT}"}
    settings = settings_for(database.dsn, user="reader", password="pw", membership=membership)
    with reading(settings) as source:
        assert [] == source.truth(["s"])
        assert not source.open_transactions().visible
        database.run("revoke select on enrolments from reader")
        assert fault_of(Halted, source.truth, ["s"]).startswith("CS2003")
        database.run("grant select on enrolments to reader")
        assert [] == source.truth(["s"])


def outcomes(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.message.code if check.message else check.outcome.value for check in checks}


def test_a_check_tries_everything(database: Database) -> None:
    """And says what it would be wise to have."""
    database.enrol((1, "s", "G"))
    settings = settings_for(database.dsn)
    before = outcomes(list(check_source("apogee", settings, SystemClock())))
    database.run("create index i1 on enrolments (updated_at)")
    database.run("create index i2 on enrolments (student, id)")
    after = outcomes(list(check_source("apogee", settings, SystemClock())))

    assert ("CS2030", "CS2030") == (
        before["index of UPDATED_AT for hint timestamp1"],
        before["index of STUDENT for truth"],
    )
    assert {"good", "CS2036"} == set(after.values())


@pytest.mark.parametrize(
    ("kind", "zone", "said"),
    [
        ("date", "UTC", "good"),
        ("timestamp(6)", "America/New_York", "CS2048"),
        ("timestamp(6)", "Asia/Kolkata", "CS2048"),
        ("timestamp(6) with time zone", "Asia/Kolkata", None),
    ],
)
def test_a_check_compares_the_zone_with_the_databases(
    database: Database, kind: str, zone: str, said: str | None
) -> None:
    """Stamps that are read in a zone further west look older than the watermark, and none of them is ever polled."""
    database.run(f"create table z (student varchar2(20), grp varchar2(20), at_ {kind})")
    stamped = {"membership": {"table": "z", "student": "{STUDENT}"}, "cohort": {"idnumber": "{GRP}"}}
    settings = settings_for(database.dsn, hints=[{"cursor": "at_"}], timezone=zone, **stamped)

    assert said == outcomes(list(check_source("apogee", settings, SystemClock()))).get(f"zone of hint {HINT}")


def test_a_check_goes_on_after_a_fault(database: Database) -> None:
    """One bad query does not hide the next; a wrong password ends it."""
    database.enrol((1, "s", "G"))
    hints = [{"cursor": "nope"}, {"cursor": "updated_at", "query": "select * from enrolments"}]
    found = list(check_source("apogee", settings_for(database.dsn, hints=hints), SystemClock()))
    wrong = list(check_source("apogee", settings_for(database.dsn, password="no"), SystemClock()))

    assert ("CS2004", "good", "CS2031") == (
        outcomes(found)["hint timestamp1"],
        outcomes(found)["hint timestamp2"],
        outcomes(found)["index of UPDATED_AT for hint timestamp2"],
    )
    assert [(Outcome.FAULT, "CS2002")] == [(check.outcome, check.message and check.message.code) for check in wrong]


def test_a_preview_shows_what_would_be_made(database: Database) -> None:
    """From a part of the rows; nothing is written anywhere."""
    database.enrol((1, "s1", "G"), (2, "s2", "G"), (3, "s1", "g"), (4, "s3", None), (5, "s4", "x" * 120))
    settings = settings_for(database.dsn)
    with reading(settings) as source:
        whole = preview(source.mapping, source.some(100), most_rows=100)
        part = preview(source.mapping, source.some(2), most_rows=2)

    assert ["G", "g"] == [found.cohort.idnumber for found in whole.cohorts]
    assert [(2, ("s1", "s2"), None), (1, ("s1",), "G")] == [
        (c.members, c.sample, c.colliding_with) for c in whole.cohorts
    ]
    assert (5, 4, 3, 2, True) == (whole.rows, whole.students, whole.memberships, whole.unknown_students, whole.complete)
    assert {"GRP is NULL": 1, "GRP gives a cohort idnumber of more than 100 characters": 1} == whole.unmappable
    assert (2, False) == (part.rows, part.complete)
