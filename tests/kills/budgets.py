"""The breaker's budgets, reckoned from Moodle's log and the journal alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from consumers.cohorts.reasons import Reason
from tests.kills.judge import Finding, Kind, Seen

LEAST_OF_COHORT, SHARE_OF_COHORT = 5, 0.10
LEAST_OF_PARTITION, SHARE_OF_PARTITION = 2, 0.01
"""The product's defaults, said again here on purpose."""


def exceeded(seen: Seen, guarded: AbstractSet[str], partition_of: Callable[[str], int]) -> Iterator[Finding]:
    """Budgets of ``guarded`` cohorts, which no allowance covers, that more intents passed than may in a day.

    A trial takes less than a day, so every intent of it counts: once per membership and revision.
    """
    intents: dict[str, set[tuple[str | None, int]]] = defaultdict(set)
    for entry in seen.journal:
        if entry.kind == "intent" and entry.action == "remove" and entry.reason != Reason.RELEASED:
            intents[entry.cohort].add((entry.student, entry.revision))
    peaks = _peaks(seen)
    by_partition: Counter[int] = Counter()
    for cohort in guarded:
        by_partition[partition_of(cohort)] += len(intents[cohort])
        base = peaks.get(cohort, 0) + len(intents[cohort])
        most = min(max(LEAST_OF_COHORT, math.floor(base * SHARE_OF_COHORT)), math.ceil(base / 2))
        if len(intents[cohort]) > most:
            yield Finding(Kind.BUDGET, f"{cohort}: {len(intents[cohort])} intents, at most {most} of {base} may leave")
    for partition, count in by_partition.items():
        ours = [cohort for cohort in peaks if partition_of(cohort) == partition]
        base = sum(peaks[cohort] + len(intents[cohort]) for cohort in ours)
        most = max(LEAST_OF_PARTITION, math.floor(base * SHARE_OF_PARTITION))
        if count > most:
            yield Finding(Kind.BUDGET, f"partition {partition}: {count} intents, at most {most} of {base} may leave")


def _peaks(seen: Seen) -> Mapping[str, int]:
    """The most members that each cohort had at any time."""
    members: Counter[str] = Counter(cohort for cohort, _ in seen.foreign)
    peaks = Counter(members)
    for event in seen.events:
        members[event.cohort] += 1 if event.added else -1
        peaks[event.cohort] = max(peaks[event.cohort], members[event.cohort])
    return peaks
