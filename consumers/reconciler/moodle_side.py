"""Moodle as the reconciler meets it: the reading half of the client, in few calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from consumers.moodle.reading import MoodleReader
from consumers.moodle.values import Cohort
from consumers.reconciler.compare import MoodleView
from schemas.records import CohortEntry


class MoodleByReading:
    """Lists the site's cohorts once a comparison, then reads the members of those that are asked for."""

    def __init__(self, reader: MoodleReader) -> None:
        self._reader = reader
        self._cohorts: list[Cohort] | None = None

    def begin(self) -> None:
        self._cohorts = None

    def view(self, cohorts: Sequence[CohortEntry]) -> MoodleView:
        if self._cohorts is None:
            self._cohorts = self._reader.all_cohorts()
        names = {cohort.id: cohort.name for cohort in self._cohorts}
        ids: dict[str, list[int]] = defaultdict(list)
        for cohort in self._cohorts:
            ids[cohort.idnumber].append(cohort.id)
        wanted = [entry.moodle_id for entry in cohorts if entry.moodle_id in names]
        members = self._reader.members([number for number in wanted if number is not None])
        for number in members.missing:  # deleted since the list was read
            names.pop(number, None)
        return MoodleView(names, ids, members.of)
