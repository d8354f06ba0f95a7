"""What the loop wants of a database, whatever it is; ``connector.source.oracle`` gives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.source.hints import HintRow
from connector.source.hints.zones import TimeColumn
from connector.source.mapping import Row
from schemas.records import DatabaseIdentity


@dataclass(frozen=True, slots=True)
class OpenTransactions:
    """What can be seen of other sessions' transactions."""

    visible: bool
    oldest_age_s: float | None = None
    """Seconds since the oldest one began; None if none is open."""


class Source(Protocol):
    """One database. Every call may raise ``Unavailable`` (attempts are used up) or ``Halted`` (a person must act)."""

    @property
    def busy(self) -> float:
        """Seconds that polling has spent inside the database so far; a snapshot's time is not among them."""
        ...

    def clock(self) -> datetime:
        """The database's time, UTC."""
        ...

    def identity(self) -> DatabaseIdentity:
        """Which database this is."""
        ...

    def open_transactions(self) -> OpenTransactions:
        """Transactions that have begun to change something and are still open."""
        ...

    def cursor_column(self, hint: str) -> TimeColumn:
        """In which terms the hint's cursor is stamped."""
        ...

    def changed(self, hint: str, low: datetime) -> list[HintRow]:
        """What bears a stamp of ``low`` or later, in the column's terms."""
        ...

    def truth(self, values: Sequence[str]) -> list[Row]:
        """All rows with these values of the student column, by one statement; at most 500 values."""
        ...

    def students_of(self, cohort: tuple[object, ...]) -> list[str]:
        """Values of the student column in the rows whose cohort columns have these values."""
        ...

    def cohorts(self) -> list[Row] | None:
        """What the cohort query lists; None if there is none."""
        ...

    def snapshot(self) -> Iterator[list[Row]]:
        """Batches of all rows, as they were when the first batch was asked for, in ascending order of the student
        column's bytes. In a session of its own.
        """
        ...

    def refresh(self) -> None:
        """Something failed: ask again what the columns are, since somebody may have altered a table."""
        ...

    def close(self) -> None:
        """Log off everywhere."""
        ...
