"""Short ways to open a breaker over one partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from consumers.cohorts.breaker import Allowance, Breaker, Intent, Limits, Mark, Place, open_breaker
from consumers.cohorts.plan import Removal
from tests.unit.cohorts.values import NOW

WIDE = Limits(partition_least=100_000)
"""Only the cohort bounds."""


def budget_for(
    present: Mapping[str, int],
    intents: Iterable[Intent] = (),
    approved: Mapping[Mark, str | None] | None = None,
    limits: Limits = WIDE,
    allowances: Sequence[Allowance] = (),
    total: int | None = None,
) -> Breaker:
    """The budget where Moodle shows so many members of each cohort, and so many in all, in the one partition."""
    known: dict[Place, int] = {0: sum(present.values()) if total is None else total}
    known.update(present)
    return open_breaker(limits, allowances, NOW, lambda _: 0, known, intents, approved or {})


def leaving(count: int, cohort: str = "A", *, first: int = 1, released: bool = False) -> list[Removal]:
    """So many removals from a cohort."""
    return [Removal(cohort, 10, n, f"s{n}", 2, released) for n in range(first, first + count)]


def passed(budget: Breaker, removals: Iterable[Removal]) -> tuple[int, Breaker]:
    """How many of these pass, and what is left then."""
    count = 0
    for removal in removals:
        charged = budget.charge(removal)
        if charged is not None:
            count, budget = count + 1, charged
    return count, budget
