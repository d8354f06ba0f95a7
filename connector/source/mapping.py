"""Rows to what should be: for each student the cohorts that the rows support, and what they prove to be absent.

The rules: a row supports one cohort if it meets the active conditions, and otherwise states that the student is not in
it; support wins over such a statement. A row that cannot be mapped makes its student *unknown*: nothing is concluded
from what is missing for them. Student keys are made from one column; several of its values may make one key, so rows
are grouped by the key, and the values are remembered with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import itemgetter

from connector.runtime.pattern_filters import ValueMaps
from connector.runtime.pattern_values import text_of
from connector.runtime.patterns import Pattern, Unmappable
from connector.source.hint_settings import HintSettings, followed
from connector.source.settings import ActiveSettings, CohortSettings, MembershipSettings, SourceSettings

Row = Mapping[str, object]
"""A value per column, under the column's name as Oracle spells it."""

LONGEST_IDNUMBER = 100
LONGEST_NAME = 254
_CACHED_COHORTS = 50_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - stamps are naive: a wall clock of the column's own terms


Sighting = tuple[str | None, object]
"""A row that names a cohort: its row key, where the settings name one, and its stamp; a tuple of stamps where several
hints watch the rows. Stamps are as the database has them; NULL is None."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort as one row describes it."""

    idnumber: str
    name: str
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Support:
    """What the rows say of one membership."""

    cohort: Cohort
    rows: tuple[str, ...] = ()
    """Keys of the supporting rows, sorted; empty where the settings name no row key."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What the rows of one student say, read by one statement."""

    memberships: Mapping[str, Support] = field(default_factory=dict)
    inactive: frozenset[str] = frozenset()
    """Cohorts that a row states the student is not in, and none that they are."""
    places: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By row key, the cohorts that the row names now."""
    unknown: frozenset[str] = frozenset()
    """Why rows could not be mapped; if there is any reason, nothing is removed for the student."""
    sightings: Mapping[str, Sequence[Sighting]] = field(default_factory=dict)
    """By cohort, the rows that name it, active or not; empty where no hint watches the rows."""

    @property
    def mentioned(self) -> set[str]:
        """Every cohort that a row names."""
        return {*self.memberships, *self.inactive}

    def stamps(self, cohort: str) -> dict[str, int]:
        """By row key, the stamps of the rows that name this cohort, by the first hint that watches them; rows that are
        not stamped are left out.
        """
        found: dict[str, int] = {}
        for key, raw in self.sightings.get(cohort, ()):
            stamp = number_of(raw[0] if isinstance(raw, tuple) else raw)
            if key is not None and stamp is not None:
                found[key] = max(stamp, found.get(key, stamp))
        return found


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a set of rows says."""

    students: Mapping[str, Desired] = field(default_factory=dict)
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By student key, the values of the student column that made it."""
    rows: int = 0
    unmappable: Mapping[str, int] = field(default_factory=dict)
    """Rows that cannot be mapped, by reason."""
    cut_names: int = 0
    """Rows whose cohort name was too long for Moodle and is cut."""


@dataclass(slots=True)
class _Gathered:
    supports: dict[str, Cohort] = field(default_factory=dict)
    rows: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    inactive: set[str] = field(default_factory=set)
    places: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unknown: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    sightings: defaultdict[str, list[Sighting]] = field(default_factory=lambda: defaultdict(list))

    def settled(self) -> Desired:
        return Desired(
            {c: Support(found, tuple(sorted(self.rows[c]))) for c, found in self.supports.items()},
            frozenset(self.inactive - self.supports.keys()),
            {key: frozenset(cohorts) for key, cohorts in self.places.items()},
            frozenset(self.unknown),
            self.sightings,
        )


class RowMapping:
    """The settings' patterns and conditions, ready to be used on rows."""

    @classmethod
    def of(cls, settings: SourceSettings) -> RowMapping:
        """For the rows of this source, with the cursors of the hints that watch them."""
        return cls(settings.membership, settings.cohort, settings.maps, settings.hints)

    def __init__(
        self,
        membership: MembershipSettings,
        cohort: CohortSettings,
        maps: ValueMaps | None = None,
        hints: Sequence[HintSettings] = (),
    ) -> None:
        """``hints`` are those of the source; without them rows need not have stamps."""
        maps = maps or {}
        self.student = Pattern.parse(membership.student, maps)
        self.student_column = self.student.columns[0]
        self.idnumber = Pattern.parse(cohort.idnumber, maps)
        self.name = Pattern.parse(cohort.name, maps) if cohort.name is not None else None
        self.category = Pattern.parse(cohort.category, maps) if cohort.category is not None else None
        self.row_key = Pattern.parse(membership.row_key, maps) if membership.row_key is not None else None
        self._active = tuple(_Condition(settings) for settings in membership.active)
        patterns = [p for p in (self.idnumber, self.name, self.category) if p is not None]
        self.cohort_columns = tuple(dict.fromkeys(c for pattern in patterns for c in pattern.columns))
        self.deciding_columns = (*self.cohort_columns, *(c.column for c in self._active))
        """What decides to which cohort a row belongs, and whether it is active."""
        everything = [self.student_column, *self.deciding_columns]
        everything += self.row_key.columns if self.row_key is not None else ()
        self.columns = tuple(dict.fromkeys(everything))
        """All columns that the membership query must have; each once."""
        self._origin = (membership.table, membership.query)
        self.stamped = {
            name: hint
            for name, hint in followed(hints).items()
            if hint.kind in ("timestamp", "sequence") and self.reads_rows_of(hint)
        }
        """By name, the hints that watch the same rows; the cursor of the n-th is in the column ``stamp_column(n)``."""
        stamps = [stamp_column(number) for number, _ in enumerate(self.stamped, 1)]
        self._stamp_of = itemgetter(*stamps) if stamps else None
        self._cohorts: dict[tuple[object, ...], tuple[Cohort, bool] | Unmappable] = {}

    def reads_rows_of(self, hint: HintSettings) -> bool:
        """Whether a hint watches the very rows that memberships are read from."""
        return (hint.table, hint.query) in ((None, None), self._origin)

    def student_of(self, value: str) -> str | None:
        """The student key of a value of the student column; None where it makes none."""
        try:
            key = self.student.render({self.student_column: value})
        except Unmappable:
            return None
        return key if key.strip() else None

    def idnumber_of(self, row: Row) -> str | None:
        """The idnumber that these columns make; None where they make none."""
        try:
            return _idnumber(self.idnumber, row, "cohort idnumber")
        except Unmappable:
            return None

    def cohort_of(self, row: Row) -> Cohort:
        """The cohort that a row names.

        Raises:
            Unmappable: it names none that Moodle could take.
        """
        return self._described(row)[0]

    def is_active(self, row: Row) -> bool:
        """Whether a row meets the active conditions; ``Unmappable`` as ``cohort_of``."""
        return all(condition.holds(row) for condition in self._active)

    def map(self, rows: Iterable[Row]) -> Mapped:
        """What the rows say, student by student."""
        gathered: defaultdict[str, _Gathered] = defaultdict(_Gathered)
        keys: dict[object, str] = {}
        unmappable: Counter[str] = Counter()
        stamp_of = self._stamp_of
        count = cut_names = 0
        for row in rows:
            count += 1
            raw = row[self.student_column]
            try:
                key = keys.get(raw) or keys.setdefault(raw, self._student_of_row(row))
            except Unmappable as fault:
                unmappable[f"student: {fault}"] += 1
                continue
            student = gathered[key]
            student.values.add(value_of(raw))
            try:
                cohort, cut = self._described(row)
                active = self.is_active(row)
                row_key = self.row_key.render(row) if self.row_key is not None else None
            except Unmappable as fault:
                reason = str(fault)
                unmappable[reason] += 1
                student.unknown.add(reason)
                continue
            cut_names += cut
            if stamp_of is not None:
                student.sightings[cohort.idnumber].append((row_key, stamp_of(row)))
            if active:
                known = student.supports.get(cohort.idnumber)
                # Rows that disagree on a name must not make it depend on their order.
                if known is None or (cohort.name, cohort.category or "") < (known.name, known.category or ""):
                    student.supports[cohort.idnumber] = cohort
                if row_key is not None:
                    student.rows[cohort.idnumber].add(row_key)
            else:
                student.inactive.add(cohort.idnumber)
            if row_key is not None:
                student.places[row_key].add(cohort.idnumber)
        return Mapped(
            {key: found.settled() for key, found in gathered.items()},
            {key: frozenset(found.values) for key, found in gathered.items()},
            count,
            dict(unmappable),
            cut_names,
        )

    def _student_of_row(self, row: Row) -> str:
        key = self.student.render(row)
        if not key.strip():
            raise Unmappable(self.student_column, "gives an empty student key")
        return key

    def _described(self, row: Row) -> tuple[Cohort, bool]:
        """The cohort, and whether its name had to be cut. A cohort has many rows, hence the memory."""
        values = tuple(row[column] for column in self.cohort_columns)
        found = self._cohorts.get(values)
        if found is None:
            if len(self._cohorts) >= _CACHED_COHORTS:
                self._cohorts.clear()
            try:
                found = self._describe(row)
            except Unmappable as fault:
                found = fault
            self._cohorts[values] = found
        if isinstance(found, Unmappable):
            raise Unmappable(found.column, found.reason, found.value)  # a new one: raising adds to its traceback
        return found

    def _describe(self, row: Row) -> tuple[Cohort, bool]:
        idnumber = _idnumber(self.idnumber, row, "cohort idnumber")
        category = _idnumber(self.category, row, "category idnumber") if self.category is not None else None
        name = self.name.render(row) if self.name is not None else idnumber
        cut = len(name) > LONGEST_NAME
        return Cohort(idnumber, name[: LONGEST_NAME - 1] + "…" if cut else name, category), cut


class _Condition:
    """One active condition."""

    def __init__(self, settings: ActiveSettings) -> None:
        self.column = settings.column
        self._null = None if settings.when_null is None else settings.when_null == "active"
        listed = settings.values if settings.values is not None else settings.except_values
        self._listed = None if listed is None else frozenset(text.rstrip(" ") for text in listed)
        self._listed_counts = settings.values is not None

    def holds(self, row: Row) -> bool:
        try:
            text = text_of(row[self.column])
        except TypeError as error:
            raise Unmappable(self.column, str(error)) from None
        if text is None:
            if self._null is None:
                raise Unmappable(self.column, "is NULL, and the condition does not say what that means")
            return self._null
        if self._listed is None:
            return not self._null
        return (text in self._listed) == self._listed_counts


def stamp_column(number: int) -> str:
    """Under which name a row holds the cursor of a hint that watches the same rows; ``number`` counts from 1."""
    return f"STAMP_{number}_"


def number_of(stamp: object) -> int | None:
    """A stamp as records hold it: a naive time in microseconds since 1970, a number as it is; None for NULL.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(stamp, datetime):
        passed = stamp - _EPOCH
        return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
    if stamp is None or isinstance(stamp, int):
        return stamp
    if isinstance(stamp, float | Decimal):
        return int(stamp)
    raise TypeError(f"a {type(stamp).__name__} is no stamp")


def value_of(raw: object) -> str:
    """A value of the student column as text, exactly: blanks that pad a CHAR column are kept, since the bind of a
    comparison needs them.
    """
    if isinstance(raw, str):
        return raw
    text = text_of(raw)
    assert text is not None, "a NULL makes no student key"
    return text


def _idnumber(pattern: Pattern, row: Row, what: str) -> str:
    text = pattern.render(row)
    if not text.strip():
        raise Unmappable(", ".join(pattern.columns), f"gives an empty {what}")
    if len(text) > LONGEST_IDNUMBER:
        raise Unmappable(", ".join(pattern.columns), f"gives a {what} of more than {LONGEST_IDNUMBER} characters", text)
    return text
