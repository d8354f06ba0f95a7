"""What a person should know: alerts that are raised once, renewed when they change, and cleared when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from connector.runtime.messages import Message, find
from consumers.cohorts import messages
from consumers.cohorts.desk import Desk
from consumers.cohorts.reasons import Reason
from schemas.records import Alert, AlertState

_EVERY = timedelta(seconds=5)
"""How often standing counts are looked at; alerts about faults go out at once."""
_OF_ONE = ("shadow", "cohort_gone.")
"""Alerts that are told and cleared by the owner of a partition, never by two consumers at a time."""
_PARKED_STEP = 2.0
"""A count that is told again must have grown or shrunk by this factor, or have gone back to nothing."""


class Alerts:
    """Compares how things stand with what was last told."""

    def __init__(self, desk: Desk, sink: str) -> None:
        self._desk, self._sink = desk, sink
        self._told: dict[str, Message] = {}
        self._counted: dict[str, int] = {}
        self._ours: set[str] = set()
        """Alerts for which there was a reason here."""
        self._next: datetime | None = None

    def look(self, now: datetime, directory_fault: Message | None) -> None:
        """Tell what has changed."""
        cause = self._desk.pause.cause
        self._say("site", self._desk.site_doubt, now)
        self._say("paused", None if cause is None else messages.paused(cause), now)
        self._say("directory", None if directory_fault is None else messages.directory_silent(directory_fault), now)
        if self._next is not None and now < self._next:
            return
        self._next = now + _EVERY
        self._count(now)

    def hear(self, told: Iterable[Alert]) -> None:
        """What was said of this sink, in its order. Consumers share the alerts: one that ended may not have lived to clear
        what it raised, and one that has no reason any more may clear what is true of another.
        """
        for alert in told:
            entry, about = find(alert.code), alert.key.removeprefix(f"{self._sink}.")
            if about == alert.key or entry is None or entry.placeholders != alert.parameters.keys():
                continue
            if alert.state is not AlertState.RAISED:
                self._told.pop(about, None)  # if there is a reason here, it is told again
                self._counted.pop(about, None)
            elif about not in self._told:
                self._told[about] = Message(entry, alert.parameters)
                if about == "held" or about.startswith("parked."):
                    self._counted[about] = int(alert.parameters["count"])

    def tell(self, about: str, message: Message | None, now: datetime) -> None:
        """Raise an alert that does not clear itself, or with None clear it."""
        self._say(about, message, now)

    def _count(self, now: datetime) -> None:
        counts: dict[tuple[str, str], int] = {}
        for store in self._desk.ledger.stores():
            for key, n in store.counts().items():
                counts[key] = counts.get(key, 0) + n
        self._desk.witness.stands(counts, len(self._desk.ledger.owned))
        held = sum(n for (status, _), n in counts.items() if status == "held")
        cohorts = sum(store.held_cohorts() for store in self._desk.ledger.stores())
        past = counts.get(("held", Reason.REMOVAL_LIMIT), 0)
        self._grown("held", held, messages.removals_held(held, cohorts, past), now)
        reasons = {reason for status, reason in counts if status == "parked"}
        known = {key.removeprefix("parked.") for key in self._counted if key.startswith("parked.")}
        for reason in sorted(reasons | known):
            n = counts.get(("parked", reason), 0)
            self._grown(f"parked.{reason}", n, messages.parked(n, reason), now)

    def _grown(self, about: str, count: int, message: Message, now: datetime) -> None:
        """Tell of a count when it begins, when it has doubled or halved, and when it is over. Had it not been told that it
        shrank, what comes after would have to outgrow what is long decided.
        """
        told = self._counted.get(about, 0)
        if not count:
            self._say(about, None, now)
            return
        self._ours.add(about)
        if told / _PARKED_STEP < count < told * _PARKED_STEP:
            return
        self._counted[about] = count
        self._say(about, message, now)

    def _say(self, about: str, message: Message | None, now: datetime) -> None:
        last = self._told.get(about)
        if message is not None:
            self._ours.add(about)
        if message == last:
            return
        if message is None:
            assert last is not None
            if not (about in self._ours or about.startswith(_OF_ONE) or self._desk.ledger.whole):
                return  # another consumer has the reason; or it has ended, and whoever has all partitions clears it
            del self._told[about]
            self._ours.discard(about)
            self._counted.pop(about, None)
        else:
            self._told[about] = message
        spoken = message or last
        assert spoken is not None
        self._desk.ledger.tell(
            Alert(
                key=f"{self._sink}.{about}",
                state=AlertState.CLEARED if message is None else AlertState.RAISED,
                code=spoken.code,
                role="consume",
                at=now,
                parameters=dict(spoken.parameters),
            )
        )
