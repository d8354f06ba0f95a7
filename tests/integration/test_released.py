"""Vanished cohorts over the real broker: listed, exported, released, and not brought back by files that were lost."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.commands import vanished
from connector.commands.main import make_parser
from connector.runtime.clock import SystemClock
from connector.runtime.kafka.connection import Connection
from connector.runtime.lifecycle import ExitCode
from consumers.cohorts.building import CohortConsumer
from consumers.reconciler.drift import Comparison
from consumers.reconciler.journal import History
from consumers.reconciler.report import Report
from schemas.keys import decode_key, encode_key, partition_of
from schemas.records import CohortChanged, CohortEntry, CohortState, LedgerEntry, Presence
from tests.integration import connector_world
from tests.integration.cohort_world import World, run_until, running_moodle
from tests.integration.connector_world import Database, settings_for, turn
from tests.standins.oracle import OracleStandin

LAST_SEEN = datetime(2025, 1, 2, tzinfo=UTC)


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path / "state")


@pytest.fixture
def source(world: World, tmp_path: Path) -> Iterator[connector_world.World]:
    """The connector's side of the same broker."""
    made = connector_world.World(world.connection, tmp_path)
    yield made
    made.close()


@pytest.fixture
def listed(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[], tuple[list[dict[str, object]], list[dict[str, str]]]]:
    """Run the command as the program does: its JSON, and its CSV."""

    def run() -> tuple[list[dict[str, object]], list[dict[str, str]]]:
        capsys.readouterr()
        file = tmp_path / "vanished.csv"
        arguments = make_parser().parse_args(["vanished", "--json", "--csv", str(file)])
        assert vanished.run(arguments, world.settings()) == ExitCode.OK
        with file.open(encoding="utf-8", newline="") as written:
            return json.loads(capsys.readouterr().out), list(csv.DictReader(written))

    return run


def tombstones(world: World, cohort: str, *students: str | None) -> None:
    """What the connector writes."""
    partition = partition_of(cohort, world.connection.settings.partitions)
    for student in students:
        world.producer.produce(world.topics.memberships, None, encode_key(cohort, student), partition)
    world.producer.flush(10)


def known(consumer: CohortConsumer, cohort: str) -> tuple[CohortEntry | None, list[LedgerEntry]]:
    ledger = consumer._desk.ledger
    return ledger.cohort(cohort), list(ledger.entries_of(cohort))


def is_vanished(consumer: CohortConsumer, cohort: str) -> bool:
    place, _ = known(consumer, cohort)
    return place is not None and place.state is CohortState.VANISHED


def test_a_released_cohort_is_gone_from_the_list_and_stays_in_moodle(
    world: World, listed: Callable[[], tuple[list[dict[str, object]], list[dict[str, str]]]]
) -> None:
    """Also for a consumer that has lost its files, and reads the ledger with its tombstones."""
    students = [world.student(number) for number in range(1, 4)]
    members = {world.user(number) for number in range(1, 4)}
    world.publish(world.cohort("A"), world.cohort("B"), *(world.says("A", student) for student in students))
    world.publish(world.says("B", students[0]))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == members and consumer.idle)
        world.publish(world.cohort("A", state=CohortState.VANISHED, last_seen=LAST_SEEN, cause="vanished"))
        run_until(consumer, lambda: is_vanished(consumer, "A"))
        run_until(consumer, lambda: consumer.idle)
    plain, rows = listed()
    assert [("A", 3, LAST_SEEN.isoformat())] == [(one["cohort"], one["members"], one["last_seen"]) for one in plain]
    assert [("A", "3")] == [(row["cohort"], row["members"]) for row in rows]

    with world.consumer() as consumer:
        run_until(consumer, lambda: is_vanished(consumer, "A"))
        tombstones(world, "A", None, *students)
        run_until(consumer, lambda: not known(consumer, "A")[1])
        run_until(consumer, lambda: consumer.idle)
    shutil.rmtree(world.directory)
    with world.consumer() as consumer:
        run_until(consumer, lambda: bool(known(consumer, "B")[1]) and known(consumer, "A")[0] is not None)
        place, entries = known(consumer, "A")

    assert place is not None
    assert (place.moodle_id, place.forgotten, entries) == (None, place.revision, [])
    assert world.members("A") == members
    assert ([], []) == listed()
    assert not world.records(world.topics.deadletters)
    forgotten = [entry for entry in world.journal() if entry.kind == "forgotten"]
    assert [("A", "3")] == [(entry.cohort, entry.details["members"]) for entry in forgotten]


def test_a_cohort_is_released_from_end_to_end_and_comes_back_as_a_new_one(
    world: World, standin: OracleStandin, database: Database, source: connector_world.World
) -> None:
    """Its rows go, a snapshot a day later releases it, and Moodle is not written to. When rows are back it is found in
    Moodle: who is in it is added where they are missing, and who had left meanwhile stays.
    """
    students = [world.student(number) for number in range(1, 4)]
    members = {world.user(number) for number in range(1, 4)}
    database.enrol(*((number, student, "A") for number, student in enumerate(students)), (9, students[0], "B"))

    def published(cohort: str) -> CohortChanged | None:
        said = [one for one in source.published() if one.cohort == cohort and isinstance(one, CohortChanged)]
        return said[-1] if said else None

    def said_to_be(state: CohortState) -> bool:
        record = published("A")
        return record is not None and record.state is state

    def changes() -> dict[str, int]:
        return {
            name: count for name, count in world.moodle.site.log.counts.items() if name != "webservice_function_called"
        }

    def counts(signal: str) -> dict[str, int]:
        return next((dict(n.counts) for n in source.notifications(signal) if n.phase == "finished"), {})

    with (
        source.connector(apogee=settings_for(database.dsn, vanished_after="1d")) as connector,
        world.consumer() as consumer,
    ):
        turn(connector, until=lambda: said_to_be(CohortState.PRESENT) and connector.quiet)
        run_until(consumer, lambda: world.members("A") == members and consumer.idle)
        place, _ = known(consumer, "A")
        database.run("delete from enrolments where grp = 'A'")
        soon = source.signal("snapshot")
        turn(connector, until=lambda: said_to_be(CohortState.VANISHED))
        run_until(consumer, lambda: is_vanished(consumer, "A"))
        assert "released" not in counts(soon)
        written = changes()
        standin.clock.advance(timedelta(days=1, minutes=1))
        late = source.signal("snapshot")
        turn(connector, until=lambda: bool(counts(late)))
        run_until(consumer, lambda: not known(consumer, "A")[1])
        run_until(consumer, lambda: consumer.idle)
        taken_back = [
            decode_key(m.key or b"") for m in source.messages(source.topics.memberships, 4) if m.value is None
        ]
        assert [("A", None), *(("A", student) for student in students)] == taken_back
        assert 1 == counts(late)["released"]
        assert written == changes()
        database.enrol((20, students[0], "A"), (21, world.student(9), "A"))
        turn(connector, until=lambda: said_to_be(CohortState.PRESENT) and connector.quiet)
        run_until(consumer, lambda: world.user(9) in world.members("A") and consumer.idle)
        back, entries = known(consumer, "A")

    assert place is not None
    assert back is not None
    assert (back.moodle_id, back.state) == (place.moodle_id, CohortState.PRESENT)
    assert {students[0], world.student(9)} == {entry.student for entry in entries}
    assert world.members("A") == members | {world.user(9)}
    assert world.removed_without_cause() == 0
    assert not world.records(world.topics.deadletters)
    assert ["A"] == [entry.cohort for entry in world.journal() if entry.kind == "forgotten"]


def test_runs_are_kept_in_the_journal_and_found_again(world: World) -> None:
    """Among what consumers write there, the latest last; a consumer that takes over reads on past them."""
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 1 and consumer.idle)
    history = History(world.connection, world.topics.journal, world.codec, SystemClock(), "tests")
    assert [] == history.last(30)
    began = datetime.now(UTC).replace(microsecond=0)
    for number in range(3):
        compared = Comparison(cohorts=1, agreed=number)
        history.keep(Report(began, began + timedelta(minutes=number), {}, compared, None))

    assert [1, 2] == [run.counts["agreed"] for run in history.last(2)]
    shutil.rmtree(world.directory)
    world.publish(world.says("A", world.student(1), Presence.ABSENT))
    with world.consumer() as consumer:
        run_until(consumer, lambda: not world.members("A"))
