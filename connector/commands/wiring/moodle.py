"""One Moodle, ready to be used: client, reader, writer, directory, after the preflight has passed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.telemetry import Count, Histogram, Labelled, Log, Metrics
from consumers.cohorts.settings import SinkSettings
from consumers.moodle.answers import Call
from consumers.moodle.client import MoodleClient
from consumers.moodle.directory import Directory, open_directory
from consumers.moodle.finders import Together
from consumers.moodle.observing import CallFinished
from consumers.moodle.preflight import WRITES, Preflight, home_of, preflight
from consumers.moodle.reading import MoodleReader
from consumers.moodle.values import User
from consumers.moodle.writing import MoodleWriter

ValueMaps = Mapping[str, Mapping[str, str]]


class CallMetrics:
    """Counts and times calls; a ``CallObserver``. ``on_call`` hears of each that has ended."""

    def __init__(self, metrics: Metrics, sink: str, on_call: Callable[[], None] = lambda: None) -> None:
        self._metrics, self._on_call = Labelled(metrics, sink=sink), on_call

    def started(self, call: Call) -> Callable[[CallFinished], None]:
        def finished(how: CallFinished) -> None:
            self._on_call()
            self._metrics.count(Count.MOODLE_CALLS, function=call.function, outcome=how.outcome)
            self._metrics.observe(Histogram.MOODLE_CALL_DURATION, how.seconds, function=call.function)
            if call.writes:
                self._metrics.observe(Histogram.MOODLE_CALL_ROWS, call.rows, function=call.function)

        return finished


@dataclass(frozen=True)
class OpenMoodle:
    """A site whose preflight has passed."""

    found: Preflight
    reader: MoodleReader
    writer: MoodleWriter
    directory: Directory


@contextmanager
def open_moodle(
    sink: str,
    settings: SinkSettings,
    maps: ValueMaps,
    clock: Clock,
    metrics: Metrics,
    functions: Collection[str] = WRITES,
    on_call: Callable[[], None] = lambda: None,
) -> Iterator[OpenMoodle]:
    """The site of a sink, within the block. ``on_call`` is called after each call, in the thread that made it.

    Raises:
        Unavailable: Moodle does not answer.
        Halted: something must be put right first; above all, a token that could delete cohorts is refused.
    """
    observer = CallMetrics(metrics, sink, on_call)
    client = MoodleClient(settings.moodle, clock, observer=observer)
    try:
        found = preflight(client, settings.moodle, settings.students, functions)
        _refuse(found, sink)
        reader = MoodleReader(client, home=home_of(settings.moodle), max_input_vars=found.max_input_vars)
        path = settings.state_directory / f"{sink}.directory.sqlite"
        # A write that is sent again must first be allowed again, so its repetition is the consumer's business.
        once = settings.moodle.model_copy(
            update={"retries": settings.moodle.retries.model_copy(update={"attempts": 1})}
        )
        writing = MoodleClient(once, clock, observer=observer)
        with closing(writing), ThreadPoolExecutor(settings.calls_at_once, thread_name_prefix="directory") as threads:

            def together(tasks: Sequence[Callable[[], list[User]]]) -> list[list[User]]:
                return list(threads.map(_call, tasks))

            directory = _open_directory(settings, maps, reader, clock, found, path, together)
            try:
                yield OpenMoodle(found, reader, MoodleWriter(writing, clock), directory)
            finally:
                directory.close()
    finally:
        client.close()


@contextmanager
def open_reader(settings: SinkSettings, clock: Clock) -> Iterator[MoodleReader]:
    """The reading half alone, without a preflight: for a look that must also work where much is out of order."""
    with closing(MoodleClient(settings.moodle, clock)) as client:
        yield MoodleReader(client, home=home_of(settings.moodle))


def _call(task: Callable[[], list[User]]) -> list[User]:
    return task()


def _refuse(found: Preflight, sink: str) -> None:
    if found.unavailable is not None:
        raise found.unavailable
    log = Log("moodle")
    for finding in found.findings:
        say = log.error if finding.message in found.faults else log.warning
        say("preflight", sink=sink, finding=finding.message)
    if found.faults:
        raise Halted(found.faults[0])


def _open_directory(
    settings: SinkSettings,
    maps: ValueMaps,
    reader: MoodleReader,
    clock: Clock,
    found: Preflight,
    path: Path,
    together: Together,
) -> Directory:
    path.parent.mkdir(parents=True, exist_ok=True)
    return open_directory(
        settings.students,
        maps,
        reader,
        clock,
        site_url=settings.moodle.url,
        path=path,
        resets_filters=found.resets_filters,
        together=together,
    )
