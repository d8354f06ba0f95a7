"""What may be done of a plan: additions always, removals within a budget.

The budget of this release is a fixed number of removals per run, that is, in the life of one process. A breaker that
counts over a rolling day takes its place behind the same ``Budget``.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Protocol, Self

from consumers.cohorts.plan import Plan, Removal
from consumers.cohorts.reasons import Reason


class Budget(Protocol):
    """How many removals may pass. A value: ``charge`` gives the budget that is left, or None when it does not reach."""

    def charge(self, removal: Removal) -> Self | None: ...


@dataclass(frozen=True, slots=True)
class RunBudget:
    """At most ``limit`` removals in the life of a process.

    A removal counts once per (membership, revision), however often it is tried; one that a person released counts not.
    """

    limit: int
    spent: AbstractSet[tuple[str, str, int]] = frozenset()

    def charge(self, removal: Removal) -> RunBudget | None:
        mark = (removal.cohort, removal.student, removal.revision)
        if removal.released or mark in self.spent:
            return self
        if len(self.spent) >= self.limit:
            return None
        return replace(self, spent=self.spent | {mark})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's word on a plan."""

    approved: Plan
    held: tuple[Removal, ...]
    budget: Budget
    reason: Reason = Reason.REMOVAL_LIMIT


def guard(plan: Plan, budget: Budget) -> Verdict:
    """Split the plan's removals by the budget, in the plan's order; whatever else it holds passes."""
    approved, held = [], []
    for removal in plan.removals:
        charged = budget.charge(removal)
        if charged is None:
            held.append(removal)
        else:
            budget = charged
            approved.append(removal)
    return Verdict(replace(plan, removals=tuple(approved)), tuple(held), budget)
