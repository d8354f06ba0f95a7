"""The words of a report in the language of its reader. Pure.

In records and JSON the names of kinds, statuses and causes are English and never change; only what is shown is translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connector.runtime.messages import Entry, ReportWord, message
from connector.runtime.messages.translation import ENGLISH, Translation

_NAMES = {entry.text.replace(" ", "_"): entry for entry in ReportWord if not entry.placeholders}
_MISSED = "missed."
_NARROWED = (
    (re.compile(r"source (?P<name>.+)"), ReportWord.ONE_SOURCE),
    (re.compile(r"cohort (?P<name>.+)"), ReportWord.ONE_COHORT),
    (re.compile(r"(?P<count>\d+) students"), ReportWord.SOME_STUDENTS),
)


@dataclass(frozen=True, slots=True)
class Words:
    """In one language. Nothing is escaped."""

    translation: Translation = ENGLISH

    @property
    def language(self) -> str:
        """Its name, as HTML knows it."""
        return self.translation.language.replace("_", "-")

    def say(self, entry: Entry, **parameters: object) -> str:
        return self.translation.text(message(entry, **parameters))

    def name(self, name: str) -> str:
        """A name of the records; one that is not known, with blanks for its underscores."""
        if name.startswith(_MISSED):
            return self.say(ReportWord.MISSED, cause=self.name(name.removeprefix(_MISSED)))
        entry = _NAMES.get(name)
        return name.replace("_", " ") if entry is None else self.say(entry)

    def counts(self, counts: Mapping[str, int]) -> str:
        """Those that are not nought, in a line, in the order of their English names; empty if there are none."""
        return ", ".join(
            self.say(ReportWord.COUNTED, count=count, name=self.name(name))
            for name, count in sorted(counts.items())
            if count
        )

    def narrowed(self, text: str) -> str:
        """What a run was narrowed to, as ``Scope.text`` has it."""
        return ", ".join(self._part(part) for part in text.split(", "))

    def _part(self, part: str) -> str:
        for form, entry in _NARROWED:
            if found := form.fullmatch(part):
                return self.say(entry, **found.groupdict())
        return part
