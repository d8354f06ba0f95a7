"""The two ways of finding accounts: by what Moodle can look up, and by a custom profile field, which it cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Protocol

from connector.runtime.clock import Clock
from consumers.moodle import accounts
from consumers.moodle.accounts import AccountReader, Report
from consumers.moodle.directory_store import Candidate, DirectoryStore
from consumers.moodle.errors import MoodleError
from consumers.moodle.resolution import Normaliser
from consumers.moodle.settings import DirectorySettings
from consumers.moodle.values import User

ALWAYS_LOSABLE = 2
"""Values that may vanish at once however few there are: single accounts do get deleted."""
LOOK_BACK = 50
"""Newest accounts that are read again for a profile that may have been filled in since."""
FEW = 100
"""So many missing students, or more, are looked for in the slower way."""
SOONEST_OF_MANY = 600.0
"""Seconds after which one of many is looked for again, and all accounts are read again for their sake."""
PATIENCE = 10
"""One of many who is missing for a time is looked for again after this fraction of it."""
LONGEST_PATIENCE = 3600.0


_Reading = tuple[set[tuple[str, str]], list[tuple[int, str]]]
"""All (value, username), and (id, username) as far as these came along."""


class Together(Protocol):
    """Makes several calls, perhaps side by side. Moodle spends 3 ms on each user that it shows, a worker a call."""

    def __call__(self, tasks: Sequence[Callable[[], list[User]]], /) -> Iterable[list[User]]:
        """The results of ``tasks``, in their order; raises what a task raises."""
        ...


def one_by_one(tasks: Sequence[Callable[[], list[User]]]) -> Iterable[list[User]]:
    """The tasks one after the other, in this thread."""
    return [task() for task in tasks]


class Intake:
    """What both ways share: from Moodle's users into the store."""

    def __init__(
        self,
        reader: AccountReader,
        store: DirectoryStore,
        normalise: Normaliser,
        settings: DirectorySettings,
        together: Together = one_by_one,
    ) -> None:
        self.reader = reader
        self.store = store
        self.normalise = normalise
        self._settings = settings
        self._together = together

    def look(self, field: str, values: Collection[str]) -> list[User]:
        """Users by a field that Moodle can look up."""
        ordered, size = list(values), self._settings.lookup_rows
        parts = [ordered[at : at + size] for at in range(0, len(ordered), size)]
        answers = self._together([partial(self.reader.users, field, part, chunk=size) for part in parts])
        return [user for users in answers for user in users]

    def value_of(self, user: User) -> str | None:
        """The normalised value that this user carries; ``None`` if it has none, or hides it."""
        by = self._settings.by
        text = user.fields.get(self._settings.field or "", "") if by == "profile_field" else getattr(user, by)
        return self.normalise(text) if text else None

    def take(self, users: Iterable[User]) -> None:
        """Take over ids, and the values of users that show them."""
        alive = [user for user in users if not user.deleted and user.username]
        self.store.put_users([(user.id, user.username.lower()) for user in alive])
        shown = [(value, user.username.lower()) for user in alive if (value := self.value_of(user)) is not None]
        self.store.put_values(shown)

    def candidates(self, values: Collection[str]) -> dict[str, list[Candidate]]:
        """Accounts for ``values``, with ids looked up where they were not known."""
        found = self.store.candidates(values)
        unknown = {one.username for those in found.values() for one in those if one.user_id is None}
        if not unknown:
            return found
        self.take(self.look("username", sorted(unknown)))
        return self.store.candidates(values)

    def due(self, values: Collection[str], now: float, *, few: bool = False) -> list[str]:
        """Those of ``values`` that should be looked for (again), the longest waiting first. ``few``: all that are missing
        are these, so none need wait for long.
        """
        looked = self.store.looked(values)
        waiting = []
        for value in values:
            last = looked[value].last if value in looked else 0.0
            missing_since = looked[value].missing_since if value in looked else None
            if now - last >= (self._soonest if few else self._patience(missing_since, now)):
                waiting.append((last, value))
        return [value for _, value in sorted(waiting)]

    def losable(self, known: int) -> int:
        """How many of ``known`` values may vanish without a person."""
        return int(max(ALWAYS_LOSABLE, self._settings.loss_limit * known, self.store.meta("accepted_loss") or 0))

    @property
    def _soonest(self) -> float:
        return self._settings.look_again.total_seconds()

    def _patience(self, missing_since: float | None, now: float) -> float:
        if missing_since is None:
            return self._soonest
        return max(self._soonest, SOONEST_OF_MANY, min((now - missing_since) / PATIENCE, LONGEST_PATIENCE))


class DirectFinder:
    """By idnumber, username or e-mail: each value is looked up when it is needed, and again when that is long ago."""

    def __init__(self, intake: Intake, settings: DirectorySettings) -> None:
        self._intake = intake
        self._by = settings.by
        self._interval = settings.refresh_interval.total_seconds()

    def prepare(self, values: Collection[str], now: float) -> None:
        looked = self._intake.store.looked(values)
        found_long_ago = [
            value for value, when in looked.items() if when.missing_since is None and now - when.last >= self._interval
        ]
        missing = [value for value in values if value not in looked or looked[value].missing_since is not None]
        self._look_up([*found_long_ago, *self._intake.due(missing, now)], now)

    def unasked(self, values: Collection[str]) -> int:
        return len(set(values) - self._intake.store.looked(values).keys())

    def search(self, values: Collection[str], now: float, *, few: bool) -> None:  # noqa: ARG002 - one look-up costs the same
        self._look_up(values, now)

    def stale(self, now: float) -> bool:  # noqa: ARG002 - values age one by one
        return self._intake.store.meta("accepted_loss") is not None

    def refresh(self, now: float) -> tuple[int, int, int, bool]:
        store = self._intake.store
        done = self._look_up(store.known_values(), now)
        taken = done[3]
        store.remember(refreshed_at=now, **({"refused_loss": None, "accepted_loss": None} if taken else {}))
        return done

    def _look_up(self, values: Collection[str], now: float) -> tuple[int, int, int, bool]:
        """Look up ``values``; those that were known and are gone are kept if they are too many to believe."""
        store = self._intake.store
        wanted = set(values)
        users = self._intake.look(self._by, sorted(wanted))
        found = {value for user in users if not user.deleted and (value := self._intake.value_of(user)) in wanted}
        known = {value for value, those in store.candidates(wanted).items() if those}
        lost = known - found
        taken = len(lost) <= self._intake.losable(len(known))
        missed = wanted - found - (set() if taken else lost)
        store.clear_values(missed)
        store.clear_values(found)
        self._intake.take(users)
        store.note_looked(wanted - missed, missed, now)
        if not taken:
            store.remember(refused_loss=len(lost))
        return len(known), len(found), len(lost), taken


class ProfileFinder:
    """By a custom profile field: all accounts are read, by a report or one by one; new ones are watched for."""

    def __init__(self, intake: Intake, settings: DirectorySettings, clock: Clock, *, resets_filters: bool) -> None:
        self._intake = intake
        self._settings = settings
        self._clock = clock
        self._report: Report | None = None
        if settings.report_id is not None and settings.field_header is not None:
            self._report = Report(
                settings.report_id,
                settings.username_header,
                settings.field_header,
                settings.page_rows,
                resets_filters=resets_filters,
            )

    def prepare(self, values: Collection[str], now: float) -> None:
        """Nothing: a value is known from reading all accounts, or not at all."""

    def unasked(self, values: Collection[str]) -> int:
        """A report tells usernames, the ids are asked for when they are needed."""
        candidates = self._intake.store.candidates(values)
        return len({one.username for those in candidates.values() for one in those if one.user_id is None})

    def search(self, values: Collection[str], now: float, *, few: bool) -> None:
        store = self._intake.store
        newcomers = self._newcomers()
        self._intake.take(newcomers)
        found = {value for value, those in store.candidates(values).items() if those}
        if len(found) < len(values) and self._affordable(now, few=few):
            self.refresh(now)
            found = {value for value, those in store.candidates(values).items() if those}
        store.note_looked(found, set(values) - found, now)

    def stale(self, now: float) -> bool:
        return self._age(now) >= max(self._settings.refresh_interval.total_seconds(), self._pause())

    def refresh(self, now: float) -> tuple[int, int, int, bool]:
        store = self._intake.store
        began = self._clock.monotonic()
        try:
            pairs, ids = self._read_report(self._report) if self._report else self._walk()
        except MoodleError:
            if store.meta("refreshed_at") is not None:  # what is known serves on, so there is no hurry
                store.remember(tried_at=now)
            raise
        values = {value for value, _ in pairs}
        known, lost = store.count_values(), store.count_lost(values)
        taken = lost <= self._intake.losable(known)
        if taken:
            store.replace_entries(pairs)
            store.put_users(ids)
            store.remember(refreshed_at=now, accepted_loss=None)
        store.remember(tried_at=now, read_seconds=self._clock.monotonic() - began, refused_loss=None if taken else lost)
        return known, len(values), lost, taken

    def _newcomers(self) -> list[User]:
        """The newest accounts, some of them perhaps new."""
        newest = self._intake.store.meta("newest_id")
        if newest is None:
            newest = accounts.newest_id(self._intake.reader, self._intake.store.newest_user())
        found = accounts.newcomers(self._intake.reader, int(newest), LOOK_BACK)
        self._intake.store.remember(newest_id=max((user.id for user in found), default=int(newest)))
        return [user for user in found if not user.deleted]

    def _read_report(self, report: Report) -> _Reading:
        raw = accounts.read_report(self._intake.reader, report)
        return {(value, name) for text, name in raw if (value := self._intake.normalise(text)) is not None}, []

    def _walk(self) -> _Reading:
        reader = self._intake.reader
        newest = accounts.newest_id(reader, self._intake.store.newest_user())
        self._intake.store.remember(newest_id=newest)
        pairs: set[tuple[str, str]] = set()
        ids: list[tuple[int, str]] = []
        for part in accounts.walk(reader, newest, self._settings.lookup_rows):
            for user in part:
                if not user.deleted and user.username:
                    name = user.username.lower()
                    ids.append((user.id, name))
                    if (value := self._intake.value_of(user)) is not None:
                        pairs.add((value, name))
        return pairs, ids

    def _affordable(self, now: float, *, few: bool) -> bool:
        """Whether everything may be read again for the sake of missing students."""
        if self._intake.store.meta("refused_loss") is not None:
            return self.stale(now)
        soonest = self._settings.look_again.total_seconds()
        return self._age(now) >= max(soonest if few else max(soonest, SOONEST_OF_MANY), self._pause())

    def _age(self, now: float) -> float:
        tried = self._intake.store.meta("tried_at")
        return float("inf") if tried is None else now - tried

    def _pause(self) -> float:
        """How long to leave Moodle alone after a reading, by how long it took."""
        return (self._intake.store.meta("read_seconds") or 0.0) / self._settings.refresh_share
