"""What happens in the source, and when the poller looks: the parts of a script, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.histories.hazards import Hazard
from tests.histories.shapes import Place, Shape

STUDENTS = ("s1", "s2", "s3", "s4")
COHORTS = ("A", "B", "C")


class Statement(NamedTuple):
    """A statement of a transaction. Ticks are real time."""

    began: int
    changes: int
    """When it changes its row."""
    act: str
    picks: tuple[float, float, float]
    """Chances that choose among what is there by then."""
    at_row: bool
    """Whether a trigger stamps the row when it is changed, rather than when the statement began."""


class Plan(NamedTuple):
    """A transaction."""

    statements: tuple[Statement, ...]
    ends: int
    commits: bool
    instance: int


class Slip(NamedTuple):
    """A transaction whose first change comes just after a poll has looked at the open ones, at the very moment that the
    clock showed; its statement began a whole slack earlier.
    """

    turn: int
    act: str
    picks: tuple[float, float, float]
    lasts: int
    """Ticks until it commits."""


class Step(NamedTuple):
    """Something that happens in the source."""

    at: int
    order: float
    kind: str
    plan: int = 0
    statement: int = 0


class Turn(NamedTuple):
    """A turn of the poller."""

    at: int
    event: str = ""
    """``snapshot``, ``restart``, ``crash``, ``failure``, ``half hidden``; or nothing."""
    call: int = 0
    """Which call of the source or the log it strikes, from this turn on."""


@dataclass(slots=True)
class Script:
    """All of a history that is decided beforehand."""

    shape: Shape
    place: Place
    skews: tuple[int, ...]
    cache: int
    rows: list[tuple[str, str, str]]
    """What is there when the history begins: student, cohort, status."""
    loaded: bool
    """Whether that was published before the history begins; otherwise the first load is part of it."""
    plans: list[Plan]
    steps: list[Step]
    turns: list[Turn]
    jump: int
    app_ahead: int
    """How far an application's clock is ahead of the database's, in ticks."""
    small: bool
    """Whether portions, ranges and gaps are limited to a few, so that limits are met."""
    slip: Slip | None
    rate: float
    """How fast our own clock goes, compared with the database's."""
    spared: bool
    """Whether the last snapshot is left out if nothing is left to be found."""
    hazards: set[Hazard] = field(default_factory=set)
    queues: bool = False
    """Whether some wait for the row of one that is open for long."""
    between: bool = False
    """Whether a cohort comes back while others are released."""


def append(chance: Random, script: Script, plan: Plan) -> None:
    """One more transaction: when each of its statements stamps and changes, and when it ends."""
    number = len(script.plans)
    script.plans.append(plan)
    order = 0.0
    for index, statement in enumerate(plan.statements):
        order = max(order, chance.random())
        script.steps.append(Step(statement.began, order, "stamp", number, index))
        # At one moment the order within a transaction is as it must be, and that between transactions any.
        script.steps.append(Step(statement.changes, order + 1e-9, "change", number, index))
    script.steps.append(Step(plan.ends, order + chance.random() + 1e-6, "end", number))
