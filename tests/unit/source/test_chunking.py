"""A snapshot's rows, whole students at a time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.chunking import Disorder, chunks
from connector.source.mapping import Row


@given(
    sizes=st.lists(st.integers(1, 5), max_size=20),
    cuts=st.lists(st.integers(0, 7), min_size=1, max_size=30),
    least=st.integers(1, 8),
)
def test_pieces_hold_whole_students_and_all_rows_in_order(sizes: list[int], cuts: list[int], least: int) -> None:
    """However the rows came: nothing is lost, doubled or parted; each empty batch is one empty piece."""
    rows: list[Row] = [{"S": f"s{n:03}", "N": i} for n, size in enumerate(sizes) for i in range(size)]
    batches, left = [], list(rows)
    for cut in cuts:
        batches.append(left[:cut])
        left = left[cut:]
    batches.append(left)
    found = list(chunks(batches, "S", least))
    pieces = [piece for piece in found if piece]

    assert rows == [row for piece in pieces for row in piece]
    assert len(found) - len(pieces) == sum(not batch for batch in batches)
    assert all(len(piece) >= least for piece in pieces[:-1])
    ends = [{piece[0]["S"], piece[-1]["S"]} for piece in pieces]
    assert all(not ends[n] & ends[n + 1] for n in range(len(ends) - 1))


@pytest.mark.parametrize(
    ("values", "row"),
    [
        (["a", "b", "a"], 2),
        (["b", "B"], 1),
        (["a", "a", "ä", "z"], 3),
        ([Decimal(9), Decimal(10), 2], 2),
        (["a", None, "a"], None),
        ([2, Decimal(10), 10.5], None),
        ([None, None, "a"], None),
    ],
)
def test_values_that_do_not_rise_stop_it(values: list[object], row: int | None) -> None:
    """By their bytes, numbers by their size; the fault names the row. Rows without a value may be anywhere."""
    batches = [[{"S": value} for value in values]]
    if row is None:
        assert len(values) == sum(len(piece) for piece in chunks(batches, "S", 1))
        return
    with pytest.raises(Disorder) as fault:
        list(chunks(batches, "S", 1))
    assert row == fault.value.row
