"""Reading ahead in a thread: it never waits, keeps few batches, ends when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from connector.source.oracle.ahead import Ahead
from tests.demo.waiting import wait_until

WAITING = 30.0


class Rows:
    """What the thread reads; each batch waits for a permit."""

    def __init__(self, batches: int, error: Exception | None = None) -> None:
        self.permits = threading.Semaphore(0)
        self.given = 0
        self.cancelled, self.closed = threading.Event(), threading.Event()
        self.seconds = 0.0
        self._batches, self._error = batches, error

    def __call__(self) -> Iterator[list[int]]:
        try:
            for number in range(self._batches):
                self.permits.acquire()
                if self.cancelled.is_set():
                    raise RuntimeError("cancelled")
                self.seconds += 1.0
                self.given += 1
                yield [number]
            if self._error is not None:
                raise self._error
        finally:
            self.closed.set()

    def cancel(self) -> None:
        self.cancelled.set()
        self.permits.release()

    def reading(self, share: float = 1.0) -> closing[Ahead[int]]:
        return closing(Ahead(self, self.cancel, lambda: self.seconds, share))


def taken(reading: Ahead[int], batches: int) -> list[int]:
    """The next batches, as they come."""
    found: list[int] = []

    def enough() -> bool:
        found.extend(next(reading))
        return len(found) >= batches

    wait_until(enough, "so many batches")
    return found


def test_what_has_not_come_yet_is_an_empty_batch() -> None:
    """Then everything in order, and an end."""
    rows = Rows(3)
    with rows.reading() as reading:
        assert [[], []] == [next(reading), next(reading)]
        rows.permits.release(3)
        assert [0, 1, 2] == taken(reading, 3)
        with pytest.raises(StopIteration):
            wait_until(lambda: next(reading), "the next batch")
    assert rows.closed.is_set()


def test_only_a_few_batches_are_kept() -> None:
    """A reader that is slow holds the database up, and not the memory."""
    rows = Rows(100)
    with rows.reading() as reading:
        rows.permits.release(100)
        wait_until(lambda: rows.given == 9, "eight batches ahead")
        threading.Event().wait(0.1)
        assert 9 == rows.given
        assert list(range(100)) == taken(reading, 100)


def test_an_error_comes_after_what_was_read_before() -> None:
    """As it was raised."""
    rows = Rows(1, ValueError("gone"))
    with rows.reading() as reading:
        rows.permits.release(1)
        assert [0] == taken(reading, 1)
        with pytest.raises(ValueError, match="gone"):
            wait_until(lambda: next(reading), "the next batch")
        with pytest.raises(StopIteration):
            next(reading)


def test_closing_ends_a_call_that_waits() -> None:
    """It is cancelled, and what was read is closed."""
    rows = Rows(3)
    with rows.reading() as reading:
        assert [] == next(reading)
    assert rows.cancelled.is_set()
    assert rows.closed.wait(WAITING)


def test_closing_does_not_wait_for_a_database_that_hangs() -> None:
    """The thread is left behind."""
    rows = Rows(3)
    reading = Ahead(rows, lambda: None, lambda: 0.0, 1.0)
    reading.close()
    assert not rows.closed.is_set()
    rows.cancel()
    assert rows.closed.wait(WAITING)


def test_closing_ends_a_thread_that_waits_for_room() -> None:
    """Nobody will take its batches."""
    rows = Rows(100)
    with rows.reading():
        rows.permits.release(100)
        wait_until(lambda: rows.given == 9, "eight batches ahead")
    assert rows.closed.is_set()


def test_a_share_is_kept_by_resting() -> None:
    """A second inside the database and a share of a ten-thousandth: hours of rest, which closing ends."""
    rows = Rows(3)
    with rows.reading(share=0.0001) as reading:
        rows.permits.release(3)
        assert [0, 1] == taken(reading, 2)
        threading.Event().wait(0.1)
        assert [] == next(reading)
        assert 2 == rows.given
    assert rows.closed.is_set()
