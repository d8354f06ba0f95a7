"""A source's settings, what they mean, and what may change without a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from connector.source.budget import Budget
from connector.source.identity import Found, fingerprint, strangeness
from schemas.records import Checkpoint, DatabaseIdentity
from tests.unit.source.world import settings

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
HERE = DatabaseIdentity("STUDENTS", "students_a", "PRIMARY")
MEMBERSHIP = {"table": "T", "student": "{S}"}
BOTH = {"kind": "timestamp+sequence", "cursor": "c", "sequence": "n"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"membership": {"student": "{S}"}}, "exactly one of table and query"),
        ({"membership": {"student": "{S}", "table": "a; drop table b"}}, "not a table name"),
        ({"membership": {"student": "{S}", "query": "delete from t"}}, "begins with SELECT or WITH"),
        ({"membership": MEMBERSHIP | {"student": "{S}-{T}"}}, "exactly one column"),
        ({"membership": MEMBERSHIP | {"student": "{S|trimm}"}}, 'did you mean "trim"'),
        ({"membership": MEMBERSHIP | {"active": [{"column": "c"}]}}, "values, except_values or when_null"),
        ({"cohort": {"idnumber": "all"}}, "names no column"),
        ({"cohort": {"idnumber": "{A|map:nope}"}}, "no value map"),
        ({"hints": [{"cursor": "c", "name": "x"}, {"cursor": "d", "name": "x"}]}, "same name"),
        ({"hints": [{"cursor": "c", "name": "timestamp2"}, {"cursor": "d"}]}, "same name"),
        ({"hints": [BOTH | {"name": "x"}, {"cursor": "d", "name": "x/sequence"}]}, "same name"),
        ({"hints": [{"kind": "journal", "cursor": "c", "operation": "o", "deletes": []}]}, "deletes names no value"),
        ({"hints": [{"kind": "journal", "cursor": "c", "operation": "o", "deletes": [" "]}]}, "deletes names no value"),
        ({"hints": [{"cursor": "c", "by_cohort": True, "student": "s"}]}, "no student column"),
        ({"hints": [{"kind": "scan", "cursor": "c"}]}, "cursor is for timestamp and sequence"),
        ({"timezone": "Paris"}, "Europe/Paris"),
        ({"share": 0}, "greater than 0"),
    ],
)
def test_bad_settings_are_refused_with_a_hint(changes: dict[str, Any], words: str) -> None:
    """Before anything is touched."""
    with pytest.raises(ValidationError) as caught:
        settings(**changes)

    assert words in str(caught.value)


def test_names_are_taken_as_oracle_spells_them() -> None:
    """Capitals, unless quoted; a trailing semicolon of a query is no fault."""
    made = settings(
        membership={"query": "select * from t;\n", "student": "{s}"}, hints=[{"cursor": "at_", "student": '"Who"'}]
    )

    assert ("AT_", "Who", "select * from t") == (made.hints[0].cursor, made.hints[0].student, made.membership.query)


@pytest.mark.parametrize(
    "comment", ["-- this year's\n", "/* of\n * this year */ ", "-- a\n\n/* b */\n-- select\n", "/***/"]
)
def test_a_query_may_begin_with_comments(comment: str) -> None:
    """As queries mostly do that somebody has kept in a file; what hides in them is no beginning."""
    made = settings(membership={"query": f"{comment}select * from t", "student": "{S}"})
    with pytest.raises(ValidationError):
        settings(membership={"query": f"{comment}delete from t /* */ select", "student": "{S}"})

    assert f"{comment}select * from t" == made.membership.query


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"absence_settle": "1h", "share": 0.1, "hints": []}, True),
        ({"dsn": "elsewhere", "password": "other", "timezone": "Europe/Paris"}, True),
        ({"cohort": {"idnumber": "{GRP}", "name": "{TITLE}", "category": None}}, True),
        ({"cohort": {"idnumber": "{GRP}", "name": "{GRP}"}}, False),
        ({"cohort": {"idnumber": "{GRP|trim}", "name": "{TITLE}"}}, False),
        ({"maps": {"m": {"a": "b"}}}, False),
    ],
)
def test_the_fingerprint_is_that_of_the_meaning(changes: dict[str, Any], *, same: bool) -> None:
    """Intervals and addresses are not part of it, nor is a setting that is left at its default."""
    assert same == (fingerprint(settings()) == fingerprint(settings(**changes)))


def test_a_query_may_be_laid_out_anew() -> None:
    """White space has no meaning."""
    one, two = (settings(membership={"query": f"select a{gap}from b", "student": "{S}"}) for gap in (" ", "\n      "))

    assert fingerprint(one) == fingerprint(two)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Found("f", HERE, NOW - timedelta(minutes=4)), []),
        (Found("f", HERE, NOW - timedelta(minutes=6)), ["clock is 360 s behind"]),
        (Found("g", HERE, NOW), ["patterns, keys or conditions"]),
        (Found("f", DatabaseIdentity("STUDENTS", "students_a", "PHYSICAL STANDBY"), NOW), ["PHYSICAL STANDBY"]),
        (Found("g", DatabaseIdentity("CLONE", "clone", "PRIMARY"), NOW), ["patterns", "CLONE"]),
    ],
)
def test_what_makes_a_source_another_one(found: Found, words: list[str]) -> None:
    """Each reason is told."""
    before = Checkpoint("one", loaded=True, hints=(), fingerprint="f", database=HERE, database_time=NOW)

    reasons = strangeness(before, found, timedelta(minutes=5))

    assert len(words) == len(reasons)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


def test_the_mark_names_settings_and_database() -> None:
    """Another of either is another mark; the time is not part of it."""
    found = Found("f", HERE, NOW)

    assert found.mark == Found("f", HERE, NOW + timedelta(hours=1)).mark
    assert 3 == len({found.mark, Found("g", HERE, NOW).mark, Found("f", DatabaseIdentity("X", "", ""), NOW).mark})


def test_the_share_of_time_is_kept() -> None:
    """After a burst polling rests until its share is earned; a quiet time is not saved up for ever."""
    budget = Budget(0.1, reserve=1.0)
    budget.spend(1.0, 0.0)
    assert 0.0 == budget.pause(0.0)
    budget.spend(2.0, 0.0)
    assert 20.0 == budget.pause(0.0)
    assert 10.0 == budget.pause(10.0)
    budget.spend(1.5, 1000.0)

    assert 5.0 == budget.pause(1000.0)
