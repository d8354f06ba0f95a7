"""Settings of one source: where it is, what a membership is in it, and what tells that something changed."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from connector.runtime.patterns import Pattern
from connector.runtime.settings import Duration, Secret, Section
from connector.runtime.time_settings import TimeOfDay, Zone
from connector.source.hint_settings import HintSettings, followed
from connector.source.setting_types import Column, Query, Table


class ActiveSettings(Section):
    """A condition that a row must meet to count. A row that does not meet it says that the student is not a member."""

    column: Column
    """The column to look at."""

    values: tuple[str, ...] | None = None
    """The row counts if the column has one of these values. Texts are compared without trailing blanks."""

    except_values: tuple[str, ...] | None = None
    """The row counts unless the column has one of these values."""

    when_null: Literal["active", "inactive"] | None = None
    """What a NULL in the column means. Absent: a NULL is a fault of the row, and nothing is removed for its student.
    Given alone, every value that is not NULL means the opposite: `when_null = "active"` reads "is null"."""

    @model_validator(mode="after")
    def _one_of(self) -> ActiveSettings:
        if self.values is not None and self.except_values is not None:
            raise ValueError("give values or except_values, not both")
        if self.values is None and self.except_values is None and self.when_null is None:
            raise ValueError("give values, except_values or when_null")
        return self


class MembershipSettings(Section):
    """Rows of which each says that a student belongs to a cohort."""

    table: Table | None = None
    """The table or view to read. Give this or `query`."""

    query: Query | None = None
    """The query to read, without a final semicolon. It is used as an inline view, so each column needs a name."""

    student: str
    """Pattern of the student's key, over exactly one column: the truth is read by that column's own values, so that its
    index serves. A key that is made of several columns is joined in the query."""

    row_key: str | None = None
    """Pattern of a key that a row keeps for life and no other row has, usually its primary key. With it a row that now names another cohort
    proves that its student left the earlier one, and the removal need not wait for `absence_settle`."""

    active: tuple[ActiveSettings, ...] = ()
    """Conditions that a row must meet to count, all of them. Empty: every row counts."""

    @model_validator(mode="after")
    def _one_origin(self) -> MembershipSettings:
        if (self.table is None) == (self.query is None):
            raise ValueError("give exactly one of table and query")
        return self


class CohortSettings(Section):
    """How a row names its cohort."""

    idnumber: str
    """Pattern of the cohort's idnumber; at most 100 characters, as Moodle has it. A longer one is a fault of the row."""

    name: str | None = None
    """Pattern of the name to create it with; longer than 254 characters it is cut. Absent: the idnumber."""

    category: str | None = None
    """Pattern of the idnumber of the Moodle category to create it in. Absent: the system context."""

    query: Query | None = None
    """A query that lists the cohorts that exist, with the columns of the patterns. With it a cohort that has lost its
    last member is known from one that vanished. Absent: a cohort without rows has vanished, and its members stay."""


class SourceSettings(Section):
    """One Oracle database to read enrolments from, with nothing but SELECT."""

    dsn: str
    """Where the database is: `host:1521/service`, a full descriptor (also with TCPS), or a name of tnsnames.ora."""

    user: str
    """The user to log on as."""

    password: Secret
    """Its password. A refused one is tried once, so that the account is not locked; a changed file is tried anew."""

    mode: Literal["thin", "thick"] = "thin"
    """`thick` uses Oracle's client libraries, for what the thin driver cannot do, such as native network encryption. One
    source in this mode puts all sources of the process in it."""

    lib_dir: Path | None = None
    """Folder of Oracle's client libraries, for `thick`. Absent: where the system finds them."""

    config_dir: Path | None = None
    """Folder of tnsnames.ora and sqlnet.ora."""

    wallet: Path | None = None
    """Folder of the wallet (ewallet.pem for `thin`), for TCPS."""

    wallet_password: Secret | None = None
    """Password of the wallet. Absent: none is needed."""

    timezone: Zone = "UTC"
    """Zone of DATE and TIMESTAMP columns without one."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Largest share of one session's time that polling spends inside the database; intervals stretch to keep it."""

    absence_settle: Duration = timedelta(minutes=15)
    """How long a membership whose row is missing waits for the second look. Longer than the longest reload (delete,
    commit, insert) of the student system."""

    vanished_after: Annotated[Duration, Field(ge=timedelta(days=1))] | None = None
    """How long a cohort must have been without rows before a snapshot *releases* it: its records are forgotten, here and by
    the consumers, and Moodle keeps cohort and members as they are. Should it come back, it comes as a new one, and whoever
    left meanwhile stays in Moodle. Absent: never. Give it more than a year, say `"400d"`, so that yearly groups come back."""

    clock_tolerance: Duration = timedelta(minutes=5)
    """How far the database's clock may be behind the last poll before the source is taken for another copy."""

    connect_timeout: Duration = timedelta(seconds=10)
    """Longest time for a log-on."""

    call_timeout: Duration = timedelta(seconds=30)
    """Longest time for one call of the database. Meanwhile the other sources wait."""

    snapshot_timeout: Duration = timedelta(minutes=15)
    """Longest time for one call of a snapshot; the first one waits until the database has sorted all rows."""

    snapshot_at: tuple[TimeOfDay, ...] = (time(3, 30),)
    """Times of the day, in `timezone`, at which a snapshot is taken. It finds and counts what polling has missed. Empty:
    only when somebody asks for one. A time that passed while nothing was running is made up for."""

    snapshot_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Largest share of its session's time that a snapshot spends inside the database; below 1 it pauses in between."""

    fetch_rows: Annotated[int, Field(ge=10, le=10_000)] = 1000
    """Rows per network round trip."""

    module: str = "cohortstream"
    """Under which name the DBA sees the sessions (V$SESSION.MODULE)."""

    membership: MembershipSettings
    """What a membership is."""

    cohort: CohortSettings
    """What a cohort is."""

    hints: tuple[HintSettings, ...] = ()
    """What tells that something changed. Empty: only snapshots and signals do."""

    maps: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Value maps for the patterns, by name."""

    @field_validator("hints")
    @classmethod
    def _distinct(cls, hints: tuple[HintSettings, ...], _: ValidationInfo) -> tuple[HintSettings, ...]:
        if len(followed(hints)) < sum(len(followed([hint])) for hint in hints):
            raise ValueError("two hints have the same name")
        return hints

    @model_validator(mode="after")
    def _readable(self) -> SourceSettings:
        """All patterns can be read; each fault names its setting."""
        faults = []
        texts = {
            "membership.student": self.membership.student,
            "membership.row_key": self.membership.row_key,
            "cohort.idnumber": self.cohort.idnumber,
            "cohort.name": self.cohort.name,
            "cohort.category": self.cohort.category,
        }
        for key, text in texts.items():
            if text is not None:
                try:
                    columns = Pattern.parse(text, self.maps).columns
                except ValueError as error:
                    faults.append(f"{key}: {error}")
                    continue
                if key == "membership.student" and len(columns) != 1:
                    faults.append(f"{key} must name exactly one column; join several in the query")
                if key == "cohort.idnumber" and not columns:
                    faults.append(f"{key} names no column, so all rows would be one cohort")
        if faults:
            raise ValueError("; ".join(faults))
        return self
