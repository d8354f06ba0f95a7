"""Whatever is told twice, replayed or cut off at any point: the same end, by the same changes in Moodle.

A play in three acts, each settled before the next begins, so that what Moodle goes through does not depend on what came
together in one batch. Without trouble it gives the reference; with trouble anywhere nothing may differ from it.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from schemas.records import MembershipChanged, Presence
from tests.simulation.cohorts import PARTITIONS, Day
from tests.simulation.fake_kafka import MEMBERSHIPS, Crash
from tests.simulation.fake_moodle import Chances

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT
COHORTS, STUDENTS = ("C0", "C1", "C2", "C3"), ("s03", "s04", "s05", "s06")
Place = tuple[str, int]
EVERY = int(os.environ.get("COHORT_POINTS_EVERY", "4"))
"""Each how many-th point, window and word is tried; 1 for all."""


@dataclass
class Play(Day):
    """The same words in every run; ``dies_at`` is the commit at which the process ends, counted before and after."""

    dies_at: int = 0
    points: int = 0
    acts: list[Counter[tuple[str, Place]]] = field(default_factory=list)
    """What Moodle went through in each act."""

    def play(self) -> Play:
        for act in (self._load, self._change, self._change_back):
            before = self._changes()
            act()
            self._settle()
            self.acts.append(self._changes() - before)
        return self

    def end(self) -> tuple[dict[str, set[int]], dict[tuple[str, str], tuple[str, str, str, int]]]:
        """Moodle, and what of the ledger does not depend on when it was written."""
        ledger = {
            key: (entry.desired.value, entry.applied.value, entry.status.value, entry.desired_revision)
            for key, entry in self.ledger().items()
        }
        return {cohort: self.moodle.of(cohort) for cohort in COHORTS}, ledger

    def _dangerous(self, name: str) -> None:
        self.points += 1
        if self.points == self.dies_at:
            raise Crash

    def _changes(self) -> Counter[tuple[str, Place]]:
        added = Counter(("added", place) for place in self.moodle.added)
        return added + Counter(("removed", place) for place in self.moodle.removed)

    def _load(self) -> None:
        for cohort in COHORTS:
            self._announce(cohort)
        for number, student in enumerate(STUDENTS):
            for cohort in (COHORTS[number], COHORTS[number - 1]):
                self._say(cohort, student, PRESENT, cause="first_load")

    def _change(self) -> None:
        self._say("C2", "s03", PRESENT)
        self._say("C0", "s03", ABSENT, siblings=("C2",))  # a move
        self._say("C1", "s04", ABSENT)
        for state in (ABSENT, PRESENT):  # there and back before anybody has looked
            self._say("C2", "s05", state)
        self._say("C0", "s05", PRESENT)

    def _change_back(self) -> None:
        self._say("C0", "s03", PRESENT)
        self._say("C2", "s03", ABSENT, siblings=("C0",))
        self._say("C1", "s04", PRESENT)
        self._say("C0", "s05", ABSENT)


@dataclass
class Repeating(Play):
    """One of the words is told twice, one right after the other."""

    index: int = 0

    def _write(self, record: MembershipChanged) -> None:
        super()._write(record)
        if len(self._history) == self.index + 1:
            super()._write(record)


def make_play(seed: int, dies_at: int = 0) -> Play:
    return Play(seed, Chances(), crashes=0.0, dies_at=dies_at)


@cache
def reference() -> Play:
    return make_play(1).play()


def test_the_play_changes_what_its_words_say() -> None:
    """The reference is worth comparing with: additions alone, then each change once."""
    load, change, back = reference().acts

    assert {what for what, _ in load} == {"added"}
    assert change == Counter(
        [("added", ("C2", 103)), ("removed", ("C0", 103)), ("removed", ("C1", 104)), ("added", ("C0", 105))]
    )
    assert back == Counter(
        [("added", ("C0", 103)), ("removed", ("C2", 103)), ("added", ("C1", 104)), ("removed", ("C0", 105))]
    )


def test_a_restart_at_any_point_makes_no_difference() -> None:
    """Before and after each commit: the same changes in each act, the same end."""
    for point in range(1, reference().points + 1, EVERY):
        play = make_play(1, dies_at=point).play()  # up to there the same as the reference

        assert play.happened["crashes"] == 1, point
        assert (play.acts, play.end()) == (reference().acts, reference().end()), point


def test_a_replay_of_any_window_changes_nothing() -> None:
    """Offsets of the group set back by so many records, to the beginning at last, after each act."""
    longest = max(len(reference().broker.log(MEMBERSHIPS, p)) for p in range(PARTITIONS))
    for back in {*range(1, longest, EVERY), longest}:
        play = make_play(back)
        for act in (play._load, play._change, play._change_back):
            act()
            play._settle()
            writes, changes = play.moodle.writes, play._changes()
            for process in list(play.running):
                play._kill(process)
            ends = {p: len(play.broker.log(MEMBERSHIPS, p)) for p in range(PARTITIONS)}
            play.broker.offsets = {p: max(0, end - back) for p, end in ends.items()}
            play._settle()

            assert (play.moodle.writes, play._changes()) == (writes, changes), back
        assert play.end() == reference().end(), back


def test_a_record_told_again_at_any_time_changes_nothing() -> None:
    """Every word once more, at once and at the end, after newer ones of its key."""
    for index in range(0, len(reference()._history), EVERY):
        play = Repeating(index, Chances(), crashes=0.0, index=index).play()
        play._write(play._history[index])
        play._settle()

        assert (play.acts, play.end()) == (reference().acts, reference().end()), index
