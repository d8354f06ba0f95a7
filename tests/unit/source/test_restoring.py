"""The state from the topics, record by record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import Message
from connector.runtime.kafka.topics import Topics
from connector.source import restoring
from connector.source.restoring import Restorer
from connector.source.state import State
from connector.source.store import open_store
from schemas.keys import encode_key
from schemas.records import Checkpoint, CohortChanged, CohortState, MembershipChanged, Presence
from tests.unit.source.world import CODEC, HandClock

TOPICS = Topics()
NOW = datetime(2026, 9, 1, tzinfo=UTC)
MEMBER = CODEC.encode("", MembershipChanged("A", "s1", Presence.PRESENT, ("one",), "enrolled", 1, "one", NOW, "f"))


class ListTail:
    """Messages of one topic from a list."""

    def __init__(self, _connection: object, topic: str, starts: dict[int, int]) -> None:
        self.positions, self._topic = dict(starts), topic
        self.pending: list[Message] = []
        self.closings = 0

    def poll(self, _limit: int = 0, _timeout: float = 0.0) -> list[Message]:
        found, self.pending = self.pending, []
        self.positions[0] = max(0, self.positions[0])  # as when a client tells of a partition's end
        for one in found:
            self.positions[one.partition] = one.next_offset
        return found

    def ends(self) -> dict[int, int]:
        return {0: len(self.pending)}

    def close(self) -> None:
        self.closings += 1

    def bring(self, key: bytes | None, value: bytes | None) -> None:
        self.pending.append(Message(self._topic, 0, len(self.pending), key, value))


@pytest.fixture
def tails(monkeypatch: pytest.MonkeyPatch) -> dict[str, ListTail]:
    """The tails that a restorer opens, by topic."""
    made: dict[str, ListTail] = {}

    def make(connection: object, topic: str, starts: dict[int, int]) -> Any:
        made[topic] = ListTail(connection, topic, starts)
        return made[topic]

    monkeypatch.setattr(restoring, "Tail", make)
    return made


def restorer(state: State) -> Restorer:
    return Restorer(cast("Connection", None), TOPICS, 1, CODEC, state, HandClock())


@pytest.mark.parametrize(
    ("topic", "key"), [(TOPICS.memberships, ("A", "s2")), (TOPICS.checkpoints, ("suspects", "one", "s2"))]
)
def test_a_record_of_ours_that_cannot_be_read_halts(
    tails: dict[str, ListTail], topic: str, key: tuple[str, ...]
) -> None:
    """It is not passed by: the next start meets it again, wherever the state was kept."""
    state = State(open_store(None, "test"))
    reader = restorer(state)
    tails[topic].bring(encode_key("A", "s1"), MEMBER)
    tails[topic].bring(encode_key(*key), MEMBER[:-3])

    with pytest.raises(Halted, match="CS2028") as halted:
        reader.follow()

    assert (topic, "1") == (halted.value.message.parameters["topic"], halted.value.message.parameters["offset"])
    assert 0 == state.memberships
    assert {} == state.positions(topic)


def test_what_is_nobodys_record_is_left_out(tails: dict[str, ListTail]) -> None:
    """A key that no release writes, a record that belongs elsewhere, and another role's alert of a later release."""
    state = State(open_store(None, "test"))
    reader = restorer(state)
    tails[TOPICS.memberships].bring(b"\xff", b"junk")
    tails[TOPICS.memberships].bring(b"[]", b"junk")
    tails[TOPICS.memberships].bring(encode_key("A", "s1"), MEMBER)
    tails[TOPICS.alerts].bring(encode_key("consumer/x"), b"junk")

    assert 4 == reader.follow()
    assert 1 == state.memberships
    assert {0: 3} == state.positions(TOPICS.memberships)


def test_tombstones_of_memberships_are_those_of_released_cohorts(tails: dict[str, ListTail]) -> None:
    """A cohort may be called as a kind of records is; a key that names nothing is passed over."""
    state = State(open_store(None, "test"))
    reader = restorer(state)
    checkpoint = Checkpoint("one", loaded=True, hints=(), fingerprint="f")
    gone = CohortChanged("checkpoint", "c", CohortState.VANISHED, NOW, NOW, 2, "vanished", "one", "f")
    member = MembershipChanged("checkpoint", "one", Presence.PRESENT, ("one",), "enrolled", 3, "one", NOW, "f")
    tails[TOPICS.checkpoints].bring(encode_key("checkpoint", "one"), CODEC.encode("", checkpoint))
    tails[TOPICS.memberships].bring(encode_key("A", "s1"), MEMBER)
    tails[TOPICS.memberships].bring(encode_key("checkpoint", "one"), CODEC.encode("", member))
    tails[TOPICS.memberships].bring(encode_key("checkpoint", None), CODEC.encode("", gone))
    reader.follow()
    assert 2 == state.memberships

    for key in (("checkpoint", "one"), ("checkpoint", None), ("A", "s1"), ("values", "one", "s1"), ("publisher",)):
        tails[TOPICS.memberships].bring(encode_key(*key), None)
    reader.follow()

    assert 1 == state.memberships
    assert {} == state.cohort_records(["checkpoint"])
    assert checkpoint == state.checkpoint("one")


def test_a_complete_state_reads_no_more(tails: dict[str, ListTail]) -> None:
    """A client that nobody reads would fetch what this process writes from then on, until its queue is full."""
    state = State(open_store(None, "test"))
    reader = restorer(state)
    tails[TOPICS.memberships].bring(encode_key("A", "s1"), MEMBER)
    reader.complete()

    assert 1 == state.memberships
    assert [1, 1, 1] == [tail.closings for tail in tails.values()]
    reader.close()
    assert [1, 1, 1] == [tail.closings for tail in tails.values()]


def test_a_stand_by_that_ends_closes_its_tails(tails: dict[str, ListTail]) -> None:
    """And one that could not be completed, those that are left."""
    reader = restorer(State(open_store(None, "test")))
    reader.close()

    assert [1, 1, 1] == [tail.closings for tail in tails.values()]
