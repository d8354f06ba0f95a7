"""A query's rows, read from DuckDB as the client fetches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import duckdb

from tests.standins.oracle.errors import engine_error

if TYPE_CHECKING:
    from collections.abc import Mapping

CHUNK = 2048  # rows taken from DuckDB at a time: its vector size


class Rows:
    """An iterator over rows on a DuckDB connection of its own, closed after the last one.

    DuckDB keeps the snapshot for as long as rows are left, so that what others write in the
    meantime is not seen: Oracle's read consistency of an open cursor.
    """

    def __init__(self, root: duckdb.DuckDBPyConnection, registry: set[Rows]) -> None:
        self._duck: duckdb.DuckDBPyConnection | None = root.cursor()
        self._registry = registry
        self._chunk: list[tuple[Any, ...]] = []
        self._next = 0
        registry.add(self)

    def start(self, sql: str, params: Mapping[str, Any]) -> None:
        """Run the query and read the first rows, so that most errors come at once."""
        assert self._duck
        try:
            self._duck.execute(sql, params)
        except duckdb.Error as error:
            self.close()
            raise engine_error(error, sql) from error
        self._read()

    def _read(self) -> None:
        if self._duck is None:
            self._chunk = []
            return
        try:
            self._chunk, self._next = self._duck.fetchmany(CHUNK), 0
        except duckdb.Error as error:
            self.close()
            raise engine_error(error) from error
        if len(self._chunk) < CHUNK:
            self.close()

    def interrupt(self) -> None:
        if self._duck is not None:
            self._duck.interrupt()

    def close(self) -> None:
        if self._duck is not None:
            duck, self._duck = self._duck, None
            duck.close()
        self._registry.discard(self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Any, ...]:
        if self._next >= len(self._chunk):
            self._read()
            if not self._chunk:
                raise StopIteration
        self._next += 1
        return self._chunk[self._next - 1]
