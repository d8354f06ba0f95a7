"""Following a table without a cursor: what differs from the last scan is looked at, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connector.source.hint_settings import HintSettings
from connector.source.hints import Group, HintRow, OpenTransactions, Position, Safety, Sight, scan
from connector.source.hints.following import Answer
from connector.source.hints.scan import ScanFollower, bucket, crossed_out
from connector.source.hints.zones import NumberColumn
from schemas.records import HintCursor

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
FULL = Sight(NOW, OpenTransactions(visible=False))
QUICK = Sight(NOW)
NEVER = HintCursor("scan")

Subject = str | tuple[object, ...]


@dataclass
class Table:
    """Groups as a scan brings them, and the published state."""

    groups: dict[Subject, tuple[int, int]] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)
    asked_for_known: int = 0
    loaded: bool = True
    notes: set[str] = field(default_factory=set)
    """Keys of which something was published since the last scan."""

    def scan(self, hint: str) -> list[Group]:
        return [Group(subject, count, hashed) for subject, (count, hashed) in self.groups.items()]

    def key_of(self, subject: Subject) -> str | None:
        """Capitals, without blanks; what is left of nothing makes no key."""
        if isinstance(subject, str):
            return subject.strip().upper() or None
        return "-".join(map(str, subject)) if None not in subject else None

    def known(self) -> Iterator[str]:
        self.asked_for_known += 1
        yield from sorted(self.published)

    def noted(self) -> set[str]:
        keys, self.notes = self.notes, set()
        return keys

    def cursor_column(self, hint: str) -> NumberColumn:
        raise AssertionError("a scan has no cursor column")

    def changed(self, hint: str, low: Position, high: Position | None = None) -> list[HintRow]:
        raise AssertionError("a scan has no times")

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        raise AssertionError("a scan has no numbers")

    def highest(self, hint: str) -> int | None:
        raise AssertionError("a scan has no numbers")


def follower(table: Table, **changes: object) -> ScanFollower:
    return ScanFollower("scan", HintSettings.model_validate({"kind": "scan"} | changes), table)


def students(count: int) -> Table:
    """A table of so many students, all published."""
    table = Table({f"S{number}": (1, number) for number in range(count)})
    table.published = {f"S{number}" for number in range(count)}
    return table


def looked(answer: Answer) -> tuple[set[Subject], set[str]]:
    """What is looked at: by rows, and by keys alone."""
    return {row.subject for row in answer.rows}, set(answer.keys)


def read(following: ScanFollower, table: Table, cursor: HintCursor, sight: Sight = FULL) -> Answer:
    """A scan that is worked off."""
    answer = following.ask(table, cursor, sight)
    following.settled(answer)
    return answer


def moved(answer: Answer) -> HintCursor:
    assert answer.cursor is not None
    return answer.cursor


def steady(table: Table, **changes: object) -> tuple[ScanFollower, HintCursor]:
    """A follower that has begun and has nothing to look at."""
    following = follower(table, **changes)
    return following, moved(read(following, table, following.begin(table, FULL)))


def noted(cursor: HintCursor, *keys: str) -> HintCursor:
    """As the checkpoint has it once something of these keys is published."""
    return replace(cursor, cursor=crossed_out(cursor.cursor, {bucket(key) for key in keys}))


def test_only_what_differs_is_looked_at() -> None:
    """Another count, another hash, a new group, one that is gone; by the next scan once more, then no longer."""
    table = students(1000)
    following, cursor = steady(table)
    quiet = read(following, table, cursor)
    table.groups |= {"S1": (2, 1), "S2": (1, 77), "new": (1, 5)}
    del table.groups["S3"]
    answer = read(following, table, moved(quiet))
    again = read(following, table, moved(answer))
    done = read(following, table, moved(again))

    assert (set(), set()) == looked(quiet) == looked(done)
    assert ({"S1", "S2", "new"}, {"S3"}) == looked(answer)
    assert ({"S1", "S2", "new"}, set()) == (looked(again)[0], looked(again)[1] - {"S3", "NEW"})
    assert (1000, 1000, 2) == (quiet.read, answer.read, {row.subject: row.count for row in answer.rows}["S1"])
    assert 1 == table.asked_for_known  # as it began


def test_what_was_published_in_between_is_looked_at_again() -> None:
    """Another look saw a change that is undone by the next scan: the rows are as they were, what is published is not."""
    table = students(1000)
    following, cursor = steady(table)
    table.notes |= {"S1", "GONE"}
    answer = read(following, table, noted(cursor, "S1", "GONE"))
    done = read(following, table, moved(answer))

    assert ({"S1"}, {"GONE"}) == looked(answer)
    assert (set(), set()) == looked(done)
    assert 1 == table.asked_for_known


def test_what_was_published_in_between_is_looked_at_by_another_process() -> None:
    """The cursor says nothing of its bucket. So it does of what the last scan brought up: the look was later than it."""
    table = students(5000)
    following, cursor = steady(table)
    other = looked(follower(table).ask(table, noted(cursor, "S1"), FULL))
    table.groups["S2"] = (2, 2)
    changed = moved(read(following, table, cursor))
    after = looked(follower(table).ask(table, changed, FULL))
    settled = moved(read(following, table, changed))

    assert {"S1"} <= other[0]
    assert {"S2"} <= after[0]
    assert len(other[0]) + len(after[0]) < 100
    assert (set(), set()) == looked(follower(table).ask(table, settled, FULL))


def test_what_is_published_by_the_looks_of_a_scan_is_looked_at_by_the_next() -> None:
    """Also what it looked at again: the look saw something, so the rows had changed since."""
    table = students(100)
    following, cursor = steady(table)
    for _ in range(3):
        table.notes.add("S1")
        cursor = noted(cursor, "S1")
        answer = read(following, table, cursor)
        cursor = moved(answer)
        assert ({"S1"}, set()) == looked(answer)

    assert (set(), set()) == looked(read(following, table, cursor))


def test_a_load_is_looked_at_again_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is complete, by scan after scan: everybody, whom only the state knows as well, and changes come first."""
    monkeypatch.setattr(scan, "_AGAIN_STUDENTS", 4)
    table = students(10)
    table.published.add("GONE")
    table.loaded = False
    following = follower(table)
    cursor = moved(read(following, table, following.begin(table, FULL)))
    table.loaded = True
    seen: set[Subject] = set()
    sizes = []
    for number in range(5):
        table.notes |= {"S7"} if number == 1 else set()
        table.groups["S8"] = (1, number)
        answer = read(following, table, noted(cursor, *table.notes))
        cursor = moved(answer)
        rows, keys = looked(answer)
        assert number != 1 or {"S7", "S8"} <= rows
        seen |= rows | keys
        sizes.append(len(rows | keys))

    assert table.published == seen
    assert 5 == max(sizes)  # with the one that differs


def test_before_a_load_is_complete_only_what_differs_is_looked_at() -> None:
    """The load is about to read the others."""
    table = students(10)
    table.loaded = False
    following = follower(table)
    cursor = following.begin(table, FULL)
    table.groups["S3"] = (2, 2)

    assert ({"S3"}, set()) == looked(following.ask(table, cursor, FULL))


def test_crossing_out_is_idempotent_and_leaves_the_other_buckets() -> None:
    """And a cursor that cannot be read as it is."""
    cursor = steady(students(5000))[1].cursor
    once = crossed_out(cursor, {3, 511})
    assert once is not None
    assert cursor is not None

    assert once == crossed_out(once, {511}) == crossed_out(once, set())
    assert 16 == sum(one != other for one, other in zip(cursor, once, strict=True))
    assert (None, "1041") == (crossed_out(None, {1}), crossed_out("1041", {1}))


def test_the_cursor_says_what_it_rests_on() -> None:
    """Equal hashes cannot be ruled out."""
    answer = read(follower(students(2)), students(2), NEVER)
    cohort = read(follower(Table(), by_cohort=True), Table({("A", 1): (5, 5)}), NEVER)

    assert Safety.ASSUMED.value == moved(answer).safety
    assert "2 students compared by count and hash of their rows" == moved(answer).reason
    assert "1 cohorts compared by count and hash of their rows" == moved(cohort).reason


def test_without_a_cursor_everything_is_looked_at() -> None:
    """Also whom only the state knows."""
    table = students(3)
    table.published.add("GONE")

    assert ({"S0", "S1", "S2"}, {"GONE"}) == looked(follower(table).ask(table, NEVER, FULL))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "0" + text[1:],
        lambda text: text.replace(":512:", ":256:"),
        lambda text: text.removeprefix("1:512:"),
        lambda text: text[:-4],
        lambda text: text[:-4] + "????",
        lambda text: text + "????",
        lambda text: "2026-09-01T08:00:00.000000+00:00",
        lambda text: "1041",
        lambda text: "",
    ],
    ids=["version", "buckets", "no head", "too short", "no base64", "more", "a time", "a number", "empty"],
)
def test_a_cursor_that_cannot_be_read_is_none(spoil: object) -> None:
    """Everything is looked at."""
    table = students(3)
    text = moved(follower(table).ask(table, NEVER, FULL)).cursor
    spoiled = HintCursor("scan", spoil(text))  # type: ignore[operator]

    assert {"S0", "S1", "S2"} == looked(follower(table).ask(table, spoiled, FULL))[0]


def test_a_restart_looks_at_the_buckets_that_differ() -> None:
    """All that changed meanwhile is among them, and few others; by the next scan once more, by whatever process."""
    table = students(5000)
    cursor = steady(table)[1]
    table.groups |= {"S1": (2, 1), "new": (1, 5)}
    del table.groups["S3"]
    table.published.add("S9999")  # known, but without rows since before
    answer = follower(table).ask(table, cursor, FULL)
    rows, keys = looked(answer)
    following = follower(table)
    again = read(following, table, moved(answer))
    quiet = read(following, table, moved(read(following, table, moved(again))))

    assert {"S1", "new"} <= rows <= looked(again)[0]
    assert "S3" in keys <= {"S3", "S9999"}
    assert len(rows) < 100
    assert (set(), set()) == looked(quiet) == looked(follower(table).ask(table, moved(quiet), FULL))
    assert len(cursor.cursor or "") < 4200


def test_the_cursor_is_the_same_for_the_same_table() -> None:
    """Whatever the order of its groups, and whichever process scans it."""
    table, other = students(50), students(50)
    other.groups = dict(reversed(other.groups.items()))
    cursor = steady(table)[1]

    assert cursor == steady(other)[1]
    # Known from a release before: to read it in another way would look at every student after an update.
    head, _, sums = (steady(Table({"A": (1, 2)}))[1].cursor or "").rpartition(":")
    assert ("1:512", "G6YM0TrQ", 8 * 139) == (head, sums.strip("A"), sums.index("G6YM0TrQ"))


def test_a_round_that_fails_is_repeated() -> None:
    """Until it is settled, the scan before is what the next one is compared with. Some of it may have been published:
    it is looked at again even if it is as it was before.
    """
    table = students(100)
    following, begun = steady(table)
    table.groups["S1"] = (2, 2)
    table.groups["S3"] = (2, 2)
    del table.groups["S2"]
    first = following.ask(table, begun, FULL)
    table.notes.add("S1")
    begun = noted(begun, "S1")
    table.groups["S1"] = (1, 1)
    table.groups["S4"] = (3, 3)
    second = read(following, table, begun)
    third = read(following, table, moved(second))
    fourth = read(following, table, moved(third))

    assert ({"S1", "S3"}, {"S2"}) == looked(first)
    assert ({"S1", "S3", "S4"}, {"S2"}) == looked(second)
    assert {"S3", "S4"} == looked(third)[0]
    assert (set(), set()) == looked(fourth)
    assert 1 == table.asked_for_known


def test_what_a_process_remembers_holds_beside_its_own_cursor_only() -> None:
    """A load that began and was not completed leaves the old cursor: what has changed since that is still found."""
    table = students(100)
    following, old = steady(table)
    table.groups["S1"] = (2, 2)
    table.loaded = False
    following.begin(table, FULL)

    assert "S1" in looked(following.ask(table, old, FULL))[0]


def test_a_quick_read_is_as_good() -> None:
    """There is nothing that it could leave out."""
    table = students(100)
    cursor = steady(table)[1]
    table.groups["S1"] = (2, 2)

    assert follower(table).ask(table, cursor, QUICK) == follower(table).ask(table, cursor, FULL)


def test_several_subjects_of_one_key_are_one() -> None:
    """If the rows of one spelling change or go, the student is looked at by what is left; by the key if nothing is."""
    table = Table({"ann": (1, 1), "ANN ": (2, 2), "bob": (1, 1), " bob": (4, 4)})
    following, begun = steady(table)
    table.groups["bob"], table.groups[" bob"] = table.groups[" bob"], table.groups["bob"]
    swapped = read(following, table, begun)
    del table.groups["ann"]
    one = read(following, table, moved(swapped))
    del table.groups["ANN "]
    table.groups["bob"] = (9, 9)
    both = read(following, table, moved(one))

    assert (set(), set()) == looked(swapped)  # the same rows of the same student
    assert ({"ANN "}, set()) == looked(one)
    assert ({"bob", " bob"}, {"ANN"}) == looked(both)


def test_groups_without_a_key_stand_for_nobody() -> None:
    """Such as that of NULL; one that makes no key any more is gone."""
    table = Table({" ": (7, 7), ("A", None): (3, 3), ("A", 1): (1, 1)})
    following = follower(table, by_cohort=True)
    first = read(following, table, NEVER)
    table.groups = {" ": (8, 8), ("A", None): (4, 4)}

    assert ({("A", 1)}, 3) == (looked(first)[0], first.read)
    assert (set(), {"A-1"}) == looked(following.ask(table, moved(first), FULL))


Groups = dict[Subject, tuple[int, int]]
groups: st.SearchStrategy[Groups] = st.dictionaries(
    st.sampled_from([f"s{n}" for n in range(8)]), st.tuples(st.integers(1, 2), st.integers(0, 2)), max_size=8
)


@dataclass
class Site:
    """A table, the follower, and what was published: each student's group as a look found it."""

    table: Table
    cursor: HintCursor = NEVER
    published: Groups = field(default_factory=dict)
    seen: Groups = field(default_factory=dict)
    """By the last scan that was settled."""
    misled: set[Subject] = field(default_factory=set)
    """Whom a look since then has seen otherwise."""
    before: set[Subject] = field(default_factory=set)
    """Whom a look had seen otherwise between the two scans before, which had seen the same."""
    excused: set[Subject] = field(default_factory=set)
    """Who was both: that nobody notices."""

    def __post_init__(self) -> None:
        self.following = follower(self.table)

    def load(self, read: Groups) -> None:
        """A first load, which reads when the table is another one."""
        self.cursor = self.following.begin(self.table, FULL)
        self.seen, self.table.groups = self.table.groups, dict(read)
        for subject in sorted({*self.seen, *read}, key=str):
            self.look(subject)

    def look(self, subject: Subject) -> None:
        """Read the truth of a student, and publish it; with it, or before, what the checkpoint says of that."""
        now = self.table.groups.get(subject)
        if now != self.seen.get(subject):
            self.misled.add(subject)
        if self.published.get(subject) == now:
            return
        key = str(subject).upper()
        self.table.notes.add(key)
        self.cursor = noted(self.cursor, key)
        if now is None:
            del self.published[subject]
        else:
            self.published[subject] = now

    def round(self, between: Groups, *, portion: int | None = None) -> None:
        """Scan, and look when the table is another one; at the first ``portion`` subjects if the round fails."""
        self.table.published = {str(subject).upper() for subject in self.published}
        answer = self.following.ask(self.table, self.cursor, FULL)
        if portion is None:
            same = {subject for subject in self.misled if self.seen.get(subject) == self.table.groups.get(subject)}
            self.seen, self.before, self.misled = self.table.groups, same, set()
        self.table.groups = dict(between)
        rows, keys = looked(answer)
        for subject in sorted({*rows, *(key.lower() for key in keys)}, key=str)[:portion]:
            self.look(subject)
            self.excused |= {subject} & self.before & self.misled
        if portion is None:
            self.following.settled(answer)
            self.cursor = noted(moved(answer), *self.table.notes)

    def wrong(self) -> set[Subject]:
        """Students of whom something else is published than is there, but for those of whom two scans in a row have seen
        one thing, and looks after each another.
        """
        known = {*self.published, *self.table.groups} - self.excused
        return {subject for subject in known if self.published.get(subject) != self.table.groups.get(subject)}


@hypothesis_settings(deadline=None, max_examples=300)
@given(
    groups,
    groups,
    st.lists(st.tuples(groups, groups, st.sampled_from(["scan", "fail", "restart", "look"])), max_size=10),
)
def test_what_is_published_is_what_is(
    baseline: Groups, loaded: Groups, steps: list[tuple[Groups, Groups, str]]
) -> None:
    """Whatever happens to the table: it changes before a scan, and before the looks that follow; others look as well;
    rounds fail half-way, groups become again what they were, the process restarts.
    """
    site = Site(Table(dict(baseline)))
    site.load(loaded)
    for state, between, what in [*steps, (baseline, baseline, "scan")]:
        site.table.groups = dict(state)
        if what == "look":
            for subject in sorted({*site.published, *state}, key=str)[::2]:
                site.look(subject)
            continue
        if what == "restart":
            site.following = follower(site.table)
            site.table.notes.clear()
        site.round(between, portion=2 if what == "fail" else None)

    assert not site.wrong()
