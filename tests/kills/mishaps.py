"""What goes wrong beside the deaths: answers of Moodle that are lost or late, a Moodle that is away, a broker that restarts."""

from __future__ import annotations

import random
from collections import Counter

from tests.standins.kafka import Kafka
from tests.standins.moodle.faults import Fault, Kind
from tests.standins.moodle.server import MoodleStandin

_WRITES = ("core_cohort_add_cohort_members", "core_cohort_delete_cohort_members", "core_cohort_create_cohorts")
_KINDS = (
    Kind.DROP_AFTER,
    Kind.DROP_AFTER,
    Kind.TRUNCATE,
    Kind.GATEWAY_TIMEOUT,
    Kind.GATEWAY_TIMEOUT,
    Kind.DROP_BEFORE,
    Kind.DELAY,
    Kind.STATUS,
    Kind.EXCEPTION,
)


class Mishaps:
    """Draws them. ``late``: the most seconds after its call that Moodle carries out what it did not answer."""

    def __init__(self, moodle: MoodleStandin, chance: random.Random, late: float) -> None:
        self._moodle, self._chance, self._late = moodle, chance, late
        self.happened: Counter[str] = Counter()

    def answer_badly(self) -> None:
        """One of the next calls that change something gets no proper answer."""
        kind, function = self._chance.choice(_KINDS), self._chance.choice(_WRITES)
        self._moodle.faults.add(
            Fault(
                kind,
                function,
                skip=self._chance.randint(0, 2),
                seconds=self._chance.uniform(0.0, self._late) if kind is not Kind.STATUS else 0.0,
                status=self._chance.choice((500, 502, 503)),
                errorcode=self._chance.choice(("dmlwriteexception", "sitemaintenance", "dbconnectionfailed")),
            )
        )
        self.happened[f"{kind} of {function.removeprefix('core_cohort_')}"] += 1

    def close_moodle(self) -> None:
        """Moodle refuses connections for a moment."""
        self._moodle.close_door(self._chance.uniform(0.3, 2.0))
        self.happened["Moodle away"] += 1

    def restart_broker(self, kafka: Kafka) -> None:
        """The broker dies, or stops in order, and comes back with what it had."""
        if self._chance.random() < 0.5:
            kafka.kill()
        else:
            kafka.stop()
        kafka.start()
        kafka.wait()
        self.happened["broker restarts"] += 1

    def end(self) -> None:
        """From now on everything is well."""
        self._moodle.faults.clear()
        self._moodle.open_door()
