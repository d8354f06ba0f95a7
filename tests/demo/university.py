"""A believable university, the same for the same seed: what its student system holds, and who has an account in Moodle.

Every student belongs to the cohort of the year, to its courses, to one group of tutorials (TD) and one of practical work
(TP). Some rows are withdrawn already, some students repeat a course of the year below. Moodle writes student numbers
in its own way: with a leading zero, in small letters, with a blank; that is what the product's normaliser is for.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from tests.demo.catalogue import FACULTIES, FIRST_NAMES, LAST_NAMES, PROGRAMMES, SHARE, Faculty, Programme

YEAR = 2026
ACTIVE, WITHDRAWN = "I", "D"
_WITHDRAWN_SHARE = 0.004
_REPEATERS_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a university to make."""

    students: int = 5000
    years: int = 25
    """Years of programmes, such as the second year of mathematics."""
    tutorials: int = 3
    practicals: int = 3
    courses: int = 5
    without_account: int = 4
    """Students who have no account in Moodle."""
    doubled: int = 1
    """Student numbers that two accounts claim."""


FULL = Scale()
SMALL = Scale(students=300, years=3, courses=3, without_account=2)
"""30 groups; for tests."""


@dataclass(frozen=True, slots=True)
class Student:
    number: str
    """As the student system prints it; its column is a CHAR(8), so shorter ones are padded with blanks there."""
    last_name: str
    first_name: str

    @property
    def key(self) -> str:
        """The number in the one form that both ends can be brought to."""
        return normalised(self.number)


@dataclass(frozen=True, slots=True)
class Group:
    code: int
    stage: str
    """Code of the year of a programme, such as ``L2MAT``."""
    kind: str
    """PRO (the whole year), CM (a course), TD or TP."""
    number: int
    label: str
    faculty: Faculty

    @property
    def cohort(self) -> str:
        """The idnumber that its cohort must get."""
        return f"{YEAR}-{self.faculty.acronym}-{self.stage}-{self.kind}{self.number:02}"


@dataclass(frozen=True, slots=True)
class Enrolment:
    id: int
    student: str
    group: int
    status: str = ACTIVE


@dataclass(frozen=True, slots=True)
class Account:
    """A user of Moodle; ``student_number`` stands in a custom profile field, as somebody typed it there."""

    username: str
    first_name: str
    last_name: str
    email: str
    student_number: str


@dataclass(frozen=True)
class University:
    students: list[Student]
    groups: list[Group]
    enrolments: list[Enrolment]
    accounts: list[Account]
    without_account: list[Student]
    """They may get one later: ``account_of``."""
    doubled: list[Student]
    """Their number stands in two accounts, so that nobody can say which is theirs."""
    stages: dict[str, str] = field(default_factory=dict)
    """Name of each year of a programme, by its code."""

    @cached_property
    def by_code(self) -> dict[int, Group]:
        return {group.code: group for group in self.groups}

    @cached_property
    def members(self) -> dict[int, set[str]]:
        """Numbers of the students of each group, withdrawn ones not."""
        found: dict[int, set[str]] = {group.code: set() for group in self.groups}
        for enrolment in self.enrolments:
            if enrolment.status == ACTIVE:
                found[enrolment.group].add(enrolment.student)
        return found

    @cached_property
    def unresolved(self) -> frozenset[str]:
        """Numbers of the students who cannot be in any cohort of Moodle."""
        return frozenset(s.number for s in (*self.without_account, *self.doubled))


def normalised(number: str) -> str:
    """A student number in the form that both ends can be brought to."""
    return number.strip().upper().rjust(8, "0")


def found(seed: int = 1, scale: Scale = FULL) -> University:
    """Found the university of this seed."""
    chance = random.Random(seed)
    years = _years(scale.years)
    sizes = _sizes(chance, scale.students, [SHARE[level] for _, level in years])
    students = _students(chance, scale.students)
    groups: list[Group] = []
    enrolments: list[tuple[str, int]] = []
    courses_below: dict[str, list[int]] = {}
    start = 0
    for (programme, level), size in zip(years, sizes, strict=True):
        year, start = students[start : start + size], start + size
        made = list(_groups(len(groups) + 101, programme, level, scale))
        groups += made
        enrolments += _enrolments(chance, year, made)
        courses = [group.code for group in made if group.kind == "CM"]
        for below in [courses_below.get(programme.code)]:
            if below:
                repeaters = [s for s in year if chance.random() < _REPEATERS_SHARE]
                enrolments += [(s.number, code) for s in repeaters for code in chance.sample(below, 2)]
        courses_below[programme.code] = courses
    chance.shuffle(enrolments)
    rows = [
        Enrolment(number, student, group, WITHDRAWN if chance.random() < _WITHDRAWN_SHARE else ACTIVE)
        for number, (student, group) in enumerate(enrolments, 1)
    ]
    special = chance.sample(students, scale.without_account + scale.doubled)
    without, doubled = special[: scale.without_account], special[scale.without_account :]
    missing = {student.number for student in without}
    accounts = [account_of(student, chance) for student in students if student.number not in missing]
    accounts += [
        replace(account_of(s, chance), username=f"{s.number.lower()}.bis", email=f"{s.number.lower()}.bis@univ.example")
        for s in doubled
    ]
    stages = {f"{level}{programme.code}": f"{programme.name} {level}" for programme, level in years}
    return University(students, groups, rows, accounts, without, doubled, stages)


def account_of(student: Student, chance: random.Random) -> Account:
    """The account that the university would give to the student."""
    first, last = (_ascii(text) for text in (student.first_name, student.last_name))
    username = f"{first}.{last}.{student.number.lower()}"
    number = chance.choice((normalised(student.number), student.number.lower(), f" {student.number}", student.number))
    return Account(username, student.first_name, student.last_name, f"{username}@univ.example", number)


def _years(count: int) -> list[tuple[Programme, str]]:
    years = [(programme, level) for programme in PROGRAMMES for level in programme.levels]
    if count > len(years):
        raise ValueError(f"there are {len(years)} years of programmes, not {count}")
    return years[:count]


def _sizes(chance: random.Random, total: int, shares: list[float]) -> list[int]:
    weights = [share * chance.uniform(0.7, 1.4) for share in shares]
    sizes = [int(total * weight / sum(weights)) for weight in weights]
    sizes[0] += total - sum(sizes)
    return sizes


def _students(chance: random.Random, count: int) -> list[Student]:
    """Numbers are of three kinds: eight digits, seven digits from before a migration, and those of exchange students."""
    serial = chance.sample(range(10_000, 99_999), count)
    students = []
    for number in serial:
        kind = chance.random()
        text = (
            f"9{number:06}"
            if kind < 0.08
            else f"E26{number:05}"
            if kind < 0.13
            else f"{chance.randint(21, 26)}{number:06}"
        )
        students.append(Student(text, chance.choice(LAST_NAMES), chance.choice(FIRST_NAMES)))
    return students


def _groups(code: int, programme: Programme, level: str, scale: Scale) -> Iterator[Group]:
    faculty = next(f for f in FACULTIES if f.code == programme.faculty)
    stage, name = f"{level}{programme.code}", f"{programme.name} {level}"
    labels = [("PRO", 1, f"{name} – promotion")]
    labels += [("CM", n, f"{name} – {course}") for n, course in enumerate(programme.courses[: scale.courses], 1)]
    labels += [("TD", n, f"{name} – TD groupe {n}") for n in range(1, scale.tutorials + 1)]
    labels += [("TP", n, f"{name} – TP groupe {n}") for n in range(1, scale.practicals + 1)]
    for offset, (kind, number, label) in enumerate(labels):
        yield Group(code + offset, stage, kind, number, label, faculty)


def _enrolments(chance: random.Random, year: list[Student], groups: list[Group]) -> Iterator[tuple[str, int]]:
    for kind in ("TD", "TP"):
        choice = [group.code for group in groups if group.kind == kind]
        for place, student in enumerate(chance.sample(year, len(year))):
            yield student.number, choice[place % len(choice)]
    for group in groups:
        if group.kind in ("PRO", "CM"):
            yield from ((student.number, group.code) for student in year)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o").replace("Ø", "O")).encode("ascii", "ignore").decode()
    return plain.lower()
