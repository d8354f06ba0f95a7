"""What a person should know: alerts that are raised once, renewed when they change, and cleared when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from connector.runtime.messages import Message, find
from consumers.cohorts import messages
from consumers.cohorts.desk import Desk
from consumers.cohorts.reasons import Reason
from consumers.cohorts.shares import Counts, put_right, total
from schemas.records import Alert, AlertShare, AlertState

_EVERY = timedelta(seconds=5)
"""How often standing counts are looked at; alerts about faults go out at once."""
_OF_ONE = ("shadow", "cohort_gone.")
"""Alerts that are told and cleared by the owner of a partition, never by two consumers at a time."""
_STEP = 2.0
"""A count that is told again must have grown or shrunk by this factor, or have gone back to nothing."""


class Alerts:
    """Compares how things stand with what was last told."""

    def __init__(self, desk: Desk, sink: str) -> None:
        self._desk, self._sink = desk, sink
        self._told: dict[str, Message] = {}
        self._shares: dict[str, tuple[AlertShare, ...]] = {}
        """What each partition adds to an alert that counts, as it was last told by anybody."""
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
                self._shares.pop(about, None)
            elif about not in self._told or _is_counted(about):
                # The last word counts: if it leaves out what we told meanwhile, we tell that again.
                self._told[about] = Message(entry, alert.parameters)
                self._shares[about] = alert.shares

    def tell(self, about: str, message: Message | None, now: datetime) -> None:
        """Raise an alert that does not clear itself, or with None clear it."""
        self._say(about, message, now)

    def _count(self, now: datetime) -> None:
        ledger = self._desk.ledger
        found = {partition: ledger.store(partition).counts() for partition in sorted(ledger.owned)}
        self._desk.witness.stands(_together(found.values()), len(found))
        held = {
            partition: {
                "count": sum(n for (status, _), n in counts.items() if status == "held"),
                "cohorts": ledger.store(partition).held_cohorts(),
                "past": counts.get(("held", Reason.REMOVAL_LIMIT), 0),
            }
            for partition, counts in found.items()
        }
        self._grown("held", held, lambda n: messages.removals_held(n["count"], n["cohorts"], n["past"]), now)
        reasons = {reason for counts in found.values() for status, reason in counts if status == "parked"}
        known = {about.removeprefix("parked.") for about in self._told if about.startswith("parked.")}
        for reason in sorted(reasons | known):
            self._look_at_parked(reason, found, now)

    def _look_at_parked(self, reason: str, found: Mapping[int, Mapping[tuple[str, str], int]], now: datetime) -> None:
        parked = {partition: {"count": counts.get(("parked", reason), 0)} for partition, counts in found.items()}
        self._grown(f"parked.{reason}", parked, lambda n: messages.parked(n["count"], reason), now)

    def _grown(self, about: str, ours: Mapping[int, Counts], say: Callable[[Counts], Message], now: datetime) -> None:
        """Tell of a count when it begins here, when it has doubled or halved, and when it is over here. Had it not been
        told that it shrank, what comes after would have to outgrow what is long decided.
        """
        told, owned = self._shares.get(about, ()), self._desk.ledger.owned
        before = total(share for share in told if share.partition in owned)["count"]
        count = sum(counts["count"] for counts in ours.values())
        if count:
            self._ours.add(about)
        if before / _STEP < count < before * _STEP:
            return
        # With all partitions ours, what others had told is of a topic that had more of them.
        shares = put_right(() if self._desk.ledger.whole else told, owned, ours)
        if shares:
            if count or before:
                self._say(about, say(total(shares)), now, shares)
        else:
            # Whoever told shares has told all: without them only the one who had a reason knows that it is over.
            self._say(about, None, now, known=bool(told))

    def _say(
        self,
        about: str,
        message: Message | None,
        now: datetime,
        shares: tuple[AlertShare, ...] = (),
        *,
        known: bool = False,
    ) -> None:
        """``known``: nobody else can have a reason either."""
        last = self._told.get(about)
        if message is not None:
            self._ours.add(about)
        if message == last and shares == self._shares.get(about, ()):
            return
        if message is None:
            assert last is not None
            if not (known or about in self._ours or about.startswith(_OF_ONE) or self._desk.ledger.whole):
                return  # another consumer has the reason; or it has ended, and whoever has all partitions clears it
            del self._told[about]
            self._ours.discard(about)
            self._shares.pop(about, None)
        else:
            self._told[about], self._shares[about] = message, shares
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
                shares=shares,
            )
        )


def _is_counted(about: str) -> bool:
    return about == "held" or about.startswith("parked.")


def _together(found: Iterable[Mapping[tuple[str, str], int]]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for one in found:
        counts.update(one)
    return counts
