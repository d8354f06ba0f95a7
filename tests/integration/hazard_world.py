"""Student systems in the shapes of Banner, PeopleSoft and Apogée, for what can go wrong when one polls them.

The connector is the real one, with the real driver, against the Oracle stand-in and a real broker. The database's clock
is moved by the tests, so that transactions are open for hours and absences wait for days without anybody waiting.
"""

from __future__ import annotations

import time
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
    # Apogée: students in groups. Nothing tells when.
    """create table ind_affecte_gpe (cod_ind number(8) not null, cod_gpe number(8) not null, cod_anu varchar2(4) not null,
      cod_etp varchar2(6), constraint iag_key primary key (cod_ind, cod_gpe, cod_anu))""",
)
_COMMON: Mapping[str, Any] = {
    "user": "app",
    "password": "app",
    "share": 1.0,
    "absence_settle": f"{int(SETTLE.total_seconds())}s",
    "snapshot_at": [],
}
_PACE = "50ms"


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


class Trial:
    """One connector on a campus, with what came of it."""

    def __init__(self, world: World, connector: Connector, campus: Campus) -> None:
        self.world, self.connector, self.campus = world, connector, campus

    def run(self, seconds: float = 1.5) -> None:
        """Poll for a while. For what must not happen: what must is waited for."""
        deadline = time.monotonic() + seconds
        turn(self.connector, until=lambda: time.monotonic() > deadline and self.connector.quiet)

    def full_read(self) -> None:
        """Poll until the hint has asked for everything once more, and what it brought is published."""
        before = self._full_reads()
        turn(self.connector, until=lambda: self._full_reads() > before and self.connector.quiet)

    def _full_reads(self) -> float:
        return self.world.metrics.total(Count.WATERMARKS, source=SOURCE)

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
