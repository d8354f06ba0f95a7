"""In which way polling missed what a snapshot found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.causes import MISSES, Cause
from connector.source.difference import Observation, difference
from connector.source.hint_settings import HintSettings
from connector.source.hints import OpenTransaction, OpenTransactions
from connector.source.hints.zones import Grain, NumberColumn, TimeColumn
from connector.source.known import Known, Membership
from connector.source.mapping import Desired, RowMapping, number_of
from connector.source.missed import Polled, Reached, explained, polled, settled_since, way_missed
from connector.source.settings import CohortSettings, MembershipSettings
from schemas.records import Checkpoint, HintCursor, OpenRange, SupportingRow

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
BY_TIME = Reached(((1000, None), (700, 750)), settled=500)
"""Polling has come to 1000 but for one range, and the last snapshot to 500."""
BY_NUMBER = Reached(((1000, None),))


@pytest.mark.parametrize(
    ("stamp", "published", "cause"),
    [
        (1000, None, None),  # polling reads it yet
        (1000, 1000, None),
        (2000, None, None),
        (700, None, None),  # an open range does
        (750, 750, None),
        (999, None, Cause.LATE_COMMIT),
        (699, None, Cause.LATE_COMMIT),
        (500, None, Cause.LATE_COMMIT),
        (600, 550, Cause.LATE_COMMIT),
        (499, None, Cause.CURSOR_BACKWARDS),  # no transaction was open then
        (400, 600, Cause.CURSOR_BACKWARDS),
        (600, 601, Cause.CURSOR_BACKWARDS),
        (600, 600, Cause.UNTOUCHED_CURSOR),
        (400, 400, Cause.UNTOUCHED_CURSOR),
        (450, 400, Cause.UNTOUCHED_CURSOR),  # touched before the last snapshot, changed after it
        (None, None, Cause.NULL_CURSOR),
        (None, 600, Cause.NULL_CURSOR),
    ],
)
def test_the_stamp_of_a_row_tells_how_it_was_missed(
    stamp: int | None, published: int | None, cause: Cause | None
) -> None:
    """Against polling's position, what was published last, and the last snapshot."""
    before = {} if published is None else {"k": published}

    assert cause is way_missed([("k", stamp)], before, Polled((BY_TIME,)))


@pytest.mark.parametrize(
    ("stamp", "published", "cause"),
    [
        (1000, 1000, None),
        (3, None, Cause.LATE_COMMIT),
        (3, 3, Cause.UNTOUCHED_CURSOR),
        (3, 4, Cause.CURSOR_BACKWARDS),
        (4, 3, Cause.LATE_COMMIT),
    ],
)
def test_numbers_tell_nothing_of_the_last_snapshot(stamp: int, published: int | None, cause: Cause | None) -> None:
    """They have no time, so one that polling passed by counts as late."""
    before = {} if published is None else {"k": published}

    assert cause is way_missed([("k", stamp)], before, Polled((BY_NUMBER,)))


def test_of_several_hints_on_the_rows_one_is_enough() -> None:
    """What any of them still comes to is not missed; the first that stamped the row tells otherwise."""
    both = Polled((BY_TIME, BY_NUMBER))

    assert way_missed([("k", (600, 1000))], {}, both) is None
    assert Cause.UNTOUCHED_CURSOR is way_missed([("k", (600, 7))], {"k": 600}, both)
    assert Cause.LATE_COMMIT is way_missed([("k", (None, 7))], {"k": 7}, both)  # what was published is the first's
    assert Cause.NULL_CURSOR is way_missed([("k", (None, None))], {}, both)


def test_of_several_rows_one_is_enough_and_a_late_one_is_not_hidden() -> None:
    """A late commit may speak against a proof."""
    hint = Polled((BY_TIME,))

    assert way_missed([("k", None), ("l", 1000)], {}, hint) is None
    assert Cause.LATE_COMMIT is way_missed([("k", None), ("l", 600), ("m", 1)], {}, hint)
    assert Cause.NULL_CURSOR is way_missed([("k", 1), ("l", None)], {}, hint)


@pytest.mark.parametrize(
    ("given_", "cause"),
    [
        (Polled(), Cause.UNWATCHED),
        (Polled(elsewhere=True), Cause.SNAPSHOT),
        (Polled(scanned=True), None),
        (Polled((BY_TIME,), scanned=True), None),
        (Polled((BY_TIME,), elsewhere=True), Cause.LATE_COMMIT),
    ],
)
def test_what_no_stamp_tells_is_not_guessed(given_: Polled, cause: Cause | None) -> None:
    """No hint at all, hints of other tables, a scan of the same rows."""
    assert cause is way_missed([("k", 600)], {}, given_)


stamps = st.one_of(st.none(), st.integers(0, 20))


@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b", None]), stamps), min_size=1, max_size=4),
    before=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 20)),
    low=st.integers(0, 20),
    settled=st.one_of(st.none(), st.integers(0, 20)),
)
def test_nothing_that_polling_comes_to_is_a_miss_and_everything_else_is_one(
    rows: list[tuple[str | None, int | None]], before: dict[str, int], low: int, settled: int | None
) -> None:
    """Exactly one way, from the closed list."""
    found = way_missed(rows, before, Polled((Reached(((low, None),), settled),)))
    comes = any(stamp is not None and stamp >= low for _, stamp in rows)

    assert (found is None) == comes
    assert comes or found in MISSES


# --- what a checkpoint says ------------------------------------------------------------------------------------------


def mapping(*hints: dict[str, object]) -> tuple[RowMapping, list[HintSettings]]:
    made = [HintSettings.model_validate(hint) for hint in hints]
    membership = MembershipSettings(table="T", student="{S}", row_key="{K}")
    return RowMapping(membership, CohortSettings(idnumber="{G}"), hints=made), made


def micros(moment: datetime) -> int:
    number = number_of(moment.replace(tzinfo=None))
    assert number is not None
    return number


def test_a_time_cursor_is_translated_into_the_columns_own_terms() -> None:
    """Wall clock of the zone, cut as the column cuts; ranges begin earlier; what the last snapshot settled as well."""
    made, hints = mapping({"cursor": "C", "name": "h"})
    open_ = OpenRange("transaction", "2026-09-01T06:00:00.500000+00:00", NOW, id="x")
    checkpoint = Checkpoint(
        "one",
        loaded=True,
        hints=(HintCursor("h", "2026-09-01T07:59:59.900000+00:00", (open_,)),),
        fingerprint="f",
        last_snapshot_settled=NOW - timedelta(hours=4, milliseconds=1),
    )
    column = TimeColumn(Grain.DATE, ZoneInfo("Europe/Paris"))
    (reached,) = polled(made, hints, checkpoint, {"h": column}).hints

    assert ((micros(datetime(2026, 9, 1, 8, 0, 0, tzinfo=UTC)), None),) == reached.ahead  # 06:00:00 UTC in Paris
    assert micros(datetime(2026, 9, 1, 5, 59, 59, tzinfo=UTC)) == reached.settled


def test_a_sequence_has_its_position_and_its_gaps() -> None:
    """The position itself is read, the numbers of a gap are not."""
    made, hints = mapping({"cursor": "N", "kind": "sequence", "name": "h"})
    gap = OpenRange("gap", "3", NOW, "5")
    checkpoint = Checkpoint("one", loaded=True, hints=(HintCursor("h", "17", (gap,)),), fingerprint="f")
    (reached,) = polled(made, hints, checkpoint, {"h": NumberColumn()}).hints

    assert [False, True, True, False, False, True] == [reached.comes_to(number) for number in (2, 3, 5, 6, 17, 18)]


@pytest.mark.parametrize("cursor", [None, "of another kind"])
@pytest.mark.parametrize("column", [NumberColumn(), TimeColumn(Grain.TIMESTAMP, ZoneInfo("UTC"))])
def test_a_hint_that_has_not_begun_has_everything_before_it(
    cursor: str | None, column: TimeColumn | NumberColumn
) -> None:
    """Nothing is missed by it yet."""
    made, hints = mapping({"cursor": "N", "name": "h"})
    checkpoint = Checkpoint("one", loaded=True, hints=(HintCursor("h", cursor),), fingerprint="f")
    (reached,) = polled(made, hints, checkpoint, {"h": column}).hints

    assert reached.comes_to(-(10**30))


@pytest.mark.parametrize(
    ("hint", "scanned", "elsewhere"),
    [
        ({"kind": "scan"}, True, True),
        ({"kind": "scan", "columns": ["S", "K", "G", "X"]}, True, True),
        ({"kind": "scan", "columns": ["G"]}, False, True),
        ({"kind": "scan", "table": "OTHER"}, False, True),
        ({"cursor": "C", "table": "OTHER"}, False, True),
        ({"cursor": "C", "kind": "journal", "operation": "O", "table": "J"}, False, True),
        ({"cursor": "C", "kind": "due"}, False, False),
    ],
)
def test_hints_without_a_stamp_in_the_row(hint: dict[str, object], *, scanned: bool, elsewhere: bool) -> None:
    """A scan of all columns comes to everything; other tables may tell; a date that passes tells of no change."""
    made, hints = mapping(hint)
    found = polled(made, hints, Checkpoint("one", loaded=True, hints=(), fingerprint="f"), {})

    assert ((), scanned, elsewhere) == (found.hints, found.scanned, found.elsewhere)


def test_what_was_settled_when_a_snapshot_began() -> None:
    """An hour and the slack before the oldest open transaction; a day before where they cannot all be seen."""
    old = OpenTransaction("x", NOW - timedelta(hours=3))
    young = OpenTransaction("y", NOW - timedelta(seconds=3))
    slack, statement = timedelta(minutes=2), timedelta(hours=1)

    assert NOW - slack - statement == settled_since(NOW, OpenTransactions(visible=True, everywhere=True), slack)
    assert NOW - timedelta(hours=3) - slack - statement == settled_since(
        NOW, OpenTransactions(visible=True, open=(old, young), everywhere=True), slack
    )
    assert NOW - timedelta(days=1) == settled_since(NOW, OpenTransactions(visible=True), slack)
    assert NOW - timedelta(days=1) == settled_since(NOW, OpenTransactions(visible=False), slack)


# --- which rows a change is about ------------------------------------------------------------------------------------


def told(held: dict[str, dict[str, int | None]], *rows: tuple[str | None, str, object, bool]) -> dict[str, str]:
    """Causes by cohort. ``held``: by cohort the row keys and stamps; rows: key, cohort, stamp, active."""
    made, _ = mapping({"cursor": "C"})
    keyed = all(key is not None for key, *_ in rows)
    more = {"active": [{"column": "A", "values": ["y"]}]} | ({"row_key": "{K}"} if keyed else {})
    made = RowMapping(
        MembershipSettings.model_validate({"table": "T", "student": "{S}"} | more),
        CohortSettings(idnumber="{G}"),
        hints=[HintSettings(cursor="C")],
    )
    read = [{"S": "s", "G": g, "K": k, "STAMP_1_": s, "A": "y" if active else "n"} for k, g, s, active in rows]
    desired = {"s": made.map(read).students.get("s", Desired())}
    memberships = {
        cohort: Membership(("one",), tuple(SupportingRow("one", k, s) for k, s in keys.items()), "one", "f")
        for cohort, keys in held.items()
    }
    known = Known({"s": memberships})
    seen = Observation("one", NOW, "f")
    found = explained(difference(known, desired, seen), known, desired, "one", Polled((BY_TIME,), stamps={"9": 600}))
    missed = found.missed
    known_keys = {key for keys in held.values() for key, stamp in keys.items() if stamp is not None} | {"9"}
    assert not known_keys & {key for keys in found.unsure.values() for key in keys}
    causes = {change.cohort: change.cause for change in found.difference.changes if hasattr(change, "student")}
    assert sum(missed.values()) == sum(cause in MISSES for cause in causes.values()) + missed.get(Cause.DELETED, 0)
    return causes


def test_a_moved_row_explains_both_ends() -> None:
    """The cohort that it left and the one that it entered; the removal rests on a row that is there."""
    assert {"A": "untouched_cursor", "B": "untouched_cursor"} == told({"A": {"1": 600}}, ("1", "B", 600, True))
    assert {"A": "row_moved", "B": "enrolled"} == told({"A": {"1": 600}}, ("1", "B", 1000, True))
    assert {"A": "late_commit", "B": "late_commit"} == told({"A": {"1": 550}}, ("1", "B", 600, True))


def test_an_inactive_row_is_measured_by_itself() -> None:
    """Not by others that had been inactive before."""
    assert {"A": "untouched_cursor"} == told({"A": {"1": 600}}, ("1", "A", 600, False), ("0", "A", 1000, False))
    assert {"A": "row_inactive"} == told({"A": {"1": 600}}, ("1", "A", 1001, False))
    assert {"A": "late_commit"} == told({"A": {"1": 600}}, ("2", "A", 800, False))


def test_another_supporting_row_is_measured_by_the_new_one() -> None:
    """The old one says nothing of it; a row that is gone while others stay ends nothing."""
    assert {"A": "null_cursor"} == told({"A": {"1": 600}}, ("1", "A", 600, True), ("2", "A", None, True))
    assert {"A": "rows"} == told({"A": {"1": 600, "2": 600}}, ("1", "A", 600, True))
    assert {"A": "untouched_cursor"} == told({"A": {"1": 600, "2": 600}}, ("1", "A", 600, True), ("2", "A", 600, False))


def test_a_row_that_supported_somebody_else_is_known_by_its_stamp() -> None:
    """Where it was looked up; otherwise its key is named, so that it can be."""
    assert {"A": "untouched_cursor"} == told({}, ("9", "A", 600, True))
    assert {"A": "late_commit"} == told({}, ("8", "A", 600, True))


def test_without_row_keys_the_newest_row_of_the_cohort_is_measured() -> None:
    """Or one without a stamp, which may be as new."""
    assert {"A": "late_commit"} == told({}, (None, "A", 600, True), (None, "A", 10, True))
    assert {"A": "enrolled"} == told({}, (None, "A", 1000, True), (None, "A", 10, True))
    assert {"A": "null_cursor"} == told({}, (None, "A", 1000, True), (None, "A", None, True))
    assert {"A": "cursor_backwards"} == told({"A": {}}, (None, "A", 10, False))
