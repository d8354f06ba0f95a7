"""Whether a source is what its checkpoint speaks of, and going on with another one once a person has accepted it."""

from __future__ import annotations

from dataclasses import replace

from connector.runtime.messages import Message, OracleMessage, message
from connector.runtime.telemetry import Log
from connector.source.feed import Feed
from connector.source.identity import Found, learned, strangeness
from connector.source.publisher import Batch
from connector.source.snapshotting import ACCEPTED, FIRST_LOAD
from schemas.records import SnapshotProgress

_log = Log("source")
_ALERT = "identity"


class Recognition:
    """Of one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.strange: Found | None = None
        """What the source is now, while it waits to be accepted."""
        self.problem: Message | None = None
        """In which way it is not what it was."""

    def look(self) -> bool:
        """Ask the source; whether it has become another one just now. Until a person accepts that, nothing is read."""
        feed = self._feed
        found = Found(feed.fingerprint, feed.source.identity(), feed.source.clock())
        reasons = strangeness(feed.checkpoint, found, feed.settings.clock_tolerance)
        code, began = OracleMessage.BLOCKED, False
        if reasons:
            began = self.strange is None
            self.problem = message(code, source=feed.name, what="; ".join(reasons), hash=found.mark)
            if began:
                _log.error("source.blocked", source=feed.name, message=self.problem)
        else:
            self.problem = None  # or it is what it was again
            known = learned(feed.checkpoint.database, found.database)
            if known != feed.checkpoint.database:
                feed.save(replace(feed.checkpoint, database=known))
        self.strange = found if reasons else None
        parameters = dict(self.problem.parameters) if self.problem is not None else {}
        if alerts := feed.alert(_ALERT, code.code, parameters, raised=bool(reasons)):
            feed.publish(Batch(alerts=alerts))
        return began

    def accept(self, signal_id: str) -> None:
        """Go on with what the source is now; a snapshot then finds what that changes.

        Where polling stood says nothing of another database, or of one whose clock is behind, so it begins anew. What
        lies before is the snapshot's, which is wanted from the same record on.
        """
        feed, found = self._feed, self.strange
        assert found is not None
        kind = ACCEPTED if feed.checkpoint.loaded else FIRST_LOAD
        accepted = replace(
            feed.checkpoint,
            fingerprint=found.fingerprint,
            database=found.database,
            database_time=found.now,
            hints=(),
            snapshot=SnapshotProgress(signal_id, kind, found.now, rows=0, differences=0),
        )
        cleared = feed.alert(_ALERT, OracleMessage.BLOCKED.code, {}, raised=False)
        feed.publish(Batch(checkpoint=accepted, alerts=cleared))
        self.strange = self.problem = None
