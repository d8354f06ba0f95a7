"""Settings of one source: where it is, what a membership is in it, and what tells that something changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from connector.runtime.patterns import Pattern
from connector.runtime.settings import Duration, Secret, Section

_TABLE = re.compile(r'("[^"]+"|[\w$#]+)(\.("[^"]+"|[\w$#]+))?(@[\w$#.]+)?')


def oracle_name(text: str) -> str:
    """A column's name as Oracle spells it: capitals, unless it stands in double quotes."""
    text = text.strip()
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text.upper()


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text.strip()):
        raise ValueError("not a table name; write OWNER.TABLE, or give a query")
    return text.strip()


def _query(text: str) -> str:
    text = text.strip().rstrip(";").rstrip()
    if not re.match(r"(select|with)\b", text, re.IGNORECASE):
        raise ValueError("a query begins with SELECT or WITH")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'no time zone is called "{text}"; write one such as "Europe/Paris"') from None
    return text


def _time_of_day(value: object) -> time:
    if isinstance(value, time):
        return value
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value)):
        raise ValueError('not a time of the day; write it as "03:30"')
    return time.fromisoformat(str(value))


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Column = Annotated[str, Field(min_length=1), AfterValidator(oracle_name)]
Table = Annotated[str, AfterValidator(_table)]
Query = Annotated[str, AfterValidator(_query)]
Zone = Annotated[str, AfterValidator(_zone)]


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
    """Pattern of a key that a row keeps for life, usually its primary key. With it a row that now names another cohort
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


class HintSettings(Section):
    """A query that tells what may have changed. It is never trusted to tell what."""

    kind: Literal["timestamp", "sequence", "timestamp+sequence", "due", "scan", "journal"] = "timestamp"
    """How the query is followed.

    - `timestamp`: by a column that holds the time of the last change.
    - `sequence`: by a column that takes its numbers from a sequence, each number once.
    - `timestamp+sequence`: by both; what either finds is looked at.
    - `due`: by a date at which a membership begins or ends, once the database's clock has passed it.
    - `scan`: for tables without any such column. Rows are counted and hashed per student or cohort, at an interval.
    - `journal`: a table that a trigger writes, by its time or number. Its rows for deletes tell why a row is missing."""

    name: str | None = Field(default=None, min_length=1)
    """Its name in checkpoints and metrics. Absent: the kind and its number."""

    table: Table | None = None
    """The table or view to watch. Absent, and without `query`: what the memberships are read from."""

    query: Query | None = None
    """The query to watch."""

    cursor: Column | None = None
    """The column that is followed: a time, a number for `sequence`, either for `journal`, none for `scan`."""

    sequence: Column | None = None
    """For `timestamp+sequence`: the column with the numbers."""

    drawn_from: Table | None = None
    """For `sequence`: the name of the sequence, OWNER.NAME. `check` then warns of how it is made, where it can see it."""

    operation: Column | None = None
    """For `journal`: the column that tells what was done to the row."""

    deletes: tuple[str, ...] = ("D",)
    """For `journal`: the values of `operation` that tell of a delete."""

    columns: tuple[Column, ...] = ()
    """For `scan`: the columns to hash. Absent: those that the patterns and conditions read."""

    student: Column | None = None
    """The column that names the student, with the same values as the column of `membership.student`. Absent: that
    column itself."""

    by_cohort: bool = False
    """The rows name cohorts, not students: they have the columns of the pattern `cohort.idnumber`, and all students of
    a named cohort are looked at."""

    stamped_by: Literal["database", "application"] | None = None
    """Who writes the cursor. `database`: a default, a trigger or SYSDATE writes it, in the transaction that changes the
    row. Only then can it be proved that nothing is missed, if open transactions may be seen as well. `application`, or
    absent because nobody knows: `overlap` is read again instead."""

    overlap: Duration = timedelta(minutes=10)
    """Without a proof: how far behind the database's clock is read again, that is, the longest time that a transaction
    may stay open; and how long a missing number is looked for. Later commits are found by the next snapshot."""

    slack: Duration = timedelta(minutes=2)
    """With a proof: the longest time that a statement may run before it changes its first row. A row is stamped when its
    statement begins, and the transaction can be seen from its first change on."""

    offset: Duration = timedelta()
    """For `due`: how long after the column's time the membership begins or ends. A last day that is included: `"1d"`."""

    interval: Duration | None = None
    """Pause between two polls. The source's `share` may stretch it. Absent: 250 ms; for `due` 1 s, for `scan` 5 min."""

    @property
    def pause(self) -> timedelta:
        """The interval that holds."""
        usual = {"due": timedelta(seconds=1), "scan": timedelta(minutes=5)}
        return self.interval if self.interval is not None else usual.get(self.kind, timedelta(milliseconds=250))

    @model_validator(mode="after")
    def _fits_its_kind(self) -> HintSettings:
        faults = []
        if self.table is not None and self.query is not None:
            faults.append("give table or query, not both")
        if self.by_cohort and self.student is not None:
            faults.append("a hint by cohort has no student column")
        for name, kinds in _OF_KINDS.items():
            given = name in self.model_fields_set and getattr(self, name) not in (None, ())
            if given and self.kind not in kinds:
                faults.append(f"{name} is for {' and '.join(kinds)} only, not for {self.kind}")
        for name, kinds in _NEEDED.items():
            if self.kind in kinds and getattr(self, name) is None:
                faults.append(f"a hint of kind {self.kind} needs {name}")
        if faults:
            raise ValueError("; ".join(faults))
        return self


_TIMED = ("timestamp", "timestamp+sequence", "journal")
_OF_KINDS: Mapping[str, tuple[str, ...]] = {
    "cursor": ("timestamp", "sequence", "timestamp+sequence", "due", "journal"),
    "sequence": ("timestamp+sequence",),
    "drawn_from": ("sequence", "timestamp+sequence", "journal"),
    "operation": ("journal",),
    "deletes": ("journal",),
    "columns": ("scan",),
    "stamped_by": _TIMED,
    "slack": _TIMED,
    "overlap": ("timestamp", "sequence", "timestamp+sequence", "due", "journal"),
    "offset": ("due",),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "cursor": ("timestamp", "sequence", "timestamp+sequence", "due", "journal"),
    "sequence": ("timestamp+sequence",),
    "operation": ("journal",),
}


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
        names = [hint_name(hint, number) for number, hint in enumerate(hints, 1)]
        if len(set(names)) < len(names):
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


def hint_name(hint: HintSettings, number: int) -> str:
    """The hint's name in checkpoints; ``number`` counts from 1."""
    return hint.name or f"{hint.kind}{number}"


def followed(hints: Sequence[HintSettings]) -> dict[str, HintSettings]:
    """The hint queries by name. One of kind ``timestamp+sequence`` is two of them: what either finds is looked at."""
    found = {}
    for number, hint in enumerate(hints, 1):
        name = hint_name(hint, number)
        if hint.kind == "timestamp+sequence":
            timed = {"kind": "timestamp", "sequence": None, "drawn_from": None}
            numbered = {"kind": "sequence", "cursor": hint.sequence, "sequence": None, "stamped_by": None}
            found[name] = hint.model_copy(update=timed)
            found[f"{name}/sequence"] = hint.model_copy(update=numbered)
        else:
            found[name] = hint
    return found
