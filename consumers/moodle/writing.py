"""The writing half of the client.

There is no call here that deletes a cohort, and there must never be one. Rows carry numeric ids, and each call's rows
are sent in rising order, so that writers that meet wait for each other instead of locking each other out.

Each method makes one call. A call that the database refused for a collision is repeated twice, since it was rolled
back; anything else is for the caller to decide, who knows what a repetition could mean.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeVar

import tenacity

from connector.runtime.clock import Clock
from connector.runtime.messages import MoodleMessage
from consumers.moodle import shapes
from consumers.moodle.answers import Json
from consumers.moodle.batches import Row
from consumers.moodle.client import Fields, MoodleClient
from consumers.moodle.errors import Contended, Fault, OutcomeUnknown, Refused
from consumers.moodle.values import (
    IDNUMBER_LIMIT,
    NAME_LIMIT,
    Category,
    CategoryNamed,
    Cohort,
    System,
)

T = TypeVar("T")

ADD_MEMBERS = "core_cohort_add_cohort_members"
REMOVE_MEMBERS = "core_cohort_delete_cohort_members"
CREATE_COHORTS = "core_cohort_create_cohorts"


@unique
class Added(Enum):
    """What became of a row that should add a member."""

    ADDED = "added"
    ALREADY = "already"
    """The user was a member before."""
    NO_USER = "no-user"
    """The user is unknown or deleted; the other rows were applied."""
    NO_COHORT = "no-cohort"
    """The cohort is unknown; the other rows were applied."""
    UNCLEAR = "unclear"
    """Moodle warned of something that we do not know; read the cohort to see."""


@dataclass(frozen=True, slots=True)
class NewCohort:
    """A cohort to be made."""

    idnumber: str
    name: str
    place: System | Category | CategoryNamed
    visible: bool = True


class MoodleWriter:
    """Typed writes. Safe for use by several threads at once, as long as no two write to one cohort."""

    def __init__(self, client: MoodleClient, clock: Clock, *, rng: random.Random | None = None) -> None:
        self._client = client
        self._clock = clock
        self._rng = rng or random.Random()

    def add_members(self, rows: Iterable[Row]) -> Mapping[Row, Added]:
        """Add members, across any number of cohorts, in one call. A row that cannot be applied does not harm the others.

        Raises:
            OutcomeUnknown: any of the rows may have been applied, or may yet be.
            MoodleError: none of the rows has been applied.
        """
        ordered = sorted(set(rows))
        fields: list[tuple[str, str]] = []
        for at, row in enumerate(ordered):
            fields += [
                (f"members[{at}][cohorttype][type]", "id"),
                (f"members[{at}][cohorttype][value]", str(row.cohort_id)),
                (f"members[{at}][usertype][type]", "id"),
                (f"members[{at}][usertype][value]", str(row.user_id)),
            ]
        value = self._unless_contended(lambda: self._client.write(ADD_MEMBERS, fields, rows=len(ordered)))
        return outcomes(ordered, _returned(ADD_MEMBERS, shapes.warnings, value))

    def remove_members(self, rows: Iterable[Row]) -> None:
        """Remove members, across any number of cohorts, in one call: all or none.

        Moodle logs a removal also for a user who is no member, so send only who is there.

        Raises:
            Refused: a user is unknown or deleted, or a cohort unknown. ``bisection.halve`` finds which.
            OutcomeUnknown: all rows may have been applied, or may yet be.
            MoodleError: none of the rows has been applied.
        """
        ordered = sorted(set(rows))
        fields: list[tuple[str, str]] = []
        for at, row in enumerate(ordered):
            fields += [(f"members[{at}][cohortid]", str(row.cohort_id)), (f"members[{at}][userid]", str(row.user_id))]
        value = self._unless_contended(lambda: self._client.write(REMOVE_MEMBERS, fields, rows=len(ordered)))
        _returned(REMOVE_MEMBERS, shapes.nothing, value)

    def create_cohorts(self, wanted: Sequence[NewCohort]) -> Mapping[str, Cohort]:
        """Make cohorts in one call: all or none; by idnumber.

        Moodle does not keep idnumbers unique when two callers create at once: look for the cohort first, create in one
        place at a time, and never repeat this after ``OutcomeUnknown``, but look again later.

        Raises:
            Refused: an idnumber is taken, anywhere on the site; a category is unknown; a text is blank or too long.
            OutcomeUnknown: the cohorts may exist, or may yet be made.
            MoodleError: none of them has been made.
        """
        fields: list[tuple[str, str]] = []
        for at, cohort in enumerate(wanted):
            _check_texts(CREATE_COHORTS, cohort.idnumber, cohort.name)
            fields += [
                *_place(f"cohorts[{at}]", cohort.place),
                (f"cohorts[{at}][name]", cohort.name),
                (f"cohorts[{at}][idnumber]", cohort.idnumber),
                (f"cohorts[{at}][visible]", "1" if cohort.visible else "0"),
            ]
        value = self._client.write(CREATE_COHORTS, fields, rows=len(wanted))
        made = {cohort.idnumber: cohort for cohort in _returned(CREATE_COHORTS, shapes.cohorts, value)}
        if made.keys() != {cohort.idnumber for cohort in wanted}:
            raise OutcomeUnknown(Fault(CREATE_COHORTS, "other-cohorts", MoodleMessage.GARBLED))
        return made

    def _unless_contended(self, call: Callable[[], Json]) -> Json:
        """``call``, up to three times while the database reports a collision. It rolled back each of them."""
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Contended),
            stop=tenacity.stop_after_attempt(3),
            wait=lambda state: self._rng.uniform(0.05, 0.2) * state.attempt_number,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return attempts(call)


def outcomes(rows: Sequence[Row], warnings: Sequence[tuple[str, str]]) -> dict[Row, Added]:
    """What became of each row, from Moodle's warnings, which name ids but no row.

    Moodle looks at the cohort first, then at the user, then whether there is something to do; a row has one warning at
    most. With a warning that fits no row, every row without one of its own is unclear.
    """
    by_text = {f"cohort id={row.cohort_id} not exists": row.cohort_id for row in rows}
    user_by_text = {f"user id={row.user_id} not exists": row.user_id for row in rows}
    row_by_text = {f"record already exists: cohort(id={row.cohort_id} id={row.user_id})": row for row in rows}
    no_cohort: set[int] = set()
    no_user: set[int] = set()
    already: set[Row] = set()
    otherwise = Added.ADDED
    for _code, text in warnings:
        if text in row_by_text:
            already.add(row_by_text[text])
        elif text in user_by_text:
            no_user.add(user_by_text[text])
        elif text in by_text:
            no_cohort.add(by_text[text])
        else:
            otherwise = Added.UNCLEAR

    def outcome(row: Row) -> Added:
        if row.cohort_id in no_cohort:
            return Added.NO_COHORT
        if row.user_id in no_user:
            return Added.NO_USER
        return Added.ALREADY if row in already else otherwise

    return {row: outcome(row) for row in rows}


def _returned(function: str, read: Callable[[Json], T], value: Json) -> T:
    """The answer of a write; one of another shape says nothing about what was applied."""
    try:
        return read(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise OutcomeUnknown(Fault(function, "unexpected-shape", MoodleMessage.GARBLED)) from None


def _place(prefix: str, place: System | Category | CategoryNamed) -> Fields:
    if isinstance(place, System):
        kind, value = "system", ""  # the value is not read, but must be there
    elif isinstance(place, Category):
        kind, value = "id", str(place.id)
    else:
        kind, value = "idnumber", place.idnumber
    return [(f"{prefix}[categorytype][type]", kind), (f"{prefix}[categorytype][value]", value)]


def _check_texts(function: str, idnumber: str, name: str) -> None:
    """Refuse what Moodle would refuse with a code that means something else, or would take though it does harm."""
    if not idnumber.strip() or len(idnumber) > IDNUMBER_LIMIT:
        raise Refused(Fault(function, "bad-idnumber", MoodleMessage.BAD_IDNUMBER))
    if not name.strip() or len(name) > NAME_LIMIT:
        raise Refused(Fault(function, "bad-name", MoodleMessage.BAD_NAME))
