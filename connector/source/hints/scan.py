"""Hints for tables without any column to follow: rows are counted and hashed per student or cohort, and compared.

Nothing is missed by time here, however late a transaction commits: what one scan did not see, the next one does. Hence
a cursor is safe as soon as all that its scan brought up is published, and quick reads are as good as full ones.

The last scan is remembered twice, by the *key* that a subject stands for (a student's key, or a cohort's idnumber):

- In the process: a *mark* of 64 bits for each key. What differs is looked at, and what is gone.
- In the checkpoint: for each of some hundred *buckets* of keys the sum of their marks. After a restart or a takeover,
  all keys of the buckets that differ are looked at, a few hundred for each change; of those that are gone the published
  state knows. A cursor that cannot be read brings up everything.

The marks are used only beside the very cursor that they were settled with. So losing them, or meeting another cursor,
costs looks and nothing else.

What a round brought up that failed half-way may be published in part. It is looked at by the next one in any case, for
it may have become again what it was.

What remains for the snapshot, and makes it ``assumed``: a change that leaves a group's count and hash as they were; and
a change that is undone before the next scan, if a look came in between, since what that look published stays; and so
does what was published of a round that ended with its process, if the change was undone until the next one began.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Protocol
from zlib import crc32

from connector.source.hint_settings import HintSettings
from connector.source.hints import Group, HintRow, Safety, Sight
from connector.source.hints.following import Answer, HintSource
from schemas.records import HintCursor

BUCKETS = 512
_WIDTH = 6
"""Bytes of a bucket's sum. All of them make 4 KiB of text; a change escapes once in 2 to the power of 48."""
_HEAD = f"1:{BUCKETS}:"
"""Begins a cursor: the version of all that follows, marks included, and the number of buckets."""


class Census(Protocol):
    """Which keys there are, and who stands for them."""

    def key_of(self, subject: str | tuple[object, ...]) -> str | None:
        """The key that a value of the student column, or the values of a cohort's columns make; None if they make none."""
        ...

    def known(self) -> Iterator[str]:
        """Every key that the published state has of this source: its students, or the cohorts that have members."""
        ...


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a scan saw, and the cursor beside which all of it is published."""

    cursor: str | None
    marks: Mapping[str, int]


class ScanFollower:
    """Follows one table by scanning it."""

    def __init__(self, name: str, settings: HintSettings, census: Census) -> None:
        self._name, self._census = name, census
        self._counted = "cohorts" if settings.by_cohort else "students"
        self._last: _Scan | None = None
        """Settled."""
        self._next: _Scan | None = None
        """To be settled."""
        self._again: frozenset[str] = frozenset()
        """Keys that rounds brought up and did not settle."""

    def begin(self, source: HintSource, sight: Sight) -> HintCursor:  # noqa: ARG002 - a scan needs no clock
        """The table as it was before the first load read any row."""
        marks = _marks(self._keyed(source.scan(self._name)))
        cursor = self._cursor(marks)
        self._last, self._again = _Scan(cursor.cursor, marks), frozenset()
        return cursor

    def ask(self, source: HintSource, at: HintCursor, sight: Sight) -> Answer:  # noqa: ARG002
        """The groups that differ from what was settled at this cursor, and the keys of those that are gone."""
        groups = source.scan(self._name)
        keyed = self._keyed(groups)
        marks = _marks(keyed)
        self._again |= self._differing(at.cursor, marks)
        rows = [HintRow(group.subject, None, group.count) for key, group in keyed if key in self._again]
        cursor = self._cursor(marks)
        self._next = _Scan(cursor.cursor, marks)
        return Answer(rows, len(groups), cursor, self._again - marks.keys())

    def settled(self, answer: Answer) -> None:  # noqa: ARG002 - it is the last one
        """From now on the next scan is compared with this one."""
        assert self._next is not None, "nothing was asked"
        self._last, self._again = self._next, frozenset()

    def _differing(self, cursor: str | None, marks: Mapping[str, int]) -> frozenset[str]:
        """Keys whose groups differ, or are gone, or may be."""
        if self._last is not None and self._last.cursor == cursor:
            before = self._last.marks
            changed = (key for key, mark in marks.items() if before.get(key) != mark)
            return frozenset(changed) | (before.keys() - marks.keys())
        buckets = _buckets(cursor, marks)
        return frozenset(key for key in chain(marks, self._census.known()) if _bucket(key) in buckets)

    def _keyed(self, groups: Iterable[Group]) -> list[tuple[str, Group]]:
        """The groups with their keys; a group that makes none, such as that of NULL, stands for nobody."""
        keyed = ((self._census.key_of(group.subject), group) for group in groups)
        return [(key, group) for key, group in keyed if key is not None]

    def _cursor(self, marks: Mapping[str, int]) -> HintCursor:
        text = _HEAD + b64encode(b"".join(_sums(marks))).decode()
        reason = f"{len(marks)} {self._counted} compared by count and hash of their rows"
        return HintCursor(self._name, text, (), Safety.ASSUMED.value, reason)


def _marks(keyed: Iterable[tuple[str, Group]]) -> dict[str, int]:
    """A mark for each key: of all its groups, whatever their order, since several subjects may make one key."""
    marks: dict[str, int] = {}
    for key, group in keyed:
        said = f"{key}\0{group.count}\0{group.hash}".encode()
        mark = int.from_bytes(blake2b(said, digest_size=8).digest(), "big")
        marks[key] = (marks.get(key, 0) + mark) % (1 << 64)
    return marks


def _bucket(key: str) -> int:
    return crc32(key.encode()) % BUCKETS


def _sums(marks: Mapping[str, int]) -> list[bytes]:
    """Each bucket's sum, as the checkpoint keeps it."""
    sums = [0] * BUCKETS
    for key, mark in marks.items():
        sums[_bucket(key)] += mark
    return [(total % (1 << 8 * _WIDTH)).to_bytes(_WIDTH, "big") for total in sums]


def _buckets(cursor: str | None, marks: Mapping[str, int]) -> set[int]:
    """The buckets that are not what the cursor says; all of them if it says nothing that can be read."""
    stored = _parse(cursor)
    if stored is None:
        return set(range(BUCKETS))
    return {bucket for bucket, (was, now) in enumerate(zip(stored, _sums(marks), strict=True)) if was != now}


def _parse(cursor: str | None) -> list[bytes] | None:
    """The sums of a cursor; None before the first read, and if another release or kind of hint wrote it."""
    if cursor is None or not cursor.startswith(_HEAD):
        return None
    try:
        packed = b64decode(cursor.removeprefix(_HEAD), validate=True)
    except ValueError:
        return None
    if len(packed) != BUCKETS * _WIDTH:
        return None
    return [packed[start : start + _WIDTH] for start in range(0, len(packed), _WIDTH)]
