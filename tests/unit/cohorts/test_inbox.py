"""The inbox over a group in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from connector.runtime.kafka.topics import Topics
from consumers.cohorts import inbox
from consumers.cohorts.ledger import Ledger, Outgoing
from consumers.cohorts.store import Store
from schemas.records import PartitionMarker
from tests.unit.cohorts.values import NOW


class _Group:
    """Assigns partitions within a poll, and only those that it has assigned can be paused, as with the client; it forgets
    no pause when a partition goes, either.
    """

    at_end: frozenset[int] = frozenset()

    def __init__(self, _connection: object, _topic: str, _group: str, share: Any) -> None:
        self._share = share
        self.to_come: list[int] = []
        self.fetched: dict[int, bool] = {}

    def poll(self, _limit: int, _timeout: float) -> list[Any]:
        if self.to_come:
            starts = self._share.start_of(dict.fromkeys(self.to_come))
            self.fetched |= {partition: self.fetched.get(partition, True) for partition in starts}
            self.to_come = []
        return []

    def pause(self, partitions: Iterable[int]) -> None:
        self._set(partitions, fetched=False)

    def resume(self, partitions: Iterable[int]) -> None:
        self._set(partitions, fetched=True)

    def _set(self, partitions: Iterable[int], *, fetched: bool) -> None:
        for partition in partitions:
            assert partition in self.fetched, "not assigned"
            self.fetched[partition] = fetched


class _Tail:
    def __init__(self, _connection: object, _topic: str, _starts: object) -> None:
        self.watched: dict[int, int] = {}

    def watch(self, partition: int, offset: int) -> None:
        self.watched[partition] = offset

    def forget(self, partition: int) -> None:
        del self.watched[partition]

    def poll(self, _limit: int) -> list[Any]:
        return []


class _Log:
    def commit(self, _records: Iterable[Outgoing], _positions: Mapping[int, int]) -> bool:
        return True


class _Share:
    def __init__(self, take: Callable[[int], None]) -> None:
        self._take = take

    def start_of(self, committed: Mapping[int, int | None]) -> Mapping[int, int]:
        for partition in committed:
            self._take(partition)
        return dict.fromkeys(committed, 0)

    def release(self, _partitions: frozenset[int]) -> None: ...

    def lose(self, _partitions: frozenset[int]) -> None: ...


def test_a_partition_that_was_lost_on_hold_is_fetched_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hold has ended meanwhile, for those that were left."""
    monkeypatch.setattr(inbox, "GroupConsumer", _Group)
    monkeypatch.setattr(inbox, "Tail", _Tail)
    ledger = Ledger(_Log(), 4, lambda _entry: None)

    def take(partition: int) -> None:
        ledger.open(Store(None, "test"), PartitionMarker(partition, "topic", 0, 0, 0, "", NOW))

    box: Any = inbox.KafkaInbox(None, Topics("p", "moodle"), "group", _Share(take), ledger)  # type: ignore[arg-type]
    box.group.to_come = [0, 1]
    box.poll(10, 0.0)
    box.hold(on=True)
    box.gone(frozenset({0}), in_order=False)
    ledger.drop([0])
    box.hold(on=False)
    box.group.to_come = [0]
    box.poll(10, 0.0)

    assert {0: True, 1: True} == box.group.fetched
    ledger.drop({0, 1})


def test_partitions_that_come_while_on_hold_are_on_hold_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are fetched when the hold ends, as those that come later are from the beginning."""
    monkeypatch.setattr(inbox, "GroupConsumer", _Group)
    monkeypatch.setattr(inbox, "Tail", _Tail)
    ledger = Ledger(_Log(), 4, lambda _entry: None)

    def take(partition: int) -> None:
        ledger.open(Store(None, "test"), PartitionMarker(partition, "topic", 0, 0, 0, "", NOW))

    box: Any = inbox.KafkaInbox(None, Topics("p", "moodle"), "group", _Share(take), ledger)  # type: ignore[arg-type]
    for partition, on in enumerate([False, True]):
        box.hold(on=on)
        box.group.to_come = [partition]
        box.poll(10, 0.0)
    on_hold = dict(box.group.fetched)
    box.hold(on=False)
    box.group.to_come = [2]
    box.poll(10, 0.0)

    assert on_hold == {0: False, 1: False}
    assert box.group.fetched == {0: True, 1: True, 2: True}
    ledger.drop({0, 1, 2})
