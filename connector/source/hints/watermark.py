"""How far a time column has been read for good, and why that is safe.

What the proof rests on. A row is stamped by the database when its statement begins, at ``s``; its transaction can be seen
from its first change on, at ``b``, where ``s <= b`` and ``b - s`` is at most the *slack*; it commits at some time after.
The poller reads the clock first, then looks at the open transactions, and then reads the rows. So what this read did
not show, and what still appears, belongs either to a transaction that the look has seen, and is stamped at ``b - slack``
or later; or to one that changed something first after the clock was read, and is stamped at ``clock - slack`` or later.
The cursor moves to ``clock - slack`` at once. Each open transaction is kept as a range that begins ``slack`` before its
first change, and is read again once, by the first read for which it is gone. So the cost is bounded while one is open
for hours: it is the length of the range, once.

A statement that waits for a row lock is stamped before the wait, so its ``b - s`` may be as long as the transaction that it
waits for was open. Where that is more than half a slack, the range stays, as one of the *waiters*: it is read again when
whoever waited has had the slack's time to get the lock and to change something, and once more when all that were open
then have gone. So a wait of any length costs two reads, and those behind it in the same queue are covered as well.

That is ``proved`` if every instance's transactions are seen, if the rows are of local tables in a primary database, if
the database stamps them in the transaction that changes them, and if no stamp is ahead of the clock. Otherwise it is
``assumed``: stamps that are older than the *overlap* are taken to be complete, and a later one is found by the next
snapshot. Open transactions that can be seen are still waited for.

A clock that is set back stamps what was read already. Between two reads of one process our own clock tells how far it
went; over a restart nobody can tell, so the first read goes back by ``clock_tolerance``, and so do the ranges of all
transactions that it sees; more than that is another copy of the database, until a person says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.source.hints import OpenTransaction, Safety, Sight
from schemas.records import HintCursor, OpenRange

TRANSACTION = "transaction"
"""Kind of the ranges that wait for one open transaction."""
WAITERS = "waiters"
"""Kind of those that wait for whoever waited for a lock of a transaction that has gone. ``high`` is None until they have
had their time; then it tells when that was."""
MOST_RANGES = 200
"""In one checkpoint. With more transactions open, the cursor waits for the youngest of them instead."""
MOST_WAITERS = 100
"""Ranges of waiters beside them. With more, no proof is claimed, and the youngest are left out."""
_AHEAD_S = 1.0
"""Stamps may be this far ahead of the clock that was read before them; a DATE's or a short query's own time is less."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the settings say."""

    overlap: timedelta
    slack: timedelta
    tolerance: timedelta
    """By how much the clock may have gone back unseen, over a restart."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """What to read next, and where the cursor may stand once it is published."""

    low: datetime
    """Read every stamp from here on, this one included. UTC."""
    cursor: datetime
    """What is stamped earlier need not be read again, but for the open ranges. UTC."""
    ranges: tuple[OpenRange, ...]
    """To read again when their transactions have gone."""
    safety: Safety
    reason: str
    given_up: int = 0
    """Ranges that are waited for no longer, though nobody could see their transactions end."""


def watermark(at: HintCursor, sight: Sight, bounds: Bounds) -> Watermark:
    """The next full read. ``sight.transactions`` must have been asked for."""
    seen = sight.transactions
    assert seen is not None, "a full read looks at the open transactions first"
    against = list(sight.against)
    if not seen.visible:
        against.append("open transactions cannot be seen")
    elif not seen.everywhere:
        against.append("open transactions of other instances cannot be seen")
    if sight.skew_s > _AHEAD_S:
        against.append(f"stamps are up to {sight.skew_s:.1f} s ahead of the database's clock")
    ranges, gone, given_up = _followed(at.open_ranges, sight, bounds)
    waiters, ripe = _waiters(at.open_ranges, gone, sight, bounds)
    if len(waiters) > MOST_WAITERS:
        against.append(f"{len(waiters)} long transactions have ended lately")
        waiters = sorted(waiters, key=_low)[:MOST_WAITERS]
    margin = bounds.slack + timedelta(seconds=min(sight.skew_s, bounds.tolerance.total_seconds()))
    behind = margin if not against else max(bounds.overlap, margin)
    cursor = sight.now - behind
    stood = parse(at.cursor)
    # Where a clock that was set back since the last read may have stamped from.
    back = sight.now - behind - timedelta(seconds=sight.elapsed_s or 0.0)
    low = back if stood is None else min(stood, back)
    # A transaction that was open before the clock was set back goes on stamping by the one that was set.
    reach = sight.now - margin - timedelta(seconds=sight.elapsed_s or 0.0)
    unseen = timedelta(0)
    if sight.elapsed_s is None:
        unseen = bounds.tolerance
        low -= unseen
        reach = (reach if stood is None else min(stood, reach)) - unseen
    low = min([low, *(_low(found) for found in (*gone, *ripe))])
    opened = [_range_of(found, margin + unseen, sight.now) for found in _unfollowed(seen.open, at.open_ranges)]
    ranges = sorted((_reaching(found, reach) for found in (*ranges, *opened)), key=_low)
    waiters = sorted((_reaching(found, reach) for found in waiters), key=_low)
    cursor = min([cursor, *(_low(young) for young in ranges[MOST_RANGES:])])
    ranges = ranges[:MOST_RANGES]
    return Watermark(
        low,
        cursor,
        (*ranges, *waiters),
        Safety.ASSUMED if against else Safety.PROVED,
        _reason(against, ranges, waiters, bounds),
        given_up,
    )


def _followed(
    ranges: tuple[OpenRange, ...], sight: Sight, bounds: Bounds
) -> tuple[list[OpenRange], list[OpenRange], int]:
    """The ranges whose transactions are still open, those to read now, and how many are given up."""
    seen = sight.transactions
    assert seen is not None
    mine = [found for found in ranges if found.kind == TRANSACTION]
    if seen.visible:
        still = {found.id for found in seen.open}
        kept = [replace(found, high=None) for found in mine if found.id in still]
        return kept, [found for found in mine if found.id not in still], 0
    # Nobody can say any more whether they are open: read them once, when as much time has gone as the overlap allows.
    marked = [replace(found, high=found.high or text(sight.now)) for found in mine]
    expired = [found for found in marked if (parse(found.high) or sight.now) <= sight.now - bounds.overlap]
    return [found for found in marked if found not in expired], expired, len(expired)


def _waiters(
    ranges: tuple[OpenRange, ...], gone: list[OpenRange], sight: Sight, bounds: Bounds
) -> tuple[list[OpenRange], list[OpenRange]]:
    """The ranges of those who may have waited for a transaction that has gone, and which of them to read now."""
    kept, ripe = [], []
    # Set forward, the clock would end the time sooner than it is over.
    time = bounds.slack + bounds.tolerance
    for found in (known for known in ranges if known.kind == WAITERS):
        if found.high is None and found.opened_at > sight.now - time:
            kept.append(found)
            continue
        closed = replace(found, high=found.high or text(sight.now))
        waits = _some_open(closed, sight, bounds)
        if waits:
            kept.append(closed)
        if found.high is None or not waits:
            ripe.append(found)
    # It was open for longer than half a slack, less what lay between the clock and the look. Shorter waits are within the
    # slack of who waited.
    long = sight.now - 1.5 * bounds.slack
    kept += [OpenRange(WAITERS, found.low, sight.now, None) for found in gone if _low(found) < long]
    return kept, ripe


def _some_open(found: OpenRange, sight: Sight, bounds: Bounds) -> bool:
    """Whether a transaction is open that may have begun with the wait. Where none can be seen, for as long as the overlap
    allows.
    """
    seen, until = sight.transactions, parse(found.high) or sight.now
    assert seen is not None
    if not seen.visible:
        return sight.now - bounds.overlap < until
    return any(_low(found) <= open_.started <= until + bounds.slack for open_ in seen.open)


def _unfollowed(seen: tuple[OpenTransaction, ...], ranges: tuple[OpenRange, ...]) -> list[OpenTransaction]:
    followed = {found.id for found in ranges if found.kind == TRANSACTION}
    return [found for found in seen if found.id not in followed]


def _range_of(found: OpenTransaction, margin: timedelta, now: datetime) -> OpenRange:
    return OpenRange(TRANSACTION, text(found.started - margin), now, None, found.id)


def _reaching(found: OpenRange, reach: datetime) -> OpenRange:
    return found if _low(found) <= reach else replace(found, low=text(reach))


def _reason(against: list[str], ranges: list[OpenRange], waiters: list[OpenRange], bounds: Bounds) -> str:
    waits = ""
    if ranges:
        waits = f"; {len(ranges)} open transactions are waited for, the oldest from {ranges[0].low[:19]}Z on"
    if waiters:
        waits += f"; who waited for a long one may still come, from {waiters[0].low[:19]}Z on"
    if against:
        overlap = f"overlap of {bounds.overlap.total_seconds():g} s"
        return f"{overlap}, since {', '.join(against)}{waits}"
    return f"every open transaction is seen, slack {bounds.slack.total_seconds():g} s{waits}"


def _low(found: OpenRange) -> datetime:
    return datetime.fromisoformat(found.low)


def parse(cursor: str | None) -> datetime | None:
    """The cursor of a checkpoint; None if there is none, or if the hint was of another kind when it was written."""
    try:
        return None if cursor is None else datetime.fromisoformat(cursor)
    except ValueError:
        return None


def text(cursor: datetime) -> str:
    """The cursor for a checkpoint."""
    return cursor.isoformat(timespec="microseconds")
