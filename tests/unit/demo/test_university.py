"""The university of the demo."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.demo.university import FULL, SMALL, Scale, found, normalised


def test_same_seed() -> None:
    """The same seed founds the same university, another seed another one."""
    assert found(7, SMALL) == found(7, SMALL)
    assert found(7, SMALL) != found(8, SMALL)


def test_size() -> None:
    """The full university has about the promised size."""
    university = found(1, FULL)

    assert len(university.students) == 5000
    assert len(university.groups) == 300
    assert 39_000 <= len(university.enrolments) <= 41_000


@pytest.mark.parametrize("scale", [FULL, SMALL])
def test_consistent(scale: Scale) -> None:
    """Keys are distinct, rows name what exists, and no student has two rows for a group."""
    university = found(3, scale)
    keys = [student.key for student in university.students]
    numbers = {student.number for student in university.students}
    pairs = Counter((enrolment.student, enrolment.group) for enrolment in university.enrolments)

    assert len(set(keys)) == len(keys) == scale.students
    assert len({group.cohort for group in university.groups}) == len(university.groups)
    assert {student for student, _ in pairs} <= numbers
    assert {group for _, group in pairs} == set(university.by_code)
    assert set(pairs.values()) == {1}
    assert all(len(number) <= 8 for number in numbers)


def test_accounts() -> None:
    """Who has no account has none, who is doubled has two, everybody else one, found by the normalised number."""
    university = found(5, FULL)
    accounts = Counter(normalised(account.student_number) for account in university.accounts)
    without = {student.key for student in university.without_account}
    doubled = {student.key for student in university.doubled}

    assert len({account.username for account in university.accounts}) == len(university.accounts)
    for student in university.students:
        expected = 0 if student.key in without else 2 if student.key in doubled else 1
        assert accounts[student.key] == expected


def test_written_differently() -> None:
    """Moodle's spelling of many numbers is not the student system's, so that a normaliser is needed."""
    university = found(1, FULL)
    numbers = {student.number for student in university.students}
    different = [account for account in university.accounts if account.student_number not in numbers]

    assert len(different) > 500


def test_too_many_years() -> None:
    """More years than the catalogue has are refused."""
    with pytest.raises(ValueError, match="25 years"):
        found(1, Scale(years=26))
