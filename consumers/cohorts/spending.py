"""What the last day has left of the budgets, asked of the stores at the moment of deciding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from consumers.cohorts.breaker import DAY, Allowance, Breaker, Limits, Place, mark_of, open_breaker
from consumers.cohorts.ledger import Ledger
from consumers.cohorts.plan import Removal
from consumers.cohorts.recent import KEPT


class Spending:
    """Of the partitions that are ours. Remembers nothing itself: the journal does."""

    def __init__(self, ledger: Ledger, limits: Limits, allowances: Sequence[Allowance]) -> None:
        self._ledger, self._limits, self._allowances = ledger, limits, allowances

    def left(self, wanted: Iterable[Removal], approved: Mapping[Removal, str | None], now: datetime) -> Breaker:
        """The budget for these removals. ``approved`` may pass already, each under its allowance, and has no intent yet."""
        ledger = self._ledger
        present: dict[Place, int] = {}
        intents = []
        for cohort in {removal.cohort for removal in wanted}:
            partition = ledger.partition_of(cohort)
            store = ledger.store(partition)
            present[cohort] = store.present(cohort)
            if partition not in present:
                store.recent.forget_before(now - KEPT)
                present[partition] = store.present()
                intents += store.recent.intents(now - DAY)
        marks = {mark_of(removal): allowance for removal, allowance in approved.items() if not removal.released}
        return open_breaker(self._limits, self._allowances, now, ledger.partition_of, present, intents, marks)
