"""The consumer between the real broker and Moodle over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector.runtime.errors import Halted
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.telemetry import Count, Histogram
from schemas.keys import encode_key, partition_of
from schemas.records import (
    AlertState,
    CohortEntry,
    Command,
    DeadLetter,
    EntryStatus,
    PartitionMarker,
    Presence,
)
from tests.integration.cohort_world import World, reset_offsets, run_until, running_moodle
from tests.standins.kafka import Kafka

ABSENT = Presence.ABSENT


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def command(world: World, **more: Any) -> None:
    """Write a command as the reconciler or an operator does."""
    now = datetime.now(UTC)
    plain: dict[str, Any] = {
        "id": uuid4().hex,
        "kind": "recheck",
        "author": "ana",
        "issued_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    record = Command(**(plain | more))
    topic, partition = world.topics.commands, partition_of(record.cohort, world.connection.settings.partitions)
    world.producer.produce(topic, world.codec.encode(topic, record), encode_key(record.cohort), partition)
    world.producer.flush(10)


def test_one_record_becomes_one_membership(world: World) -> None:
    """A cohort and a membership on the topic become a cohort and a member in Moodle, and the ledger says so."""
    world.publish(world.cohort("A"), world.says("A", world.student(1)))

    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1)} and consumer.idle)

    entry = world.ledger()["A", world.student(1)]
    assert (Presence.PRESENT, world.user(1), True) == (entry.applied, entry.user_id, entry.owned)


def test_a_move_adds_before_it_removes(world: World) -> None:
    """The student is never in neither cohort, though the cohorts lie in different partitions."""
    world.publish(world.cohort("A"), world.cohort("B"), world.says("A", world.student(1)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: bool(world.members("A")))
        world.publish(world.says("A", world.student(1), ABSENT, siblings=("B",)))
        for _ in range(40):
            consumer.run_once()
        stayed = world.members("A") == {world.user(1)}
        world.publish(world.says("B", world.student(1)))
        run_until(consumer, lambda: not world.members("A") and consumer.idle)

    assert (stayed, world.members("B"), world.removed_without_cause()) == (True, {world.user(1)}, 0)


def test_foreign_members_stay_and_only_members_are_removed(world: World) -> None:
    """Whom no record named is not touched; whom Moodle no longer shows is not removed again."""
    world.adopted_long_since()
    world.moodle.site.add_cohort("A", members=[world.user(9), world.user(2)])
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in (1, 2, 3)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 4 and consumer.idle)
        world.moodle.site.take_members("A", [world.user(1)])
        world.publish(*(world.says("A", world.student(n), ABSENT) for n in (1, 2)))
        run_until(consumer, lambda: world.members("A") == {world.user(3), world.user(9)} and consumer.idle)

    assert world.removed_without_cause() == 0
    intents = [entry for entry in world.journal() if entry.kind == "intent"]
    assert [world.student(2)] == [intent.student for intent in intents if intent.action == "remove"]


def test_idnumbers_that_changed_places_take_nobody_out(world: World) -> None:
    """The account that carries a wanted student's key by now stays, though the one who leaves was added as it; the list of
    accounts was read before and is not to be trusted for this. When that student leaves too, both accounts are out.
    """
    one, other = world.student(1), world.student(2)
    world.publish(world.cohort("A"), world.says("A", one), world.says("A", other))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1), world.user(2)} and consumer.idle)
        world.moodle.site.update_user(world.user(1), idnumber=other)
        world.moodle.site.update_user(world.user(2), idnumber=one)
        world.publish(world.says("A", one, ABSENT))
        run_until(consumer, lambda: any(note.kind == "outcome" and note.action == "remove" for note in world.journal()))
        stayed = world.members("A")
        world.publish(world.says("A", other, ABSENT))
        run_until(consumer, lambda: not world.members("A") and consumer.idle)

    assert stayed == {world.user(1), world.user(2)}
    assert ["kept_for_another_key"] == [
        note.reason for note in world.journal() if note.answer == "already" and note.reason
    ]
    assert world.removed_without_cause() == 0


def test_removals_past_the_limit_are_held_until_a_person_lets_them_pass(world: World) -> None:
    """Additions go on, an alert is raised, and an approval releases exactly what it names."""
    students = [world.student(n) for n in (1, 2, 3)]
    world.publish(world.cohort("A"), *(world.says("A", student) for student in students))
    with world.consumer(allowances=[], breaker={"partition_share": 0, "partition_least": 1}) as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 3)
        leaving = [world.says("A", student, ABSENT) for student in students]
        world.publish(*leaving, world.says("A", world.student(4)))
        run_until(consumer, lambda: world.members("A") == {world.user(n) for n in (2, 3, 4)} and consumer.idle)
        held = {key for key, entry in world.ledger().items() if entry.status is EntryStatus.HELD}
        command(world, kind="approve", cohort="A", student=students[1], revision=leaving[1].revision, hash="h")
        command(world, kind="approve", cohort="A", student=students[2], revision=leaving[0].revision, hash="h")
        run_until(consumer, lambda: world.members("A") == {world.user(3), world.user(4)} and consumer.idle)
        run_until(consumer, lambda: bool(world.alerts()))

    assert held == {("A", students[1]), ("A", students[2])}
    kinds = [entry.kind for entry in world.journal() if entry.author == "ana"]
    assert kinds == ["approval", "command_refused"]


def test_a_student_without_account_is_parked_and_applied_when_it_appears(world: World) -> None:
    """The reason stands in the ledger; nobody has to do anything when the account comes."""
    world.publish(world.cohort("A"), world.says("A", "P9999999"))
    with world.consumer() as consumer:
        run_until(consumer, lambda: any(e.status is EntryStatus.PARKED for e in world.ledger().values()))
        user = world.moodle.site.add_user("late", idnumber="P9999999")
        run_until(consumer, lambda: world.members("A") == {user.id})

    assert world.metrics.total(Count.PARKED_TOTAL, reason="student_without_account") == 1


def test_a_missing_category_parks_the_cohort_until_it_is_made(world: World) -> None:
    """The cohort is not made elsewhere; its memberships wait with it."""
    world.publish(world.cohort("A", category="NEW"), world.says("A", world.student(1)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: any(e.status is EntryStatus.PARKED for e in world.ledger().values()))
        nowhere = world.members("A")
        world.moodle.site.add_category("NEW")
        run_until(consumer, lambda: world.members("A") == {world.user(1)})

    site = world.moodle.site
    assert (nowhere, site.contexts.named("category:NEW").id) == (set(), site.cohort_named("A").contextid)


def test_a_colliding_cohort_waits_by_name(world: World) -> None:
    """What Moodle's database may hold equal to another is not made; the other goes on."""
    world.publish(world.cohort("A"), world.cohort("a", colliding_with="A"))
    world.publish(world.says("A", world.student(1)), world.says("a", world.student(2)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1)} and consumer.idle)

    cohorts = [entry for entry in world.records(world.topics.ledger) if isinstance(entry, CohortEntry)]
    assert "cohort_colliding" == [entry.reason for entry in cohorts if entry.cohort == "a"][-1]
    assert world.ledger()["a", world.student(2)].reason == "cohort_colliding"


def test_poison_goes_to_the_dead_letters_and_the_rest_goes_on(world: World) -> None:
    """Bytes, stage and reason are kept; the records behind it are applied."""
    partition = partition_of("A", world.connection.settings.partitions)
    world.publish(world.cohort("A"))
    world.producer.produce(world.topics.memberships, b"\x00poison", b"\xff", partition, headers=[("h", b"1")])
    world.publish(world.says("A", world.student(1)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1)} and consumer.idle)

    (letter,) = [record for record in world.records(world.topics.deadletters) if isinstance(record, DeadLetter)]
    assert (b"\x00poison", b"\xff", "key", b"1") == (letter.value, letter.key, letter.stage, letter.headers["h"])
    assert world.metrics.total(Count.DEAD_LETTERS, stage="key") == 1


def test_too_much_poison_stops_the_intake(world: World) -> None:
    """Then the fault is probably ours: the backlog stays on the topic, and an alert says so."""
    partition = partition_of("A", world.connection.settings.partitions)
    for _ in range(6):
        world.producer.produce(world.topics.memberships, b"poison", b"\xff", partition)
    world.producer.flush(10)
    with world.consumer(dead_letter_limit=5) as consumer:
        run_until(consumer, lambda: bool(world.alerts()))
        world.publish(world.cohort("A"))
        for _ in range(30):
            consumer.run_once()

    (alert,) = world.alerts()
    assert (alert.code, world.moodle.site.tables.cohorts_named("A")) == ("CS5005", [])


def test_offsets_reset_to_the_beginning_write_nothing_when_moodle_is_right(world: World, kafka: Kafka) -> None:
    """And repair when it is not; reset to the end they lose nothing."""
    world.publish(*(world.cohort(name) for name in "ABC"))
    world.publish(*(world.says(name, world.student(n)) for name in "ABC" for n in range(1, 30)))
    site = world.moodle.site
    with world.consumer() as consumer:
        run_until(consumer, lambda: site.totals["added"] == 87 and consumer.idle)
    reset_offsets(world, kafka, "--to-earliest")
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.metrics.total(Count.RECHECKS, outcome="agreed") >= 87)
        run_until(consumer, lambda: consumer.idle)
        written = site.totals["added"]
    site.take_members("B", [world.user(5)])
    world.publish(world.says("C", world.student(77)))
    reset_offsets(world, kafka, "--to-earliest")
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.user(5) in world.members("B") and world.user(77) in world.members("C"))
    world.publish(world.says("C", world.student(78)))
    reset_offsets(world, kafka, "--to-latest")
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.user(78) in world.members("C"))

    assert (written, site.totals["removed"]) == (87, 0)


def test_two_consumers_share_the_work_and_take_over(world: World) -> None:
    """Each owns some partitions; when one leaves, the other has all and goes on, with nothing doubled or lost. What waits
    at both is one number in one alert.
    """
    names = [f"C{n}" for n in range(12)]

    def parked() -> str | None:
        alert = world.raised().get("moodle.parked.student_without_account")
        return None if alert is None else alert.parameters["count"]

    world.publish(*(world.cohort(name) for name in names))
    with world.consumer() as one:
        run_until(one, lambda: len(one.owned) == 4)
        with world.consumer() as other:
            run_until([one, other], lambda: len(one.owned) == len(other.owned) == 2)
            world.publish(*(world.says(name, world.student(n)) for name in names for n in range(1, 5)))
            world.publish(*(world.says(name, "P9999999") for name in names))
            run_until([one, other], lambda: world.moodle.site.totals["added"] == 48 and parked() == "12")
        run_until(one, lambda: len(one.owned) == 4)
        world.publish(*(world.says(name, world.student(9)) for name in names))
        run_until(one, lambda: all(world.user(9) in world.members(name) for name in names) and one.idle)

    assert (12, 60) == (world.moodle.site.totals["cohorts_written"], world.moodle.site.totals["added"])
    assert parked() == "12"
    markers = [record for record in world.records(world.topics.ledger) if isinstance(record, PartitionMarker)]
    assert all({m.partition: m.clean for m in markers}.values())


def test_an_outage_pauses_and_goes_on_by_itself(world: World) -> None:
    """Nothing is lost or dead-lettered; the alert is raised and cleared."""
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: bool(world.members("A")))
        world.moodle.stop()
        world.publish(world.says("A", world.student(2)))
        run_until(consumer, lambda: bool(world.alerts()))
        world.moodle.start()
        run_until(consumer, lambda: world.user(2) in world.members("A") and consumer.idle)
        run_until(consumer, lambda: world.alerts()[-1].state is AlertState.CLEARED)

    assert ({"CS5004"}, AlertState.RAISED) == ({alert.code for alert in world.alerts()}, world.alerts()[0].state)
    assert world.records(world.topics.deadletters) == []


def test_a_revoked_token_dead_letters_nothing(world: World) -> None:
    """A fault of everything is not the record's; it goes on when the token is accepted again."""
    world.publish(world.cohort("A"))
    with world.consumer() as consumer:
        run_until(consumer, lambda: consumer.idle and bool(world.moodle.site.tables.cohorts_named("A")))
        world.moodle.site.revoke_token("connector")
        world.publish(world.says("A", world.student(1)))
        run_until(consumer, lambda: bool(world.alerts()))
        world.moodle.site.restore_token("connector")
        run_until(consumer, lambda: world.members("A") == {world.user(1)}, 90)

    assert world.records(world.topics.deadletters) == []


def test_a_live_change_is_one_trace_that_ends_in_its_call(world: World) -> None:
    """The call's span is a child of the context in the record's headers; freshness counts from the row's change."""
    trace, span = "1" * 32, "2" * 16
    world.publish(world.cohort("A"))
    with world.consumer() as consumer:
        run_until(consumer, lambda: consumer.idle and bool(world.moodle.site.tables.cohorts_named("A")))
        changed = world.says("A", world.student(1), changed_at=datetime.now(UTC))
        world.publish(changed, headers={"traceparent": f"00-{trace}-{span}-01".encode()})
        run_until(consumer, lambda: bool(world.members("A")) and consumer.idle)

    calls = [one for one in world.tracer.spans if one.name == "moodle add members"]
    assert [(trace, span)] == [(c.context.trace_id, c.parent.span_id) for c in calls if c.parent is not None]
    assert len(world.metrics.values(Histogram.FRESHNESS, op="added")) == 1
    assert not any(world.student(1) in str(one) for one in world.tracer.spans)


def test_a_consumer_that_was_given_up_is_followed_by_another(world: World) -> None:
    """What it had taken in but not applied is applied by the next one, and removals wait for its open calls."""
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in range(1, 40)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(consumer.owned) == 4)
        consumer.run_once()
        consumer.abandon()
    world.publish(world.says("A", world.student(1), ABSENT), world.says("A", world.student(50)))
    with world.consumer(moodle_settle="4s") as consumer:
        run_until(consumer, lambda: world.user(50) in world.members("A") and consumer.idle)
        run_until(consumer, lambda: world.user(1) not in world.members("A") and consumer.idle)

    assert {world.user(n) for n in (*range(2, 40), 50)} == world.members("A")
    assert (1, 0) == (world.moodle.site.totals["cohorts_written"], world.removed_without_cause())


def test_another_topic_is_refused(world: World) -> None:
    """A ledger that speaks of a topic that was deleted and made anew stops the consumer, which says so."""
    world.publish(world.cohort("A"))
    with world.consumer() as consumer:
        run_until(consumer, lambda: consumer.idle and bool(world.moodle.site.tables.cohorts_named("A")))
    admin = world.connection.admin()
    admin.delete_topics([world.topics.memberships])[world.topics.memberships].result()
    while world.topics.memberships in topics.partition_counts(world.connection):
        pass
    topics.ensure(world.connection, world.topics.source_side())

    with world.consumer() as consumer, pytest.raises(Halted, match="CS5006"):
        run_until(consumer, lambda: False)
