"""When snapshots are begun, begun anew after a failure, and given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from connector.runtime.errors import Halted, OperationalError
from connector.runtime.telemetry import Count, Log
from connector.source.feed import Feed
from connector.source.outage import NEVER
from connector.source.polling import Hint
from connector.source.publisher import Batch
from connector.source.schedule import is_due
from connector.source.snapshotting import ACCEPTED, NEW_HINTS, SCHEDULE, SNAPSHOT, Snapshots
from schemas.records import SnapshotProgress

_log = Log("source")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 900.0
"""Before a pass begins anew: each may sort and read the whole table, so it is no matter of seconds."""
MOST_FAILURES = 10
"""Failures in a row, in more than an hour and a half, after which a snapshot is given up. The next one begins as usual.
The first load is never given up: without it nothing is known."""
_ALERT_AFTER = 3
_ALERT = "snapshot"


class Taking:
    """The snapshots of one feed. They fail by themselves: polling goes on meanwhile."""

    def __init__(self, feed: Feed, snapshots: Snapshots, hints: Sequence[Hint], caught_up: Callable[[], bool]) -> None:
        """``caught_up`` tells whether polling has come to what there is: what it only has not come to is not missed."""
        self._feed, self._snapshots, self._hints, self._caught_up = feed, snapshots, hints, caught_up
        self._joined: set[str] = set()
        """Hints for whose sake a snapshot was wanted by this process."""
        self._given_up_at: datetime | None = None

    def due_in(self) -> float:
        """Seconds until there is something to do."""
        if self._snapshots.running:
            return self._snapshots.wait()
        checkpoint = self._feed.checkpoint
        wanted = not checkpoint.loaded or checkpoint.snapshot is not None
        return 0.0 if wanted or self._new() or self._scheduled() else NEVER

    def step(self) -> None:
        """Begin what is wanted or due, and work off a chunk."""
        snapshots, feed = self._snapshots, self._feed
        if not snapshots.running:
            self._join()
        if not snapshots.running and not snapshots.resume():
            if not self._scheduled():
                return
            now = feed.now().astimezone(ZoneInfo(feed.settings.timezone))
            snapshots.begin(SNAPSHOT, f"{SCHEDULE} {now:%Y-%m-%dT%H:%M}")
        snapshots.step()
        if not snapshots.running and (alerts := feed.alert(_ALERT, "", {}, raised=False)):
            feed.publish(Batch(alerts=alerts))

    def _new(self) -> list[Hint]:
        """Hints that stand nowhere in a source that is loaded, and for whose sake no snapshot was wanted yet."""
        if not self._feed.checkpoint.loaded:
            return []
        return [hint for hint in self._hints if hint.name not in self._joined and not self._stands(hint)]

    def keeps(self, hint: Hint) -> bool:
        """Whether a hint must not be polled yet: it would have its place, and nobody would know that it was new."""
        return self._feed.checkpoint.snapshot is None and hint in self._new()

    def _stands(self, hint: Hint) -> bool:
        return self._feed.cursor(hint.name).cursor is not None

    def _join(self) -> None:
        """Want a snapshot for the sake of hints that are new, or have another name, and give them a place to poll from.

        Nobody knows what they would have told while nothing followed them. The place comes first: what is committed
        after it is theirs, and what was committed before is in the snapshot.
        """
        feed = self._feed
        if new := self._new():
            if feed.checkpoint.snapshot is None:
                names = ", ".join(hint.name for hint in new)
                wanted = SnapshotProgress(f"{NEW_HINTS} {names}", ACCEPTED, feed.now(), 0, 0)
                feed.publish(Batch(checkpoint=replace(feed.checkpoint, snapshot=wanted)))
            self._joined.update(hint.name for hint in new)
        if feed.checkpoint.loaded and feed.checkpoint.snapshot is not None:
            for hint in self._hints:
                if not self._stands(hint):
                    self._place(hint)

    def _place(self, hint: Hint) -> None:
        try:
            start = hint.begin()
        except Halted as fault:  # polling says so, too; it does not keep the others' snapshot
            _log.warning("hint.has_no_place", source=self._feed.name, hint=hint.name, message=fault.message)
            return
        self._feed.publish(Batch(checkpoint=self._feed.placed(start)))

    def failed(self, fault: OperationalError, failures: int) -> bool:
        """A step failed, so many times in a row without a finished pass. Says so; whether the pass is given up."""
        feed, wanted = self._feed, self._feed.checkpoint.snapshot
        feed.metrics.count(Count.SNAPSHOT_RESTARTS, source=feed.name)
        _log.warning("snapshot.failed", source=feed.name, message=fault.message, failures=failures)
        batch = Batch()
        if failures >= _ALERT_AFTER or isinstance(fault, Halted):
            said = fault.message
            batch = Batch(alerts=feed.alert(_ALERT, said.code, said.parameters, raised=True, restate=False))
        given_up = failures >= MOST_FAILURES and feed.checkpoint.loaded
        if wanted is not None:
            phase = "refused" if given_up else "restarting"
            batch = replace(batch, notifications=[feed.notify(wanted.signal_id, phase, reason=str(fault.message))])
        if given_up:
            self._given_up_at = feed.guessed_now()
            batch = replace(batch, checkpoint=replace(feed.checkpoint, snapshot=None))
        feed.publish(batch)
        return given_up

    def _scheduled(self) -> bool:
        feed, now = self._feed, self._feed.guessed_now()
        if now is None or not self._caught_up() or not self._snapshots.scheduled(now):
            return False
        # The time of the day for which one was given up has gone by.
        settings = feed.settings
        return is_due(settings.snapshot_at, ZoneInfo(settings.timezone), self._given_up_at, now)
