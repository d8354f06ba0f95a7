"""What was last published, as far as a comparison needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.records import CohortChanged, SupportingRow, Suspects


@dataclass(frozen=True, slots=True)
class Membership:
    """A membership that is present."""

    sources: tuple[str, ...]
    """Sources that support it, sorted; at least one."""
    rows: tuple[SupportingRow, ...] = ()
    """Keys of the rows that support it, where a source's settings name a row key."""
    writer: str = ""
    """The source that wrote its last record."""
    fingerprint: str = ""
    """Of the settings under which that was written."""

    def rows_of(self, source: str) -> frozenset[str]:
        """Keys of this source's rows."""
        return frozenset(row.row for row in self.rows if row.source == source)


@dataclass(frozen=True, slots=True)
class Known:
    """The state of some students, and of the cohorts that concern them."""

    memberships: Mapping[str, Mapping[str, Membership]] = field(default_factory=dict)
    """Present memberships by student and cohort."""
    suspects: Mapping[str, tuple[Suspects, ...]] = field(default_factory=dict)
    """By student, what is suspected, one entry a source."""
    cohorts: Mapping[str, CohortChanged] = field(default_factory=dict)
    """The last record of each cohort that rows or memberships of these students name, by idnumber."""
    loose: Mapping[str, str] = field(default_factory=dict)
    """By loose key, the cohort that bears it and collides with no earlier one."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a change was seen."""

    position: str | None = None
    """The hint's cursor value as text."""
    changed_at: datetime | None = None
    """The same as a time, UTC; None when the cursor is no time."""
