"""Trying a source: every query, every column, and what it would be wise to have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

from connector.runtime.checks import Check
from connector.runtime.clock import Clock
from connector.runtime.messages import OracleMessage, message
from connector.source.hint_settings import followed
from connector.source.hints import OpenTransactions
from connector.source.mapping import value_of
from connector.source.oracle.check_hints import HintTrial, Tell
from connector.source.oracle.reader import OracleSource
from connector.source.settings import SourceSettings

T = TypeVar("T")
_SKEW = timedelta(seconds=2)


def check_source(name: str, settings: SourceSettings, clock: Clock) -> Iterator[Check]:
    """Try everything that polling needs, and tell each result as it comes. Reads a few rows only, but for a scan, which
    is tried whole; changes nothing.
    """
    source = OracleSource(name, settings, clock)
    try:
        yield from _Trial(source, clock).run()
    finally:
        source.close()


class _Trial(Tell):
    def __init__(self, source: OracleSource, clock: Clock) -> None:
        super().__init__(f"oracle {source.name}")
        self._source, self._clock = source, clock

    def run(self) -> Iterator[Check]:
        source = self._source
        now = self.attempt("log-on", source.clock)
        identity = None if now is None else self.attempt("log-on", source.identity)
        if now is None or identity is None:
            yield self.fault()
            return
        known = "" if identity.incarnation is None else f", {identity.incarnation} in V$DATABASE"
        yield self.good("log-on", f"database {identity.name} ({identity.unique_name}), {identity.role}{known}")
        skew = abs((now - self._clock.now()).total_seconds())
        skewed = message(OracleMessage.CLOCK_SKEWED, source=source.name, skew=f"{skew:.1f}")
        yield self.advised("clock", f"{skew:.1f} s apart", skewed if skew > _SKEW.total_seconds() else None)
        open_ = self.attempt("open transactions", source.open_transactions)
        yield self.fault() if open_ is None else self._transactions(open_)
        yield from self._membership()
        if source.settings.cohort.query is not None:
            rows = self.attempt("cohort query", source.cohorts)
            yield self.fault() if rows is None else self.good("cohort query", f"{len(rows)} cohorts")
        hints = HintTrial(source, self._clock, open_ or OpenTransactions(visible=False))
        for name in followed(source.settings.hints):
            yield from hints.run(name)

    def _transactions(self, seen: OpenTransactions) -> Check:
        names = {"source": self._source.name, "user": self._source.settings.user}
        if not seen.visible:
            return self.advised("open transactions", "", message(OracleMessage.TRANSACTIONS_HIDDEN, **names))
        local = None if seen.everywhere else message(OracleMessage.TRANSACTIONS_LOCAL, **names)
        return self.advised("open transactions", f"{len(seen.open)} open now", local)

    def _membership(self) -> Iterator[Check]:
        source = self._source
        rows = self.attempt("membership query", lambda: source.sample(1))
        if rows is None:
            yield self.fault()
            return
        if not rows:
            empty = message(OracleMessage.NO_ROWS, source=source.name)
            yield self.advised("membership query", "", empty)
            return
        yield self.good("membership query", f"columns {', '.join(source.mapping.columns)}")
        raw = rows[0][source.mapping.student_column]
        found = self.attempt("truth query", lambda: source.truth([value_of(raw)] if raw is not None else []))
        yield self.fault() if found is None else self.good("truth query", f"{len(found)} rows of one student")
        table, column = source.settings.membership.table, source.mapping.student_column
        yield self.index(source, table, column, "truth")
