"""In which way polling missed what a snapshot found. Pure.

A snapshot's differences are decided by truth reads. What such a read confirms is either news that polling still comes
to, and then no miss, or polling has passed it by. Which of both, and why, is told by the stamps of the rows concerned:
against the position of each hint that watches these rows, against the stamp that was last published for the same row
key, and against the last snapshot, before which everything had been found.

Stamps tell the cause of a miss, never whether something is published: wrong ones cost a wrong label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector.source.causes import Cause
from connector.source.difference import Change, Difference
from connector.source.hint_settings import HintSettings, followed
from connector.source.hints import OpenTransactions
from connector.source.hints.zones import NumberColumn, TimeColumn
from connector.source.known import Known
from connector.source.mapping import Desired, RowMapping, Sighting, number_of
from schemas.records import Checkpoint, HintCursor, MembershipChanged

Range = tuple[int, int | None]
"""Both ends included; None for no upper end."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far polling has come by one hint that watches the rows themselves. Numbers are as ``number_of`` makes them."""

    ahead: tuple[Range, ...]
    """Stamps that polling has yet to read, or reads again."""
    settled: int | None = None
    """Rows stamped earlier were committed when the last snapshot began; None if that cannot be told by a stamp."""

    def comes_to(self, stamp: int) -> bool:
        """Whether polling still reads what bears this stamp."""
        return any(low <= stamp and (high is None or stamp <= high) for low, high in self.ahead)


@dataclass(frozen=True, slots=True)
class Polled:
    """What polling does for the rows that memberships are read from."""

    hints: tuple[Reached, ...] = ()
    """Those whose stamps the rows have, in the order of these."""
    scanned: bool = False
    """Whether a scan compares the same rows, so that it comes to every difference."""
    elsewhere: bool = False
    """Whether other hints may tell of these rows: of other tables, of dates, of some of the columns."""
    stamps: Mapping[str, int] = field(default_factory=dict)
    """By row key, stamps that were published for other students, where these were looked up."""


def way_missed(sightings: Iterable[Sighting], before: Mapping[str, int], polled: Polled) -> Cause | None:
    """In which way polling missed what these rows say; None if it still comes to it.

    ``before`` are the stamps that were published last, by row key.
    """
    if polled.scanned:
        return None
    if not polled.hints:
        return Cause.SNAPSHOT if polled.elsewhere else Cause.UNWATCHED
    ways = {_way(sighting, before, polled.hints) for sighting in sightings}
    if None in ways:
        return None
    # Of several rows each would have been enough. What speaks against a proof is never hidden behind the others.
    return next((way for way in _ORDER if way in ways), Cause.DELETED)


_ORDER = (Cause.LATE_COMMIT, Cause.NULL_CURSOR, Cause.UNTOUCHED_CURSOR, Cause.CURSOR_BACKWARDS)


def _way(sighting: Sighting, before: Mapping[str, int], hints: Sequence[Reached]) -> Cause | None:
    """What the stamps of one row say."""
    key, raw = sighting
    stamps = [number_of(stamp) for stamp in (raw if isinstance(raw, tuple) else (raw,))]
    known = [(stamp, hint) for stamp, hint in zip(stamps, hints, strict=True) if stamp is not None]
    if any(hint.comes_to(stamp) for stamp, hint in known):
        return None
    if not known:
        return Cause.NULL_CURSOR
    stamp, hint = known[0]
    # Only the first hint's stamp is published.
    published = before.get(key) if key is not None and stamps[0] is not None else None
    if published is not None and stamp <= published:
        return Cause.UNTOUCHED_CURSOR if stamp == published else Cause.CURSOR_BACKWARDS
    if hint.settled is None or stamp >= hint.settled:
        return Cause.LATE_COMMIT
    # The last snapshot has seen the row with this stamp, if it was there; so something else of it has changed since.
    return Cause.CURSOR_BACKWARDS if published is None else Cause.UNTOUCHED_CURSOR


@dataclass(frozen=True, slots=True)
class Explained:
    """A difference that says how polling missed it."""

    difference: Difference
    missed: Mapping[Cause, int] = field(default_factory=dict)
    """Memberships by the way in which they were missed."""
    unsure: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By student, keys of rows that may have supported somebody else before: then their stamps tell another way."""


def explained(
    found: Difference, known: Known, desired: Mapping[str, Desired], source: str, polled: Polled
) -> Explained:
    """Give each change of a membership the way in which it was missed as its cause, and count these. Absences are not
    among them, they are suspects first; nor is what polling still comes to.
    """
    missed: Counter[Cause] = Counter()
    changes: list[Change] = []
    unsure: dict[str, set[str]] = {}
    for change in found.changes:
        if not isinstance(change, MembershipChanged):
            changes.append(change)
            continue
        held = known.memberships.get(change.student, {})
        own = {
            row.row: row.stamp
            for membership in held.values()
            for row in membership.rows
            if row.source == source and row.stamp is not None
        }
        concerned = _concerned(change, known, desired[change.student], source)
        # Others' stamps are many while they are looked up: only those of these rows are taken.
        others = {key: polled.stamps[key] for key, _ in concerned if key is not None and key in polled.stamps}
        before = others | own
        way = way_missed(concerned, before, polled)
        if way is not None:
            missed[way] += 1
        if way in (Cause.LATE_COMMIT, Cause.CURSOR_BACKWARDS) and polled.hints:
            strange = {key for key, _ in concerned if key is not None and key not in before}
            unsure.setdefault(change.student, set()).update(strange)
        # Where rows are gone and others still support the membership, the record says so: nothing has ended.
        changes.append(change if way in (None, Cause.DELETED) else replace(change, cause=way))
    return Explained(replace(found, changes=tuple(changes)), missed, {s: keys for s, keys in unsure.items() if keys})


def _concerned(change: MembershipChanged, known: Known, desired: Desired, source: str) -> list[Sighting]:
    """The rows that say what a change says."""
    held = known.memberships.get(change.student, {}).get(change.cohort)
    had = held.rows_of(source) if held is not None else frozenset()
    own = desired.sightings.get(change.cohort, ())
    if all(key is None for key, _ in own) and not had:
        return _newest(own)
    has = frozenset(row.row for row in change.rows if row.source == source)
    if not has:
        return _sighted(had, desired) or list(own)
    # New rows; or if there are none, those that it has lost, wherever they are now.
    return _sighted(has - had or had - has, desired)


def _sighted(keys: Collection[str], desired: Desired) -> list[Sighting]:
    return [sighting for rows in desired.sightings.values() for sighting in rows if sighting[0] in keys]


def _newest(rows: Sequence[Sighting]) -> list[Sighting]:
    """Without keys nobody knows which row is the new one: the one stamped last, or one that is not stamped."""

    def order(sighting: Sighting) -> tuple[bool, int]:
        raw = sighting[1]
        number = number_of(raw[0] if isinstance(raw, tuple) else raw)
        return number is None, number or 0

    return [max(rows, key=order)] if rows else []


def polled(
    mapping: RowMapping,
    hints: Sequence[HintSettings],
    checkpoint: Checkpoint,
    columns: Mapping[str, TimeColumn | NumberColumn],
) -> Polled:
    """What polling has done so far, as the checkpoint says; ``columns`` has the cursor column of each hint that watches
    the same rows.
    """
    cursors = {cursor.hint: cursor for cursor in checkpoint.hints}
    settled, last = checkpoint.last_snapshot_settled, checkpoint.last_snapshot_at
    if settled is None and last is not None:  # written by an earlier release
        settled = last - _LONGEST
    scans = [hint for hint in hints if hint.kind == "scan" and mapping.reads_rows_of(hint)]
    whole = [hint for hint in scans if not hint.columns or set(hint.columns) >= set(mapping.columns)]
    # A date that passes tells of no change.
    others = [name for name, hint in followed(hints).items() if hint.kind != "due" and name not in mapping.stamped]
    reached = (_reached(cursors.get(name, HintCursor(name)), columns[name], settled) for name in mapping.stamped)
    return Polled(tuple(reached), scanned=bool(whole), elsewhere=bool(others))


def settled_since(now: datetime, seen: OpenTransactions, slack: timedelta) -> datetime:
    """Before which moment nothing was stamped that is committed later than ``now``; ``seen`` was asked after it.

    Not to blame the stamp of a row whose statement ran for longer than the slack, an hour is added to that. Where open
    transactions cannot be seen, one that has been open for longer than a day is left out of account.
    """
    if not (seen.visible and seen.everywhere):
        return now - _LONGEST
    return min([now, *(found.started for found in seen.open)]) - slack - _STATEMENT


_LONGEST, _STATEMENT = timedelta(days=1), timedelta(hours=1)
_ALL: tuple[Range, ...] = ((-(2**255), None),)


def _reached(at: HintCursor, column: TimeColumn | NumberColumn, settled: datetime | None) -> Reached:
    if isinstance(column, NumberColumn):
        try:
            position = int(at.cursor or "")
        except ValueError:  # before its first read, or it was of another kind then
            return Reached(_ALL)
        gaps = [(int(gap.low), int(gap.high)) for gap in at.open_ranges if gap.high is not None]
        return Reached(((position + 1, None), *gaps))
    since = None if settled is None else _bound(column, settled)
    try:
        moments = [datetime.fromisoformat(text) for text in (at.cursor or "", *(found.low for found in at.open_ranges))]
    except ValueError:
        return Reached(_ALL, since)
    return Reached(((_bound(column, min(moments)), None),), since)


def _bound(column: TimeColumn, moment: datetime) -> int:
    bound = number_of(column.bound(moment))
    assert bound is not None
    return bound
