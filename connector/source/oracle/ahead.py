"""Reading ahead in a thread of its own, so that who wants the batches never waits for the database."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_DEPTH = 8
"""Batches that are kept ready: enough to keep both sides busy, few enough to cost no memory."""
_PARTING_S = 1.0


class Ahead(Generic[T]):
    """An iterator over what ``batches`` brings; an empty list says that nothing has come yet.

    ``cancel`` ends the call of the database that the thread may be waiting in. ``busy`` counts the seconds that the
    thread has spent inside it: after each batch the thread rests, so that they are no more than ``share`` of its time.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[list[T]]],
        cancel: Callable[[], None],
        busy: Callable[[], float],
        share: float,
    ) -> None:
        self._batches, self._cancel, self._busy, self._share = batches, cancel, busy, share
        self._ready: deque[list[T]] = deque()
        self._change = threading.Condition()
        self._stopped = self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="oracle-snapshot", daemon=True)
        self._thread.start()

    def __iter__(self) -> Ahead[T]:
        return self

    def __next__(self) -> list[T]:
        with self._change:
            if self._ready:
                self._change.notify_all()
                return self._ready.popleft()
            if not self._ended:
                return []
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """End it. A thread whose database does not even answer a cancellation is left behind; it ends with its call."""
        with self._change:
            self._stopped = True
            self._ready.clear()
            self._change.notify_all()
            if self._ended:
                return
        self._cancel()
        self._thread.join(_PARTING_S)

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001 - handed to who reads
            self._error = error
        finally:
            with self._change:
                self._ended = True

    def _read(self) -> None:
        batches = self._batches()
        try:
            spent = None
            for batch in batches:
                # The database's sorting, before the first batch, is paid for by no rest: nothing could be read meanwhile.
                rest = 0.0 if spent is None else (self._busy() - spent) * (1.0 / self._share - 1.0)
                spent = self._busy()
                with self._change:
                    self._change.wait_for(lambda: self._stopped or len(self._ready) < _DEPTH)
                    if self._stopped:
                        return
                    self._ready.append(batch)
                    if rest > 0.0:
                        self._change.wait_for(lambda: self._stopped, rest)
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()
