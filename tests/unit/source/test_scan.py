"""Following a table without a cursor: what differs from the last scan is looked at, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connector.source.hint_settings import HintSettings
from connector.source.hints import Group, HintRow, OpenTransactions, Position, Safety, Sight
from connector.source.hints.following import Answer
from connector.source.hints.scan import ScanFollower
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


def test_only_what_differs_is_looked_at() -> None:
    """Another count, another hash, a new group, one that is gone; and nothing a second time."""
    table = students(1000)
    following = follower(table)
    begun = following.begin(table, FULL)
    quiet = read(following, table, begun)
    table.groups |= {"S1": (2, 1), "S2": (1, 77), "new": (1, 5)}
    del table.groups["S3"]
    answer = read(following, table, moved(quiet))
    again = read(following, table, moved(answer))

    assert (set(), set()) == looked(quiet) == looked(again)
    assert ({"S1", "S2", "new"}, {"S3"}) == looked(answer)
    assert (1000, 1000, 2) == (quiet.read, answer.read, {row.subject: row.count for row in answer.rows}["S1"])
    assert 0 == table.asked_for_known


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
    """All that changed meanwhile is among them, and few others."""
    table = students(5000)
    cursor = moved(read(follower(table), table, NEVER))
    table.groups |= {"S1": (2, 1), "new": (1, 5)}
    del table.groups["S3"]
    table.published.add("S9999")  # known, but without rows since before
    answer = follower(table).ask(table, cursor, FULL)
    rows, keys = looked(answer)
    quiet = follower(table).ask(table, moved(answer), FULL)

    assert {"S1", "new"} <= rows
    assert "S3" in keys <= {"S3", "S9999"}
    assert len(rows) < 100
    assert (set(), set()) == looked(quiet)
    assert len(cursor.cursor or "") < 4200


def test_the_cursor_is_the_same_for_the_same_table() -> None:
    """Whatever the order of its groups, and whichever process scans it."""
    table, other = students(50), students(50)
    other.groups = dict(reversed(other.groups.items()))
    cursor = moved(read(follower(table), table, NEVER))

    assert cursor == moved(read(follower(other), other, NEVER))
    # Known from a release before: to read it in another way would look at every student after an update.
    one = Table({"A": (1, 2)})
    head, _, sums = (moved(read(follower(one), one, NEVER)).cursor or "").rpartition(":")
    assert ("1:512", "G6YM0TrQ", 8 * 139) == (head, sums.strip("A"), sums.index("G6YM0TrQ"))


def test_a_round_that_fails_is_repeated() -> None:
    """Until it is settled, the scan before is what the next one is compared with. Some of it may have been published:
    it is looked at again even if it is as it was before.
    """
    table = students(100)
    following = follower(table)
    begun = following.begin(table, FULL)
    table.groups["S1"] = (2, 2)
    table.groups["S3"] = (2, 2)
    del table.groups["S2"]
    first = following.ask(table, begun, FULL)
    table.groups["S1"] = (1, 1)
    table.groups["S4"] = (3, 3)
    second = read(following, table, begun)
    third = read(following, table, moved(second))

    assert ({"S1", "S3"}, {"S2"}) == looked(first)
    assert ({"S1", "S3", "S4"}, {"S2"}) == looked(second)
    assert (set(), set()) == looked(third)
    assert 0 == table.asked_for_known


def test_what_a_process_remembers_holds_beside_its_own_cursor_only() -> None:
    """A load that began and was not completed leaves the old cursor: what has changed since that is still found."""
    table = students(100)
    following = follower(table)
    old = moved(read(following, table, NEVER))
    table.groups["S1"] = (2, 2)
    following.begin(table, FULL)

    assert "S1" in looked(following.ask(table, old, FULL))[0]


def test_a_quick_read_is_as_good() -> None:
    """There is nothing that it could leave out."""
    table = students(100)
    cursor = follower(table).begin(table, FULL)
    table.groups["S1"] = (2, 2)

    assert follower(table).ask(table, cursor, QUICK) == follower(table).ask(table, cursor, FULL)


def test_a_first_load_forgets_the_rounds_before() -> None:
    """It looks at everybody by itself."""
    table = students(100)
    following = follower(table)
    following.ask(table, NEVER, FULL)
    begun = following.begin(table, FULL)

    assert (set(), set()) == looked(following.ask(table, begun, FULL))


def test_several_subjects_of_one_key_are_one() -> None:
    """If the rows of one spelling change or go, the student is looked at by what is left; by the key if nothing is."""
    table = Table({"ann": (1, 1), "ANN ": (2, 2), "bob": (1, 1), " bob": (4, 4)})
    following = follower(table)
    begun = following.begin(table, FULL)
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

    def __post_init__(self) -> None:
        self.following = follower(self.table)

    def load(self) -> None:
        self.cursor = self.following.begin(self.table, FULL)
        self.published = dict(self.table.groups)

    def round(self, *, portion: int | None = None) -> None:
        """Scan and look; at the first ``portion`` subjects if the round fails."""
        self.table.published = {str(subject).upper() for subject in self.published}
        answer = self.following.ask(self.table, self.cursor, FULL)
        rows, keys = looked(answer)
        for subject in sorted({*rows, *(key.lower() for key in keys)}, key=str)[:portion]:
            self.published.pop(subject, None)
            if subject in self.table.groups:
                self.published[subject] = self.table.groups[subject]
        if portion is None:
            self.following.settled(answer)
            self.cursor = moved(answer)


@hypothesis_settings(deadline=None)
@given(groups, st.lists(st.tuples(groups, st.sampled_from(["scan", "fail", "restart"])), max_size=10))
def test_what_is_published_is_what_is(loaded: Groups, steps: list[tuple[Groups, str]]) -> None:
    """Whatever happens to the table: rounds fail half-way, groups become again what they were, the process restarts."""
    site = Site(Table(dict(loaded)))
    site.load()
    failed = False
    for state, what in [*steps, (loaded, "scan")]:
        site.table.groups = dict(state)
        if what == "restart" and not failed:  # what is half published then is the snapshot's
            site.following = follower(site.table)
        site.round(portion=2 if what == "fail" else None)
        failed = what == "fail"

        assert failed or state == site.published
