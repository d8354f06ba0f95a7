"""What a Moodle's log tells of the calls that a client made: how soon it added, how large its calls were, how well it
used both workers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.standins.moodle.latency import MEASURED

_ADD = "core_cohort_add_cohort_members"
_LOOK_UP = "core_user_get_users_by_field"
_REPORT = "core_reportbuilder_retrieve_report"
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Traffic:
    """Times are Unix times."""

    calls: Mapping[str, int]
    first_add: float
    """When the first call that added began."""
    last_add: float
    """When the last one was committed."""
    add_calls: int
    """Calls that added somebody."""
    added: int
    occupied: float
    """Seconds that workers spent on calls that added."""

    def told(self, began: float) -> str:
        """In one line, for people."""
        span = self.last_add - self.first_add
        return (
            f"first call that adds after {self.first_add - began:.1f} s, then {self.add_calls} of them with "
            f"{self.added / max(1, self.add_calls):.0f} rows each in {span:.1f} s, which they fill by "
            f"{self.occupied / (_WORKERS * span):.0%}; "
            f"{self.calls.get(_LOOK_UP, 0)} look-ups of users, {self.calls.get(_REPORT, 0)} pages of the report, "
            f"{sum(self.calls.values())} calls in all"
        )


def traffic(rows: Iterable[Mapping[str, Any]]) -> Traffic:
    """From the rows of the log. A call's additions are committed at one instant, at its end.

    Raises:
        ValueError: nobody was added.
    """
    calls: Counter[str] = Counter()
    commits: Counter[float] = Counter()
    for row in rows:
        if row["target"] == "webservice_function":
            calls[json.loads(row["other"])["function"]] += 1
        elif row["target"] == "cohort_member" and row["action"] == "added":
            commits[row["time"]] += 1
    if not commits:
        raise ValueError("the log shows no additions")
    spans = [(at - MEASURED.cost(_ADD, {"added": count}), at) for at, count in commits.items()]
    return Traffic(
        calls,
        min(start for start, _ in spans),
        max(commits),
        len(commits),
        commits.total(),
        sum(end - start for start, end in spans),
    )
