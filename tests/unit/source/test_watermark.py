"""How far a time column is read for good, as tables and as properties of any transactions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.hints import OpenTransaction, OpenTransactions, Safety, Sight
from connector.source.hints.watermark import (
    MOST_RANGES,
    MOST_WAITERS,
    TRANSACTION,
    WAITERS,
    Bounds,
    Watermark,
    parse,
    text,
    watermark,
)
from schemas.records import HintCursor, OpenRange

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
BOUNDS = Bounds(timedelta(minutes=10), timedelta(minutes=2), timedelta(minutes=5))
UNSEEN = OpenTransactions(visible=False)
NONE_OPEN = OpenTransactions(visible=True, everywhere=True)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def seeing(*open_: tuple[str, float]) -> OpenTransactions:
    return replace(NONE_OPEN, open=tuple(OpenTransaction(name, at(began)) for name, began in open_))


def look(
    minutes: float = 0.0, seen: OpenTransactions = NONE_OPEN, elapsed: float | None = 1.0, **more: object
) -> Sight:
    sight = Sight(at(minutes), seen, elapsed_s=None if elapsed is None else elapsed * 60)
    return replace(sight, **more)  # type: ignore[arg-type]


def cursor(minutes: float, found: Watermark | None = None) -> HintCursor:
    return HintCursor("h", text(at(minutes)), found.ranges if found is not None else ())


def lows(found: Watermark) -> list[tuple[str | None, datetime]]:
    return [(kept.id, datetime.fromisoformat(kept.low)) for kept in found.ranges if kept.kind == TRANSACTION]


def waits(found: Watermark) -> list[tuple[datetime, bool]]:
    """Ranges of waiters: from where on, and whether these have had their time."""
    return [(datetime.fromisoformat(kept.low), kept.high is not None) for kept in found.ranges if kept.kind == WAITERS]


def then(found: Watermark) -> HintCursor:
    return HintCursor("h", text(found.cursor), found.ranges)


def lately(name: str, low: float) -> tuple[OpenRange, ...]:
    return (OpenRange("transaction", text(at(low)), at(low), None, name),)


def test_with_a_proof_the_cursor_stands_the_slack_behind_the_clock() -> None:
    """And the read begins where the last one's cursor was."""
    found = watermark(cursor(-3), look(), BOUNDS)

    assert (at(-3), at(-2), Safety.PROVED) == (found.low, found.cursor, found.safety)


@pytest.mark.parametrize(
    ("sight", "why"),
    [
        (look(seen=UNSEEN), "cannot be seen"),
        (look(seen=replace(NONE_OPEN, everywhere=False)), "other instances"),
        (look(against=("it is a standby",)), "it is a standby"),
        (look(skew_s=1.5), "1.5 s ahead"),
    ],
)
def test_without_a_proof_the_overlap_is_read_again(sight: Sight, why: str) -> None:
    """And the reason says what it lacks."""
    found = watermark(cursor(-11), sight, BOUNDS)

    assert (at(-11), at(-10), Safety.ASSUMED) == (found.low, found.cursor, found.safety)
    assert why in found.reason


def test_an_open_transaction_is_read_again_once_when_it_has_gone() -> None:
    """However long it was open; meanwhile the cursor goes on, and no read reaches back to it."""
    first = watermark(cursor(-3), look(seen=seeing(("t", -60))), BOUNDS)
    second = watermark(replace(cursor(-2, first), cursor=text(first.cursor)), look(1, seeing(("t", -60))), BOUNDS)
    third = watermark(HintCursor("h", text(second.cursor), second.ranges), look(2), BOUNDS)
    fourth = watermark(HintCursor("h", text(third.cursor), third.ranges), look(3), BOUNDS)

    assert [("t", at(-62))] == lows(first) == lows(second)
    assert [] == lows(third) == lows(fourth)
    assert [at(-3), at(-2), at(-62), at(0)] == [found.low for found in (first, second, third, fourth)]
    assert "2026-09-01T06:58:00Z" in first.reason


def test_the_range_survives_while_transactions_cannot_be_seen() -> None:
    """It is read once an overlap later, and counted; if they can be seen before that, it goes on."""
    first = watermark(cursor(-3), look(seen=seeing(("t", -60))), BOUNDS)
    blind = watermark(cursor(-2, first), look(1, UNSEEN), BOUNDS)
    seen = watermark(cursor(-1, blind), look(2, seeing(("t", -60))), BOUNDS)
    expired = watermark(cursor(0, blind), look(11, UNSEEN), BOUNDS)

    assert [("t", at(-62))] == lows(blind) == lows(seen)
    assert blind.low > at(-62)
    assert (at(-62), [], 1) == (expired.low, lows(expired), expired.given_up)


def test_the_first_read_of_a_process_goes_back_by_the_tolerance() -> None:
    """Nobody knows what the clock did meanwhile."""
    assert at(-8) == watermark(cursor(-3), look(elapsed=None), BOUNDS).low


def test_a_clock_that_was_set_back_is_read_from_where_it_may_have_been() -> None:
    """Also what the open transactions stamp from then on."""
    first = watermark(cursor(-3), look(seen=seeing(("t", -0.5))), BOUNDS)
    found = watermark(cursor(-2, first), look(-4, seeing(("t", -0.5))), BOUNDS)
    gone = watermark(cursor(-6, found), look(-3), BOUNDS)

    assert (at(-7), at(-6)) == (found.low, found.cursor)
    assert [("t", at(-7))] == lows(found)
    assert at(-7) == gone.low


def test_a_clock_may_have_been_set_back_while_no_process_looked() -> None:
    """So what was open then, what is open at the first look of all, and what began by the earlier clock, may have stamped
    from so much earlier.
    """
    begun = watermark(HintCursor("h"), look(seen=seeing(("t", -60)), elapsed=None), BOUNDS)
    kept = watermark(HintCursor("h", text(at(-3)), lately("t", -3)), look(10, seeing(("t", -1)), elapsed=None), BOUNDS)
    fresh = watermark(cursor(-3), look(-4, seeing(("t", 0.5)), elapsed=1), BOUNDS)

    assert [("t", at(-67))] == lows(begun)
    assert [("t", at(-8))] == lows(kept)
    assert [("t", at(-7))] == lows(fresh)


def test_clocks_that_differ_widen_the_margin() -> None:
    """By what was seen, within the tolerance: a stamp of another year is no clock."""
    seen = watermark(cursor(-3), look(seen=seeing(("t", -1)), skew_s=30), BOUNDS)
    absurd = watermark(cursor(-3), look(seen=seeing(("t", -1)), skew_s=1e9), BOUNDS)

    assert [("t", at(-3.5))] == lows(seen)
    assert [("t", at(-8))] == lows(absurd)


def test_the_checkpoint_holds_a_bounded_number_of_ranges() -> None:
    """Beyond it the cursor waits for the youngest, which cost least to read again."""
    many = seeing(*((f"t{n:04}", -600 + n / 10) for n in range(MOST_RANGES + 5)))
    found = watermark(cursor(-3), look(seen=many), BOUNDS)

    assert MOST_RANGES == len(found.ranges)
    assert at(-600 + MOST_RANGES / 10 - 2) == found.cursor


def test_who_waited_for_a_long_transaction_is_read_from_where_that_began() -> None:
    """When those who waited have had their time, and again when all that were open then have gone; then never more."""
    first = watermark(cursor(-3), look(seen=seeing(("long", -60))), BOUNDS)
    gone = watermark(then(first), look(1, seeing(("waited", 1))), BOUNDS)
    before = watermark(then(gone), look(7.9, seeing(("waited", 1))), BOUNDS)
    ripe = watermark(then(before), look(8, seeing(("waited", 1))), BOUNDS)
    open_ = watermark(then(ripe), look(60, seeing(("waited", 1), ("new", 59))), BOUNDS)
    last = watermark(then(open_), look(61, seeing(("new", 59))), BOUNDS)
    after = watermark(then(last), look(61.5), BOUNDS)

    assert [[(at(-62), False)]] * 2 == [waits(found) for found in (gone, before)]
    assert [[(at(-62), True)]] * 2 == [waits(found) for found in (ripe, open_)]
    assert "who waited for a long one may still come, from 2026-09-01T06:58:00Z on" in open_.reason
    reads = [found.low <= at(-62) for found in (first, gone, before, ripe, open_, last, after)]
    assert [False, True, False, True, False, True, False] == reads
    assert {Safety.PROVED} == {found.safety for found in (gone, ripe, open_, last)}
    # The one that waited was open for an hour by itself.
    assert [(at(-2), False)] == waits(last)


def test_a_wait_for_a_short_transaction_is_within_the_slack() -> None:
    """Nothing is kept of one that was open for half of that."""
    first = watermark(cursor(-3), look(seen=seeing(("short", -0.5)), elapsed=0), BOUNDS)

    assert [] == waits(watermark(then(first), look(0.5, elapsed=0), BOUNDS))


def test_waiters_are_waited_for_no_longer_where_none_can_be_seen() -> None:
    """An overlap after they have had their time."""
    first = watermark(cursor(-3), look(seen=seeing(("long", -60))), BOUNDS)
    gone = watermark(then(first), look(1), BOUNDS)
    blind = watermark(then(gone), look(8, UNSEEN), BOUNDS)
    still = watermark(then(blind), look(17.9, UNSEEN), BOUNDS)
    over = watermark(then(still), look(18, UNSEEN), BOUNDS)

    assert [(at(-62), True)] == waits(blind) == waits(still)
    assert (at(-62), []) == (over.low, waits(over))


def test_too_many_long_transactions_at_once_are_no_proof() -> None:
    """Those that reach back furthest are kept, and the cursor stands where it stands without a proof."""
    many = seeing(*((f"t{n:04}", -600 + n) for n in range(MOST_WAITERS + 5)))
    first = watermark(cursor(-3), look(seen=many), BOUNDS)
    gone = watermark(then(first), look(1), BOUNDS)

    assert (MOST_WAITERS, at(-602)) == (len(waits(gone)), waits(gone)[0][0])
    assert (at(-9), Safety.ASSUMED) == (gone.cursor, gone.safety)
    assert "105 long transactions have ended lately" in gone.reason


def test_a_cursor_survives_its_checkpoint() -> None:
    """To the microsecond."""
    moment = NOW + timedelta(microseconds=1)

    assert (moment, None) == (parse(text(moment)), parse(None))


@dataclass(frozen=True)
class Transaction:
    """Seconds from ``NOW``: its statement begins, changes its first row, commits."""

    stamped: int
    lasted: int
    held: int

    @property
    def began(self) -> int:
        return self.stamped + self.lasted

    @property
    def ended(self) -> int:
        return self.began + self.held


SLACK = 4
TIGHT = Bounds(timedelta(), timedelta(seconds=SLACK), timedelta())
transactions = st.lists(
    st.builds(Transaction, st.integers(0, 20), st.integers(0, SLACK), st.integers(0, 30)), min_size=1, max_size=4
)


@st.composite
def queues(draw: st.DrawFn) -> list[Transaction]:
    """Transactions one behind the other at a lock: each waits for the one before it, however long that is open, and takes
    its turn within the slack of the first one's end.
    """
    first = draw(st.builds(Transaction, st.integers(0, 5), st.integers(0, SLACK), st.integers(SLACK + 1, 40)))
    found, until = [first], first.ended + SLACK
    for _ in range(draw(st.integers(1, 3))):
        began = draw(st.integers(min(found[-1].ended, until), until))
        if began < found[-1].ended:
            break
        stamped = draw(st.integers(first.began - SLACK, began))
        found.append(Transaction(stamped, began - stamped, draw(st.integers(0, 30))))
    return found


def covered(given_: list[Transaction], pauses: list[int], look_takes: int) -> set[int]:
    """Which transactions a read covers that begins after their commit."""
    clock, at_, found = 0, HintCursor("h"), set[int]()
    for pause in [0, *pauses, 100]:
        clock += pause
        seen = clock + look_takes
        open_ = tuple(
            OpenTransaction(str(n), NOW + timedelta(seconds=t.began))
            for n, t in enumerate(given_)
            if t.began <= seen < t.ended
        )
        planned = watermark(
            at_, Sight(NOW + timedelta(seconds=clock), replace(NONE_OPEN, open=open_), elapsed_s=0), TIGHT
        )
        read = seen + look_takes
        found |= {
            n for n, t in enumerate(given_) if t.ended <= read and planned.low <= NOW + timedelta(seconds=t.stamped)
        }
        at_ = HintCursor("h", text(planned.cursor), planned.ranges)
        clock = read
    return found


@given(transactions, st.lists(st.integers(0, 6), max_size=12), st.integers(0, 2))
def test_with_a_proof_no_transaction_escapes(given_: list[Transaction], pauses: list[int], look_takes: int) -> None:
    """Whatever is open for however long."""
    assert covered(given_, pauses, look_takes) == set(range(len(given_)))


@given(queues(), st.lists(st.integers(0, 1), min_size=100, max_size=100), st.integers(0, 1))
def test_with_a_proof_nobody_escapes_who_waits_for_a_lock(
    given_: list[Transaction], pauses: list[int], look_takes: int
) -> None:
    """However long the wait is, where the polls see whoever is open for longer than the slack."""
    assert covered(given_, [*pauses, *[1] * 100], look_takes) == set(range(len(given_)))


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=8), st.integers(0, 5000), st.integers(0, 600))
def test_without_a_proof_no_commit_within_the_overlap_escapes(pauses: list[int], stamped: int, open_for: int) -> None:
    """Reads at any times: a row that is open for no longer than the overlap is covered by a read after its commit."""
    at_, clock, found = HintCursor("h"), 0, False
    for pause in [0, *pauses, 20_000]:
        clock += pause
        planned = watermark(at_, Sight(NOW + timedelta(seconds=clock), UNSEEN, elapsed_s=0), BOUNDS)
        found |= stamped + open_for <= clock and planned.low <= NOW + timedelta(seconds=stamped)
        at_ = HintCursor("h", text(planned.cursor), planned.ranges)

    assert found
