"""Our Kafka plumbing against a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.kafka import codecs, group, topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import BrokerUnavailable, Fenced, KafkaFault, TopicFault
from connector.runtime.kafka.group import Elector, GroupConsumer
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up, read_to_end
from connector.runtime.kafka.settings import KafkaSettings
from connector.runtime.kafka.topics import Topics
from schemas.codec import SingleObjectCodec, definition, schema_fingerprint

CLOCK = SystemClock()


def names(connection: Connection) -> Topics:
    made = Topics(connection.settings.topic_prefix)
    topics.ensure(connection, made.source_side() + made.sink_side())
    return made


def all_of(connection: Connection, topic: str, partitions: int = 4) -> list[Message]:
    starts = dict.fromkeys(range(partitions), BEGINNING)
    return [message for batch in read_to_end(connection, topic, starts, CLOCK) for message in batch]


def until(reached: Callable[[], bool]) -> None:
    """Wait, half a minute at most, which only a failure takes."""
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline, "did not happen within 30 s"


def test_a_transaction_is_all_or_nothing(connection: Connection) -> None:
    """Records of a block that raised are never seen; those of a finished one all are."""
    topic = names(connection).memberships
    producer = TransactionalProducer(connection, "one")
    producer.initialise()
    with pytest.raises(ZeroDivisionError), producer.transaction() as transaction:
        transaction.put(topic, b"lost", b"1", 1)
        raise ZeroDivisionError
    with producer.transaction() as transaction:
        transaction.put(topic, b"a", b"1", 0, {"traceparent": b"x"})
        transaction.put(topic, b"b", None, 3)

    found = all_of(connection, topic)

    assert {(0, b"a", b"1"), (3, b"b", None)} == {(m.partition, m.key, m.value) for m in found}
    assert next(m.headers for m in found if m.key == b"a") == {"traceparent": b"x"}


def test_the_second_producer_of_an_id_fences_the_first(connection: Connection) -> None:
    """A zombie's transaction does not count, and it is told so."""
    topic = names(connection).memberships
    zombie = TransactionalProducer(connection, "same")
    zombie.initialise()
    TransactionalProducer(connection, "same").initialise()

    with pytest.raises(Fenced), zombie.transaction() as transaction:
        transaction.put(topic, b"zombie", b"1")

    assert all_of(connection, topic) == []


def test_reading_to_the_end_waits_for_what_a_predecessor_may_still_commit(connection: Connection) -> None:
    """The end is that of uncommitted records: a restored state is never older than a commit that came in between."""
    topic = names(connection).checkpoints
    predecessor = TransactionalProducer(connection, "dying")
    predecessor.initialise()
    tail = Tail(connection, topic, {0: BEGINNING})
    with predecessor.transaction() as transaction:
        transaction.put(topic, b"k", b"committed after the reader began")
        transaction._producer.flush()
        reading = catch_up(tail, CLOCK)
        assert tail.ends()[0] == 1
        assert tail.poll(10, 0.5) == []
    found = [message.value for batch in reading for message in batch]
    tail.close()

    assert found == [b"committed after the reader began"]


def test_one_is_elected_and_the_other_takes_over(connection: Connection) -> None:
    """Two processes never work at once; when the first leaves, the second is elected."""
    topic = names(connection).signals
    first = Elector(connection, topic, "connector")
    until(lambda: first.poll(0.1))
    second = Elector(connection, topic, "connector")
    for _ in range(20):
        assert not (first.poll(0.1) and second.poll(0.1))
    if first.poll():
        first.close()
        until(lambda: second.poll(0.1))
        second.close()
    else:
        until(lambda: second.poll(0.1))
        second.close()
        until(lambda: first.poll(0.1))
        first.close()


class Worker:
    """Begins every partition at its committed offset."""

    def __init__(self) -> None:
        self.owned: set[int] = set()
        self.released: set[int] = set()

    def start_of(self, committed: Mapping[int, int | None]) -> Mapping[int, int]:
        self.owned |= set(committed)
        return {partition: offset or 0 for partition, offset in committed.items()}

    def release(self, partitions: frozenset[int]) -> None:
        self.owned -= partitions
        self.released |= partitions

    def lose(self, partitions: frozenset[int]) -> None:
        self.owned -= partitions


def test_partitions_are_shared_and_handed_over_in_order(connection: Connection) -> None:
    """A second member gets some partitions after the first has released them; a leaving one gives all back."""
    topic = names(connection).memberships
    first, second = Worker(), Worker()
    one = GroupConsumer(connection, topic, "consumers", first)
    until(lambda: one.poll(10, 0.1) == [] and len(first.owned) == 4)
    two = GroupConsumer(connection, topic, "consumers", second)
    until(lambda: one.poll(10, 0.1) == [] and two.poll(10, 0.1) == [] and len(second.owned) == 2)
    assert first.owned | second.owned == {0, 1, 2, 3}
    assert not first.owned & second.owned
    assert second.owned <= first.released

    two.close()

    until(lambda: one.poll(10, 0.1) == [] and len(first.owned) == 4)
    one.close()


def test_a_member_knows_at_the_end_of_which_partitions_it_is(connection: Connection) -> None:
    """Also behind the marks of transactions. What is paused may have more; resumed or gone back, it is told anew."""
    made = names(connection)
    consumer = GroupConsumer(connection, made.memberships, "g", Worker())
    producer = TransactionalProducer(connection, "connector")
    producer.initialise()

    def put(partition: int) -> None:
        with producer.transaction() as transaction:
            transaction.put(made.memberships, b"k", b"v", partition)

    def brought() -> int:
        return len(consumer.poll(10, 0.1))

    until(lambda: not brought() and consumer.at_end == {0, 1, 2, 3})
    put(1)
    until(lambda: brought() == 1)
    until(lambda: not brought() and consumer.at_end == {0, 1, 2, 3})
    consumer.pause([1, 2])
    put(1)
    assert [brought() for _ in range(10)] == [0] * 10
    assert consumer.at_end == {0, 3}
    consumer.resume([1, 2])
    assert consumer.at_end == {0, 3}
    until(lambda: brought() == 1)
    until(lambda: not brought() and consumer.at_end == {0, 1, 2, 3})
    consumer.seek(1, 0)
    assert consumer.at_end == {0, 2, 3}
    until(lambda: brought() == 2)
    until(lambda: not brought() and consumer.at_end == {0, 1, 2, 3})
    consumer.close()


def test_what_fails_while_partitions_are_taken_is_a_fault_of_ours(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client hands its own errors on from its callbacks in a form that nobody could catch."""
    made = names(connection)
    monkeypatch.setattr(group, "_COMMITTED_WITHIN_S", 0.0)
    consumer = GroupConsumer(connection, made.memberships, "g", Worker())

    with pytest.raises(BrokerUnavailable, match="committed offsets"):
        until(lambda: consumer.poll(10, 0.1) != [])

    consumer.close()


def test_of_what_was_given_away_no_end_is_known(connection: Connection) -> None:
    """The next owner may have brought more by the time that it comes back."""
    made = names(connection)
    first, second = Worker(), Worker()
    one = GroupConsumer(connection, made.memberships, "g", first)
    until(lambda: one.poll(10, 0.1) == [] and one.at_end == {0, 1, 2, 3})
    two = GroupConsumer(connection, made.memberships, "g", second)
    until(lambda: one.poll(10, 0.1) == [] and two.poll(10, 0.1) == [] and len(second.owned) == 2)

    assert one.at_end == first.owned

    two.close()
    one.close()


def test_offsets_of_a_transaction_need_the_group_s_generation(connection: Connection) -> None:
    """A consumer that the group has moved past cannot commit, so its ledger does not count either."""
    made = names(connection)
    worker = Worker()
    consumer = GroupConsumer(connection, made.memberships, "g", worker)
    until(lambda: consumer.poll(10, 0.1) == [] and len(worker.owned) == 4)
    producer = TransactionalProducer(connection, "consumer-1")
    producer.initialise()
    with producer.transaction() as transaction:
        transaction.put(made.ledger, b"k", b"v", 2)
        transaction.offsets([consumer.position(2, 7)], consumer.metadata)
    stale = consumer.metadata
    consumer.close()

    with pytest.raises(KafkaFault), producer.transaction() as transaction:
        transaction.put(made.ledger, b"k", b"stale", 2)
        transaction.offsets([consumer.position(2, 9)], stale)

    assert [m.value for m in all_of(connection, made.ledger)] == [b"v"]


def test_a_topic_with_other_partitions_is_refused(connection: Connection) -> None:
    """Keys would have moved away from their history; the message says what to do."""
    names(connection)
    other = Connection(connection.settings.model_copy(update={"partitions": 8}))

    with pytest.raises(TopicFault, match=r"has 4 partitions where the settings say 8.*Set kafka.partitions to 4"):
        topics.ensure(other, Topics(connection.settings.topic_prefix).source_side())


def test_missing_topics_are_named_when_they_may_not_be_made(connection: Connection) -> None:
    """The commands that make them come from the same catalogue."""
    other = Connection(connection.settings.model_copy(update={"create_topics": False}))
    wanted = Topics(connection.settings.topic_prefix)

    with pytest.raises(TopicFault, match=r"Missing on Kafka: .*enrollment\.memberships"):
        topics.ensure(other, wanted.source_side())

    commands = topics.creation_commands("kafka:9092", wanted.source_side(), 12, 3)
    assert any("enrollment.memberships --partitions 12 --replication-factor 3" in command for command in commands)


def test_a_topic_made_anew_has_another_id(connection: Connection) -> None:
    """So a marker of the old one is recognised as such."""
    made = names(connection)
    before = topics.topic_id(connection, made.signals)
    admin = connection.admin()
    admin.delete_topics([made.signals])[made.signals].result()
    until(lambda: made.signals not in topics.partition_counts(connection))
    topics.ensure(connection, made.source_side())

    assert before != topics.topic_id(connection, made.signals)


def test_an_unreachable_broker_is_named_as_such() -> None:
    """Not an endless wait, and not a foreign exception."""
    nowhere = Connection(KafkaSettings(bootstrap_servers="127.0.0.1:1", client={"log_level": 0}))

    with pytest.raises(BrokerUnavailable):
        TransactionalProducer(nowhere, "x").initialise(timeout=1.0)


def test_an_older_release_learns_a_newer_schema_from_its_topic(connection: Connection) -> None:
    """Without a registry, whoever writes publishes its schemas first."""
    made = names(connection)
    codecs.publish_schemas(connection, made.schemas)
    newer = SingleObjectCodec()._lookup
    assert newer(b"12345678") is None

    lookup = codecs._topic_lookup(connection, made.schemas, CLOCK)

    assert definition("Signal") == lookup(schema_fingerprint(definition("Signal")))
    assert lookup(b"12345678") is None
