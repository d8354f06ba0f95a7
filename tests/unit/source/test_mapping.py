"""Rows to what should be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.hint_settings import HintSettings
from connector.source.mapping import Desired, Mapped, Row, RowMapping
from connector.source.settings import CohortSettings, MembershipSettings


def mapping(
    student: str = "{S|trim}", idnumber: str = "{G}", name: str | None = None, category: str | None = None, **more: Any
) -> RowMapping:
    plain = {"table": "T", "student": student} | more
    return RowMapping(
        MembershipSettings.model_validate(plain),
        CohortSettings(idnumber=idnumber, name=name, category=category),
        {"terms": {"1": "autumn"}},
    )


def row(student: object = "s1", group: object = "G", **more: object) -> Row:
    return {"S": student, "G": group, **more}


def one(mapped: Mapped) -> Desired:
    (desired,) = mapped.students.values()
    return desired


def test_several_columns_make_an_idnumber() -> None:
    """NUMBER, CHAR padding, filters and value maps, as the settings say."""
    made = mapping(idnumber="{Y}-{G|trim|upper}-{N|pad:2}-{T|map:terms}", name="{G} in {Y}", category="cat-{Y}")
    rows = [row(group="ab  ", Y=Decimal(2026), N=3, T=1)]

    (support,) = one(made.map(rows)).memberships.values()

    assert ("2026-AB-03-autumn", "ab in 2026", "cat-2026") == (
        support.cohort.idnumber,
        support.cohort.name,
        support.cohort.category,
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(group=None), "G is NULL"),
        (row(group="x" * 101), "G gives a cohort idnumber of more than 100 characters"),
        (row(group=b"\x00"), "G holds bytes; select RAWTOHEX(column), or a text column"),
    ],
)
def test_a_row_that_cannot_be_mapped_makes_its_student_unknown(bad: Row, reason: str) -> None:
    """What other rows say still counts; the reason is counted."""
    mapped = mapping().map([row(group="A"), bad])

    assert ({"A"}, {reason}) == (set(one(mapped).memberships), set(one(mapped).unknown))
    assert {reason: 1} == mapped.unmappable


@pytest.mark.parametrize("student", [None, "  ", b"1"])
def test_a_row_without_a_student_is_counted_and_concerns_nobody(student: object) -> None:
    """It cannot be told whose row it is."""
    mapped = mapping().map([row(student)])

    assert ({}, 1) == (mapped.students, sum(mapped.unmappable.values()))


def test_a_long_name_is_cut_and_a_hundred_characters_fit() -> None:
    """A name is for people; an idnumber is an address."""
    mapped = mapping(name="{N}").map([row(group="x" * 100, N="n" * 255)])

    (support,) = one(mapped).memberships.values()
    assert ("n" * 253 + "…", 1) == (support.cohort.name, mapped.cut_names)


def test_values_of_one_key_are_joined_and_remembered() -> None:
    """Padding and case make one student, whose rows are found by each value, blanks included."""
    mapped = mapping("{S|trim|upper}").map([row("ab  ", "A"), row("AB", "B")])

    assert {"AB": {"ab  ", "AB"}} == mapped.values
    assert {"A", "B"} == set(mapped.students["AB"].memberships)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ({"values": ["E", "I"]}, "E ", True),
        ({"values": ["E", "I"]}, "X", False),
        ({"values": ["1"]}, 1, True),
        ({"except_values": ["X"]}, "E", True),
        ({"except_values": ["X"]}, "X", False),
        ({"when_null": "active"}, None, True),
        ({"when_null": "active"}, "2026-01-01", False),
        ({"when_null": "inactive"}, None, False),
        ({"when_null": "inactive"}, "x", True),
        ({"values": ["E"], "when_null": "active"}, None, True),
        ({"values": ["E"], "when_null": "active"}, "X", False),
        ({"values": ["E"], "when_null": "inactive"}, None, False),
        ({"values": ["E"]}, None, None),
    ],
)
def test_active_conditions(condition: dict[str, Any], value: object, *, expected: bool | None) -> None:
    """In, not in, is null; a NULL that the condition does not speak of is a fault of the row."""
    desired = one(mapping(active=[{"column": "c"} | condition]).map([row(C=value)]))

    assert (expected is True, expected is False, expected is None) == (
        "G" in desired.memberships,
        "G" in desired.inactive,
        bool(desired.unknown),
    )


def test_all_conditions_must_hold_and_support_wins() -> None:
    """A row of the past beside a row of today is no statement that the student has left."""
    conditions = [{"column": "C", "values": ["E"]}, {"column": "D", "when_null": "active"}]
    made = mapping(active=conditions, row_key="{K}")

    desired = one(made.map([row(C="E", D="x", K=1), row(C="E", D=None, K=2), row(group="H", C="X", D=None, K=3)]))

    assert ({"G"}, {"H"}) == (set(desired.memberships), set(desired.inactive))
    assert ("2",) == desired.memberships["G"].rows
    assert {"1": {"G"}, "2": {"G"}, "3": {"H"}} == desired.places


@given(st.permutations([row(group="A", N="b"), row(group="A", N="a"), row(group="B", N="c"), row(group=None, N="d")]))
def test_the_order_of_rows_does_not_matter(rows: list[Row]) -> None:
    """Rows of one statement come in any order."""
    made = mapping(name="{N}")

    assert made.map(sorted(rows, key=str)).students == made.map(rows).students


def test_student_keys_of_hints_and_of_rows_agree() -> None:
    """A value that makes no key belongs to nobody."""
    made = mapping("{S|trim|lower}")

    assert ("ab", None) == (made.student_of(" AB "), made.student_of("  "))


def stamped(*hints: dict[str, Any], **more: Any) -> RowMapping:
    return RowMapping(
        MembershipSettings.model_validate({"table": "T", "student": "{S}"} | more),
        CohortSettings(idnumber="{G}"),
        hints=[HintSettings.model_validate(hint) for hint in hints],
    )


def test_only_hints_on_the_same_rows_stamp_them() -> None:
    """Not those of other tables, nor of kinds without a cursor that a change moves; both halves of a double one."""
    made = stamped(
        {"table": "OTHER", "cursor": "C"},
        {"cursor": "C", "kind": "timestamp+sequence", "sequence": "N", "name": "both"},
        {"kind": "scan"},
        {"kind": "due", "cursor": "D"},
        {"kind": "journal", "cursor": "J", "operation": "O"},
        {"table": "T", "cursor": "X", "by_cohort": True},
    )

    assert ["both", "both/sequence", "timestamp6"] == list(made.stamped)
    assert ["C", "N", "X"] == [hint.cursor for hint in made.stamped.values()]


def test_every_row_is_sighted_in_its_cohort_with_its_stamp() -> None:
    """Active or not, with its key where there is one; NULL stays None."""
    more = {"active": [{"column": "A", "values": ["y"]}], "row_key": "{K}"}
    made = stamped({"cursor": "C"}, **more)
    rows = [row(K=1, A="y", STAMP_1_=5), row(K=2, A="n", STAMP_1_=None), row(group="H", K=3, A="n", STAMP_1_=7)]

    assert {"G": [("1", 5), ("2", None)], "H": [("3", 7)]} == one(made.map(rows)).sightings
    assert {"G": [(None, 5)]} == one(stamped({"cursor": "C"}).map([row(STAMP_1_=5)])).sightings


def test_several_hints_on_the_same_rows_give_several_stamps() -> None:
    """In the order of the hints."""
    made = stamped({"cursor": "C", "kind": "timestamp+sequence", "sequence": "N"})

    assert {"G": [(None, (5, 6))]} == one(made.map([row(STAMP_1_=5, STAMP_2_=6)])).sightings


def test_without_hints_on_the_rows_they_need_no_stamps() -> None:
    """Nothing is asked of the rows, and nothing gathered."""
    assert {} == one(stamped({"table": "OTHER", "cursor": "C"}).map([row()])).sightings
