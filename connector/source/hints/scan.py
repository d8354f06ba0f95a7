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

A look is later than the scan, so it may see, and publish, what no scan sees: the change is undone by the next one, or
was undone before the look and comes again. So a key is looked at *again*, whatever its mark says:

- by the scan after one that it differed in,
- and by the scan after anything of it was published, whoever looked: another hint, a snapshot, a load, this scan.

It is done with once the mark is the same in two scans and the look that follows the second one publishes nothing. The
buckets of keys that are to be looked at again are crossed out in the cursor, before anything of them is published.

What remains for the snapshot, and makes it ``assumed``: a change that leaves a group's count and hash as they were; and
rows that go back and forth such that two scans in a row see one thing, and the looks that follow each see another.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from typing import Protocol
from zlib import crc32

from connector.source.hint_settings import HintSettings
from connector.source.hints import Group, HintRow, Safety, Sight
from connector.source.hints.following import Answer, HintSource
from schemas.records import HintCursor

BUCKETS = 512
_WIDTH = 6
"""Bytes of a bucket's sum. All of them make 4 KiB of text; a change escapes once in 2 to the power of 48."""
_TEXT = _WIDTH * 4 // 3
"""Characters of a bucket's sum."""
_CROSSED_OUT = b"\xff" * _WIDTH
"""In place of a sum: of these keys nothing is known. A sum that happens to be the same costs looks."""
_HEAD = f"1:{BUCKETS}:"
"""Begins a cursor: the version of all that follows, marks included, and the number of buckets."""
_AGAIN_STUDENTS, _AGAIN_COHORTS = 5000, 100
"""Keys that do not differ and are looked at again by one scan. After a load that is everybody: it must not keep the next
scans waiting for as long as all of them take.
"""


class Census(Protocol):
    """Which keys there are, and who stands for them."""

    def key_of(self, subject: str | tuple[object, ...]) -> str | None:
        """The key that a value of the student column, or the values of a cohort's columns make; None if they make none."""
        ...

    def known(self) -> Iterator[str]:
        """Every key that the published state has of this source: its students, or the cohorts that have members."""
        ...

    @property
    def loaded(self) -> bool:
        """Whether the first load is complete. Before, whom it is about to read need not be looked at again."""
        ...

    def noted(self) -> Collection[str]:
        """The keys of which anything was published or remembered since the last call. They are crossed out in the cursor."""
        ...


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a scan saw, and the cursor that says the same, with nothing crossed out."""

    cursor: str
    marks: Mapping[str, int]


class ScanFollower:
    """Follows one table by scanning it."""

    def __init__(self, name: str, settings: HintSettings, census: Census) -> None:
        self._name, self._census = name, census
        self._counted = "cohorts" if settings.by_cohort else "students"
        self._at_once = _AGAIN_COHORTS if settings.by_cohort else _AGAIN_STUDENTS
        self._last: _Scan | None = None
        """Settled."""
        self._again: dict[str, None] = {}
        """Keys to be looked at whatever their marks say, the latest first. Crossed out in the cursor of the checkpoint."""
        self._next: tuple[_Scan, dict[str, None]] | None = None
        """Both of them once the last answer is settled."""

    def begin(self, source: HintSource, sight: Sight) -> HintCursor:  # noqa: ARG002 - a scan needs no clock
        """The table as it was before the first load read any row. The load reads later, so all of it is looked at again."""
        marks = _marks(self._keyed(source.scan(self._name)))
        self._last = _Scan(_text(marks), marks)
        self._again = dict.fromkeys(chain(marks, self._census.known()))
        return self._cursor(self._last, self._again)

    def ask(self, source: HintSource, at: HintCursor, sight: Sight) -> Answer:  # noqa: ARG002
        """The groups that differ from what was settled at this cursor, and some of those to be looked at again; of those
        that are gone the keys.
        """
        self._again = dict.fromkeys(self._census.noted()) | self._again
        groups = source.scan(self._name)
        keyed = self._keyed(groups)
        marks = _marks(keyed)
        differing = self._differing(at.cursor, marks)
        wanted = differing.union(islice(self._again, self._at_once if self._census.loaded else 0))
        rows = [HintRow(group.subject, None, group.count) for key, group in keyed if key in wanted]
        again = dict.fromkeys(sorted(differing)) | {key: None for key in self._again if key not in wanted}
        scan = _Scan(_text(marks), marks)
        self._next = scan, again
        return Answer(rows, len(groups), self._cursor(scan, again), wanted - marks.keys())

    def settled(self, answer: Answer) -> None:  # noqa: ARG002 - it is the last one
        """From now on the next scan is compared with this one."""
        assert self._next is not None, "nothing was asked"
        self._last, self._again = self._next

    def _differing(self, cursor: str | None, marks: Mapping[str, int]) -> frozenset[str]:
        """Keys whose groups differ, or are gone, or may be."""
        last = self._last
        if last is not None and crossed_out(last.cursor, set(map(bucket, self._again))) == cursor:
            changed = (key for key, mark in marks.items() if last.marks.get(key) != mark)
            return frozenset(changed) | (last.marks.keys() - marks.keys())
        buckets = _differing_buckets(cursor, marks)
        return frozenset(key for key in chain(marks, self._census.known()) if bucket(key) in buckets)

    def _keyed(self, groups: Iterable[Group]) -> list[tuple[str, Group]]:
        """The groups with their keys; a group that makes none, such as that of NULL, stands for nobody."""
        keyed = ((self._census.key_of(group.subject), group) for group in groups)
        return [(key, group) for key, group in keyed if key is not None]

    def _cursor(self, scan: _Scan, again: Iterable[str]) -> HintCursor:
        text = crossed_out(scan.cursor, set(map(bucket, again)))
        reason = f"{len(scan.marks)} {self._counted} compared by count and hash of their rows"
        return HintCursor(self._name, text, (), Safety.ASSUMED.value, reason)


def bucket(key: str) -> int:
    """Which bucket a key is in."""
    return crc32(key.encode()) % BUCKETS


def crossed_out(cursor: str | None, buckets: Collection[int]) -> str | None:
    """The cursor that says nothing of these buckets. One that says nothing at all stays as it is."""
    if _parse(cursor) is None or cursor is None:
        return cursor
    text = cursor.removeprefix(_HEAD)
    sums = [text[start : start + _TEXT] for start in range(0, len(text), _TEXT)]
    for number in buckets:
        sums[number] = b64encode(_CROSSED_OUT).decode()
    return _HEAD + "".join(sums)


def _marks(keyed: Iterable[tuple[str, Group]]) -> dict[str, int]:
    """A mark for each key: of all its groups, whatever their order, since several subjects may make one key."""
    marks: dict[str, int] = {}
    for key, group in keyed:
        said = f"{key}\0{group.count}\0{group.hash}".encode()
        mark = int.from_bytes(blake2b(said, digest_size=8).digest(), "big")
        marks[key] = (marks.get(key, 0) + mark) % (1 << 64)
    return marks


def _text(marks: Mapping[str, int]) -> str:
    """The cursor of these marks."""
    return _HEAD + b64encode(b"".join(_sums(marks))).decode()


def _sums(marks: Mapping[str, int]) -> list[bytes]:
    """Each bucket's sum, as the checkpoint keeps it."""
    sums = [0] * BUCKETS
    for key, mark in marks.items():
        sums[bucket(key)] += mark
    return [(total % (1 << 8 * _WIDTH)).to_bytes(_WIDTH, "big") for total in sums]


def _differing_buckets(cursor: str | None, marks: Mapping[str, int]) -> set[int]:
    """The buckets that are not what the cursor says, or of which it says nothing."""
    stored = _parse(cursor)
    if stored is None:
        return set(range(BUCKETS))
    both = enumerate(zip(stored, _sums(marks), strict=True))
    return {number for number, (was, now) in both if _CROSSED_OUT == was or was != now}


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
