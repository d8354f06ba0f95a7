"""The register of vanished cohorts."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

from connector.commands.vanishing import COLUMNS, lines, register_of, write_csv
from schemas.records import CohortState, Presence
from tests.unit.cohorts.values import NOW, announces, cohort, member

DAY = timedelta(days=1)
VANISHED = CohortState.VANISHED
TOLD = announces("A", state=VANISHED, first_seen=NOW - 900 * DAY, last_seen=NOW - 20 * DAY, source="apogee")
EARLIER = announces("B", state=VANISHED, first_seen=NOW - 900 * DAY, last_seen=NOW - 500 * DAY, source="banner")
HERE = announces("C")
PLACES = [cohort("A", 10, state=VANISHED), cohort("C", 12), cohort("D", 13, state=VANISHED)]
ENTRIES = [
    member("A", "s1"),
    member("A", "s2", desired=Presence.ABSENT, applied=Presence.ABSENT),
    member("A", "s3", desired=Presence.ABSENT),
    member("C", "s1"),
    member("D", "s1"),
]
AGES = {"apogee": 400 * DAY, "banner": None}


def test_what_has_vanished_is_listed() -> None:
    """The longest gone first; what is there is left out; members are those whom Moodle shows."""
    found = register_of([TOLD, EARLIER, HERE], PLACES, ENTRIES, AGES)

    assert [("B", 500, None, 0), ("A", 20, 10, 2), ("D", None, 13, 1)] == [
        (one.cohort, one.days(NOW), one.moodle_id, one.members) for one in found
    ]


def test_what_was_released_is_left_out() -> None:
    """Unless the source has said something of it since."""
    released = cohort("E", None, state=VANISHED, revision=7, forgotten=7)

    assert register_of([], [released], [], {}) == []
    assert [one.cohort for one in register_of([], [replace(released, revision=9)], [], {})] == ["E"]


def test_the_settings_tell_when_one_is_released() -> None:
    """By the source that had it last."""
    found = register_of([TOLD, EARLIER, HERE], PLACES, ENTRIES, AGES)

    assert [None, NOW + 380 * DAY, None] == [one.release_at for one in found]


def test_people_see_a_table_and_no_student() -> None:
    """What is not known is a dash."""
    shown = lines(register_of([TOLD, EARLIER, HERE], PLACES, ENTRIES, AGES), NOW)

    assert shown[2].split() == ["2024-03-15", "2026-08-12", "20", "2", "A"]
    assert shown[3].split() == ["-", "-", "-", "1", "D"]
    assert shown[4] == "3 cohorts have vanished; Moodle keeps them with 3 members."
    assert shown[5].startswith("The first of them may be released from 2027-09-16 on")
    assert "s1" not in "".join(shown)
    assert lines([], NOW) == ["No cohort has vanished."]


def test_a_name_that_tells_more_is_shown() -> None:
    """The idnumber alone otherwise."""
    shown = lines(register_of([replace(TOLD, name="Informatics")], [], [], {}), NOW)

    assert shown[1].endswith("  A  (Informatics)")


def test_the_list_is_exported() -> None:
    """With names of columns, times in ISO 8601, and nothing where nothing is known."""
    file = io.StringIO()
    write_csv(register_of([TOLD, HERE], PLACES, ENTRIES, AGES), NOW, file)
    first, second = csv.DictReader(io.StringIO(file.getvalue()))

    assert tuple(first) == COLUMNS
    assert (first["cohort"], first["last_seen"], first["days"], first["members"]) == (
        "A",
        (NOW - 20 * DAY).isoformat(),
        "20",
        "2",
    )
    assert (second["cohort"], second["last_seen"], second["days"]) == ("D", "", "")
