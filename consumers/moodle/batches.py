"""How many rows a call may carry: by time, by PHP's limit on form fields, by number.

Pure. Moodle works off a cohort's courses inside the call, so a row can cost two milliseconds or two hundred, depending
on the cohort. What a cohort costs is learnt from the calls that were measured; a cohort whose rows are dear goes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

CONTROL_FIELDS = 3
"""Form fields of every call beside its own: format, token, function."""
ADD_FIELDS = 4
"""Form fields of a row that adds a member."""
REMOVE_FIELDS = 2
"""Form fields of a row that removes a member."""


class Row(NamedTuple):
    """A membership by Moodle's numeric ids. Rows sort as they must be sent: writers that meet then wait instead of
    locking each other out.
    """

    cohort_id: int
    user_id: int


@dataclass(frozen=True)
class CallCost:
    """What a call costs in seconds; one for additions, one for removals. The first values were measured on Moodle
    4.5.6 on two cores; they matter only until the first calls have been measured.
    """

    per_call: float = 0.013
    per_row: float = 0.0017
    """A row of a cohort that feeds no course; learnt, since it tells how fast this server is."""
    per_idle_row: float = 0.0004
    """A row that changes nothing: the user is a member already."""
    known: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    """Seconds a row, for each cohort that was measured."""

    CAUTION = 1.5
    """A cohort never measured is taken to be dearer than most by this factor: 200 such rows a call of half a second
    then stay below a gateway's minute even if each feeds 20 courses with groups."""
    DEAR = 4.0
    """A row that costs more than this many ordinary ones is dear."""
    MANY = 20
    """From so many measured cohorts on, what half of them cost at least tells how fast this server is."""
    FALLING = 0.3
    """Weight of a measurement that is below the estimate; one above is believed at once, since too large a call is
    worse than too small a one."""

    def of(self, cohort_id: int) -> float:
        """Seconds that a row of this cohort takes."""
        return self.known.get(cohort_id, self.per_row * self.CAUTION)

    def is_dear(self, cohort_id: int) -> bool:
        """Whether rows of this cohort should not share a call with others."""
        return self.of(cohort_id) > self.per_row * self.DEAR

    def learn(self, changed: Mapping[int, int], idle: int, seconds: float) -> CallCost:
        """The costs after a call that took ``seconds``: rows that changed something by cohort, and rows that did not.

        What a call of several cohorts took beyond the estimate is laid on all of them; those then become dear, go
        alone, and show what they cost.
        """
        changed = {cohort: rows for cohort, rows in changed.items() if rows}
        expected = sum(self.of(cohort) * rows for cohort, rows in changed.items())
        if not expected:
            return self
        spent = max(0.0, seconds - self.per_call - idle * self.per_idle_row)
        known = dict(self.known)
        for cohort in changed:
            known[cohort] = self._toward(known.get(cohort), self.of(cohort) * spent / expected)
        learnt = replace(self, known=MappingProxyType(known))
        ordinary = spent / sum(changed.values())
        if any(self.is_dear(cohort) or learnt.is_dear(cohort) for cohort in changed):
            # A dear cohort says nothing of the others; but when most of many are dear, Moodle has become slower.
            if len(known) < self.MANY:
                return learnt
            ordinary = median(known.values())
        return replace(learnt, per_row=self.per_row + 0.1 * (ordinary - self.per_row))

    def _toward(self, estimate: float | None, measured: float) -> float:
        if estimate is None or measured >= estimate:
            return measured
        return estimate + self.FALLING * (measured - estimate)


@dataclass(frozen=True)
class CallLimits:
    """How large a call may get."""

    seconds: float
    fields: int
    """PHP's ``max_input_vars``."""
    fields_per_row: int
    rows: int = 500

    def most_rows(self) -> int:
        """Rows that fit by number and by fields; at least one."""
        return max(1, min(self.rows, (self.fields - CONTROL_FIELDS) // self.fields_per_row))


def next_call(rows: Sequence[Row], cost: CallCost, limits: CallLimits) -> int:
    """How many of the first ``rows``, which are sorted and distinct, the next call should carry; 0 only if none are left.

    Taken one call at a time, so that each call's measurement shapes the next.
    """
    most = min(len(rows), limits.most_rows())
    seconds, cohort_began = cost.per_call, 0
    for at in range(most):
        cohort = rows[at].cohort_id
        if at and cohort != rows[at - 1].cohort_id:
            cohort_began = at
            if cost.is_dear(cohort) or cost.is_dear(rows[0].cohort_id):
                return at
        seconds += cost.of(cohort)
        if seconds > limits.seconds:
            return _cut(at, cohort_began)
    if most < len(rows) and rows[most].cohort_id == rows[most - 1].cohort_id:
        return _cut(most, cohort_began)
    return most


def _cut(at: int, cohort_began: int) -> int:
    """Cut before a cohort rather than in it, if at least half of the call remains: calls for one cohort cannot run side by side."""
    if cohort_began * 2 >= at and cohort_began:
        return cohort_began
    return max(at, 1)


def calls(rows: Sequence[Row], cost: CallCost, limits: CallLimits) -> Iterator[Sequence[Row]]:
    """All ``rows``, in any order and perhaps doubled, as calls with the cost as it is known now."""
    ordered = sorted(set(rows))
    while size := next_call(ordered, cost, limits):
        yield ordered[:size]
        ordered = ordered[size:]
