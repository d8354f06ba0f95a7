"""Two reconciliations at once exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from connector.runtime.errors import Busy, Unavailable
from connector.runtime.kafka.group import Member
from consumers.reconciler.exclusion import Turn, Worker, finished_at
from tests.unit.reconciler.test_run import Clock

SINCE = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
OURS = Worker("here.1", datetime(2026, 11, 23, tzinfo=UTC))
THEIRS = Worker("there.example.2", SINCE)


@dataclass
class Election:
    """Elects us after some polls, each of which takes its time."""

    clock: Clock
    after: float
    notes: list[str] = field(default_factory=list)
    closed: bool = False
    lost: bool = False

    def poll(self, timeout: float = 0.0) -> bool:
        self.clock.seconds += timeout
        return not self.lost and self.clock.seconds >= self.after

    def note(self, text: str) -> None:
        self.notes.append(text)

    def close(self) -> None:
        self.closed = True


def turn(clock: Clock, election: Election, *members: Member) -> Turn:
    def stand(client_id: str) -> Election:
        assert client_id == OURS.client_id
        return election

    def seen() -> Sequence[Member]:
        return (Member(OURS.client_id, elected=False), *members)

    return Turn("moodle", OURS, clock, stand, seen)


def test_who_is_alone_has_the_turn() -> None:
    """After the moment that a broker takes, until the end."""
    clock = Clock()
    election = Election(clock, 3.0)
    ours = turn(clock, election)
    ours.take()
    ours.keep()
    ours.finished()
    ours.close()

    assert ([finished_at(note) for note in election.notes], election.closed) == (
        [clock.now().replace(microsecond=0)],
        True,
    )


@pytest.mark.parametrize("elected", [True, False])
def test_a_second_one_is_told_who_is_at_work_and_since_when(*, elected: bool) -> None:
    """Also while the broker rearranges the group, and does not tell who is elected."""
    clock = Clock()
    with pytest.raises(Busy, match=r"CS7004 .*moodle.*there\.example\.2, since 2026-11-23 04:30:00 UTC"):
        turn(clock, Election(clock, 1e9), Member(THEIRS.client_id, elected=elected)).take()

    assert clock.seconds < 10


def test_the_elected_one_is_named_rather_than_another_who_waits() -> None:
    """Although the other may have come earlier."""
    clock = Clock()
    waits = Worker("waits.3", OURS.since)
    members = Member(waits.client_id, elected=False), Member(THEIRS.client_id, elected=True)
    with pytest.raises(Busy, match="there"):
        turn(clock, Election(clock, 1e9), *members).take()


def test_one_that_crashed_a_moment_ago_is_not_taken_for_one_at_work() -> None:
    """It is in the group until its session is over, and then we are elected."""
    clock = Clock()
    election = Election(clock, 8.0)
    turn(clock, election, Member(THEIRS.client_id, elected=True)).take()

    assert not election.closed


def test_a_group_that_elects_nobody_is_told() -> None:
    """Instead of waiting for ever."""
    clock = Clock()
    with pytest.raises(Unavailable, match=r"CS7003 .*election"):
        turn(clock, Election(clock, 1e9), Member("somebody's own client", elected=True)).take()


def test_a_lost_turn_ends_the_reconciliation() -> None:
    """Another one may have begun."""
    clock = Clock()
    election = Election(clock, 0.0)
    ours = turn(clock, election)
    ours.take()
    election.lost = True
    with pytest.raises(Unavailable, match="CS7005"):
        ours.keep()


def test_nothing_was_noted_yet() -> None:
    """The broker forgets notes after a week, too."""
    assert finished_at("") is None
