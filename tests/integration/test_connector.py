"""The connector between the real driver, the Oracle stand-in and a real broker."""

from __future__ import annotations

import pytest

from connector.runtime.kafka.errors import TopicFault
from connector.runtime.kafka.group import CONNECTOR_GROUP
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.settings import KafkaSettings
from connector.runtime.telemetry import TraceContext
from schemas.records import CohortChanged, MembershipChanged
from tests.integration.connector_world import Database, World, settings_for, settle, turn


def test_a_committed_row_becomes_a_membership(world: World, database: Database) -> None:
    """Loaded rows and live ones are published with their cohorts, each once, under growing revisions."""
    database.enrol((1, "s1", "G1"), (2, "s2", "G1"))
    # Polling, which begins with the load, would see them first.
    database.run("update enrolments set updated_at = updated_at - interval '1' hour")
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        database.enrol((3, "s3", "G2"))
        turn(connector, until=lambda: world.members() == {"G1": {"s1", "s2"}, "G2": {"s3"}})
        settle(connector, 3.0)

    records = world.published()
    members = [record for record in records if isinstance(record, MembershipChanged)]
    assert ["first_load", "first_load"] == [record.cause for record in members if record.cohort == "G1"]
    assert [("G2", "present", "enrolled")] == world.records_of("s3")
    assert [r.revision for r in records] == list(range(1, len(records) + 1))
    assert {"G1", "G2"} == {r.cohort for r in records if isinstance(r, CohortChanged)}


def test_a_transaction_that_commits_late_is_not_lost(world: World, database: Database) -> None:
    """A real open transaction: stamped, then a poll, then the commit."""
    database.enrol((1, "s1", "G"))
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        slow = database.connect()
        cursor = slow.cursor()
        cursor.execute("insert into enrolments values (2, 's2', 'G', 'Group', 'E', systimestamp)")
        database.enrol((3, "s3", "G"))
        turn(connector, until=lambda: world.members()["G"] == {"s1", "s3"})
        settle(connector, 6.0)
        slow.commit()
        slow.close()
        turn(connector, until=lambda: world.members()["G"] == {"s1", "s2", "s3"})


def test_a_move_a_withdrawal_and_a_delete(world: World, database: Database) -> None:
    """The move adds first; the withdrawal is at once; the delete takes a second look."""
    database.enrol((1, "s1", "A"), (2, "s2", "A"), (3, "s3", "A"), (4, "s4", "A"))
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        database.run("update enrolments set grp = 'B', updated_at = systimestamp where id = 1")
        database.run("update enrolments set status = 'X', updated_at = systimestamp where id = 2")
        database.run("delete from enrolments where id = 3")
        world.signal("look", students=("s3",))
        turn(connector, until=lambda: world.members() == {"A": {"s4"}, "B": {"s1"}})

    assert [("B", "present", "enrolled"), ("A", "absent", "row_moved")] == world.records_of("s1")[1:]
    assert ("A", "absent", "row_inactive") == world.records_of("s2")[-1]
    assert ("A", "absent", "deleted") == world.records_of("s3")[-1]


def test_padded_students_are_found_after_a_restart(world: World, database: Database) -> None:
    """Under which values a key is found stands in the topic: the state was thrown away in between."""
    database.run("create table c (id number, student char(8), grp varchar2(20), at_ date)")
    database.run("insert into c values (1, 'a1', 'G', sysdate)")
    database.run("insert into c values (2, 'A2', 'G', sysdate)")
    changes = {"membership": {"table": "c", "student": "{STUDENT|trim|upper}"}, "cohort": {"idnumber": "{GRP}"}}
    settings = settings_for(database.dsn, hints=[{"cursor": "at_"}], **changes)
    with world.connector("first", apogee=settings) as connector:
        settle(connector)
    with world.connector("second", apogee=settings) as connector:
        asked = world.signal("look", students=("A1", "A2"))
        turn(connector, until=lambda: bool(world.notifications(asked)))
        settle(connector, 3.0)

    assert {"G": {"A1", "A2"}} == world.members()
    assert {"published": 0, "students": 2, "suspected": 0} == world.notifications(asked)[0].counts


def test_a_second_connector_stands_by_and_takes_over(world: World, database: Database) -> None:
    """One works; when it leaves, the other goes on from the same state; nothing is published twice."""
    database.enrol((1, "s1", "G"))
    settings = settings_for(database.dsn)
    with world.connector("one", apogee=settings) as one:
        settle(one)
        with world.connector("two", apogee=settings) as two:
            database.enrol((2, "s2", "G"))
            turn(one, two, until=lambda: world.members() == {"G": {"s1", "s2"}})
            assert (True, False) == (one.active, two.active)
            one.close()
            database.enrol((3, "s3", "G"))
            turn(two, until=lambda: world.members() == {"G": {"s1", "s2", "s3"}})
            settle(two, 3.0)

    assert [1, 2, 3, 4] == [record.revision for record in world.published()]


def test_a_zombie_is_fenced_and_stands_by(world: World, database: Database) -> None:
    """Somebody else writes under the same transactional id: the connector notices at its next commit, and begins anew
    from the topic.
    """
    database.enrol((1, "s1", "G"))
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        TransactionalProducer(world.connection, CONNECTOR_GROUP).initialise()
        database.enrol((2, "s2", "G"))
        turn(connector, until=lambda: not connector.active)
        turn(connector, until=lambda: world.members() == {"G": {"s1", "s2"}})
        settle(connector, 1.0)

    assert [1, 2, 3] == [record.revision for record in world.published()]


def test_a_state_file_spares_reading_the_topic(world: World, database: Database) -> None:
    """After a restart the tail is read, not the whole; after losing the file, the whole, to the same state."""
    database.enrol(*((n, f"s{n}", "G") for n in range(50)))
    settings = settings_for(database.dsn)
    with world.connector(apogee=settings) as connector:
        settle(connector)
    # What the first one has written itself is read once more; from then on positions stand behind it.
    with world.connector(apogee=settings) as connector:
        settle(connector)
        positions = connector.state.positions(world.topics.memberships)
    with world.connector("elsewhere", apogee=settings) as other:
        settle(other)
        assert (50, 51) == (other.state.memberships, other.state.highest_revision)

    assert 51 <= sum(positions.values())
    assert 51 == len(world.published())


def test_poison_in_the_topics_does_not_stop_the_connector(world: World, database: Database) -> None:
    """Bytes that are no record are skipped and told, in each topic that is read."""
    producer = TransactionalProducer(world.connection, "vandal")
    producer.initialise()
    with producer.transaction() as transaction:
        for topic in (world.topics.memberships, world.topics.checkpoints, world.topics.signals, world.topics.alerts):
            transaction.put(topic, b"\xff", b"poison")
            transaction.put(topic, b"[]", b"\xc3\x01 too short")
    database.enrol((1, "s1", "G"))
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        turn(connector, until=lambda: connector.quiet)
        count = connector.state.memberships

    assert 1 == count


def test_a_topic_with_other_partitions_is_refused(world: World, database: Database) -> None:
    """Keys would move away from their history."""
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
    fewer = world.connection.settings.model_copy(update={"partitions": 3})
    assert isinstance(fewer, KafkaSettings)
    again = World.__new__(World)
    again.__dict__.update(world.__dict__, connection=type(world.connection)(fewer))
    with again.connector(apogee=settings_for(database.dsn)) as connector, pytest.raises(TopicFault, match="CS2026"):
        turn(connector, until=lambda: False)


# The driver leaves the sockets of cut sessions to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_outage_of_the_database_is_survived(world: World, database: Database) -> None:
    """The listener goes and all sessions are cut; what commits meanwhile is published afterwards."""
    database.enrol((1, "s1", "G"))
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        standin = database.standin
        standin.stop_listener()
        standin.kill_sessions()
        turn(connector, until=lambda: "apogee" in connector.problems)
        standin.start_listener()
        database.connection = database.connect()
        database.enrol((2, "s2", "G"))
        turn(connector, until=lambda: world.members() == {"G": {"s1", "s2"}})
        turn(connector, until=lambda: not connector.problems)


def test_a_live_record_carries_its_trace(world: World, database: Database) -> None:
    """In the header of the record as it stands in the topic."""
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        database.enrol((1, "s1", "G"))
        turn(connector, until=lambda: bool(world.members()))

    spans = {span.context.trace_id for span in world.tracer.named("change published")}
    found = [TraceContext.from_headers(m.headers.items()) for m in world.messages(world.topics.memberships, 4)]
    assert {context.trace_id for context in found if context is not None} == spans
    assert 2 == len(spans)


def test_two_sources_share_a_membership(world: World, database: Database) -> None:
    """It stays while one of them has it."""
    database.run("create table other as select * from enrolments")
    database.enrol((1, "s1", "G"), (2, "s2", "G"))
    database.run("insert into other select * from enrolments")
    second = settings_for(database.dsn, membership={"table": "other", "student": "{STUDENT}"})
    with world.connector(apogee=settings_for(database.dsn), banner=second) as connector:
        settle(connector)
        database.run("update enrolments set status = 'X', updated_at = systimestamp where id = 1")
        turn(connector, until=lambda: world.records_of("s1")[-1][2] == "row_inactive")

    last = [r for r in world.published() if isinstance(r, MembershipChanged) and r.student == "s1"][-1]
    assert (("banner",), "present") == (last.sources, last.state.value)


def test_a_group_that_is_renamed_is_followed_by_a_hint_of_its_own(world: World, database: Database) -> None:
    """No enrolment row is touched: the hint names the cohort, and its members are read."""
    database.run("create table groups (code varchar2(20), label varchar2(40), changed date)")
    database.run("insert into groups values ('G', 'Old', sysdate - 1)")
    database.enrol((1, "s1", "G"), (2, "s2", "G"))
    query = "select e.id, e.student, g.code, g.label, e.updated_at from enrolments e join groups g on g.code = e.grp"
    settings = settings_for(
        database.dsn,
        membership={"query": query, "student": "{STUDENT}"},
        cohort={"idnumber": "{CODE}", "name": "{LABEL}"},
        hints=[
            {"cursor": "UPDATED_AT", "overlap": "10s"},
            {"query": "select code, changed from groups", "cursor": "CHANGED", "by_cohort": True, "overlap": "10s"},
        ],
    )

    def name() -> str:
        return [record.name for record in world.published() if isinstance(record, CohortChanged)][-1]

    with world.connector(apogee=settings) as connector:
        settle(connector)
        assert "Old" == name()
        database.run("update groups set label = 'New', changed = sysdate")
        turn(connector, until=lambda: name() == "New")
