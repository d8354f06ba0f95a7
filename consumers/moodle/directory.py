"""Which Moodle user a student key means, and the other way round.

Everything known is in a local store. Reading all accounts again and looking for students without an account are the
only costly things; both keep a pace of their own, so they may be called as often as one likes. A reading that would
lose more accounts than is plausible is not taken over until a person accepts it.

Several threads may resolve while one reads. Errors of Moodle come through; what was known stays in use.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.patterns import Pattern
from consumers.moodle.accounts import AccountReader
from consumers.moodle.directory_store import Candidate, DirectoryStore
from consumers.moodle.finders import FEW, DirectFinder, Intake, ProfileFinder, Together, one_by_one
from consumers.moodle.resolution import UNKNOWN, Ambiguous, Deleted, Found, Resolution, normaliser
from consumers.moodle.settings import DirectorySettings

LOOKED_FOR_AT_ONCE = 1000
"""Missing values that are looked for in one go; the others have their turn the next time."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a reading of all accounts found, counted in values that lead to one."""

    known: int
    """Before it."""
    read: int
    lost: int
    """Known before, and not read."""
    taken: bool
    """Whether it was taken over; if not, too many were lost, and a person has to accept it."""


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """How the directory stands, for status and alerts."""

    known: int
    """Values that lead to an account."""
    refreshed_at: float | None
    """Seconds of the epoch; ``None`` if never."""
    refused_loss: int | None
    """Values that the last reading would have lost, while it waits for a person."""


class Finder(Protocol):
    """A way of finding accounts. Times are seconds of the epoch."""

    def prepare(self, values: Collection[str], now: float) -> None:
        """See to it that ``values`` are known as well as they ought to be; cheap if they are."""
        ...

    def unasked(self, values: Collection[str]) -> int:
        """How many accounts Moodle would have to be asked for, were these ``values`` resolved now; asks nobody."""
        ...

    def search(self, values: Collection[str], now: float, *, few: bool) -> None:
        """Look for ``values`` that led to nobody, as far as that is affordable now; more is if ``few`` are missing."""
        ...

    def stale(self, now: float) -> bool:
        """Whether everything should be read again."""
        ...

    def refresh(self, now: float) -> tuple[int, int, int, bool]:
        """Read everything again: how many were known, read and lost, and whether it was taken over."""
        ...


class Directory:
    """Resolves student keys."""

    def __init__(self, intake: Intake, finder: Finder, clock: Clock) -> None:
        """Use ``open_directory``."""
        self._intake = intake
        self._store = intake.store
        self._finder = finder
        self._clock = clock
        self._reading = threading.Lock()

    def normalise(self, key: str) -> str | None:
        """The form in which keys and values are compared; ``None`` if the key can be no student's."""
        return self._intake.normalise(key)

    def resolve(self, keys: Collection[str]) -> dict[str, Resolution]:
        """What each key leads to, from what is known; what is not known yet is looked up in bulk.

        The first call reads all accounts, if that is how they are found.
        """
        values = {key: self.normalise(key) for key in keys}
        wanted = {value for value in values.values() if value is not None}
        if self._store.meta("refreshed_at") is None and self._finder.stale(self._now()):
            self.keep_fresh()
        self._finder.prepare(wanted, self._now())
        return self._answers(values)

    def unasked(self, keys: Collection[str]) -> int:
        """How many accounts Moodle would have to be asked for, were these keys resolved now; asks nobody."""
        return self._finder.unasked({value for key in keys if (value := self.normalise(key)) is not None})

    def look_for(self, keys: Collection[str]) -> dict[str, Resolution]:
        """``resolve`` for students without an account: looks at Moodle again as far as that is due and affordable.

        While they are few, each is looked for at each ``look_again``. Of many each has its turn every ten minutes, and
        ever less often the longer it is missing.
        """
        now = self._now()
        values = {key: self.normalise(key) for key in keys}
        missing = {value for value in values.values() if value is not None}
        few = len(missing) < FEW
        due = self._intake.due(missing, now, few=few)[:LOOKED_FOR_AT_ONCE]
        # While another thread reads everything there is nothing to add to it, and its end is not worth waiting for.
        if due and self._reading.acquire(blocking=False):
            try:
                self._finder.search(due, now, few=few)
            finally:
                self._reading.release()
        return self._answers(values)

    def keys_of(self, user_ids: Collection[int]) -> dict[int, frozenset[str]]:
        """The normalised keys that lead to each user; none for users without a value, or that do not exist."""
        known = self._store.values_of(user_ids)
        if unknown := [user_id for user_id in user_ids if user_id not in known]:
            self._intake.take(self._intake.look("id", [str(user_id) for user_id in unknown]))
            known |= self._store.values_of(unknown)
        return {user_id: frozenset(known.get(user_id, ())) for user_id in user_ids}

    def verify(self, user_ids: Collection[int]) -> None:
        """Look again at accounts of which Moodle said that they do not exist, or that are about to be removed, so that they
        resolve as they are now. A value that has moved to one of them is looked for where it was, too, so that it does not
        seem to lead to both.
        """
        found = {user.id: user for user in self._intake.look("id", [str(user_id) for user_id in user_ids])}
        self._store.mark_deleted([user_id for user_id, user in found.items() if user.deleted])
        self._store.forget_users([user_id for user_id in user_ids if user_id not in found])
        alive = [user for user in found.values() if not user.deleted]
        self._intake.take(alive)
        values = {value for user in alive if (value := self._intake.value_of(user)) is not None}
        carriers = {one.username for those in self._store.candidates(values).values() for one in those}
        if elsewhere := carriers - {user.username.lower() for user in alive}:
            self._intake.take(self._intake.look("username", sorted(elsewhere)))

    def refresh(self) -> Refreshed:
        """Read everything again and take it over, unless too much would be lost. Waits if another thread is at it."""
        with self._reading:
            return Refreshed(*self._finder.refresh(self._now()))

    def keep_fresh(self) -> Refreshed | None:
        """``refresh`` if it is due; ``None`` if it is not. Meant for a thread of its own, or a quiet moment."""
        with self._reading:
            now = self._now()
            return Refreshed(*self._finder.refresh(now)) if self._finder.stale(now) else None

    def state(self) -> DirectoryState:
        """How things stand; asks nobody."""
        refused = self._store.meta("refused_loss")
        return DirectoryState(
            self._store.count_values(), self._store.meta("refreshed_at"), None if refused is None else int(refused)
        )

    def refused(self) -> tuple[int, int] | None:
        """How many values the last reading would have lost, and of how many, while it waits for a person; asks nobody."""
        state = self.state()
        return None if state.refused_loss is None else (state.refused_loss, state.known)

    def accept_loss(self, most: int) -> None:
        """A person has seen that ``most`` values would be lost: the next reading may lose as many as the refused one would
        have, if these are no more.
        """
        refused = self._store.meta("refused_loss")
        if refused is not None and refused <= most:
            self._store.remember(accepted_loss=refused, refused_loss=None, tried_at=None)

    def belong(self, accepted_at: float) -> None:
        """Forget all accounts if they were read before a person accepted another site, at this time (of the epoch)."""
        if (self._store.meta("accepted_at") or 0.0) < accepted_at:
            with self._reading:
                self._store.empty()
                self._store.remember(accepted_at=accepted_at)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _answers(self, values: Mapping[str, str | None]) -> dict[str, Resolution]:
        """What is known of these keys, each with its normalised value."""
        candidates = self._intake.candidates({value for value in values.values() if value is not None})
        return {key: UNKNOWN if value is None else _resolution(candidates[value]) for key, value in values.items()}

    def _now(self) -> float:
        return self._clock.now().timestamp()


def open_directory(
    settings: DirectorySettings,
    maps: Mapping[str, Mapping[str, str]],
    reader: AccountReader,
    clock: Clock,
    *,
    site_url: str,
    path: Path | None,
    resets_filters: bool = True,
    together: Together = one_by_one,
) -> Directory:
    """The directory of one site. ``path`` is its cache, memory if ``None``; one of other settings is thrown away.

    ``maps`` holds the value maps that the normaliser may name; ``resets_filters`` says that the token may reset the
    filters of reports; ``together`` makes look-ups side by side, if it brings threads.

    Raises:
        ValueError: the normaliser cannot be read.
    """
    normalise = normaliser(Pattern.parse(settings.normalise, maps))
    fingerprint = json.dumps(
        [site_url, settings.by, settings.field, settings.report_id, settings.normalise, maps],
        sort_keys=True,
        default=dict,
    )
    intake = Intake(reader, DirectoryStore(path, fingerprint), normalise, settings, together)
    finder: Finder
    if settings.by == "profile_field":
        finder = ProfileFinder(intake, settings, clock, resets_filters=resets_filters)
    else:
        finder = DirectFinder(intake, settings)
    return Directory(intake, finder, clock)


def _resolution(candidates: Collection[Candidate]) -> Resolution:
    """What a value leads to. An account whose id could not be found is gone or was renamed since it was read."""
    alive = [(one.user_id, one.username) for one in candidates if one.user_id is not None and not one.deleted]
    gone = [one.user_id for one in candidates if one.user_id is not None and one.deleted]
    if len(alive) > 1:
        return Ambiguous(tuple(sorted(user_id for user_id, _ in alive)))
    if alive:
        return Found(*alive[0])
    return Deleted(max(gone)) if gone else UNKNOWN
