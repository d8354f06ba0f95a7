"""What was published since the last scan of a table, for the next one may not notice it.

A scan compares with the scan before. What changed, was published by any look, and is undone again by the next scan is in
neither of them; so is what changed between a scan and the look that it led to. Hence all that is published is noted here
by the key that scans know it by, and the next scan looks at it whatever it sees. In the checkpoint the part of the cursor
that stands for it is crossed out, in the same transaction or an earlier one, so that another process looks as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from connector.source.difference import Change
from connector.source.hint_settings import HintSettings
from connector.source.hints.scan import bucket, crossed_out
from schemas.records import Checkpoint, HintCursor, MembershipChanged, Suspects


@dataclass
class _Noted:
    """For one scan, since it was last asked."""

    by_cohort: bool
    keys: set[str] = field(default_factory=set)
    buckets: set[int] = field(default_factory=set)
    """Of the keys."""


class Unscanned:
    """Of one source. Holds nothing unless it has hints of kind ``scan``."""

    def __init__(self, hints: Mapping[str, HintSettings]) -> None:
        self._noted = {name: _Noted(hint.by_cohort) for name, hint in hints.items() if hint.kind == "scan"}

    @property
    def wanted(self) -> bool:
        """Whether there is any scan."""
        return bool(self._noted)

    def note(self, changes: Iterable[Change], suspects: Iterable[Suspects], beside: Collection[str] = ()) -> None:
        """These are about to be published: changes, and suspects as they are and as they were; ``beside``: students who
        should be looked at again as well.
        """
        students, cohorts = set(beside), set()
        for change in changes:
            cohorts.add(change.cohort)
            if isinstance(change, MembershipChanged):
                students.add(change.student)
        for entry in suspects:
            students.add(entry.student)
            cohorts.update(suspect.cohort for suspect in entry.missing)
        for noted in self._noted.values():
            keys = cohorts if noted.by_cohort else students
            noted.keys |= keys
            noted.buckets.update(map(bucket, keys))

    def take(self, hint: str) -> set[str]:
        """What was noted since the last call. From now on the scan itself remembers it."""
        noted = self._noted[hint]
        keys = noted.keys
        noted.keys, noted.buckets = set(), set()
        return keys

    def marked(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint in which the cursors of scans say nothing of what is noted."""
        hints = tuple(self._marked(cursor) for cursor in checkpoint.hints)
        return checkpoint if hints == checkpoint.hints else replace(checkpoint, hints=hints)

    def _marked(self, cursor: HintCursor) -> HintCursor:
        noted = self._noted.get(cursor.hint)
        if noted is None or not noted.buckets:
            return cursor
        return replace(cursor, cursor=crossed_out(cursor.cursor, noted.buckets))
