"""Who needs no closer look in a snapshot: nobody whom the comparison would find different, and all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from connector.source.agreement import Agreement
from connector.source.causes import Cause
from connector.source.difference import Difference, Observation, difference
from connector.source.mapping import Row, RowMapping
from connector.source.settings import CohortSettings, MembershipSettings
from connector.source.state import State
from connector.source.store import open_store
from schemas.records import CohortState, MembershipChanged, Presence, SupportingRow, Suspect, Suspects

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
SEEN = Observation("one", NOW, "f", Cause.SNAPSHOT)
MEMBERSHIP = {"table": "t", "student": "{STUDENT|trim}", "active": [{"column": "STATUS", "values": ["E"]}]}
COHORT = CohortSettings.model_validate({"idnumber": "{GRP}", "name": "{TITLE|trim}"})
KEYED = RowMapping(MembershipSettings.model_validate(MEMBERSHIP | {"row_key": "{ID}"}), COHORT)
UNKEYED = RowMapping(MembershipSettings.model_validate(MEMBERSHIP), COHORT)


def row(number: object, student: object, grp: object, status: object = "E", title: str = "T") -> Row:
    return {"ID": number, "STUDENT": student, "GRP": grp, "STATUS": status, "TITLE": title}


def found(mapping: RowMapping, state: State, rows: Sequence[Row]) -> Difference:
    mapped = mapping.map(rows)
    cohorts = {cohort for wanted in mapped.students.values() for cohort in wanted.mentioned}
    return difference(state.known(list(mapped.students), cohorts), mapped.students, SEEN)


def published(mapping: RowMapping, rows: Sequence[Row]) -> State:
    """The state once these rows were published."""
    state = State(open_store(None, "x"))
    with state.writing():
        for revision, change in enumerate(found(mapping, state, rows).changes, 1):
            state.apply(("",), replace(change, revision=revision))
    return state


def in_doubt(mapping: RowMapping, state: State, rows: Sequence[Row]) -> list[object]:
    """Row keys of those who need a closer look."""
    return [left["ID"] for left in Agreement("one", mapping, state).doubt(rows).rows]


def differing(outcome: Difference) -> tuple[set[str], set[str], set[str]]:
    """Students with changes of their own; cohorts that are new or back; cohorts with another name."""
    students = {change.student for change in outcome.changes if isinstance(change, MembershipChanged)}
    cohorts = {change.cohort for change in outcome.changes if not isinstance(change, MembershipChanged)}
    return students | {entry.student for entry in outcome.suspects}, cohorts, set(outcome.renames)


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from([1, 2, 3, 4, '5" [', None]),
        st.sampled_from(["a", "a ", "b", "ç", 'a"\\', "a\0b", None, " "]),
        st.sampled_from(["G", "H", "[J", None]),
        st.sampled_from(["E", "E", "E", "D"]),
        st.sampled_from(["T", "T", "U", None]),
    ),
    max_size=8,
)


SUSPECTED = Suspects("one", "a", (Suspect("G", NOW, "deleted", None, ()),))


@given(ROWS, ROWS, st.sampled_from([KEYED, UNKEYED]), st.sampled_from([None, SUSPECTED]))
def test_whoever_differs_is_in_doubt(
    before: list[Row], now: list[Row], mapping: RowMapping, suspected: Suspects | None
) -> None:
    """The comparison of those in doubt finds what the comparison of all finds, whatever changed; the same object may be
    asked again.
    """
    state = published(mapping, before)
    if suspected is not None:
        with state.writing():
            state.apply(("",), suspected)
    agreement = Agreement("one", mapping, state)
    agreement.doubt(before)

    doubt = agreement.doubt(now)

    assert differing(found(mapping, state, now)) == differing(found(mapping, state, doubt.rows))
    assert set(mapping.map(now).students) == set(doubt.students)


@given(ROWS)
def test_what_was_published_is_in_no_doubt(rows: list[Row]) -> None:
    """Neither rows that cannot be mapped nor inactive ones bring it up again; rows without a student are never left out."""
    plain = [dict(found, TITLE="T", ID=n) for n, found in enumerate(rows)]
    state = published(KEYED, plain)

    left = Agreement("one", KEYED, state).doubt(plain).rows

    assert [found for found in plain if not str(found["STUDENT"] or "").strip()] == list(left)


def test_a_row_that_took_anothers_place_is_noticed() -> None:
    """The membership is the same, its evidence is not."""
    state = published(KEYED, [row(1, "s", "G"), row(2, "t", "G")])

    assert [3] == in_doubt(KEYED, state, [row(3, "s", "G"), row(2, "t", "G")])


def test_a_key_that_begins_like_the_stored_one_is_another() -> None:
    """Texts are compared whole."""
    state = published(KEYED, [row(12, "s", "G")])

    assert [1] == in_doubt(KEYED, state, [row(1, "s", "G")])


def test_rows_of_another_source_do_not_matter() -> None:
    """Each source compares what it supports itself."""
    state = published(KEYED, [row(1, "s", "G")])
    rows = (SupportingRow("one", "1"), SupportingRow("two", "9"))
    other = ("two",)
    with state.writing():
        for cohort, sources, kept in (("G", ("one", "two"), rows), ("H", other, rows[1:])):
            said = MembershipChanged(cohort, "s", Presence.PRESENT, sources, "enrolled", 9, "two", NOW, "f", rows=kept)
            state.apply(("",), said)

    assert [] == in_doubt(KEYED, state, [row(1, "s", "G")])


def test_a_cohort_is_looked_at_anew_when_its_record_changes() -> None:
    """What was found for one chunk does not hold for the next if the cohort has vanished in between."""
    rows = [row(1, "s", "G")]
    state = published(KEYED, rows)
    agreement = Agreement("one", KEYED, state)
    assert not agreement.doubt(rows).rows
    record = state.cohort_records(["G"])["G"]

    with state.writing():
        state.apply(("",), replace(record, state=CohortState.VANISHED, revision=9))

    assert rows == agreement.doubt(rows).rows
