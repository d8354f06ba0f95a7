"""The rows of a snapshot, whole students at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from connector.source.mapping import Row, value_of

CHUNK_ROWS = 2000


class Disorder(Exception):
    """The rows are not in the order that was asked for."""

    def __init__(self, row: int) -> None:
        """``row`` counts from 0."""
        super().__init__(f"row {row}")
        self.row = row


def chunks(batches: Iterable[Sequence[Row]], column: str, least: int = CHUNK_ROWS) -> Iterator[list[Row]]:
    """Pieces of at least so many rows, but for the last one, that do not part the rows of one value of ``column``.
    Nothing for each empty batch: its rows have not come yet.

    Raises:
        Disorder: the values do not rise by their bytes. Rows without one are anywhere.
    """
    chunk: list[Row] = []
    last: object = None
    count = 0
    for batch in batches:
        if not batch:
            yield []
        for row in batch:
            raw = row[column]
            if raw != last:
                if len(chunk) >= least:
                    yield chunk
                    chunk = []
                if raw is not None:
                    if last is not None and not _rises(last, raw):
                        raise Disorder(count)
                    last = raw
            chunk.append(row)
            count += 1
    if chunk:
        yield chunk


def _rises(before: object, after: object) -> bool:
    """Whether the student column's values come in the order that was asked for, each value once."""
    if isinstance(before, int | float | Decimal) and isinstance(after, int | float | Decimal):
        return before < after
    return value_of(before).encode() < value_of(after).encode()
