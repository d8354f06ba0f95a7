"""What should come again and again, and is late: the alerts that the notifier raises itself. Pure.

They are told from what stands in the topics, so they come also when the process that should work is not running at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.runtime.messages import Message
from schemas.records import Alert, AlertState

ROLE = "notify"


@dataclass(frozen=True, slots=True)
class Watch:
    """Over things of one kind, each with a name."""

    kind: str
    grace: timedelta
    """How long a notifier watches before it raises any: whoever starts everything after a long stop has that long."""

    def key(self, name: str) -> str:
        """Key of the alert that it is late."""
        return f"{ROLE}/{name}/{self.kind}"

    def alerts(
        self, late: Mapping[str, Message], standing: Mapping[str, Alert], watched_since: datetime, now: datetime
    ) -> Iterator[Alert]:
        """The alerts to write, so that just those that are ``late`` stand; each by its name, with what is to be said of it.
        ``standing`` are the alerts that are raised, by key.
        """
        told = {self.key(name): said for name, said in late.items()}
        for key, said in told.items():
            if key not in standing and now - watched_since > self.grace:
                yield Alert(key, AlertState.RAISED, said.code, ROLE, now, said.parameters)
        for key, alert in standing.items():
            # While the grace hides that it is late, it is not over.
            if self._is_ours(key) and key not in told:
                yield Alert(key, AlertState.CLEARED, alert.code, ROLE, now, dict(alert.parameters))

    def _is_ours(self, key: str) -> bool:
        return key.startswith(f"{ROLE}/") and key.endswith(f"/{self.kind}")
