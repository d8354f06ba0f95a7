"""What the adapter sees of open transactions and of the objects behind a hint, and what a check makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.runtime.clock import SystemClock
from connector.source.oracle.check import check_source
from connector.source.oracle.reader import OracleSource
from connector.source.oracle.transactions import LOOK_AGAIN_S
from connector.source.settings import SourceSettings
from tests.integration.connector_world import Database, settings_for
from tests.integration.oracle_reading import reading
from tests.standins.oracle import Fault, OracleStandin

NIGHT = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
"""02:50 in Paris, ten minutes before clocks are set back."""
BY_DATABASE: Any = [{"name": "h", "cursor": "updated_at", "stamped_by": "database"}]


@pytest.fixture
def reader(database: Database) -> SourceSettings:
    """A user who may read a view and nothing else."""
    database.run("create user reader identified by pw")
    database.run("grant create session to reader")
    database.run("create view v as select * from enrolments")
    database.run("grant select on v to reader")
    membership = {"table": "app.v", "student": "{STUDENT}"}
    return settings_for(database.dsn, user="reader", password="pw", membership=membership, hints=BY_DATABASE)


class Later(SystemClock):
    """A clock whose time can be moved."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


# --- open transactions ------------------------------------------------------------------------


def test_each_open_transaction_is_seen(standin: OracleStandin, database: Database) -> None:
    """With a start in UTC, to the second, and an id that it keeps; what only reads is none."""
    standin.database.settings.system_zone = "Asia/Kolkata"
    standin.clock.freeze(NIGHT + timedelta(milliseconds=700))
    with reading(settings_for(database.dsn)) as source, database.connect() as one, database.connect() as other:
        assert source.open_transactions().visible
        assert () == source.open_transactions().open
        one.cursor().execute("insert into enrolments (id) values (1)")
        standin.clock.advance(timedelta(minutes=5))
        other.cursor().execute("insert into enrolments (id) values (2)")
        found = source.open_transactions()

        assert found.everywhere
        starts = {transaction.started: transaction.id for transaction in found.open}
        assert {NIGHT, NIGHT + timedelta(minutes=5)} == starts.keys()
        one.rollback()
        (left,) = source.open_transactions().open
        assert starts[NIGHT + timedelta(minutes=5)] == left.id
        other.rollback()


@pytest.mark.parametrize("zone", ["Europe/Paris", "UTC"])
def test_a_start_is_not_told_later_once_clocks_are_set_back(
    standin: OracleStandin, database: Database, zone: str
) -> None:
    """Even if the settings do not say the host's zone: what was seen in summer stays."""
    standin.database.settings.system_zone = "Europe/Paris"
    standin.clock.freeze(NIGHT)
    with reading(settings_for(database.dsn, timezone=zone)) as source, database.connect() as one:
        one.cursor().execute("insert into enrolments (id) values (1)")
        for minutes in (0, 20, 180):
            standin.clock.freeze(NIGHT + timedelta(minutes=minutes))
            assert [NIGHT] == [transaction.started for transaction in source.open_transactions().open]
        one.rollback()


def test_what_is_not_granted_is_looked_for_again(standin: OracleStandin, reader: SourceSettings) -> None:
    """GV$ first, then V$, then none; after ten minutes from the start."""
    run = standin.database.run_script
    clock = Later()
    source = OracleSource("apogee", reader, clock)
    try:
        assert not source.open_transactions().visible
        run("grant select on sys.v_$transaction to reader")
        assert not source.open_transactions().visible
        clock.ahead += LOOK_AGAIN_S
        found = source.open_transactions()
        assert (True, False) == (found.visible, found.everywhere)
        run("grant select on sys.gv_$transaction to reader")
        assert not source.open_transactions().everywhere
        clock.ahead += LOOK_AGAIN_S
        assert source.open_transactions().everywhere
        run("revoke select on sys.gv_$transaction from reader")
        assert (True, False) == (source.open_transactions().visible, source.open_transactions().everywhere)
    finally:
        source.close()


def test_other_instances_that_cannot_be_asked_are_not_everywhere(standin: OracleStandin, database: Database) -> None:
    """GV$ needs parallel servers on each; without them V$ still tells something."""
    standin.faults.add(Fault("execute", ora=12850, matching="GV\\$", times=None))
    with reading(settings_for(database.dsn)) as source:
        found = source.open_transactions()

    assert (True, False) == (found.visible, found.everywhere)


def test_too_many_transactions_are_no_proof(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is left out could be any; so none is seen then."""
    monkeypatch.setattr("connector.source.oracle.statements.MOST_TRANSACTIONS", 1)
    with reading(settings_for(database.dsn)) as source, database.connect() as one, database.connect() as other:
        one.cursor().execute("insert into enrolments (id) values (1)")
        assert 1 == len(source.open_transactions().open)
        other.cursor().execute("insert into enrolments (id) values (2)")
        assert not source.open_transactions().visible
        one.rollback()
        other.rollback()


# --- objects ----------------------------------------------------------------------------------


def against(settings: SourceSettings, name: str = "h") -> tuple[str, ...]:
    with reading(settings) as source:
        return source.against_proof(name)


def test_nothing_speaks_against_a_local_table(database: Database) -> None:
    """Of a primary, stamped by the database; nor against views, synonyms and queries over such tables."""
    database.run("create table other (student varchar2(20), code number)")
    database.run("create view v as select e.* from enrolments e join other o on o.student = e.student")
    database.run("create view w as select * from v")
    database.run("create synonym s for w")
    for hint in (
        {},
        {"table": "enrolments"},
        {"table": "app.enrolments"},
        {"table": "s"},
        {"table": '"APP"."W"'},
        {"query": "select e.* from enrolments e, (select sysdate d from dual) where title <> 'x@y' -- a@b"},
        {"query": "with x as (select * from s) select * from x"},
    ):
        assert () == against(settings_for(database.dsn, hints=[BY_DATABASE[0] | hint])), hint


def test_who_stamps_must_be_said(database: Database) -> None:
    """And it must be the database; numbers tell nothing in any case."""
    database.run("create table n (student varchar2(20), seq_ number, op varchar2(1), at_ date)")
    journal = {"kind": "journal", "operation": "op", "table": "n"}
    for hint, reason in (
        ({"cursor": "updated_at"}, "nobody says"),
        ({"cursor": "updated_at", "stamped_by": "application"}, "another clock"),
        ({"kind": "sequence", "cursor": "seq_", "table": "n"}, "number"),
        ({**journal, "cursor": "seq_", "stamped_by": "database"}, "number"),
        ({**journal, "cursor": "at_"}, "nobody says"),
    ):
        (said,) = against(settings_for(database.dsn, hints=[{"name": "h", **hint}]))
        assert reason in said
    for hint in ({"kind": "due", "cursor": "at_", "table": "n"}, {"kind": "scan"}):
        assert () == against(settings_for(database.dsn, hints=[{"name": "h", **hint}]))


def test_a_standby_proves_nothing(standin: OracleStandin, database: Database) -> None:
    """It applies what the primary did, later; open transactions are the primary's."""
    settings = settings_for(database.dsn, hints=BY_DATABASE)
    with reading(settings) as source:
        assert () == source.against_proof("h")
        standin.database.identity.role = "PHYSICAL STANDBY"
        source.identity()
        (reason,) = source.against_proof("h")

    assert "PHYSICAL STANDBY" in reason


def test_materialised_views_and_links_are_found_behind_anything(database: Database) -> None:
    """Behind views, synonyms and in queries."""
    for sql in (
        "create materialized view m as select * from enrolments",
        "create view vm as select * from m",
        "create view vvm as select * from vm",
        "create synonym sm for vvm",
        "create database link far connect to app identified by app using 'far'",
        "create synonym sf for app.enrolments@far",
        "create view vf as select * from app.enrolments@far",
        "create view vsf as select * from sf",
    ):
        database.run(sql)
    for hint, reason in (
        ({"table": "m"}, "APP.M is a materialised view"),
        ({"table": "vvm"}, "APP.M is a materialised view"),
        ({"table": "sm"}, "APP.M is a materialised view"),
        ({"query": "select * from enrolments where id in (select id from vvm)"}, "APP.M is a materialised view"),
        ({"table": "app.enrolments@far"}, "app.enrolments@far is in another database"),
        ({"table": "sf"}, "APP.SF is in another database"),
        ({"table": "vf"}, "ENROLMENTS@FAR is in another database"),
        ({"table": "vsf"}, "APP.SF is in another database"),
        ({"query": "select * from app . enrolments /* x */ @ far"}, "FAR is another database"),
        ({"query": "select e.* from enrolments e join sf on sf.id = e.id"}, "APP.SF is in another database"),
        ({"query": "select sysdate updated_at, 's' student from dual"}, "what the query reads cannot be told"),
    ):
        assert reason in against(settings_for(database.dsn, hints=[BY_DATABASE[0] | hint])), hint


def test_what_is_behind_a_granted_view_must_be_seen(standin: OracleStandin, reader: SourceSettings) -> None:
    """The user may read the view alone; the DBA's dictionary tells what it is made of, and nothing of its rows."""
    assert ("APP.ENROLMENTS cannot be looked into",) == against(reader)
    standin.database.run_script("grant select on sys.dba_objects to reader")
    assert () == against(reader)
    standin.database.run_script("create view app.w as select * from app.v; grant select on app.w to reader")
    deeper = reader.model_copy(update={"membership": reader.membership.model_copy(update={"table": "app.w"})})
    standin.database.run_script("revoke select on app.v from reader")
    assert ("APP.V cannot be looked into",) == against(deeper)
    standin.database.run_script("grant select on sys.dba_dependencies to reader")
    assert () == against(deeper)


def test_what_was_found_is_remembered_for_a_while(standin: OracleStandin, database: Database) -> None:
    """The dictionary is slow; after a failure, and every ten minutes, it is asked anew."""
    clock = Later()
    source = OracleSource("apogee", settings_for(database.dsn, hints=BY_DATABASE), clock)
    try:
        for then in ("at first", "after a failure", "later"):
            if then == "after a failure":
                source.refresh()
            clock.ahead += 600.0 if then == "later" else 0.0
            standin.activity.reset()
            asked = []
            for _ in range(3):
                assert () == source.against_proof("h")
                asked.append(len(standin.activity.executions("DBA_")))
            assert 0 < asked[0] == asked[2] < 7
    finally:
        source.close()


# --- the check --------------------------------------------------------------------------------


def told(settings: SourceSettings) -> dict[str, list[str]]:
    """By what was tried, codes and texts."""
    found: dict[str, list[str]] = {}
    for check in check_source("apogee", settings, SystemClock()):
        said = str(check.message) if check.message else f"{check.outcome.value} {check.detail}"
        found.setdefault(check.name, []).append(said)
    return found


def test_a_check_says_what_a_proof_lacks(standin: OracleStandin, reader: SourceSettings) -> None:
    """And the grants and settings that would give it."""
    unsaid = reader.model_copy(update={"hints": (reader.hints[0].model_copy(update={"stamped_by": None}),)})
    (said,) = told(unsaid)["proof of hint h"]
    assert said.startswith("CS2036")
    for part in (
        "nobody says",
        "looked into",
        "stamped_by =",
        "sys.gv_$transaction TO reader",
        "dba_objects TO reader",
    ):
        assert part in said
    assert told(unsaid)["open transactions"][0].startswith("CS2033")

    standin.database.run_script("grant select on sys.v_$transaction to reader")
    assert told(reader)["open transactions"][0].startswith("CS2035")
    standin.database.run_script("grant select on sys.gv_$transaction to reader")
    standin.database.run_script("grant select on sys.dba_objects to reader")
    found = told(reader)
    assert ["good proved"] == found["proof of hint h"]
    assert ["good 0 open now"] == found["open transactions"]


def test_a_check_looks_at_sequences(standin: OracleStandin, database: Database) -> None:
    """At what makes numbers come in no order, again, or from elsewhere."""
    database.run("create table n (student varchar2(20), seq_ number)")
    database.run("insert into n values ('s', 40)")

    def checked(sequence: str) -> list[str]:
        hint = {"name": "h", "kind": "sequence", "cursor": "seq_", "table": "n", "drawn_from": sequence}
        found = told(settings_for(database.dsn, hints=[hint]))
        assert found["hint h"] == ["good SEQ_ is at 40"]
        assert found["proof of hint h"][0].startswith("good assumed")
        return [text[:6] for text in found["sequence of hint h"]]

    for sequence, options, codes in (
        ("a", "start with 100 order", ["good A"]),
        ("b", "start with 100 nocache", ["good A"]),
        ("c", "start with 100", ["CS2042"]),
        ("d", "start with 1 maxvalue 50 cycle nocache", ["CS2040", "CS2043"]),
        ("e", "increment by -1 nocache", ["CS2041"]),
    ):
        database.run(f"create sequence {sequence} {options}")
        assert codes == checked(sequence), sequence
    database.run("create synonym also for app.a")
    assert ["good A"] == checked("also")
    assert ["CS2039"] == checked("app.nothing")


def test_a_check_tries_a_scan_whole(database: Database) -> None:
    """And warns where its cost would stretch the interval."""
    database.enrol((1, "s1", "G"), (2, "s2", "G"))
    hint = {"name": "h", "kind": "scan"}
    calm = told(settings_for(database.dsn, hints=[hint | {"interval": "1h"}]))
    eager = told(settings_for(database.dsn, hints=[hint | {"interval": "1ms"}], share=0.0001))

    assert calm["hint h"][0].startswith("good 2 groups")
    assert eager["hint h"][0].startswith("CS2038")


def test_the_identity_holds_what_v_database_tells(standin: OracleStandin, reader: SourceSettings) -> None:
    """Copies under the same names differ by it; without the grant there is none, which is looked for again."""
    clock = Later()
    source = OracleSource("apogee", reader, clock)
    try:
        assert source.identity().incarnation is None
        standin.database.run_script("grant select on sys.v_$database to reader")
        assert source.identity().incarnation is None
        clock.ahead += 600.0
        before = source.identity()
        assert before.incarnation is not None
        assert str(standin.database.identity.dbid) == before.incarnation.partition("/")[0]
        standin.database.identity.dbid += 1
        assert before != source.identity()
    finally:
        source.close()
