"""Reading members of cohorts because of what a comparison saw, a portion a step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from connector.source.causes import Cause
from connector.source.examining import subjects_of
from connector.source.feed import Feed

_ENOUGH_TO_AGREE = 400
"""Members whose rows are asked for a cohort's name."""


class FollowingUp:
    """The follow-ups of one feed. If a read fails, the same step comes again."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._after = ""
        """The last member of the first cohort that is back who was read."""
        self._named_last = False

    @property
    def waiting(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._feed.follow_ups.returned or self._feed.follow_ups.names)

    def step(self) -> None:
        """Read one portion: of names and of cohorts that are back in turns, so that neither waits for all of the other."""
        asked = self._feed.follow_ups
        if asked.names and not (asked.returned and self._named_last):
            self._named_last = True
            self._ask_for_name()
        elif asked.returned:
            self._named_last = False
            self._read_returned()

    def _ask_for_name(self) -> None:
        """A cohort whose rows have another name: some hundred members, whose agreement decides.

        Of several sources, the one that gave it its name goes on to do so while it supports any member: if they differ,
        the cohort would be renamed for ever.
        """
        feed = self._feed
        cohort = feed.follow_ups.names[0]
        record = feed.state.cohort_records([cohort]).get(cohort)
        own = record is None or record.source == feed.name or not feed.state.members(record.source, cohort, limit=1)
        if own:
            self._read(feed.state.members(feed.name, cohort, limit=_ENOUGH_TO_AGREE), names={cohort})
        feed.follow_ups.names.popleft()

    def _read_returned(self) -> None:
        """A cohort that is back: all its members, whose missing rows meant nothing while it had vanished."""
        feed, returned = self._feed, self._feed.follow_ups.returned
        page = feed.state.members(feed.name, returned[0], self._after)
        if page:
            self._after = self._read(page)
            return
        self._after = ""
        returned.popleft()
        if not returned:
            # This source's records of returns are queued as they are published, so none of them is owed any more.
            feed.save(replace(feed.checkpoint, followed_revision=feed.state.highest_revision))

    def _read(self, students: Sequence[str], names: Collection[str] = ()) -> str:
        """Examine as many of these as one statement takes; the last of them."""
        feed, last = self._feed, ""
        for portion in feed.examiner.portions(subjects_of(students)):
            feed.examine(portion, feed.now(), Cause.ENROLLED, names=names)
            last = next(reversed(portion))
            break
        return last
