"""Trying a source: every query, every column, and what it would be wise to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from connector.runtime.checks import Check, Outcome
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
_A_MINUTE = timedelta(minutes=1)


def check_source(name: str, settings: SourceSettings, clock: Clock) -> Iterator[Check]:
    """Try everything that polling needs, and tell each result as it comes. Reads a few rows only; changes nothing."""
    source = OracleSource(name, settings, clock)
    try:
        yield from _Trial(source, clock).run()
    finally:
        source.close()


class _Trial:
    def __init__(self, source: OracleSource, clock: Clock) -> None:
        self._source, self._clock = source, clock
        self._end = f"oracle {source.name}"
        self._failed: Check | None = None

    def run(self) -> Iterator[Check]:
        source = self._source
        now = self._try("log-on", source.clock)
        identity = None if now is None else self._try("log-on", source.identity)
        if now is None or identity is None:
            yield self._fault()
            return
        yield self._good("log-on", f"database {identity.name} ({identity.unique_name}), {identity.role}")
        skew = abs((now - self._clock.now()).total_seconds())
        skewed = message(OracleMessage.CLOCK_SKEWED, source=source.name, skew=f"{skew:.1f}")
        yield self._advised("clock", f"{skew:.1f} s apart", skewed if skew > _SKEW.total_seconds() else None)
        open_ = self._try("open transactions", source.open_transactions)
        if open_ is None:
            yield self._fault()
        else:
            hidden = message(OracleMessage.TRANSACTIONS_HIDDEN, source=source.name)
            yield self._advised("open transactions", "", None if open_.visible else hidden)
        yield from self._membership()
        if source.settings.cohort.query is not None:
            rows = self._try("cohort query", source.cohorts)
            yield self._fault() if rows is None else self._good("cohort query", f"{len(rows)} cohorts")
        for number, hint in enumerate(source.settings.hints, 1):
            yield from self._hint(hint_name(hint, number), hint)

    def _membership(self) -> Iterator[Check]:
        source = self._source
        rows = self._try("membership query", lambda: source.sample(1))
        if rows is None:
            yield self._fault()
            return
        if not rows:
            empty = message(OracleMessage.NO_ROWS, source=source.name)
            yield self._advised("membership query", "", empty)
            return
        yield self._good("membership query", f"columns {', '.join(source.mapping.columns)}")
        raw = rows[0][source.mapping.student_column]
        found = self._try("truth query", lambda: source.truth([value_of(raw)] if raw is not None else []))
        yield self._fault() if found is None else self._good("truth query", f"{len(found)} rows of one student")
        yield from self._index(source.settings.membership.table, source.mapping.student_column, "truth")

    def _hint(self, name: str, hint: HintSettings) -> Iterator[Check]:
        source, what = self._source, f"hint {name}"
        column = self._try(what, lambda: source.cursor_column(name))
        if column is None:
            yield self._fault()
            return
        rows = self._try(what, lambda: source.changed(name, column.bound(source.clock() - _A_MINUTE)))
        if rows is None:
            yield self._fault()
            return
        zone = "UTC" if column.grain is Grain.ZONED else source.settings.timezone
        yield self._good(
            what, f"{hint.cursor} is a {column.grain.value}, read in {zone}; {len(rows)} changes in a minute"
        )
        own = hint.table is None and hint.query is None
        yield from self._index(source.settings.membership.table if own else hint.table, hint.cursor, what)

    def _index(self, table: str | None, column: str, query: str) -> Iterator[Check]:
        source, what = self._source, f"index of {column} for {query}"
        found = self._try(what, lambda: index_of(source.session, table, column))
        if found is None:
            yield self._fault()
        elif found.index is not None:
            yield self._good(what, found.index)
        elif found.unknown is not None:
            reason = found.unknown
            unknown = message(OracleMessage.INDEX_UNKNOWN, source=source.name, column=column, hint=query, reason=reason)
            yield self._advised(what, "", unknown)
        else:
            none = message(OracleMessage.COLUMN_UNINDEXED, source=source.name, table=table, column=column, hint=query)
            yield self._advised(what, "", none)

    def _try(self, what: str, call: Callable[[], T]) -> T | None:
        """The answer, or None after a failure, which ``_fault`` then tells."""
        try:
            return call()
        except OperationalError as fault:
            self._failed = Check(self._end, what, Outcome.FAULT, message=fault.message)
            return None

    def _fault(self) -> Check:
        assert self._failed is not None
        return self._failed

    def _good(self, what: str, detail: str) -> Check:
        return Check(self._end, what, Outcome.GOOD, detail)

    def _advised(self, what: str, detail: str, advice: Message | None) -> Check:
        """A warning if there is any advice to give."""
        return Check(self._end, what, Outcome.GOOD if advice is None else Outcome.WARNING, detail, advice)
