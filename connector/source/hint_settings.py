"""Settings of the hint queries: what tells that something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from connector.runtime.settings import Duration, Section
from connector.source.setting_types import Column, Query, Table


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
    statement begins, and the transaction can be seen from its first change on. Waiting for the lock of a transaction that
    is open for longer does not count."""

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
            # A default that is written down, as ``config show`` does, says nothing.
            given = getattr(self, name) != type(self).model_fields[name].default
            if given and self.kind not in kinds:
                faults.append(f"{name} is for {' and '.join(kinds)} only, not for {self.kind}")
        for name, kinds in _NEEDED.items():
            if self.kind in kinds and getattr(self, name) is None:
                faults.append(f"a hint of kind {self.kind} needs {name}")
        if self.kind == "journal" and not any(text.strip() for text in self.deletes):
            faults.append('deletes names no value; write the one that operation has for a delete, such as "D"')
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
