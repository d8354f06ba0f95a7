"""Student systems in the shapes of Banner, PeopleSoft and Apogée, for what can go wrong when one polls them.

The connector is the real one, with the real driver, against the Oracle stand-in and a real broker. The database's clock
is moved by the tests, so that transactions are open for hours and absences wait for days without anybody waiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import oracledb

from connector.runtime.telemetry import Count, Gauge
from connector.source.service import Connector
from connector.source.settings import SourceSettings
from schemas.records import Checkpoint, MembershipChanged, Presence
from tests.integration.connector_world import World, turn
from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import in_transaction

SOURCE = "campus"
SETTLE = timedelta(minutes=15)
"""``absence_settle``: far longer than a test, so that nothing ends unless the database's clock is moved."""
SLACK = timedelta(seconds=30)
TOLERANCE = SourceSettings.model_fields["clock_tolerance"].default
OVERLAP = timedelta(minutes=2)
TABLES = (
    # Banner: registrations. The activity date is a DATE: many rows of a second look alike.
    """create table sfrstcr (sfrstcr_term_code varchar2(6) not null, sfrstcr_pidm number(8) not null,
      sfrstcr_crn varchar2(5) not null, sfrstcr_rsts_code varchar2(2), sfrstcr_activity_date date,
      sfrstcr_surrogate_id number(19) primary key)""",
    "create sequence sfrstcr_surrogate_id_sequence cache 20",
    # PeopleSoft: enrolments. The stamp is written by the application, where it is written at all.
    """create table ps_stdnt_enrl (emplid varchar2(11) not null, acad_career varchar2(4) not null,
      institution varchar2(5) not null, strm varchar2(4) not null, class_nbr number(5) not null,
      stdnt_enrl_status varchar2(1) not null, lastupddttm timestamp(6),
      constraint ps_key primary key (emplid, acad_career, institution, strm, class_nbr))""",
    # What a trigger writes of every change of it: the DBA's own table.
    """create table sfrstcr_journal (id number(19) primary key, changed_at timestamp(6) with time zone not null,
      op char(1) not null, sfrstcr_pidm number(8) not null)""",
    "create sequence sfrstcr_journal_sequence cache 20",
    # Apogée: students in groups. Nothing tells when.
    """create table ind_affecte_gpe (cod_ind number(8) not null, cod_gpe number(8) not null, cod_anu varchar2(4) not null,
      cod_etp varchar2(6), constraint iag_key primary key (cod_ind, cod_gpe, cod_anu))""",
    # Apogée: students in stages of a programme, from a first day to a last.
    """create table ins_adm_etp (cod_ind number(8) not null, cod_etp varchar2(6) not null, dat_deb date not null,
      dat_fin date, constraint iae_key primary key (cod_ind, cod_etp))""",
)
_COMMON: Mapping[str, Any] = {
    "user": "app",
    "password": "app",
    "share": 1.0,
    "absence_settle": f"{int(SETTLE.total_seconds())}s",
    "snapshot_at": [],
}
_PACE = "50ms"
_STEP_S = 0.25
_FULL_EVERY_S = 10.0
"""By then a hint asks for everything again, however long it took the last time."""


def banner(dsn: str, *, hint: Mapping[str, Any] | None = None, **changes: Any) -> SourceSettings:
    """Registrations, followed by their activity date as the database stamps it."""
    timed = {
        "cursor": "SFRSTCR_ACTIVITY_DATE",
        "stamped_by": "database",
        "slack": f"{int(SLACK.total_seconds())}s",
        "overlap": f"{int(OVERLAP.total_seconds())}s",
    }
    plain = {
        "dsn": dsn,
        "membership": {
            "table": "SFRSTCR",
            "student": "{SFRSTCR_PIDM}",
            "row_key": "{SFRSTCR_SURROGATE_ID}",
            "active": [{"column": "SFRSTCR_RSTS_CODE", "values": ["RE", "RW"]}],
        },
        "cohort": {"idnumber": "{SFRSTCR_TERM_CODE}.{SFRSTCR_CRN}"},
        "hints": [{"interval": _PACE, **(hint or timed)}],
    }
    return SourceSettings.model_validate({**_COMMON, **plain, **changes})


def numbered() -> dict[str, Any]:
    """Banner's hint by the surrogate id."""
    return {
        "kind": "sequence",
        "cursor": "SFRSTCR_SURROGATE_ID",
        "drawn_from": "SFRSTCR_SURROGATE_ID_SEQUENCE",
        "overlap": f"{int(OVERLAP.total_seconds())}s",
    }


def journalled(cursor: str = "CHANGED_AT") -> dict[str, Any]:
    """Banner's hint by what a trigger writes, by its time or its number."""
    timed = {"stamped_by": "database", "slack": f"{int(SLACK.total_seconds())}s"} if cursor == "CHANGED_AT" else {}
    return {
        "kind": "journal",
        "table": "SFRSTCR_JOURNAL",
        "cursor": cursor,
        "operation": "OP",
        "student": "SFRSTCR_PIDM",
        "overlap": f"{int(OVERLAP.total_seconds())}s",
        **timed,
    }


def stages(dsn: str, **changes: Any) -> SourceSettings:
    """Stages of programmes that begin and end by date, the last day included; nothing else is followed."""
    due = {"kind": "due", "table": "INS_ADM_ETP", "overlap": f"{int(OVERLAP.total_seconds())}s", "interval": _PACE}
    plain = {
        "dsn": dsn,
        "membership": {
            "query": "select cod_ind, cod_etp from ins_adm_etp"
            " where dat_deb <= sysdate and (dat_fin is null or sysdate < dat_fin + 1)",
            "student": "{COD_IND}",
            "row_key": "{COD_IND}.{COD_ETP}",
        },
        "cohort": {"idnumber": "{COD_ETP}"},
        "hints": [
            {**due, "name": "begins", "cursor": "DAT_DEB"},
            {**due, "name": "ends", "cursor": "DAT_FIN", "offset": "1d"},
        ],
    }
    return SourceSettings.model_validate({**_COMMON, **plain, **changes})


def peoplesoft(dsn: str, **changes: Any) -> SourceSettings:
    """Enrolments, followed by the time of the last update as the application stamps it."""
    plain = {
        "dsn": dsn,
        "membership": {
            "table": "PS_STDNT_ENRL",
            "student": "{EMPLID}",
            "row_key": "{EMPLID}.{ACAD_CAREER}.{INSTITUTION}.{STRM}.{CLASS_NBR}",
            "active": [{"column": "STDNT_ENRL_STATUS", "values": ["E"]}],
        },
        "cohort": {"idnumber": "{STRM}.{CLASS_NBR}"},
        "hints": [{"cursor": "LASTUPDDTTM", "overlap": f"{int(OVERLAP.total_seconds())}s", "interval": _PACE}],
    }
    return SourceSettings.model_validate({**_COMMON, **plain, **changes})


def apogee(dsn: str, **changes: Any) -> SourceSettings:
    """Students in groups, counted and hashed, for there is nothing to follow."""
    plain = {
        "dsn": dsn,
        "membership": {"table": "IND_AFFECTE_GPE", "student": "{COD_IND}"},
        "cohort": {"idnumber": "{COD_ANU}.{COD_GPE}"},
        "hints": [{"kind": "scan", "interval": "200ms"}],
    }
    return SourceSettings.model_validate({**_COMMON, **plain, **changes})


class Campus:
    """The student system: what its own sessions do."""

    def __init__(self, standin: OracleStandin) -> None:
        self.standin, self.dsn = standin, standin.dsn
        self.connection = self.connect()
        for table in TABLES:
            self.run(table)

    def connect(self, dsn: str = "") -> oracledb.Connection:
        return oracledb.connect(user="app", password="app", dsn=dsn or self.dsn)

    def run(self, sql: str, *rows: tuple[Any, ...]) -> None:
        """In the system's usual session, and committed."""
        change(self.connection, sql, *rows)
        self.connection.commit()

    @contextmanager
    def opened(self, dsn: str = "") -> Iterator[oracledb.Connection]:
        """A session of its own, which a test leaves with work that is not committed."""
        session = self.connect(dsn)
        try:
            yield session
        finally:
            session.close()

    def pass_by(self, by: timedelta) -> None:
        """Let time go by in the database."""
        self.standin.clock.advance(by)


def change(session: oracledb.Connection, sql: str, *rows: tuple[Any, ...]) -> None:
    """Not committed."""
    with session.cursor() as cursor:
        if rows:
            cursor.executemany(sql, list(rows))
        else:
            cursor.execute(sql)


def register(session: oracledb.Connection, *students: int, crn: str = "20001") -> None:
    """Banner's own way: a number of the sequence, and the date of the database. Not committed."""
    change(
        session,
        "insert into sfrstcr values ('202610', :1, :2, 'RE', sysdate, sfrstcr_surrogate_id_sequence.nextval)",
        *((student, crn) for student in students),
    )
    assert in_transaction(session)


def tell(session: oracledb.Connection, operation: str, *students: int) -> None:
    """What the journal's trigger writes in the transaction of a change. Not committed."""
    change(
        session,
        "insert into sfrstcr_journal values (sfrstcr_journal_sequence.nextval, systimestamp, :1, :2)",
        *((operation, student) for student in students),
    )


class Trial:
    """One connector on a campus, with what came of it."""

    def __init__(self, world: World, connector: Connector, campus: Campus) -> None:
        self.world, self.connector, self.campus = world, connector, campus

    def run(self, seconds: float = 3.0) -> None:
        """Poll for a while by the connector's own clock, which does not wait. For what must not happen: what must is
        waited for.
        """
        self.step(seconds)
        turn(self.connector, until=lambda: self.connector.quiet)

    def step(self, seconds: float = 3.0) -> None:
        """As ``run``, with a source that may not come to rest."""
        for _ in range(round(seconds / _STEP_S)):
            self.world.clock.skip(_STEP_S)
            self.connector.run_once()

    def full_read(self) -> None:
        """Poll until each hint has asked for everything once more, and what that brought is published."""
        before = self._full_reads()
        self.world.clock.skip(_FULL_EVERY_S)

        def done() -> bool:
            return self.connector.quiet and all(n > before[hint] for hint, n in self._full_reads().items())

        turn(self.connector, until=done)

    def _full_reads(self) -> dict[str, float]:
        hints = [cursor.hint for cursor in self.checkpoint.hints]
        return {hint: self.world.metrics.total(Count.WATERMARKS, source=SOURCE, hint=hint) for hint in hints}

    def safety(self) -> str:
        """What the next full read's watermark rests on."""
        kinds = ("proved", "assumed")
        before = [self.world.metrics.total(Count.WATERMARKS, source=SOURCE, safety=kind) for kind in kinds]
        self.full_read()
        after = [self.world.metrics.total(Count.WATERMARKS, source=SOURCE, safety=kind) for kind in kinds]
        (kind,) = (kind for kind, was, now in zip(kinds, before, after, strict=True) if now > was)
        return kind

    @property
    def open_ranges(self) -> int:
        """How many ranges behind the cursor are to be read again: open transactions, missing numbers."""
        found = [self.world.metrics.value(Gauge.OPEN_RANGES, source=SOURCE, hint=h.hint) for h in self.checkpoint.hints]
        return int(sum(n for n in found if n is not None))

    def lows(self) -> list[datetime]:
        """From which stamp on each hint query read, in the column's terms, oldest query first."""
        asked = self.campus.standin.activity.executions('"STAMP_|STAMP_, COUNT')
        return [low for one in asked for low in one.binds[:1] if isinstance(low, datetime)]

    def until(self, cohort: str, *students: object) -> None:
        """Poll until exactly these are members."""
        wanted = sorted(str(student) for student in students)
        turn(self.connector, until=lambda: self.connector.state.members(SOURCE, cohort) == wanted)
        assert set(wanted) == self.world.members().get(cohort, set())

    def snapshot(self) -> dict[str, int]:
        """Have one taken; what it counted."""
        asked = self.world.signal("snapshot")
        said: list[Mapping[str, int]] = []

        def finished() -> bool:
            said[:] = [n.counts for n in self.world.notifications(asked) if n.phase == "finished"]
            return bool(said)

        turn(self.connector, until=finished)
        return dict(said[0])

    def missed(self) -> dict[str, int]:
        """Have a snapshot taken; what it says polling had missed, by cause."""
        counts = self.snapshot()
        return {name.removeprefix("missed."): n for name, n in counts.items() if name.startswith("missed.")}

    def cause(self, student: object, cohort: str, state: Presence = Presence.PRESENT) -> str | None:
        """Why the last record says that the student is in the cohort, or is not; None if it says otherwise."""
        said = [(there, why) for where, there, why in self.world.records_of(str(student)) if where == cohort]
        return said[-1][1] if said and said[-1][0] == state.value else None

    def removals(self) -> list[str]:
        """Students whom any record took out of a cohort."""
        memberships = [record for record in self.world.published() if isinstance(record, MembershipChanged)]
        return [record.student for record in memberships if record.state is Presence.ABSENT]

    @property
    def checkpoint(self) -> Checkpoint:
        """What was saved last; polling alone saves it every few seconds only."""
        found = self.connector.state.checkpoint(SOURCE)
        assert found is not None
        return found


@contextmanager
def trial(world: World, campus: Campus, settings: SourceSettings) -> Iterator[Trial]:
    """A connector that has loaded everything, and polls."""
    with world.connector(campus=settings) as connector:
        made = Trial(world, connector, campus)
        turn(connector, until=lambda: connector.quiet)
        assert made.checkpoint.loaded
        made.full_read()
        yield made
