"""What the notifier knows: the last word on every alert, what each recipient was told, and when sources were polled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consumers.notifier.news import Seen
from consumers.notifier.polls import PollAges
from schemas.records import Alert, AlertState, AlertTold, Checkpoint


@dataclass
class Book:
    """Filled from the topics, and kept by what is written."""

    polls: PollAges
    standing: dict[str, Seen] = field(default_factory=dict)
    told: dict[str, dict[str, AlertTold]] = field(default_factory=dict)
    """By recipient, then by the alert's key."""

    def hear(self, alert: Alert, now: datetime) -> None:
        """The last word on an alert."""
        self.standing[alert.key] = Seen(alert, now)

    def hear_poll(self, checkpoint: Checkpoint, written_at: datetime) -> None:
        """How far a source has been read."""
        self.polls.heard(checkpoint, written_at)

    def lose(self, key: str) -> None:
        """Nobody knows this alert any more."""
        self.standing.pop(key, None)

    def remember(self, records: Iterable[AlertTold]) -> None:
        """These were told."""
        for record in records:
            self.told.setdefault(record.recipient, {})[record.key] = record

    def forget(self, recipient: str, key: str) -> None:
        """It need not be remembered any more that this was told."""
        self.told.get(recipient, {}).pop(key, None)

    def told_to(self, recipient: str) -> Mapping[str, AlertTold]:
        """What this one was told, by key."""
        return self.told.get(recipient, {})

    def raised(self) -> dict[str, Alert]:
        """The alerts that stand, by key."""
        return {key: seen.alert for key, seen in self.standing.items() if seen.alert.state is AlertState.RAISED}
