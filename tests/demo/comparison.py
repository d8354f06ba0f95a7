"""Both ends compared from outside: what the student system says, what Moodle has, and why they differ.

Nothing of the product is used: the source is read with SQL of its own, Moodle through its web services, and student
numbers are brought together here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tests.demo.moodle_site import MoodleSite
from tests.demo.student_system import fetch
from tests.demo.university import normalised

_SOURCE = """
SELECT G.COD_ANU, C.SIGLE, G.COD_ETP, G.TYP_GRP, G.NUM_GRP, I.COD_ETU, I.ETA_INS
  FROM SCOLARITE.INSCRIPTION_GROUPE I, SCOLARITE.GROUPE G, SCOLARITE.ETAPE E, SCOLARITE.COMPOSANTE C
 WHERE I.COD_GRP = G.COD_GRP AND G.COD_ETP = E.COD_ETP AND E.COD_CMP = C.COD_CMP
"""

NO_ACCOUNT = "no account"
TWO_ACCOUNTS = "two accounts"
VANISHED = "vanished"
UNEXPLAINED = "unexplained"
MEANINGS = {
    NO_ACCOUNT: "no account in Moodle has the student's number, so the student waits for one",
    TWO_ACCOUNTS: "two accounts in Moodle claim the student's number, and nobody guesses",
    VANISHED: "the group is gone from the source, and a cohort that vanished keeps its members",
    UNEXPLAINED: "it should not be",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One membership that only one end has."""

    cohort: str
    who: str
    """Student number where the source has it, username where Moodle has it."""
    in_source: bool
    why: str


@dataclass(frozen=True)
class Comparison:
    """Numbers of members by cohort, in the source and in Moodle; and every difference."""

    source: Mapping[str, int]
    moodle: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def agree(self) -> bool:
        """Whether every difference is one of those that must be."""
        return all(difference.why != UNEXPLAINED for difference in self.differences)

    def reasons(self) -> dict[str, int]:
        """How many differences there are of each kind."""
        found: dict[str, int] = defaultdict(int)
        for difference in self.differences:
            found[difference.why] += 1
        return dict(found)

    def table(self) -> Table:
        """The cohorts that differ, and the sum of all."""
        table = Table()
        table.add_column("cohort")
        for end in ("source says", "Moodle has", "difference"):
            table.add_column(end, justify="right")
        table.add_column("why")
        whys: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for difference in self.differences:
            whys[difference.cohort][difference.why].append(difference.who)
        for cohort in sorted(whys):
            reasons = ", ".join(f"{len(who)} × {why}" for why, who in whys[cohort].items())
            table.add_row(cohort, *self._numbers({cohort}), reasons)
        everything = self.source.keys() | self.moodle.keys()
        others = everything - whys.keys()
        table.add_row(f"{len(others)} others", *self._numbers(others), "", style="dim")
        table.add_row(f"{len(everything)} cohorts", *self._numbers(everything), "", style="bold")
        return table

    def _numbers(self, cohorts: AbstractSet[str]) -> tuple[str, str, str]:
        source, moodle = (sum(end.get(cohort, 0) for cohort in cohorts) for end in (self.source, self.moodle))
        return f"{source:,}", f"{moodle:,}", f"{moodle - source:+,}" if moodle != source else ""


def compare(
    source: Mapping[str, AbstractSet[str]],
    moodle: Mapping[str, AbstractSet[str]],
    accounts: Mapping[str, str],
    known: AbstractSet[str],
    vanished: AbstractSet[str],
) -> Comparison:
    """Compare the members of each cohort.

    ``source`` holds student keys, ``moodle`` usernames, ``accounts`` the student number of each username; ``known`` are
    the cohorts of which the source has any row, withdrawn ones too; ``vanished`` those that must be unknown to it.
    """
    users: dict[str, list[str]] = defaultdict(list)
    for username, number in accounts.items():
        users[normalised(number)].append(username)
    found = []
    for cohort in sorted(source.keys() | moodle.keys()):
        wanted: AbstractSet[str] = source.get(cohort, frozenset())
        there = moodle.get(cohort, frozenset())
        expected: set[str] = set()
        for student in sorted(wanted):
            candidates = users.get(student, [])
            if len(candidates) == 1 and candidates[0] in there:
                expected.add(candidates[0])
                continue
            why = NO_ACCOUNT if not candidates else TWO_ACCOUNTS if len(candidates) > 1 else UNEXPLAINED
            found.append(Difference(cohort, student, in_source=True, why=why))
        gone = VANISHED if cohort in vanished and cohort not in known else UNEXPLAINED
        found += [Difference(cohort, name, in_source=False, why=gone) for name in sorted(there - expected)]
    return Comparison(_counts(source), _counts(moodle), tuple(found))


def read_source(dsn: str) -> tuple[dict[str, set[str]], set[str]]:
    """The keys of the students of each cohort, and the cohorts that have any row."""
    members: dict[str, set[str]] = defaultdict(set)
    known = set()
    for row in fetch(dsn, _SOURCE):
        cohort, student, active = _row(*row)
        known.add(cohort)
        if active:
            members[cohort].add(student)
    return dict(members), known


def read_moodle(site: MoodleSite) -> dict[str, set[str]]:
    """The usernames of the members of each cohort; an account that nobody made here is called by its id."""
    names = {number: name for name, number in site.user_ids.items()}
    return {cohort: {names.get(n, f"user {n}") for n in users} for cohort, users in site.members().items()}


def unexplained(comparison: Comparison) -> Iterable[str]:
    """A line for each difference that should not be."""
    for difference in comparison.differences:
        if difference.why == UNEXPLAINED:
            ends = ("the source", "Moodle") if difference.in_source else ("Moodle", "the source")
            yield f"{difference.who} in {difference.cohort}: {ends[0]} has it, {ends[1]} has not"


def _counts(end: Mapping[str, AbstractSet[str]]) -> dict[str, int]:
    return {cohort: len(who) for cohort, who in end.items()}


def _row(
    year: Any, acronym: str, stage: str, kind: str, number: Any, student: str, status: str
) -> tuple[str, str, bool]:
    return f"{int(year)}-{acronym}-{stage}-{kind}{int(number):02}", normalised(student), status == "I"
