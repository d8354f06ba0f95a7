"""Following a sequence: which numbers are waited for, and what is never missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connector.source.hint_settings import HintSettings
from connector.source.hints import Group, HintRow, OpenTransactions, Position, Safety, Sight
from connector.source.hints.following import Answer
from connector.source.hints.gaps import MOST, Gap, Progress, advance
from connector.source.hints.sequence import LOWEST, WATCHED_BELOW, SequenceFollower, progress
from connector.source.hints.zones import NumberColumn
from schemas.codec import SingleObjectCodec
from schemas.records import Checkpoint, HintCursor

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)
CODEC = SingleObjectCodec()


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def stored(cursor: HintCursor) -> HintCursor:
    """As it comes back from the topic."""
    record = CODEC.decode(CODEC.encode("", Checkpoint("sis", loaded=True, hints=(cursor,), fingerprint="f")))
    assert isinstance(record, Checkpoint)
    return record.hints[0]


# --- the arithmetic -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gaps", "found", "position", "left"),
    [
        pytest.param([], [], 10, [], id="nothing new"),
        pytest.param([], [11, 12], 12, [], id="in order"),
        pytest.param([], [14], 14, [(11, 13)], id="a hole below the first"),
        pytest.param([], [12, 15, 16], 16, [(11, 11), (13, 14)], id="two holes"),
        pytest.param([(3, 3)], [3], 10, [], id="filled"),
        pytest.param([(3, 6)], [3], 10, [(4, 6)], id="filled from below"),
        pytest.param([(3, 6)], [6], 10, [(3, 5)], id="filled from above"),
        pytest.param([(3, 6)], [4], 10, [(3, 3), (5, 6)], id="split"),
        pytest.param([(3, 6)], [3, 4, 5, 6, 12], 12, [(11, 11)], id="a late block, and a new hole"),
        pytest.param([(3, 3), (5, 6)], [5, 5, 5], 10, [(3, 3), (6, 6)], id="three rows of one number"),
        pytest.param([(3, 3)], [1, 8], 10, [(3, 3)], id="numbers that nobody waits for"),
        pytest.param([(-9, -7)], [-8], 10, [(-9, -9), (-7, -7)], id="below zero"),
    ],
)
def test_what_is_found_splits_what_is_missing(
    gaps: list[tuple[int, int]], found: list[int], position: int, left: list[tuple[int, int]]
) -> None:
    """The highest number is the position, and all that is missing below it is waited for."""
    before = Progress(10, tuple(Gap(low, high, NOW) for low, high in gaps))

    after, given_up = advance(before, found, at(1), PATIENCE)

    assert (position, left, 0) == (after.position, [(gap.low, gap.high) for gap in after.gaps], given_up)
    assert all(gap.opened_at == (NOW if gap.low < 10 else at(1)) for gap in after.gaps)


def test_a_gap_is_given_up_by_a_read_after_its_patience() -> None:
    """At the patience to the millisecond it is still waited for; what that read brought is no longer missing."""
    before = Progress(10, (Gap(3, 5, NOW), Gap(7, 7, at(1))))
    later = NOW + PATIENCE + timedelta(milliseconds=1)

    kept = advance(before, [], NOW + PATIENCE, PATIENCE)
    split = advance(before, [4], later, PATIENCE)
    filled = advance(before, [3, 4, 5], later, PATIENCE)

    assert (before, 0) == kept
    assert (Progress(10, before.gaps[1:]), 2) == split
    assert (Progress(10, before.gaps[1:]), 0) == filled


def test_a_clock_that_went_back_lets_a_gap_begin_anew() -> None:
    """Its age is counted from the new time on, so that it is given up some day, and not too early."""
    before = Progress(10, (Gap(3, 5, at(3)),))

    back, _ = advance(before, [], NOW, PATIENCE)
    kept, _ = advance(back, [], at(10), PATIENCE)
    _, given_up = advance(kept, [], at(10.1), PATIENCE)

    assert (NOW, NOW, 1) == (back.gaps[0].opened_at, kept.gaps[0].opened_at, given_up)


def test_too_many_gaps_become_one_with_their_neighbours() -> None:
    """Those that are nearest to each other, so that few numbers are read again."""
    near = [number for number in range(11, 331) if number % 2 == 0]  # 160 gaps of one number
    far = [number for number in range(332, 1000) if number not in {500, 700}]

    after, _ = advance(Progress(10), [*near, *far], NOW, PATIENCE)

    assert (MOST, 999) == (len(after.gaps), after.position)
    assert [(500, 500), (700, 700)] == [(gap.low, gap.high) for gap in after.gaps[-2:]]
    assert all(after.awaits(number) for number in range(11, 330, 2))


def test_gaps_that_become_one_live_as_long_as_the_later() -> None:
    """Nothing is given up early because it was joined with something older, and the oldest are not kept alive."""
    now, held = NOW, Progress(0)
    for seconds in (0, 1, 500):
        now = NOW + timedelta(seconds=seconds)
        held, _ = advance(held, range(held.position + 2, held.position + 100, 2), now, PATIENCE)

    assert MOST == len(held.gaps)
    assert held.gaps[0].low < 98 < held.gaps[0].high
    assert {NOW + timedelta(seconds=1)} == {gap.opened_at for gap in held.gaps if gap.low < 196}
    assert {NOW + timedelta(seconds=500)} == {gap.opened_at for gap in held.gaps if gap.low > 196}


def test_a_shared_sequence_is_bounded_for_ever() -> None:
    """Every third number is ours, every second ten come: no more ranges than allowed, each given up in time."""
    now, held, given_up = NOW, Progress(0), 0
    for step in range(1000):
        now += timedelta(seconds=1)
        missing_again = [n for gap in held.gaps for n in range(gap.low, gap.high + 1) if n % 3 == 0]
        fresh = [n for n in range(10 * step + 1, 10 * step + 11) if n % 3 == 0]
        held, dropped = advance(held, [*missing_again, *fresh], now, PATIENCE)
        given_up += dropped
        assert len(held.gaps) <= MOST
        assert now - held.gaps[0].opened_at <= PATIENCE
        # Joining makes an old gap younger by a thirty-second part of the patience at most.
        assert held.gaps[0].low >= 10 * (step - 600 - 20)

    waiting = {n for n in range(1, held.position) if n % 3 and held.awaits(n)}
    assert {n for n in range(10 * 400 + 21, held.position) if n % 3} <= waiting
    assert given_up > 1000


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 700)), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.001, 1.0, 600.0]),
    st.randoms(use_true_random=False),
)
def test_nothing_is_forgotten_but_what_is_too_old(
    reads: list[tuple[int, int]], patience: float, random: object
) -> None:
    """Whatever numbers come: each below the position was found, is waited for, or was given up when its time was over;
    there are never too many gaps, and they stay in order.
    """
    limit, now, held, given_up = timedelta(seconds=patience), NOW, Progress(0), 0
    found: set[int] = set()
    noticed: dict[int, datetime] = {}
    for span, pause in reads:
        now += timedelta(seconds=pause)
        top = held.position + span
        missing = [n for n in range(1, top) if n not in found]
        coming = {n for n in missing if random.random() < 0.4} | {top}  # type: ignore[attr-defined]
        visible = {n for n in coming if held.awaits(n)}
        visible |= {n for n in found if held.awaits(n)}  # a joined gap brings what it spans
        noticed |= dict.fromkeys((n for n in range(held.position + 1, top) if n not in coming), now)
        held, dropped = advance(held, visible, now, limit)
        found |= visible
        given_up += dropped

        assert held.position == top
        assert len(held.gaps) <= MOST
        assert all(
            a.high + 1 < b.low and a.opened_at <= b.opened_at for a, b in zip(held.gaps, held.gaps[1:], strict=False)
        )
        left = [n for n in range(1, top) if n not in found and not held.awaits(n)]
        assert all(now - noticed[n] > limit for n in left)
        assert bool(left) == bool(given_up)


# --- the follower -------------------------------------------------------------------------------------------------------


@dataclass
class Numbers:
    """A table's committed rows by number, as a source shows them."""

    rows: dict[int, list[HintRow]] = field(default_factory=dict)
    asked: list[list[tuple[int, int | None]]] = field(default_factory=list)

    def put(self, number: int, subject: str = "s", *, deleted: bool = False) -> None:
        self.rows.setdefault(number, []).append(HintRow(subject, number, 1, deleted))

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        assert all(high is None or low <= high for low, high in ranges)
        self.asked.append(list(ranges))
        wanted = [n for n in self.rows if any(low <= n and (high is None or n <= high) for low, high in ranges)]
        return [row for number in wanted for row in self.rows[number]]

    def highest(self, hint: str) -> int | None:
        return max(self.rows, default=None)

    def cursor_column(self, hint: str) -> NumberColumn:
        return NumberColumn()

    def changed(self, hint: str, low: Position, high: Position | None = None) -> list[HintRow]:
        raise AssertionError("a sequence has no times")

    def scan(self, hint: str) -> list[Group]:
        raise AssertionError("a sequence is not scanned")


def full(now: datetime) -> Sight:
    return Sight(now, OpenTransactions(visible=False))


def follower(**changes: object) -> SequenceFollower:
    plain: dict[str, object] = {"kind": "sequence", "cursor": "NR", "overlap": "10m"}
    return SequenceFollower("seq", HintSettings.model_validate(plain | changes))


def read(following: SequenceFollower, source: Numbers, cursor: HintCursor, now: datetime) -> Answer:
    """A full read that is worked off."""
    answer = following.ask(source, cursor, full(now))
    following.settled(answer)
    return answer


def numbers(answer: Answer) -> list[object]:
    return [row.stamp for row in answer.rows]


def test_polling_begins_at_the_highest_number() -> None:
    """The last stretch below it is asked for once more, since nobody saw which of its numbers were on their way."""
    source, following = Numbers(), follower()
    for number in (50_000, 70_000, 69_998):
        source.put(number)
    begun = following.begin(source, full(NOW))
    source.put(69_999)
    source.put(70_001)
    answer = read(following, source, begun, at(1))

    assert ("70000", Safety.ASSUMED.value) == (begun.cursor, begun.safety)
    assert [(70_000 - WATCHED_BELOW + 1, 70_000), (70_001, None)] == source.asked[0]
    assert {69_998, 69_999, 70_000, 70_001} == set(numbers(answer))
    assert answer.cursor is not None
    assert "number 70001 reached, 1 gap watched for up to 600 s" == answer.cursor.reason


def test_an_empty_table_is_read_from_the_lowest_number_on() -> None:
    """So that its first rows are found, however many come at once, and whatever they are numbered. From then on a stretch
    below the first of them is watched.
    """
    source, following = Numbers(), follower()
    begun = following.begin(source, full(NOW))
    nothing = read(following, source, begun, at(1))
    for number in range(-3, 3):
        source.put(number)
    answer = read(following, source, nothing.cursor or begun, at(2))

    assert "no number reached yet, no gaps watched for up to 600 s" == begun.reason
    assert nothing.cursor == begun
    assert [(LOWEST + 1, None)] == source.asked[0]
    assert list(range(-3, 3)) == sorted(row.stamp for row in answer.rows if isinstance(row.stamp, int))
    assert answer.cursor is not None
    assert [(str(-3 - WATCHED_BELOW), "-4")] == [(gap.low, gap.high) for gap in answer.cursor.open_ranges]


@pytest.mark.parametrize("cursor", [None, "2026-09-01T08:00:00.000000+00:00", "1:512:AAAA"])
def test_a_cursor_of_another_kind_is_none(cursor: str | None) -> None:
    """A hint that was followed in another way, or not yet, begins at the highest number."""
    source = Numbers()
    source.put(5)
    answer = read(follower(), source, HintCursor("seq", cursor), at(1))

    assert [(5 - WATCHED_BELOW + 1, 5), (6, None)] == source.asked[0]
    assert answer.cursor is not None
    assert "5" == answer.cursor.cursor


def test_a_late_number_is_found_after_a_restart() -> None:
    """Gaps stand in the checkpoint."""
    source = Numbers()
    source.put(1)
    start = HintCursor("seq", "0")
    source.put(4)
    held = read(follower(), source, start, NOW).cursor
    assert held is not None
    source.put(2, "late")
    answer = read(follower(), source, stored(held), at(9))

    assert stored(held) == held
    assert [("2", "3", "gap", NOW)] == [(r.low, r.high, r.kind, r.opened_at) for r in held.open_ranges]
    assert [(2, 3), (5, None)] == source.asked[-1]
    assert ["late"] == [row.subject for row in answer.rows]


def test_a_gap_survives_its_checkpoint() -> None:
    """Its time is kept in whole milliseconds from the first."""
    source = Numbers()
    source.put(4)
    held = read(follower(), source, HintCursor("seq", "1"), NOW + timedelta(microseconds=1999)).cursor
    assert held is not None

    assert stored(held) == held
    assert NOW + timedelta(milliseconds=1) == held.open_ranges[0].opened_at


def test_a_first_load_forgets_what_was_looked_at() -> None:
    """What it is followed by starts from nothing."""
    source, following = Numbers(), follower()
    source.put(2)
    following.settled(following.ask(source, HintCursor("seq", "1"), Sight(NOW)))
    begun = following.begin(source, full(NOW))

    assert [2] == numbers(following.ask(source, begun, full(at(1))))


def test_what_is_given_up_is_counted() -> None:
    """And not asked for again, even if it comes."""
    source, following = Numbers(), follower(overlap="5s")
    source.put(4)
    first = read(following, source, HintCursor("seq", "1"), NOW)
    second = read(following, source, first.cursor or HintCursor("seq"), at(1))
    source.put(3)
    third = read(following, source, second.cursor or HintCursor("seq"), at(2))

    assert [(0, 1), (1, 0), (0, 0)] == [
        (a.given_up, len(a.cursor.open_ranges if a.cursor else ())) for a in (first, second, third)
    ]
    assert [] == third.rows


def test_a_quick_read_looks_above_the_cursor_only() -> None:
    """It moves nothing, and what it brought is not looked at again by the full read."""
    source, following = Numbers(), follower()
    source.put(4)
    held = read(following, source, HintCursor("seq", "1"), NOW).cursor
    assert held is not None
    source.put(3)
    source.put(5, "new")
    quick = following.ask(source, held, Sight(at(1)))
    following.settled(quick)
    again = following.ask(source, held, Sight(at(1)))
    fully = read(following, source, held, at(2))

    assert ([5], None, [(5, None)]) == (numbers(quick), quick.cursor, source.asked[1])
    assert ([], 1) == (numbers(again), again.read)
    assert ([3], 2) == (numbers(fully), fully.read)


def test_a_round_that_fails_is_repeated() -> None:
    """What was not settled is brought again."""
    source, following = Numbers(), follower()
    source.put(2)
    start = HintCursor("seq", "1")
    lost = following.ask(source, start, full(NOW))
    again = following.ask(source, start, full(at(1)))

    assert [2] == numbers(lost) == numbers(again)


def test_another_row_of_a_number_is_looked_at() -> None:
    """While its number is asked for; a number that was looked at with fewer rows is new."""
    source, following = Numbers(), follower()
    source.put(2, "a")
    start = HintCursor("seq", "1")
    following.settled(following.ask(source, start, Sight(NOW)))
    source.put(2, "b")
    source.rows[2][0] = replace(source.rows[2][0], count=2)
    answer = following.ask(source, start, Sight(at(1)))

    assert [("a", 2), ("b", 1)] == [(row.subject, row.count) for row in answer.rows]


def test_a_journal_keeps_what_it_tells_of_deletes() -> None:
    """All rows of one student come through, also where one number was seen before without the delete."""
    source, following = Numbers(), follower(kind="journal", operation="OP")
    source.put(2, "a")
    start = HintCursor("seq", "1")
    following.settled(following.ask(source, start, Sight(NOW)))
    source.put(2, "a", deleted=True)
    source.put(3, "a")
    answer = following.ask(source, start, Sight(at(1)))

    assert [(2, True), (3, False)] == [(row.stamp, row.deleted) for row in answer.rows]


def test_what_was_looked_at_is_forgotten_when_it_cannot_come_again() -> None:
    """A hundred thousand numbers at once leave nothing behind but the gaps."""
    source, following = Numbers(), follower()
    for number in range(1, 100_001):
        source.put(number)
    answer = read(following, source, HintCursor("seq", "0"), NOW)

    assert (100_000, ()) == (len(answer.rows), answer.cursor.open_ranges if answer.cursor else None)
    assert {} == following._looked


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it forgets is looked at once more."""
    monkeypatch.setattr("connector.source.hints.sequence._REMEMBERED", 3)
    source, following = Numbers(), follower()
    for number in range(2, 7):
        source.put(number)
    start = HintCursor("seq", "1")
    following.settled(following.ask(source, start, Sight(NOW)))

    assert [2, 3] == numbers(following.ask(source, start, Sight(NOW)))


# --- any order of events ------------------------------------------------------------------------------------------------

sessions = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("insert"), sessions, st.sampled_from([0, 0, 1])),
    st.tuples(st.just("batch"), sessions, st.integers(2, 300), st.sampled_from([1, 2, 3, 7])),
    st.tuples(st.just("commit"), sessions),
    st.tuples(st.just("commit"), sessions),
    st.tuples(st.just("rollback"), sessions),
    st.tuples(st.just("wait"), st.sampled_from([0.0003, 0.0011, 1.0, 9.9999, 29.9999, 30.0, 30.0004, 31.0])),
    st.tuples(st.just("back"), st.sampled_from([0.5, 20.0, 100.0])),
    st.tuples(st.just("full")),
    st.tuples(st.just("full")),
    st.tuples(st.just("quick")),
    st.tuples(st.just("fail")),
    st.tuples(st.just("restart")),
)


class History:
    """Transactions on one table with one sequence, of which two instances keep blocks; and the follower beside."""

    patience = timedelta(seconds=30)

    def __init__(self) -> None:
        self.source, self.follower = Numbers(), follower(overlap="30s")
        self.true_now, self.clock = NOW, NOW
        self.cursor: HintCursor | None = None
        self.open: dict[int, list[int]] = {}
        self.blocks: dict[int, list[int]] = {0: [], 1: []}
        self.drawn = 0
        self.committed: dict[int, datetime] = {}
        self.noticed: dict[int, datetime] = {}
        self.loaded: set[int] = set()
        self.looked: set[int] = set()

    def draw(self, instance: int) -> int:
        """A number of the block that an instance keeps in its cache."""
        if not self.blocks[instance]:
            self.blocks[instance] = list(range(self.drawn + 1, self.drawn + 6))
            self.drawn += 5
        return self.blocks[instance].pop(0)

    def begin(self) -> None:
        self.cursor = stored(self.follower.begin(self.source, full(self.clock)))
        self.loaded = set(self.source.rows)
        self.notice()

    def notice(self) -> None:
        """Which numbers are seen to be missing for the first time."""
        top = max(self.source.rows, default=0)
        for number in range(1, top):
            if number not in self.source.rows:
                self.noticed.setdefault(number, self.true_now)

    def ask(self, sight: Sight, *, settle: bool = True) -> None:
        assert self.cursor is not None
        answer = self.follower.ask(self.source, self.cursor, sight)
        assert len(self.source.asked[-1]) <= MOST + 1
        if not settle:
            return
        self.follower.settled(answer)
        self.looked |= {row.stamp for row in answer.rows if isinstance(row.stamp, int)}
        if answer.cursor is not None:
            before, after = progress(self.cursor), progress(answer.cursor)
            assert before is not None
            assert after is not None
            lost = [n for n in range(1, after.position) if before.awaits(n) and not after.awaits(n)]
            assert bool(set(lost) - self.source.rows.keys()) <= bool(answer.given_up)
            self.cursor = stored(answer.cursor)
            self.notice()

    def do(self, step: tuple[object, ...]) -> None:
        match step:
            case ("insert", int(session), int(instance)):
                self.open.setdefault(session, []).append(self.draw(instance))
            case ("batch", int(session), int(count), int(every)):
                drawn = range(self.drawn + 1, self.drawn + count + 1)
                self.drawn += count
                self.open.setdefault(session, []).extend(drawn[::every])  # the others are another table's
            case ("commit", int(session)):
                for number in self.open.pop(session, []):
                    self.source.put(number)
                    self.committed[number] = self.true_now
            case ("rollback", int(session)):
                self.open.pop(session, None)
            case ("wait", float(seconds)):
                self.true_now += timedelta(seconds=seconds)
                self.clock += timedelta(seconds=seconds)
            case ("back", float(seconds)):
                self.clock -= timedelta(seconds=seconds)
            case ("full",):
                self.ask(full(self.clock))
            case ("quick",):
                self.ask(Sight(self.clock))
            case ("fail",):
                self.ask(full(self.clock), settle=False)
            case ("restart",):
                self.follower = follower(overlap="30s")

    def missed(self) -> set[int]:
        """Rows that committed in time and were not looked at."""
        in_time = {n for n, when in self.committed.items() if when - self.noticed.get(n, when) <= self.patience}
        return in_time - self.looked - self.loaded


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=6), st.lists(steps, min_size=20, max_size=60))
def test_no_row_that_commits_in_time_is_missed(
    before: list[tuple[object, ...]], after: list[tuple[object, ...]]
) -> None:
    """Transactions end in any order, blocks come late, numbers are shared, reads fail, the process restarts, the clock
    goes back: a row that commits within the patience since its number was seen to be missing is looked at.
    """
    history = History()
    for step in before:
        if step[0] not in {"full", "quick", "fail"}:
            history.do(step)
    history.begin()
    for step in after:
        history.do(step)
    history.do(("full",))

    assert set() == history.missed()
