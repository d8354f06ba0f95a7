"""What was published, compared with what the rows say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.runtime.collation import loose_key
from connector.source.causes import Cause
from connector.source.difference import Difference, Observation, difference
from connector.source.known import Known, Membership
from connector.source.mapping import Cohort, Desired, Support
from schemas.records import CohortChanged, CohortState, MembershipChanged, Presence, SupportingRow, Suspect, Suspects

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
SEEN = Observation("one", NOW, "f")


def wanted(
    *cohorts: str,
    rows: Mapping[str, str] | None = None,
    unknown: frozenset[str] = frozenset(),
    inactive: frozenset[str] = frozenset(),
) -> Desired:
    """A student who is in these; ``rows`` maps row keys to cohorts."""
    places = {key: frozenset([cohort]) for key, cohort in (rows or {}).items()}
    keys = {c: tuple(sorted(k for k, at in (rows or {}).items() if at == c)) for c in cohorts}
    return Desired({c: Support(Cohort(c, c), keys[c]) for c in cohorts}, inactive, places, unknown)


def held(*cohorts: str, sources: tuple[str, ...] = ("one",), rows: tuple[str, ...] = ()) -> dict[str, Membership]:
    supporting = tuple(SupportingRow("one", row) for row in rows)
    return {c: Membership(sources, supporting, "one", "f") for c in cohorts}


def cohort(idnumber: str, state: CohortState = CohortState.PRESENT, name: str | None = None) -> CohortChanged:
    return CohortChanged(idnumber, name or idnumber, state, NOW, NOW, 1, "new_cohort", "one", "f")


def known(memberships: Mapping[str, Mapping[str, Membership]], *cohorts: CohortChanged, **more: object) -> Known:
    records = {c: cohort(c) for found in memberships.values() for c in found} | {c.cohort: c for c in cohorts}
    loose = {loose_key(c): c for c in sorted(records, reverse=True)}
    return replace(Known(memberships, cohorts=records, loose=loose), **more)  # type: ignore[arg-type]


def told(found: Difference) -> list[tuple[str, str, str]]:
    return [
        (c.cohort, c.state.value, c.cause) if isinstance(c, MembershipChanged) else (c.cohort, "cohort", c.cause)
        for c in found.changes
    ]


def test_an_addition_brings_its_cohort_first() -> None:
    """The consumer must know the cohort before its first member."""
    found = difference(Known(), {"s": wanted("A")}, SEEN)

    assert [("A", "cohort", "new_cohort"), ("A", "present", "enrolled")] == told(found)


def test_missing_is_suspected_and_nothing_else() -> None:
    """One read is no evidence, whatever else it brings."""
    found = difference(known({"s": held("A")}), {"s": wanted("B")}, SEEN)

    assert [("B", "cohort", "new_cohort"), ("B", "present", "enrolled")] == told(found)
    assert (Suspects("one", "s", (Suspect("A", NOW, "deleted", None, ("B",)),)),) == found.suspects


@pytest.mark.parametrize(
    ("before", "places"),
    [
        ({"A": ("k",), "B": ("k",)}, {"k": ["B"]}),  # one of two rows with the same key is gone
        ({"A": ("k",)}, {"k": ["B", "C"]}),  # two other rows have it now
        ({"A": ("k", "l"), "B": ("l",)}, {"k": ["B"], "l": ["B"]}),
    ],
)
def test_a_key_that_several_rows_have_states_nothing(
    before: Mapping[str, tuple[str, ...]], places: Mapping[str, list[str]]
) -> None:
    """Which of its rows is gone cannot be told, so a second look decides, and the limit of suspects holds."""
    cohorts = sorted({cohort for found in places.values() for cohort in found})
    now = replace(wanted(*cohorts), places={key: frozenset(found) for key, found in places.items()})
    state = known({"s": {name: held(name, rows=keys)[name] for name, keys in before.items()}})
    found = difference(state, {"s": now}, SEEN)

    assert not [change for change in told(found) if change[1] == "absent"]
    assert {"A"} == {suspect.cohort for entry in found.suspects for suspect in entry.missing}


def test_a_stamp_alone_is_no_news_and_is_published_with_other_news() -> None:
    """Rows are told apart by their keys."""
    state = known({"s": {"A": Membership(("one",), (SupportingRow("one", "1", 5),), "one", "f")}})
    same = replace(wanted("A", rows={"1": "A"}), sightings={"A": [("1", 7)]})
    more = replace(wanted("A", rows={"1": "A", "2": "A"}), sightings={"A": [("1", 7), ("2", None), ("1", (9, 1))]})

    assert () == difference(state, {"s": same}, SEEN).changes
    (change,) = difference(state, {"s": more}, SEEN).changes
    assert isinstance(change, MembershipChanged)
    assert (SupportingRow("one", "1", 9), SupportingRow("one", "2", None)) == change.rows


def test_what_is_told_of_an_absence_is_its_cause_and_is_not_forgotten() -> None:
    """A journal's delete: of what is missing now, and of what was missing for no known reason."""
    told_ = replace(SEEN, absences={"s": Cause.JOURNAL_DELETE})
    state = known({"s": held("A", "B")})
    plain = Suspect("A", NOW, Cause.DELETED, None, ())
    (first,) = difference(state, {"s": wanted("B")}, told_).suspects
    assert ["journal_delete"] == [suspect.cause for suspect in first.missing]
    before = replace(state, suspects={"s": (Suspects("one", "s", (plain,)),)})
    (later,) = difference(before, {"s": wanted("B")}, told_).suspects
    assert (replace(plain, cause=Cause.JOURNAL_DELETE),) == later.missing
    known_now = replace(state, suspects={"s": (later,)})

    assert () == difference(known_now, {"s": wanted("B")}, SEEN).suspects
    moved = replace(SEEN, absences={"s": Cause.LEFT_VIEW})
    assert () == difference(known_now, {"s": wanted("B")}, moved).suspects


def test_what_the_student_enters_later_joins_the_siblings_of_every_source() -> None:
    """The removal is to wait for all of it, whichever source says it."""
    suspicion = tuple(Suspects(source, "s", (Suspect("A", NOW, "deleted"),)) for source in ("one", "two"))
    state = known({"s": held("A", sources=("one", "two"))}, suspects={"s": suspicion})

    found = difference(state, {"s": wanted("C")}, replace(SEEN, at=NOW + timedelta(seconds=1)))

    assert {"one": ("C",), "two": ("C",)} == {s.source: s.missing[0].siblings for s in found.suspects}
    assert {NOW} == {s.missing[0].first_missed_at for s in found.suspects}


def test_a_suspect_that_is_back_is_cleared() -> None:
    """Its entry is settled."""
    state = known({"s": held("A")}, suspects={"s": (Suspects("one", "s", (Suspect("A", NOW, "deleted"),)),)})

    assert (Suspects("one", "s", ()),) == difference(state, {"s": wanted("A")}, SEEN).suspects


def test_a_row_that_moved_proves_it_only_if_every_row_did() -> None:
    """Of two supporting rows one moved and one is missing: that is a suspicion."""
    state = known({"s": held("A", rows=("1", "2"))}, cohort("B"))

    one_of_two = difference(state, {"s": wanted("B", rows={"1": "B"})}, SEEN)
    both = difference(state, {"s": wanted("B", rows={"1": "B", "2": "B"})}, SEEN)

    assert [("B", "present", "enrolled")] == told(one_of_two)
    assert [("B", "present", "enrolled"), ("A", "absent", "row_moved")] == told(both)


def test_rows_recorded_under_other_settings_prove_no_move() -> None:
    """The same row names another cohort because the pattern changed."""
    state = known({"s": held("A", rows=("1",))}, cohort("2026-A"))

    found = difference(state, {"s": wanted("2026-A", rows={"1": "2026-A"})}, replace(SEEN, fingerprint="other"))

    assert [("2026-A", "present", "enrolled")] == told(found)
    assert 1 == len(found.suspects)


def test_an_unknown_student_loses_nothing_and_may_gain() -> None:
    """Neither by a missing row nor by one that states it."""
    state = known({"s": held("A", "B")}, cohort("C"))
    desired = wanted("C", inactive=frozenset(["A"]), unknown=frozenset(["G is NULL"]))

    found = difference(state, {"s": desired}, SEEN)

    assert ([("C", "present", "enrolled")], ()) == (told(found), found.suspects)


def test_a_read_that_does_not_conclude_names_who_misses_something() -> None:
    """They are looked at once the first load is complete."""
    found = difference(known({"s": held("A")}), {"s": wanted()}, replace(SEEN, concludes=False))

    assert ((), (), frozenset(["s"])) == (found.changes, found.suspects, found.missing)


def test_missing_in_a_vanished_cohort_means_nothing() -> None:
    """Until it is back: then its members are read."""
    state = known({"s": held("A")}, cohort("A", CohortState.VANISHED))
    gone = difference(state, {"s": wanted()}, SEEN)
    back = difference(state, {"s": wanted(), "t": wanted("A")}, SEEN)

    assert ((), ()) == (gone.changes, gone.suspects)
    assert {"A"} == back.returned
    assert [("A", "cohort", "returned"), ("A", "present", "enrolled")] == told(back)
    assert ["s"] == [entry.student for entry in back.suspects]


def test_a_source_takes_away_its_own_support_only() -> None:
    """The record says who still supports it, and keeps that source's rows."""
    rows = (SupportingRow("one", "1"), SupportingRow("two", "9"))
    state = known({"s": {"A": Membership(("one", "two"), rows, "one", "f")}})

    found = difference(state, {"s": wanted(inactive=frozenset(["A"]))}, SEEN)

    (record,) = found.changes
    assert isinstance(record, MembershipChanged)
    assert (Presence.PRESENT, ("two",), (rows[1],)) == (record.state, record.sources, record.rows)


def test_another_source_s_membership_is_not_missed() -> None:
    """This source never supported it."""
    state = known({"s": held("A", sources=("two",))})

    assert Difference(counts=difference(Known(), {"s": wanted()}, SEEN).counts) == difference(
        state, {"s": wanted()}, SEEN
    )


def test_new_cohorts_of_one_read_collide_with_each_other() -> None:
    """The first by order is the earlier one, and a third refers to it as well."""
    found = difference(Known(), {"s": wanted("Ä", "A", "a")}, SEEN)

    assert {"A": None, "a": "A", "Ä": "A"} == {
        c.cohort: c.colliding_with for c in found.changes if isinstance(c, CohortChanged)
    }


def test_a_name_changes_only_where_enough_was_read() -> None:
    """Otherwise the cohort is named for a closer look."""
    state = known({"s": held("A")}, cohort("A", name="Old"))
    doubtful = difference(state, {"s": wanted("A")}, SEEN)
    sure = difference(state, {"s": wanted("A")}, replace(SEEN, names=frozenset(["A"])))

    assert (frozenset(["A"]), []) == (doubtful.renames, told(doubtful))
    assert [("A", "cohort", "renamed")] == told(sure)


names = st.sampled_from(["A", "a", "B", "C", "D"])
desires = st.builds(
    lambda member, gone, unknown: wanted(*member, inactive=frozenset(gone) - frozenset(member), unknown=unknown),
    st.frozensets(names),
    st.frozensets(names),
    st.sampled_from([frozenset[str](), frozenset(["G is NULL"])]),
)


def applied(state: Known, found: Difference) -> Known:
    """The state after the records."""
    memberships = {s: dict(found_) for s, found_ in state.memberships.items()}
    cohorts, loose = dict(state.cohorts), dict(state.loose)
    for change in found.changes:
        if isinstance(change, CohortChanged):
            cohorts[change.cohort] = change
            if change.colliding_with is None:
                loose[loose_key(change.cohort)] = change.cohort
        elif change.state is Presence.PRESENT:
            kept = Membership(change.sources, change.rows, change.source, change.fingerprint)
            memberships.setdefault(change.student, {})[change.cohort] = kept
        else:
            del memberships[change.student][change.cohort]
    suspects = {s: {e.source: e for e in entries} for s, entries in state.suspects.items()}
    for entry in found.suspects:
        suspects.setdefault(entry.student, {})[entry.source] = entry
    return Known(
        memberships, {s: tuple(e for e in by.values() if e.missing) for s, by in suspects.items()}, cohorts, loose
    )


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), desires), max_size=6), desires)
def test_reading_the_same_again_changes_nothing(history: list[tuple[str, Desired]], last: Desired) -> None:
    """Whatever the state is: after the second read of the same rows there is nothing to say."""
    state = Known()
    for source, desired in history:
        state = applied(state, difference(state, {"s": desired}, replace(SEEN, source=source)))
    state = applied(state, difference(state, {"s": last}, SEEN))

    again = difference(state, {"s": last}, replace(SEEN, at=NOW + timedelta(hours=1)))

    assert ((), ()) == (again.changes, again.suspects)


@given(st.lists(desires, max_size=6), desires)
def test_one_read_adds_all_and_removes_only_what_is_stated(history: list[Desired], last: Desired) -> None:
    """Nothing is removed because it is missing, nor anything from an unknown student."""
    state = Known()
    for desired in history:
        state = applied(state, difference(state, {"s": desired}, SEEN))
    found = difference(state, {"s": last}, replace(SEEN, cause=Cause.LOOK))
    removed = {c.cohort for c in found.changes if isinstance(c, MembershipChanged) and c.state is Presence.ABSENT}

    assert last.memberships.keys() <= applied(state, found).memberships.get("s", {}).keys()
    assert removed <= (frozenset() if last.unknown else last.inactive)
