"""Trying a source: every query, every column, and what it would be wise to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from connector.runtime.clock import Clock
from connector.runtime.errors import OperationalError
from connector.runtime.messages import Message, OracleMessage, message
from connector.source.hints.zones import Grain
from connector.source.mapping import value_of
from connector.source.oracle.indexes import index_of
from connector.source.oracle.reader import OracleSource
from connector.source.settings import HintSettings, SourceSettings, hint_name

T = TypeVar("T")
_SKEW = timedelta(seconds=2)


class Severity(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    ADVICE = "advice"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    severity: Severity
    what: str
    """What was tried, and what came out; English, for a person."""
    message: Message | None = None
    """What to do, unless it is good."""


def check_source(name: str, settings: SourceSettings, clock: Clock) -> Iterator[Finding]:
    """Try everything that polling needs, and tell each result as it comes. Reads a few rows only; changes nothing."""
    source = OracleSource(name, settings, clock)
    try:
        yield from _Check(source, clock).run()
    finally:
        source.close()


class _Check:
    def __init__(self, source: OracleSource, clock: Clock) -> None:
        self._source, self._clock = source, clock
        self._failed: Finding | None = None

    def run(self) -> Iterator[Finding]:
        source = self._source
        now = self._try("log-on", source.clock)
        if now is None:
            yield self._fault()
            return
        identity = source.identity()
        yield Finding(Severity.GOOD, f"log-on: database {identity.name} ({identity.unique_name}), {identity.role}")
        skew = abs((now - self._clock.now()).total_seconds())
        said = message(OracleMessage.CLOCK_SKEWED, source=source.name, skew=f"{skew:.1f}")
        yield self._advice(skew > _SKEW.total_seconds(), f"clock: differs by {skew:.1f} s", said)
        open_ = self._try("open transactions", source.open_transactions)
        hidden = message(OracleMessage.TRANSACTIONS_HIDDEN, source=source.name)
        yield self._advice(open_ is None or not open_.visible, "open transactions", hidden)
        yield from self._membership()
        if source.settings.cohort.query is not None:
            rows = self._try("cohort query", source.cohorts)
            yield self._fault() if rows is None else Finding(Severity.GOOD, f"cohort query: {len(rows)} cohorts")
        for number, hint in enumerate(source.settings.hints, 1):
            yield from self._hint(hint_name(hint, number), hint)

    def _membership(self) -> Iterator[Finding]:
        source = self._source
        rows = self._try("membership query", lambda: source.sample(1))
        if rows is None:
            yield self._fault()
            return
        if not rows:
            said = message(OracleMessage.NO_ROWS, source=source.name)
            yield Finding(Severity.ADVICE, "membership query: no row", said)
            return
        raw = rows[0][source.mapping.student_column]
        found = self._try("truth query", lambda: source.truth([value_of(raw)] if raw is not None else []))
        yield self._fault() if found is None else Finding(Severity.GOOD, f"truth query: {len(found)} rows of a student")
        yield from self._index(source.settings.membership.table, source.mapping.student_column, "truth")

    def _hint(self, name: str, hint: HintSettings) -> Iterator[Finding]:
        source = self._source
        column = self._try(f"hint {name}", lambda: source.cursor_column(name))
        if column is None:
            yield self._fault()
            return
        since = source.clock() - min(hint.overlap, timedelta(minutes=1))
        rows = self._try(f"hint {name}", lambda: source.changed(name, column.bound(since)))
        if rows is None:
            yield self._fault()
            return
        zone = "UTC" if column.grain is Grain.ZONED else source.settings.timezone
        yield Finding(Severity.GOOD, f"hint {name}: a {column.grain.value}, read in {zone}; {len(rows)} in a minute")
        membership = source.settings.membership
        table = hint.table if hint.table is not None or hint.query is not None else membership.table
        yield from self._index(table, hint.cursor, name)

    def _index(self, table: str | None, column: str, hint: str) -> Iterator[Finding]:
        source = self._source
        found = self._try("indexes", lambda: index_of(source.session, table, column))
        if found is None:
            yield self._fault()
        elif found.index is not None:
            yield Finding(Severity.GOOD, f"index of {column}: {found.index}")
        elif found.unknown is not None:
            said = message(
                OracleMessage.INDEX_UNKNOWN, source=source.name, column=column, hint=hint, reason=found.unknown
            )
            yield Finding(Severity.ADVICE, f"index of {column}: unknown", said)
        else:
            said = message(OracleMessage.COLUMN_UNINDEXED, source=source.name, table=table, column=column, hint=hint)
            yield Finding(Severity.ADVICE, f"index of {column}: none", said)

    def _try(self, what: str, call: Callable[[], T]) -> T | None:
        """The answer, or None after a failure, which ``_fault`` then tells."""
        try:
            return call()
        except OperationalError as fault:
            self._failed = Finding(Severity.FAULT, f"{what}: failed", fault.message)
            return None

    def _fault(self) -> Finding:
        assert self._failed is not None
        return self._failed

    def _advice(self, wanted: bool, what: str, said: Message) -> Finding:  # noqa: FBT001 - private, and called here only
        return Finding(Severity.ADVICE, what, said) if wanted else Finding(Severity.GOOD, what)
