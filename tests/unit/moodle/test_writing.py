"""The writing half: what is sent, and what is made of Moodle's answers."""

from __future__ import annotations

import random
from pathlib import Path

import httpx
import pytest

import consumers.moodle
from consumers.moodle import writing
from consumers.moodle.batches import Row
from consumers.moodle.errors import Contended, OutcomeUnknown, Refused
from consumers.moodle.preflight import FORBIDDEN_FUNCTION
from consumers.moodle.values import SYSTEM, Category, CategoryNamed
from consumers.moodle.writing import Added, MoodleWriter, NewCohort, outcomes
from tests.unit.moodle.doubles import ManualClock, Script, client_for, exchanges, refusal


def writer_for(*answers: object) -> tuple[MoodleWriter, Script]:
    script = Script(*answers)
    clock = ManualClock()
    return MoodleWriter(client_for(script, clock=clock), clock, rng=random.Random(1)), script


def warned(*messages: tuple[str, str]) -> dict[str, list[dict[str, str]]]:
    return {"warnings": [{"warningcode": code, "message": text} for code, text in messages]}


def test_nothing_here_can_delete_a_cohort() -> None:
    """The name of that function occurs once in the package: where a token that offers it is refused."""
    source = Path(next(iter(consumers.moodle.__path__)))
    found = [path.name for path in sorted(source.rglob("*.py")) if "delete_cohorts" in path.read_text(encoding="utf-8")]

    assert found == ["preflight.py"]
    assert FORBIDDEN_FUNCTION == "core_cohort_delete_cohorts"
    assert {name for name in dir(MoodleWriter) if not name.startswith("_")} == {
        "add_members",
        "create_cohorts",
        "remove_members",
    }


def test_added_rows_are_sent_once_in_rising_order_by_numeric_ids() -> None:
    """Loosely comparing databases take other texts for the same user."""
    writer, script = writer_for(warned())
    writer.add_members([Row(2, 7), Row(1, 9), Row(2, 7)])

    assert script.forms[0][2:] == [
        ("members[0][cohorttype][type]", "id"),
        ("members[0][cohorttype][value]", "1"),
        ("members[0][usertype][type]", "id"),
        ("members[0][usertype][value]", "9"),
        ("members[1][cohorttype][type]", "id"),
        ("members[1][cohorttype][value]", "2"),
        ("members[1][usertype][type]", "id"),
        ("members[1][usertype][value]", "7"),
        ("wsfunction", "core_cohort_add_cohort_members"),
    ]


def test_each_row_gets_its_outcome_from_the_warnings() -> None:
    """They name ids, no rows: a cohort's warning stands for all its rows, a user's for all the others of that user."""
    writer, _ = writer_for(
        warned(
            ("2", "cohort id=404 not exists"),
            ("2", "user id=8 not exists"),
            ("3", "record already exists: cohort(id=1 id=7)"),
        )
    )
    rows = [Row(1, 7), Row(1, 8), Row(2, 7), Row(404, 7), Row(404, 8)]

    assert writer.add_members(rows) == {
        Row(1, 7): Added.ALREADY,
        Row(1, 8): Added.NO_USER,
        Row(2, 7): Added.ADDED,
        Row(404, 7): Added.NO_COHORT,
        Row(404, 8): Added.NO_COHORT,
    }


def test_a_warning_that_is_not_known_leaves_the_other_rows_unclear() -> None:
    """Nobody is taken for added because of a sentence that was not understood."""
    found = outcomes([Row(1, 7), Row(1, 8)], [("3", "record already exists: cohort(id=1 id=7)"), ("9", "new")])

    assert found == {Row(1, 7): Added.ALREADY, Row(1, 8): Added.UNCLEAR}


def test_warnings_read_as_they_were_recorded() -> None:
    """The sentences are Moodle's, so they are held against what it sent."""
    unknown_user = exchanges("add-unknown-user-id")[0].raw["response_body"]["warnings"][0]["message"]
    unknown_cohort = exchanges("add-unknown-cohort-id")[0].raw["response_body"]["warnings"][0]["message"]
    already = exchanges("add-already-member")[0].raw["response_body"]["warnings"][0]["message"]
    by_id = already.replace("idnumber=UNI:BIO-Y1", "id=101").replace("username=stu0001", "id=1001")

    assert outcomes([Row(1, 99999)], [("2", unknown_user)]) == {Row(1, 99999): Added.NO_USER}
    assert outcomes([Row(999, 1)], [("2", unknown_cohort)]) == {Row(999, 1): Added.NO_COHORT}
    assert outcomes([Row(101, 1001)], [("3", by_id)]) == {Row(101, 1001): Added.ALREADY}


def test_removed_rows_carry_two_fields_each() -> None:
    """Hence twice as many fit."""
    writer, script = writer_for(httpx.Response(200, text="null"))
    writer.remove_members([Row(2, 7), Row(1, 9)])

    assert script.forms[0][2:] == [
        ("members[0][cohortid]", "1"),
        ("members[0][userid]", "9"),
        ("members[1][cohortid]", "2"),
        ("members[1][userid]", "7"),
        ("wsfunction", "core_cohort_delete_cohort_members"),
    ]


def test_a_collision_is_tried_again_twice() -> None:
    """The database rolled it back; mostly it works the next time."""
    writer, script = writer_for(refusal("dmlwriteexception"), refusal("dmlwriteexception"), warned())
    assert writer.add_members([Row(1, 7)]) == {Row(1, 7): Added.ADDED}

    writer, script = writer_for(*[refusal("dmlwriteexception")] * 3, warned())
    with pytest.raises(Contended):
        writer.add_members([Row(1, 7)])
    assert script.left == 1


@pytest.mark.parametrize("answer", [{}, [], "done", {"warnings": [{"text": "?"}]}])
def test_an_answer_of_another_shape_leaves_the_outcome_open(answer: object) -> None:
    """It came with success, but it is not Moodle's."""
    writer, _ = writer_for(answer, answer)

    with pytest.raises(OutcomeUnknown):
        writer.add_members([Row(1, 7)])
    with pytest.raises(OutcomeUnknown):
        writer.remove_members([Row(1, 7)])


def test_cohorts_are_made_where_they_are_wanted() -> None:
    """In the system, or in a category by id or idnumber."""
    made = [{"id": 5 + at, "idnumber": name, "name": "N", "visible": True} for at, name in enumerate("ABC")]
    writer, script = writer_for(made)
    found = writer.create_cohorts(
        [
            NewCohort("A", "Alpha", SYSTEM),
            NewCohort("B", "Beta", Category(4)),
            NewCohort("C", "Gamma", CategoryNamed("SCI"), visible=False),
        ]
    )

    assert {name: cohort.id for name, cohort in found.items()} == {"A": 5, "B": 6, "C": 7}
    form = dict(script.forms[0])
    places = [(form[f"cohorts[{n}][categorytype][type]"], form[f"cohorts[{n}][categorytype][value]"]) for n in range(3)]
    assert places == [("system", ""), ("id", "4"), ("idnumber", "SCI")]
    assert [form[f"cohorts[{n}][visible]"] for n in range(3)] == ["1", "1", "0"]


def test_a_creation_with_an_unknown_outcome_is_not_repeated() -> None:
    """Moodle does not keep idnumbers unique: a second call could make a second cohort."""
    writer, script = writer_for(httpx.Response(504), [{"id": 1, "idnumber": "A", "name": "N"}])

    with pytest.raises(OutcomeUnknown):
        writer.create_cohorts([NewCohort("A", "Alpha", SYSTEM)])
    assert script.left == 1


def test_a_creation_that_answers_with_other_cohorts_is_of_unknown_outcome() -> None:
    """What was asked may be there or not."""
    writer, _ = writer_for([{"id": 1, "idnumber": "B", "name": "N"}])

    with pytest.raises(OutcomeUnknown):
        writer.create_cohorts([NewCohort("A", "Alpha", SYSTEM)])


@pytest.mark.parametrize(("idnumber", "name"), [("", "N"), (" ", "N"), ("x" * 101, "N"), ("A", ""), ("A", "n" * 255)])
def test_texts_that_moodle_cannot_keep_are_refused_before_a_call(idnumber: str, name: str) -> None:
    """Moodle would report too long a text like a collision, and take a blank idnumber once."""
    writer, script = writer_for()

    with pytest.raises(Refused, match=r"CS403[67]"):
        writer.create_cohorts([NewCohort(idnumber, name, SYSTEM)])
    assert script.forms == []


def test_the_functions_that_write_are_these_three() -> None:
    """A fourth must be weighed, listed for the service, and tested."""
    assert {value for name, value in vars(writing).items() if isinstance(value, str) and value.startswith("core_")} == {
        "core_cohort_add_cohort_members",
        "core_cohort_delete_cohort_members",
        "core_cohort_create_cohorts",
    }
