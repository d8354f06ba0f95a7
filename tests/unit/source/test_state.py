"""The embedded state: what it says is what the topics say, however often they are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.absences import supporting_rows
from connector.source.rowkeys import packed, restamp, unpacked
from connector.source.state import State
from connector.source.store import open_store
from schemas.records import (
    Checkpoint,
    CohortChanged,
    CohortState,
    MembershipChanged,
    Presence,
    Record,
    SupportingRow,
    Suspect,
    Suspects,
)

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)


def membership(
    student: str, cohort: str, *sources: str, revision: int = 1, cause: str = "enrolled"
) -> MembershipChanged:
    state = Presence.PRESENT if sources else Presence.ABSENT
    rows = (SupportingRow("one", f"{student}/{cohort}"),) if sources else ()
    return MembershipChanged(cohort, student, state, sources, cause, revision, "one", NOW, "f", rows=rows)


def cohort(idnumber: str, revision: int = 1, colliding: str | None = None) -> CohortChanged:
    return CohortChanged(
        idnumber, idnumber, CohortState.PRESENT, NOW, NOW, revision, "new_cohort", "one", "f", colliding_with=colliding
    )


def fresh() -> State:
    return State(open_store(None, "x"))


def apply(state: State, *records: Record | tuple[tuple[str, ...], None]) -> None:
    with state.writing():
        for record in records:
            if isinstance(record, tuple):
                state.apply(record[0], None)
            else:
                state.apply(("",), record)


def test_it_knows_memberships_with_their_support() -> None:
    """By student; with the cohorts' records, and who bears a loose key."""
    state = fresh()
    apply(state, cohort("A"), membership("s", "A", "one", "two", revision=7), membership("t", "A", "one"))

    found = state.known(["s", "nobody"], ["a"])

    assert {"s"} == set(found.memberships)
    held = found.memberships["s"]["A"]
    expected = (("one", "two"), frozenset(["s/A"]), "one", "f")
    assert expected == (held.sources, held.rows_of("one"), held.writer, held.fingerprint)
    assert ({"A": cohort("A")}, {"a": "A"}) == (found.cohorts, found.loose)
    assert (7, 2, 1) == (state.highest_revision, state.supported("one"), state.supported("two"))


def test_a_colliding_cohort_bears_no_loose_key() -> None:
    """A third one refers to the first as well."""
    state = fresh()
    apply(state, cohort("B", colliding="A"), cohort("A"))

    assert {"a": "A"} == state.known([], ["á"]).loose


pairs = st.tuples(st.sampled_from("st"), st.sampled_from("AB"), st.frozensets(st.sampled_from(["one", "two"])))


@given(st.lists(pairs, max_size=12), st.integers(0, 12))
def test_reading_a_stretch_again_changes_nothing(history: list[tuple[str, str, frozenset[str]]], back: int) -> None:
    """After a restart the tail is read from an older position: the end is the same, counters included."""
    records = [membership(s, c, *sorted(sources), revision=n) for n, (s, c, sources) in enumerate(history, 1)]
    once, twice = fresh(), fresh()
    apply(once, *records)
    apply(twice, *records)
    apply(twice, *records[-back:])

    expected = {s: once.known([s]).memberships for s in "st"}
    assert expected == {s: twice.known([s]).memberships for s in "st"}
    assert [once.supported("one"), once.supported("two"), once.memberships] == [
        twice.supported("one"),
        twice.supported("two"),
        twice.memberships,
    ]


def test_what_failed_to_be_written_is_not_remembered() -> None:
    """Neither in the tables nor in what is cached of them."""
    state = fresh()
    with pytest.raises(ZeroDivisionError), state.writing():
        state.apply(("",), cohort("A"))
        state.apply(("",), membership("s", "A", "one", revision=9))
        raise ZeroDivisionError
    assert (0, 0, {}) == (state.highest_revision, state.supported("one"), dict(state.known(["s"]).memberships))
    apply(state, membership("s", "B", "one"))

    assert {"B"} == set(state.known(["s"], ["A"]).memberships["s"])
    assert {} == state.known(["s"], ["A"]).cohorts


def test_suspects_wait_from_their_last_look() -> None:
    """Another suspect that joins, or a restart, does not forget which was looked at."""
    state = fresh()
    apply(state, Suspects("one", "s", (Suspect("A", NOW, "deleted"),)))
    with state.writing():
        state.suspicions.looked("one", state.suspicions.due("one", NOW, 9), NOW + timedelta(minutes=5))
    apply(state, Suspects("one", "s", (Suspect("A", NOW, "deleted"), Suspect("B", NOW, "deleted"))))

    assert ["B"] == [case.cohort for case in state.suspicions.due("one", NOW, 9)]
    apply(state, (("suspects", "one", "s"), None))
    assert [] == state.suspicions.due("one", NOW + timedelta(days=1), 9)


def test_concluded_absences_count_for_a_day() -> None:
    """By the time of the read that concluded them."""
    state = fresh()
    apply(state, membership("s", "A", cause="deleted"), membership("t", "A", cause="released"))
    counted = [state.suspicions.standing("one", NOW + timedelta(hours=h), (), 100).confirmed for h in (23, 25)]

    assert [1, 0] == counted


def test_a_file_is_used_again_for_the_same_topics_only(tmp_path: Path) -> None:
    """Topics made anew have other ids; a damaged file is as good as none."""
    path = tmp_path / "folder" / "state.sqlite"
    state = State(open_store(path, "topics 1"))
    apply(state, membership("s", "A", "one", revision=3), Checkpoint("one", loaded=True, hints=(), fingerprint="f"))
    with state.writing():
        state.advance("m", {0: 17})
    state.close()

    again = State(open_store(path, "topics 1"))
    assert ({0: 17}, 3, 1) == (again.positions("m"), again.highest_revision, again.memberships)
    assert again.checkpoint("one") == Checkpoint("one", loaded=True, hints=(), fingerprint="f")
    again.close()
    other = State(open_store(path, "topics 2"))
    assert ({}, 0) == (other.positions("m"), other.highest_revision)
    other.close()
    path.write_bytes(b"this is no database" * 1000)
    assert {} == State(open_store(path, "topics 2")).positions("m")


def test_a_file_in_use_is_left_alone(tmp_path: Path) -> None:
    """Two processes with one file would spoil each other's positions: the second one works beside it."""
    path = tmp_path / "state.sqlite"
    first = State(open_store(path, "x"))
    apply(first, membership("s", "A", "one"))
    second = State(open_store(path, "x"))
    apply(second, membership("t", "A", "one"))
    second.close()
    first.close()

    assert {"s"} == set(State(open_store(path, "x")).known(["s", "t"]).memberships)


def test_stamps_of_rows_are_kept_and_renewed() -> None:
    """As published at first; later as they were read. Rows without one, as earlier releases wrote them, have none."""
    state = fresh()
    stamped = replace(membership("s", "A", "one"), rows=(SupportingRow("one", "k", 5), SupportingRow("two", "k")))
    apply(state, cohort("A"), stamped, membership("t", "A", "one"))
    assert stamped.rows == state.known(["s"]).memberships["s"]["A"].rows
    renewed = (SupportingRow("one", "k", 9), SupportingRow("two", "k"))
    with state.writing():
        restamp(state.store, {("s", "A"): renewed, ("nobody", "A"): renewed, ("s", "nowhere"): renewed})

    assert renewed == state.known(["s"]).memberships["s"]["A"].rows
    assert (SupportingRow("one", "t/A"),) == state.known(["t"]).memberships["t"]["A"].rows
    assert (2, 2) == (state.memberships, state.supported("one"))


@given(
    rows=st.lists(
        st.builds(SupportingRow, st.text(), st.text(), st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)))
    )
)
def test_rows_are_packed_without_loss(rows: list[SupportingRow]) -> None:
    """Whatever their keys contain."""
    assert tuple(rows) == unpacked(packed(rows))


@given(
    places=st.dictionaries(st.tuples(st.sampled_from("stuvw"), st.sampled_from("ABCD")), st.booleans()),
    piece=st.integers(1, 4),
)
def test_supporting_rows_are_all_found_in_pieces(places: dict[tuple[str, str], bool], piece: int) -> None:
    """Of one source, each once, however small the pieces."""
    state = fresh()
    apply(state, *[membership(s, c, *(["one"] if own else ["two"])) for (s, c), own in places.items()])
    found = [pair for page in supporting_rows(state, "one", piece) for pair in page]

    assert sorted((f"{s}/{c}", s, None) for (s, c), own in places.items() if own) == sorted(found)
