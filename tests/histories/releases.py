"""Cohorts that vanished long ago are released: what a script needs for that, and what must be true of it."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from schemas.records import CohortChanged, CohortState
from tests.histories.hazards import Hazard
from tests.histories.plans import COHORTS, Plan, Script, Statement, Turn, append
from tests.histories.shapes import TICK, releasing
from tests.histories.table import Pair, Table
from tests.histories.wrong import Wrong

_EVER = 1 << 60
_STRIKES = ("", "", "", "restart", "crash", "failure")


def let_release(chance: Random, script: Script) -> None:
    """Have the source release: a cohort loses its rows, a snapshot comes when the age is over or nearly so, and perhaps it
    comes back just then; the process may be struck as ever. Or two lose them, and are released when all is over.
    """
    random = chance.random
    script.shape = shape = releasing(script.shape)
    script.between = random() < 0.5
    at = script.turns[-1].at + 1
    first = int(random() * len(COHORTS))
    for number in range(1 + script.between):
        pick = ((first + number) % len(COHORTS) + 0.5) / len(COHORTS)
        _append_one(chance, script, at, "cohort gone", pick)
    at += 1
    looks = [at, at + 1, at + 2, at + shape.settle + 4]
    script.turns += [Turn(look, "snapshot" if look == at else "") for look in looks]
    if script.between:
        return  # both are released at the end
    at += shape.age + int(random() * 9) - 2
    if random() < 0.5:
        _append_one(chance, script, at + int(random() * 7) - 3, "insert", (first + 0.5) / len(COHORTS))
    script.turns.append(Turn(at, "snapshot"))
    for _ in range(4):
        at += int(random() * 2)
        script.turns.append(Turn(at, _STRIKES[int(random() * len(_STRIKES))], int(random() * 5)))


def _append_one(chance: Random, script: Script, at: int, act: str, cohort: float) -> None:
    """A transaction of one statement, which commits at once. The place of the cohort among the chances depends on what is
    done.
    """
    pick = chance.random()
    picks = (cohort, pick, 0.9) if act == "cohort gone" else (pick, cohort, 0.9)
    append(chance, script, Plan((Statement(at, at, act, picks, at_row=False),), at, commits=True, instance=0))


class Releases:
    """Follows what the poller has seen of each cohort, and judges its releases."""

    def __init__(self, table: Table, hazards: set[Hazard]) -> None:
        self._table, self._hazards = table, hazards
        self._seen: dict[str, int] = {}
        """By the clock before the last read that showed a row of the cohort; ticks."""
        self._before: dict[str, int] = {}
        self.done: dict[str, Collection[str]] = {}
        """Cohorts that were released, with the members whom they had."""

    def read(self, students: set[str], truth: set[Pair], clock: int) -> None:
        """A read has shown this of the students."""
        self._seen.update((cohort, clock) for student, cohort in truth if student in students)

    def begun(self) -> None:
        """The poller begins a turn."""
        self._before = dict(self._seen)

    def lost(self) -> None:
        """It was struck in that turn: of what it has read it may know nothing any more."""
        self._seen = self._before

    def releases(self, cohort: str, record: CohortChanged | None, students: Collection[str], members: set[str]) -> None:
        """A cohort of which this was told last is about to be forgotten with these ``students``.

        Raises:
            Wrong: it may not be, or not so.
        """
        what = f"{cohort} released"
        if record is None or record.state is not CohortState.VANISHED:
            raise Wrong(f"{what}, which had not vanished")
        if set(students) != members:
            raise Wrong(f"{what} with {sorted(students)}, and its members were {sorted(members)}")
        table = self._table
        age = table.shape.age - max(0, -table.jump)  # the clock may have been set back in between
        told = (table.clock() - record.last_seen) // TICK
        # It is said to have been seen when it was missed first, and may have been seen until the second look.
        gone = table.clock_tick() - self._seen.get(cohort, -_EVER) + table.shape.settle
        if min(told, gone) < age:
            raise Wrong(f"{what} {min(told, gone)} ticks after it was last seen, of {table.shape.age}")
        self._hazards.add(Hazard.RELEASED)
        self.done[cohort] = members
