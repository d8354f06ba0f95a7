"""Which memberships a replay is about. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Window:
    """Narrowed by what records of the topic name, by cohorts, by students; by nothing it is everything."""

    named: Collection[tuple[str, str | None]] | None = None
    """Keys that records in the window have; None: whatever they are. A cohort's own record stands for all of it."""
    cohorts: Collection[str] = ()
    students: Collection[str] = ()
    _named_cohorts: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named_cohorts", frozenset(cohort for cohort, _ in self.named or ()))

    def touches(self, cohort: str) -> bool:
        """Whether memberships of this cohort may be covered."""
        if self.cohorts and cohort not in self.cohorts:
            return False
        return self.named is None or cohort in self._named_cohorts

    def covers(self, cohort: str, student: str) -> bool:
        """Whether this membership is."""
        if not self.touches(cohort) or (self.students and student not in self.students):
            return False
        return self.named is None or (cohort, student) in self.named or (cohort, None) in self.named


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition."""

    partition: int
    begins: int
    ends: int | None = None
    """The first offset behind it; None: to the end of the partition."""

    def holds(self, partition: int, offset: int) -> bool:
        return partition == self.partition and self.begins <= offset and (self.ends is None or offset < self.ends)


def parse_span(text: str) -> Span:
    """``PARTITION:FROM`` or ``PARTITION:FROM-TO``, both ends included.

    Raises:
        ValueError: it is neither.
    """
    partition, separator, offsets = text.partition(":")
    begins, dash, ends = offsets.partition("-")
    numbers = (partition, begins, *([ends] if dash else []))
    if not separator or not all(number.isdecimal() for number in numbers):
        raise ValueError(text)
    span = Span(int(partition), int(begins), int(ends) + 1 if dash else None)
    if span.ends is not None and span.ends <= span.begins:
        raise ValueError(text)
    return span


def starts_of(spans: Iterable[Span]) -> dict[int, int]:
    """Where to begin reading each partition."""
    found: dict[int, int] = {}
    for span in spans:
        found[span.partition] = min(found.get(span.partition, span.begins), span.begins)
    return found
