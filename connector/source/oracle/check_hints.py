"""Trying the hints of a source, and how results are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from typing import TypeVar

from connector.runtime.checks import Check, Outcome
from connector.runtime.clock import Clock
from connector.runtime.errors import OperationalError
from connector.runtime.messages import Message, OracleMessage, message
from connector.source.hint_settings import HintSettings
from connector.source.hints import OpenTransactions
from connector.source.hints.zones import Grain, TimeColumn
from connector.source.oracle import statements
from connector.source.oracle.dictionary import Dictionary
from connector.source.oracle.indexes import index_of
from connector.source.oracle.reader import OracleSource
from connector.source.oracle.sequences import Sequence, sequence_of

T = TypeVar("T")
_A_MINUTE = timedelta(minutes=1)
_BY_STAMPS = ("timestamp", "journal")
_LOOK_INTO = "For what cannot be looked into: GRANT SELECT ON sys.dba_objects TO {user}; the same for dba_dependencies and dba_synonyms."
_SAY_WHO = 'If a default, a trigger or SYSDATE writes it: stamped_by = "database".'
_LET_SEE = "GRANT SELECT ON sys.gv_$transaction TO {user}."


class Tell:
    """Brings what was tried to one form."""

    def __init__(self, end: str) -> None:
        self._end = end
        self._failed: Check | None = None

    def attempt(self, what: str, call: Callable[[], T]) -> T | None:
        """The answer, or None after a failure, which ``fault`` then tells."""
        self._failed = None
        try:
            return call()
        except OperationalError as fault:
            self._failed = Check(self._end, what, Outcome.FAULT, message=fault.message)
            return None

    @property
    def failed(self) -> bool:
        """Whether the last attempt failed."""
        return self._failed is not None

    def fault(self) -> Check:
        """The last failure."""
        assert self._failed is not None
        return self._failed

    def good(self, what: str, detail: str) -> Check:
        return Check(self._end, what, Outcome.GOOD, detail)

    def advised(self, what: str, detail: str, advice: Message | None) -> Check:
        """A warning if there is any advice to give."""
        return Check(self._end, what, Outcome.GOOD if advice is None else Outcome.WARNING, detail, advice)

    def index(self, source: OracleSource, table: str | None, column: str, query: str) -> Check:
        """Whether an index serves a column."""
        what = f"index of {column} for {query}"
        found = self.attempt(what, lambda: index_of(source.session, table, column))
        if found is None:
            return self.fault()
        if found.index is not None:
            return self.good(what, found.index)
        names = {"source": source.name, "column": column, "hint": query}
        if found.unknown is not None:
            return self.advised(what, "", message(OracleMessage.INDEX_UNKNOWN, **names, reason=found.unknown))
        return self.advised(what, "", message(OracleMessage.COLUMN_UNINDEXED, **names, table=table))


class HintTrial(Tell):
    """Tries the hints of one source, after its log-on was tried."""

    def __init__(self, source: OracleSource, clock: Clock, transactions: OpenTransactions) -> None:
        super().__init__(f"oracle {source.name}")
        self._source, self._clock, self._transactions = source, clock, transactions

    def run(self, name: str) -> Iterator[Check]:
        """Everything of one hint; what fails hides what rests on it."""
        hint = self._source.hints.settings[name]
        tried = self._scan(name) if hint.kind == "scan" else self._cursor(name, hint)
        for check in tried:
            yield check
            if check.outcome is Outcome.FAULT:
                return
        yield self._proof(name, hint)
        if hint.drawn_from is not None and hint.kind in ("sequence", "journal"):
            yield from self._sequence(name, hint.drawn_from)

    def _cursor(self, name: str, hint: HintSettings) -> Iterator[Check]:
        source, what = self._source, f"hint {name}"
        assert hint.cursor is not None, f"{name} has no cursor"
        terms = self.attempt(what, lambda: source.cursor_column(name))
        if terms is None:
            yield self.fault()
        elif isinstance(terms, TimeColumn):
            rows = self.attempt(what, lambda: source.changed(name, terms.bound(source.clock() - _A_MINUTE)))
            zone = "UTC" if terms.grain is Grain.ZONED else source.settings.timezone
            said = f"{hint.cursor} is a {terms.grain.value}, read in {zone}"
            yield self.fault() if rows is None else self.good(what, f"{said}; {len(rows)} changes in a minute")
            if terms.grain is not Grain.ZONED and hint.kind in _BY_STAMPS and hint.stamped_by != "application":
                yield self._zone(name, hint, terms)
        else:
            highest = self.attempt(what, lambda: source.highest(name))
            at = self.attempt(what, lambda: source.numbered(name, [(highest or 0, None)])) if not self.failed else None
            yield self.fault() if at is None else self.good(what, f"{hint.cursor} is at {highest}")
        if terms is not None:
            own = hint.table is None and hint.query is None
            yield self.index(source, source.settings.membership.table if own else hint.table, hint.cursor, what)

    def _zone(self, name: str, hint: HintSettings, terms: TimeColumn) -> Check:
        """Whether the zone that stamps are read in is the one in which the database itself would write them."""
        source, what = self._source, f"zone of hint {name}"
        found = self.attempt(what, lambda: source.session.rows("clock", statements.WALL))
        if found is None:
            return self.fault()
        ((shown, utc),) = found
        apart = round((shown - utc) / _A_MINUTE)
        offset = f"{'-' if apart < 0 else '+'}{abs(apart) // 60:02}:{abs(apart) % 60:02}"
        expected = terms.shown(utc.replace(tzinfo=UTC))
        named = {"source": source.name, "hint": name, "column": hint.cursor, "zone": source.settings.timezone}
        differs = abs(expected - shown) > _A_MINUTE
        return self.advised(
            what, offset, message(OracleMessage.ZONE_DIFFERS, **named, offset=offset) if differs else None
        )

    def _scan(self, name: str) -> Iterator[Check]:
        source, what, began = self._source, f"hint {name}", self._clock.monotonic()
        groups = self.attempt(what, lambda: source.scan(name))
        if groups is None:
            yield self.fault()
            return
        took = self._clock.monotonic() - began
        share, pause = source.settings.share, source.hints.settings[name].pause.total_seconds()
        every = took / share
        slow = message(
            OracleMessage.SCAN_SLOW,
            source=source.name,
            hint=name,
            seconds=f"{took:.1f}",
            share=f"{share:g}",
            every=f"{every:.0f}",
        )
        yield self.advised(what, f"{len(groups)} groups in {took:.1f} s", slow if every > pause else None)

    def _proof(self, name: str, hint: HintSettings) -> Check:
        source, what = self._source, f"proof of hint {name}"
        against = self.attempt(what, lambda: source.against_proof(name))
        if against is None:
            return self.fault()
        reasons, advice = list(against), []
        if hint.kind not in _BY_STAMPS or not isinstance(source.cursor_column(name), TimeColumn):
            # Nothing that one could grant or set would prove it.
            return self.good(what, "assumed, as always by this kind" + "".join(f"; {reason}" for reason in reasons))
        if not self._transactions.everywhere:
            reasons.append("not all open transactions can be seen")
            advice.append(_LET_SEE)
        if hint.stamped_by is None:
            advice.append(_SAY_WHO)
        if any("looked into" in reason for reason in reasons):
            advice.append(_LOOK_INTO)
        if not reasons:
            return self.good(what, "proved")
        said = " ".join(advice).format(user=source.settings.user)
        unproved = message(
            OracleMessage.UNPROVED, source=source.name, hint=name, reasons="; ".join(reasons), advice=said
        )
        return self.advised(what, "", unproved)

    def _sequence(self, name: str, drawn_from: str) -> Iterator[Check]:
        source, what = self._source, f"sequence of hint {name}"
        names = {"source": source.name, "hint": name, "sequence": drawn_from}
        found = self.attempt(what, lambda: sequence_of(Dictionary(source.session), drawn_from))
        if self.failed:
            yield self.fault()
            return
        if found is None:
            hidden = message(OracleMessage.SEQUENCE_HIDDEN, **names, user=source.settings.user)
            yield self.advised(what, "", hidden)
            return
        highest = self.attempt(what, lambda: source.highest(name))
        faults = list(_faults(found, highest, {**names, "sequence": found.name}))
        for fault in faults:
            yield self.advised(what, "", fault)
        if not faults:
            yield self.good(what, f"{found.name} is at {found.last}")


def _faults(sequence: Sequence, highest: int | None, names: dict[str, str]) -> Iterator[Message]:
    if sequence.cycles:
        yield message(OracleMessage.SEQUENCE_CYCLES, **names)
    if sequence.step < 0:
        yield message(OracleMessage.SEQUENCE_DESCENDS, **names)
    elif highest is not None and highest > sequence.last:
        yield message(OracleMessage.SEQUENCE_BEHIND, **names, highest=highest, last=sequence.last)
    if sequence.out_of_order:
        yield message(OracleMessage.SEQUENCE_CACHED, **names, cache=sequence.cache)
