"""What the loop wants of a database, whatever it is; ``connector.source.oracle`` gives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from connector.source.hints import OpenTransactions
from connector.source.hints.following import HintSource
from connector.source.mapping import Row
from schemas.records import DatabaseIdentity


class Source(HintSource, Protocol):
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

    def against_proof(self, hint: str) -> tuple[str, ...]:
        """Why it cannot be proved for this hint that nothing is missed, each reason in words: a standby, a link, a
        materialised view, a view that cannot be looked into. Empty if nothing speaks against it.
        """
        ...

    def truth(self, values: Sequence[str]) -> list[Row]:
        """All rows with these values of the student column, by one statement; at most 500 values.

        Rows hold, beside the columns of the patterns and conditions, the cursor of each hint that watches the same rows:
        in the column's own terms, under the name that ``mapping.stamp_column`` gives.
        """
        ...

    def watched(self, values: Sequence[str]) -> list[Row] | None:
        """The rows with these values of the student column in the table or query that a hint watches beside the
        membership query: what has left a view is still there. They have the columns of the row key; None if no hint
        watches anything that has these.
        """
        ...

    def students_of(self, cohort: tuple[object, ...]) -> list[str]:
        """Values of the student column in the rows whose cohort columns have these values."""
        ...

    def cohorts(self) -> list[Row] | None:
        """What the cohort query lists; None if there is none."""
        ...

    def snapshot(self) -> Iterator[list[Row]]:
        """Batches of all rows, as they were when the first batch was asked for, in ascending order of the student
        column's bytes; columns as ``truth``. In a session of its own. It never waits for the database: an empty batch
        says that nothing has come yet.
        """
        ...

    def refresh(self) -> None:
        """Something failed: ask again what the columns are, since somebody may have altered a table."""
        ...

    def close(self) -> None:
        """Log off everywhere."""
        ...
