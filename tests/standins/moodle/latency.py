"""How long calls take: the figures measured on a real site, and two workers that share two cores.

Measured on Moodle 4.5.6 with MariaDB on 2 cores, everything on one machine, median of many calls, plus or minus 30 %:

- about 13 ms a call; 1.5 ms a row added (measured 1.3 to 2), 1.25 ms a row removed (1.1 to 1.4), 0.4 ms a row that is
  a member already, 0.3 ms a row that names something unknown;
- 5.5 ms more for each row and each course that the cohort feeds (6 to 7 with the row itself);
- a look-up of users costs 63 ms and 2.8 ms a user found; a search 63 ms and 3.4 ms a user;
- members: 8 microseconds each and 0.4 ms a cohort; cohorts listed: 50 microseconds each; searched: 4 microseconds;
- a report page: 45 ms, 70 microseconds a row on the page and 0.5 microseconds a row counted.

The model is deterministic. At most ``workers`` calls are worked on at a time, each at full speed; others wait for a
free worker in the order of arrival. With more callers than workers this gives the measured plateau (about 900 rows a
second); what memory and locks cost beyond that is not modelled.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

BASE = 0.013
SECONDS: Mapping[str, float] = {
    "added": 0.0015,
    "removed": 0.00125,
    "present": 0.0004,
    "unknown": 0.0003,
    "enrolments": 0.0055,
    "cohorts_written": 0.004,
    "members_read": 0.000008,
    "cohorts_listed": 0.0004,
    "cohorts_read": 0.00005,
    "cohorts_searched": 0.000004,
    "users_read": 0.0028,
    "users_searched": 0.0034,
    "users_scanned": 0.000003,
    "report_rows": 0.00007,
    "report_scanned": 0.0000005,
}
"""Seconds for each unit of work."""
FUNCTION_BASE: Mapping[str, float] = {
    "core_webservice_get_site_info": 0.018,
    "core_user_get_users_by_field": 0.063,
    "core_user_get_users": 0.063,
    "core_reportbuilder_retrieve_report": 0.045,
}
"""Seconds that a call of the function takes whatever it finds, where it is not :data:`BASE`."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds of work for a call; ``scale`` makes everything slower or faster."""

    scale: float = 1.0
    seconds: Mapping[str, float] = field(default_factory=lambda: SECONDS)
    function_base: Mapping[str, float] = field(default_factory=lambda: FUNCTION_BASE)

    def cost(self, function: str, counts: Mapping[str, int]) -> float:
        """Seconds for a call of *function* that did this many units of each kind of work."""
        units = sum(self.seconds.get(unit, 0.0) * count for unit, count in counts.items())
        return self.scale * (self.function_base.get(function, BASE) + units)


MEASURED = CostModel()
INSTANT = CostModel(scale=0.0)


class Workers:
    """A few workers that calls wait for; first come, first served."""

    def __init__(self, count: int = 2, sleep: Callable[[float], None] = time.sleep) -> None:
        self.count = count
        self.sleep = sleep
        self._condition = threading.Condition()
        self._free = count
        self._queue: list[object] = []

    def acquire(self) -> None:
        """Take a worker; blocks while all are busy."""
        ticket = object()
        with self._condition:
            self._queue.append(ticket)
            self._condition.wait_for(lambda: self._free > 0 and self._queue[0] is ticket)
            self._queue.pop(0)
            self._free -= 1
            self._condition.notify_all()

    def release(self) -> None:
        with self._condition:
            self._free += 1
            self._condition.notify_all()
