"""``plan`` and ``adopt``: what they show, and what they refuse."""

from __future__ import annotations

import pytest

from connector.commands import adopt, plan
from connector.commands.planning import Outlook
from connector.commands.standing import describe_standing, told, told_lines
from connector.runtime.errors import Halted
from consumers.cohorts.adoption import Mode, Standing, Why
from consumers.cohorts.prospect import Prospect
from consumers.cohorts.settings import SinkSettings
from schemas.records import Adoption
from tests.unit.cohorts.values import NOW

MADE = Prospect("B", "B", None, create=True, add=3, unplaced=1)
TAKEN = Prospect("A", "A", 10, taken_over=True, add=1, there=40, foreign=(7, 9), remove=(3,))
RIGHT = Prospect("C", "C", 11, there=5)
PARKED = Prospect("D", "D", None, "cohort_doubled")
SHADOW = Standing(Adoption(Why.COHORTS_NAMED, NOW, 1), begun=True)
SECTION = SinkSettings.model_validate(
    {"moodle": {"url": "https://moodle.example.test", "token": "t"}, "students": {"by": "idnumber"}}
)


def outlook(*prospects: Prospect, standing: Standing = SHADOW) -> Outlook:
    return Outlook(standing, prospects)


def section(**changes: object) -> SinkSettings:
    return SECTION.model_copy(update=changes)


def test_the_table_names_each_cohort_with_something_to_do() -> None:
    """One line each; what is as it should be is counted."""
    lines = list(plan.table([TAKEN, MADE, RIGHT, PARKED], members=False))

    assert [line.split() for line in lines[1:4]] == [
        ["A", "take", "over", "10", "1", "40", "2", "1", "0"],
        ["B", "make", "it", "3", "0", "0", "0", "1"],
        ["D", "cohort_doubled", "0", "0", "0", "0", "0"],
    ]
    assert lines[4:] == ["… and 1 cohorts that are as they should be"]


def test_members_are_listed_when_asked_for() -> None:
    """By Moodle's ids, under their cohort."""
    lines = list(plan.table([TAKEN], members=True))

    assert lines[2:] == ["  foreign: account 7", "  foreign: account 9", "  remove: account 3"]


def test_the_sum_is_over_all_cohorts() -> None:
    """What a person decides by."""
    assert plan.total([TAKEN, MADE, RIGHT, PARKED]) == {
        "cohorts": 4,
        "create": 1,
        "taken_over": 1,
        "waits": 1,
        "add": 4,
        "there": 45,
        "foreign": 2,
        "remove": 1,
        "unplaced": 1,
    }


def test_the_advice_ends_with_the_command_to_type() -> None:
    """With the hash and the policy of the settings; and with the doubt that foreign members may be students."""
    found = outlook(TAKEN, MADE)
    lines = list(plan.advice("moodle", section(foreign="remove"), found))

    assert lines[-1] == f"If this is meant, run: cohortstream adopt {found.mark} --foreign remove"
    assert any("may be students whose account was not found" in line for line in lines)


@pytest.mark.parametrize(
    ("standing", "mode"), [(Standing(begun=True), "apply"), (SHADOW, "shadow"), (Standing(), "apply")]
)
def test_nothing_is_advised_where_nothing_can_be_adopted(standing: Standing, mode: Mode) -> None:
    """The hash is all there is."""
    found = outlook(TAKEN, standing=standing)

    assert list(plan.advice("moodle", section(mode=mode), found))[-1] == f"hash {found.mark}"


def test_a_plan_before_the_first_load_says_that_it_is_not_all() -> None:
    """More cohorts and members are to come."""
    waits = Standing(Adoption(Why.FIRST_LOAD, NOW), begun=True)

    assert any("Not every source is loaded" in line for line in plan.advice("m", SECTION, outlook(standing=waits)))


@pytest.mark.parametrize(
    ("changes", "foreign", "code"),
    [
        ({"mode": "shadow"}, "keep", "CS6020"),
        ({}, "remove", "CS6025"),
        ({"foreign": "remove"}, "keep", "CS6025"),
    ],
)
def test_an_answer_that_the_settings_contradict_is_refused(changes: dict[str, object], foreign: str, code: str) -> None:
    """Before anything is read."""
    with pytest.raises(Halted) as refused:
        adopt.require_fit("moodle", section(**changes), foreign)

    assert refused.value.message.code == code


def test_an_answer_that_fits_passes() -> None:
    """In both ways to answer."""
    for policy in ("keep", "remove"):
        adopt.require_fit("moodle", section(foreign=policy), policy)


def test_only_what_was_seen_can_be_adopted() -> None:
    """Another hash, or a sink that is not in shadow, is refused; additions since then are none of it."""
    seen = outlook(TAKEN).mark
    more = Prospect(**{name: getattr(TAKEN, name) for name in TAKEN.__slots__} | {"add": 500})
    adopt.require_meant("moodle", SECTION, outlook(more), seen)
    with pytest.raises(Halted, match="CS6024"):
        adopt.require_meant("moodle", SECTION, outlook(TAKEN, MADE), seen)
    for standing in (Standing(begun=True), Standing()):
        with pytest.raises(Halted, match="CS6023"):
            adopt.require_meant("moodle", SECTION, outlook(TAKEN, standing=standing), seen)


@pytest.mark.parametrize(
    ("standing", "mode", "code", "writes"),
    [
        (Standing(), "apply", None, False),
        (Standing(begun=True), "apply", None, True),
        (Standing(begun=True), "shadow", "CS6020", False),
        (SHADOW, "apply", "CS6021", False),
        (SHADOW, "shadow", "CS6020", False),
        (Standing(Adoption(Why.FIRST_LOAD, NOW), begun=True), "apply", "CS6022", False),
        (Standing(Adoption(Why.MODE_SHADOW, NOW), begun=True), "apply", "CS6022", False),
    ],
)
def test_status_says_whether_moodle_is_written_to_and_what_to_do(
    standing: Standing,
    mode: Mode,
    code: str | None,
    writes: bool,  # noqa: FBT001 - a table
) -> None:
    """For machines and for people; nothing is said where all is well."""
    described = describe_standing("moodle", standing, mode)

    assert (described["code"], described["writes"]) == (code, writes)
    assert bool(told_lines(described)) is (code is not None) is (told("moodle", standing, mode) is not None)
