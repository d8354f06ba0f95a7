"""What may be done of a plan: additions always, removals within a budget; see ``breaker`` for the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from consumers.cohorts.plan import Plan, Removal
from consumers.cohorts.reasons import Reason


class Budget(Protocol):
    """How many removals may pass. A value: ``charge`` gives the budget that is left, or None when it does not reach."""

    def charge(self, removal: Removal) -> Self | None: ...

    def allowance_of(self, removal: Removal) -> str | None:
        """Name of the allowance that a removal was charged to; None for the budget of every day."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's word on a plan."""

    approved: Plan
    held: tuple[Removal, ...]
    allowances: Mapping[Removal, str] = field(default_factory=dict)
    """By approved removal the allowance that it passes under; those of the budget of every day are left out."""
    reason: Reason = Reason.REMOVAL_LIMIT


def guard(plan: Plan, budget: Budget) -> Verdict:
    """Split the plan's removals by the budget, in the plan's order; whatever else it holds passes."""
    approved, held = [], []
    allowances: dict[Removal, str] = {}
    for removal in plan.removals:
        charged = budget.charge(removal)
        if charged is None:
            held.append(removal)
            continue
        budget = charged
        approved.append(removal)
        if (under := budget.allowance_of(removal)) is not None:
            allowances[removal] = under
    return Verdict(replace(plan, removals=tuple(approved)), tuple(held), allowances)
