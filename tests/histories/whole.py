"""The whole poller in place of its parts: ``Worker``, the state in SQLite, the publisher, and a log that restarts read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import Pseudonym
from connector.source import snapshotting
from connector.source.agreement import Agreement
from connector.source.feed import Feed
from connector.source.publisher import Batch, Publisher
from connector.source.signals_topic import SignalsTopic
from connector.source.state import State
from connector.source.store import open_store
from connector.source.working import Worker
from schemas.keys import decode_key
from schemas.records import Checkpoint, CohortChanged, MembershipChanged, Presence, Signal, Suspects
from tests.histories.history import History, Outcome, outcome_of
from tests.histories.process import SILENT, Books, Hands, Running
from tests.histories.reader import Reader
from tests.histories.shapes import SECOND, SOURCE
from tests.histories.table import Table
from tests.unit.source.world import CODEC, MemoryLog

_TOPICS = Topics()
_SIGNALS = "signals"


class Archive:
    """The log of one source, and what it says. Survives restarts."""

    def __init__(
        self,
        before: Callable[[], None],
        tell: Callable[[MembershipChanged], None],
        check: Callable[[Checkpoint], None],
        forget: Callable[[str, Collection[str]], None],
    ) -> None:
        """``before`` is called when a batch is about to be written, and may raise; then nothing of it counts."""
        self._before, self._tell, self._check, self._forget = before, tell, check, forget
        self.log = MemoryLog()
        self.signals: list[Signal] = []
        self.suspects: dict[str, Suspects] = {}
        self.cohort: dict[str, CohortChanged] = {}
        self._pairs: set[tuple[str, str]] = set()

    def pairs(self) -> set[tuple[str, str]]:
        """The memberships that the topic says are present."""
        return self._pairs

    def restored(self) -> State:
        """What a process that has just started knows."""
        state = State(open_store(None, "test"))
        with state.writing():
            for written in self.log.records:
                if written.topic in (_TOPICS.memberships, _TOPICS.checkpoints, _TOPICS.alerts):
                    record = None if written.value is None else CODEC.decode(written.value)
                    state.apply(decode_key(written.key), record)
        return state

    def announce(self, batch: Batch) -> None:
        """A batch is about to be written."""
        self._before()
        for change in batch.changes:
            if isinstance(change, MembershipChanged):
                self._tell(change)
        if batch.checkpoint is not None:
            self._check(batch.checkpoint)

    def take(self, batch: Batch) -> None:
        """It is written."""
        for change in batch.changes:
            if isinstance(change, CohortChanged):
                self.cohort[change.cohort] = change
            else:
                pair = (change.student, change.cohort)
                (self._pairs.add if change.state is Presence.PRESENT else self._pairs.discard)(pair)
        for entry in batch.suspects:
            if entry.missing:
                self.suspects[entry.student] = entry
            else:
                self.suspects.pop(entry.student, None)

    def let_go(self, cohort: str, students: Collection[str]) -> None:
        """A cohort is about to be released."""
        self._before()
        self._forget(cohort, students)

    def dropped(self, cohort: str, students: Collection[str]) -> None:
        """It is."""
        self._pairs -= {(student, cohort) for student in students}
        self.cohort.pop(cohort, None)


class _Publisher(Publisher):
    """The real one, which the archive listens to."""

    archive: Archive

    def publish(self, batch: Batch) -> None:
        self.archive.announce(batch)
        super().publish(batch)
        self.archive.take(batch)

    def release(self, cohort: str, students: Sequence[str]) -> None:
        self.archive.let_go(cohort, students)
        super().release(cohort, students)
        self.archive.dropped(cohort, students)


class WholeProcess:
    """From a start to a crash or a restart. What it knows comes from the log."""

    def __init__(
        self, table: Table, reader: Reader, archive: Archive, rate: float, taking: Callable[[bool], None]
    ) -> None:
        """``taking`` is told when a step of a snapshot begins and ends."""
        shape, state, clock = table.shape, archive.restored(), Hands(table, rate)
        pseudonym = Pseudonym(b"k" * 32)
        publisher = _Publisher(archive.log, CODEC, _TOPICS, 4, state, clock, SILENT, SILENT, pseudonym)
        publisher.archive = archive
        self.feed = Feed(SOURCE, shape.settings, shape.mark, reader, state, publisher, clock, SILENT, SILENT)
        self._archive = archive
        self._worker = Worker(self.feed, SignalsTopic(_SIGNALS, len(archive.signals)))
        for offset, signal in enumerate(archive.signals):
            self._worker.hand(offset, signal)
        step = self._worker.snapshots.step

        def taken() -> None:
            taking(True)
            try:
                step()
            finally:
                taking(False)

        self._worker.snapshots.step = taken  # type: ignore[method-assign]

    def turn(self) -> None:
        """A step of all that is due."""
        self._worker.step()

    def snapshot(self) -> None:
        """Somebody asks for a snapshot; it is taken in the next turns."""
        offset = len(self._archive.signals)
        self._archive.signals.append(Signal(f"asked{offset}", "snapshot", "test", self.feed.clock.now(), source=SOURCE))
        self._worker.hand(offset, self._archive.signals[-1])

    @property
    def resting(self) -> bool:
        """Whether there is nothing to do for now."""
        return self._worker.quiet and self._worker.wait() > 0.0

    @property
    def pause(self) -> float:
        """Seconds until something is to be done."""
        return self._worker.wait()


class WholeHistory(History):
    """A history through the whole poller. Only in a process in which no other sort was lived through."""

    def _opened(self) -> Books:
        assert snapshotting.Agreement is Agreement  # type: ignore[attr-defined]
        self._archive = Archive(self.reader.struck, self._tell, self._check, self._forget)
        self.late = 3 * SECOND  # it asks every second whether a second look is due
        return self._archive

    def _started(self) -> Running:
        return WholeProcess(self.table, self.reader, self._archive, self.script.rate, self._taking)

    def _load(self) -> None:
        """The poller does it, in its first turns."""


def live_whole(seed: int, *, trace: bool = False) -> Outcome:
    """Live through the history of a seed, and say what came of it."""
    return outcome_of(WholeHistory(seed, [] if trace else None))
