"""What the consumer sends to Moodle: how large its calls are, in which order, and what a lost answer leaves in doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import pytest

from connector.runtime.messages import MoodleMessage
from consumers.cohorts.building import Site
from consumers.moodle.batches import ADD_FIELDS, CONTROL_FIELDS, REMOVE_FIELDS, Row
from consumers.moodle.errors import Fault, OutcomeUnknown
from consumers.moodle.writing import Added
from schemas.records import EntryStatus, Presence
from tests.simulation import cohorts
from tests.simulation.cohorts import COHORTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until

T = TypeVar("T")
PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT
STUDENTS = [f"s{number:02d}" for number in range(3, 19)]
BUDGET = 43
"""Form fields: ten rows that add, twenty that remove."""


@dataclass
class Sent:
    """The rows of each call, as Moodle's stand-in is told them, and whether its answer is lost."""

    day: Day
    adds: list[list[Row]] = field(default_factory=list)
    removes: list[list[Row]] = field(default_factory=list)
    lose: Callable[[list[Row]], str] = lambda _: ""
    """"before": it is carried out and not answered; "never": it is neither; empty: all is well."""

    def __post_init__(self) -> None:
        moodle = self.day.moodle
        self._add, self._remove = moodle.add_members, moodle.remove_members
        moodle.add_members, moodle.remove_members = self.add, self.remove  # type: ignore[method-assign]

    def add(self, rows: Collection[Row]) -> Mapping[Row, Added]:
        self.adds.append(list(rows))
        return self._doubtful(list(rows), lambda: self._add(rows))

    def remove(self, rows: Collection[Row]) -> None:
        self.removes.append(list(rows))
        return self._doubtful(list(rows), lambda: self._remove(rows))

    def _doubtful(self, rows: list[Row], call: Callable[[], T]) -> T:
        how = self.lose(rows)
        if not how:
            return call()
        if how == "before":
            call()
        raise OutcomeUnknown(Fault("simulated", "http-504", MoodleMessage.SLOW))


def filled(seed: int) -> Day:
    """A day whose source has sixteen students in each of nine cohorts."""
    day = Day(seed, Chances(), crashes=0.0)
    for cohort in COHORTS:
        day._announce(cohort)
        for student in STUDENTS:
            day._say(cohort, student, PRESENT)
    return day


def everybody(day: Day) -> bool:
    return all(len(day.moodle.of(cohort)) == len(STUDENTS) for cohort in COHORTS)


def test_calls_keep_to_the_servers_limit_on_form_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget that was configured or probed; rows rise within a call, and a call carries several cohorts."""
    monkeypatch.setattr(cohorts, "Site", lambda reader, writer, directory, _: Site(reader, writer, directory, BUDGET))
    day = filled(51)
    sent = Sent(day)
    turn_until(day, lambda: everybody(day))
    for cohort in COHORTS:
        for student in STUDENTS[:4]:
            day._say(cohort, student, ABSENT)
    turn_until(day, lambda: all(len(day.moodle.of(cohort)) == len(STUDENTS) - 4 for cohort in COHORTS))

    assert max(len(rows) for rows in sent.adds) == (BUDGET - CONTROL_FIELDS) // ADD_FIELDS
    assert max(len(rows) for rows in sent.removes) <= (BUDGET - CONTROL_FIELDS) // REMOVE_FIELDS
    assert all(rows == sorted(set(rows)) for rows in sent.adds + sent.removes)
    assert any(len({row.cohort_id for row in rows}) > 1 for rows in sent.removes)


@pytest.mark.parametrize("how", ["before", "never"])
def test_a_lost_answer_to_additions_leaves_its_own_rows_in_doubt_alone(how: str) -> None:
    """All others are settled, and in the end everybody is there, added once."""
    day = filled(52)
    lost: list[list[Row]] = []
    sent = Sent(day, lose=partial(_first, lost, how))
    turn_until(day, lambda: lost and everybody(day))
    doubtful = _in_doubt(day)
    turn_for(day, 60)

    assert {(day.moodle.cohorts[row.cohort_id], row.user_id) for row in lost[0]} == doubtful
    assert len(doubtful) < len(COHORTS) * len(STUDENTS)
    assert len(sent.adds) > 1
    assert sorted(day.moodle.added) == sorted(set(day.moodle.added))
    assert {entry.status for entry in day.ledger().values()} == {EntryStatus.SETTLED}


@pytest.mark.parametrize("how", ["before", "never"])
def test_a_lost_answer_to_removals_is_read_and_not_repeated(how: str) -> None:
    """Its rows wait until the call can no longer arrive; then Moodle is looked at, and who is still there leaves."""
    day = filled(53)
    turn_until(day, lambda: everybody(day))
    turn_for(day, 5)
    lost: list[list[Row]] = []
    sent = Sent(day, lose=partial(_first, lost, how))
    for student in STUDENTS:
        day._say(COHORTS[0], student, ABSENT)
    day._say(COHORTS[1], STUDENTS[0], ABSENT)
    turn_until(day, lambda: lost)
    turn_for(day, 10)
    doubtful, calls = _in_doubt(day), [row for rows in sent.removes for row in rows]
    turn_for(day, 60)

    assert {(day.moodle.cohorts[row.cohort_id], row.user_id) for row in lost[0]} == doubtful
    assert all(calls.count(row) == 1 for row in lost[0])
    assert day.moodle.of(COHORTS[0]) == set()
    assert sorted(day.moodle.removed) == sorted(set(day.moodle.removed))
    assert not day.moodle.phantoms
    assert {entry.status for entry in day.ledger().values()} == {EntryStatus.SETTLED}


def _first(lost: list[list[Row]], how: str, rows: list[Row]) -> str:
    """Lose the answer to the first call, and remember its rows."""
    if lost:
        return ""
    lost.append(rows)
    return how


def _in_doubt(day: Day) -> set[tuple[str, int]]:
    return {
        (cohort, day.moodle.accounts[student])
        for (cohort, student), entry in day.ledger().items()
        if entry.status is EntryStatus.QUARANTINED
    }
