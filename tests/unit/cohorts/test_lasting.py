"""What is committed as worked off while rechecks wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consumers.cohorts.ledger import Ledger, Outgoing
from consumers.cohorts.store import Store
from schemas.records import PartitionMarker
from tests.unit.cohorts.values import MINUTE, NOW

MARKER = PartitionMarker(0, "topic", 50, 9, 20, "f", NOW)


@dataclass
class PositionLog:
    """Remembers positions and markers."""

    positions: list[dict[int, int]] = field(default_factory=list)
    markers: list[PartitionMarker] = field(default_factory=list)

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        self.positions.append(dict(positions))
        self.markers += [one.record for one in records if isinstance(one.record, PartitionMarker)]
        return True


def opened(start: int | None = None) -> tuple[Ledger, PositionLog]:
    log = PositionLog()
    ledger = Ledger(log, 1, lambda _: None)
    ledger.open(Store(None, "x"), MARKER, start)
    return ledger, log


def test_a_replay_moves_the_groups_offset_only_as_far_as_it_was_worked_off() -> None:
    """The marker stays where it is meanwhile."""
    ledger, log = opened(start=3)
    hold = ledger.records(0).hold(4)
    ledger.records(0).read_to(30)
    ledger.commit(NOW)
    hold.release()
    ledger.commit(NOW + MINUTE)

    assert [{0: 4}, {0: 30}] == log.positions
    assert {50} == {marker.next_offset for marker in log.markers}


def test_live_records_are_taken_in_while_the_groups_offset_waits() -> None:
    """The marker moves on, so that they are not taken in twice."""
    ledger, log = opened()
    ledger.records(0).hold(50)
    ledger.records(0).read_to(60)
    ledger.advance(0, next_offset=60)
    ledger.commit(NOW)

    assert ([{0: 50}], [60]) == (log.positions, [marker.next_offset for marker in log.markers])


def test_a_command_is_read_again_until_it_is_worked_off() -> None:
    """The marker's offset of the commands stays before it; others behind it have been followed meanwhile."""
    ledger, log = opened()
    hold = ledger.commands(0).hold(20)
    ledger.commands(0).read_to(23)
    waiting = ledger.dirty
    hold.release()
    done = ledger.dirty
    ledger.commit(NOW)

    assert (waiting, done, ledger.dirty) == (False, True, False)
    assert [23] == [marker.commands_offset for marker in log.markers]


def test_what_is_worked_off_is_committed_even_if_nothing_else_changed() -> None:
    """A recheck that found everything right leaves no other trace."""
    ledger, log = opened(start=10)
    hold = ledger.records(0).hold(10)
    ledger.records(0).read_to(50)
    before = ledger.dirty
    hold.release()

    assert (before, ledger.dirty) == (False, True)
    ledger.commit(NOW)
    assert [{0: 50}] == log.positions
