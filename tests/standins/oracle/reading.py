"""A query's rows, read from DuckDB as the client fetches them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import duckdb

from tests.standins.oracle.errors import engine_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHUNK = 2048  # rows taken from DuckDB at a time: its vector size


class Rows:
    """Rows on a DuckDB connection of their own, closed after the last one.

    DuckDB keeps the snapshot for as long as rows are left, so that what others write in the
    meantime is not seen: Oracle's read consistency of an open cursor.
    """

    def __init__(self, root: duckdb.DuckDBPyConnection, registry: set[Rows]) -> None:
        self._duck: duckdb.DuckDBPyConnection | None = root.cursor()
        self._registry = registry
        registry.add(self)

    def start(self, sql: str, params: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Run the query and read the first rows, so that most errors come at once."""
        assert self._duck
        try:
            self._duck.execute(sql, params)
        except duckdb.Error as error:
            self.close()
            raise engine_error(error, sql) from error
        return chain.from_iterable(chain((self._read(),), self._more()))

    def _more(self) -> Iterator[list[tuple[Any, ...]]]:
        while self._duck is not None:
            yield self._read()

    def _read(self) -> list[tuple[Any, ...]]:
        assert self._duck
        try:
            chunk = self._duck.fetchmany(CHUNK)
        except duckdb.Error as error:
            self.close()
            raise engine_error(error) from error
        if len(chunk) < CHUNK:
            self.close()
        return chunk

    def interrupt(self) -> None:
        if self._duck is not None:
            self._duck.interrupt()

    def close(self) -> None:
        if self._duck is not None:
            duck, self._duck = self._duck, None
            duck.close()
        self._registry.discard(self)
