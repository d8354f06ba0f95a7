"""One session's SQL: queries at an instant, changes that wait for each other, transactions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import duckdb

from tests.standins.oracle.catalog import SYS, Table
from tests.standins.oracle.cluster import PRIMARY
from tests.standins.oracle.compiler.context import Context, place
from tests.standins.oracle.compiler.translation import Translated, translate
from tests.standins.oracle.compiler.typed import Formats
from tests.standins.oracle.drawing import drawn
from tests.standins.oracle.environment import Environment, bind_values, used_values
from tests.standins.oracle.errors import OraError, engine_error, usual_text
from tests.standins.oracle.mvcc import Blocked, Snapshot, Transaction
from tests.standins.oracle.reading import Rows
from tests.standins.oracle.steering import Steering
from tests.standins.oracle.waiting import patiently
from tests.standins.oracle.writing import Writer, undo

if TYPE_CHECKING:
    from tests.standins.oracle.cluster import Instance
    from tests.standins.oracle.compiler.context import View
    from tests.standins.oracle.database import Database
    from tests.standins.oracle.values import Column

__all__ = ["EngineSession", "Result"]

ARRAY_AT_ONCE = 2  # rows of binds from which an INSERT is written in one go


@dataclass(slots=True)
class Result:
    """The outcome of one execute: rows for a query (columns set), a count otherwise."""

    columns: list[Column] | None = None
    rows: Iterator[tuple[Any, ...]] = field(default_factory=lambda: iter(()))
    zoned: tuple[int, ...] = ()
    rowcount: int = 0
    lastrowid: tuple[int, int] | None = None


class EngineSession:
    """Calls arrive one at a time; `interrupt` may come from another thread."""

    def __init__(self, database: Database, user: str, number: int, instance: Instance) -> None:
        self.database, self.user, self.number, self.instance = database, user, number, instance
        self.schema = user
        self.formats = Formats()
        self.zone = "+00:00"
        self.attributes: dict[str, str] = {}
        self.transaction: Transaction | None = None
        self.fixed: Snapshot | None = None
        """READ ONLY and SERIALIZABLE transactions see one instant."""
        self.read_only = False
        self.refreshing = False
        """It refreshes a materialised view."""
        self.currvals: dict[int, int] = {}
        self.logged_on_at = database.system_time(instance)
        self.duck = database.duck.cursor()
        self._cancelled = threading.Event()
        self._reading: Rows | None = None
        self._open_rows: set[Rows] = set()

    # --- life ---------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        return self.transaction is not None

    def interrupt(self) -> None:
        """Stop what runs, with ORA-01013."""
        self._cancelled.set()
        self.duck.interrupt()
        for rows in list(self._open_rows):
            rows.interrupt()
        with self.database.ledger.changed:
            self.database.ledger.changed.notify_all()

    def require_wanted(self) -> None:
        """ORA-01013 if what runs has been interrupted."""
        if self._cancelled.is_set():
            raise OraError(1013, usual_text(1013))

    def require_writable(self) -> None:
        """ORA-16000 on a standby. SYS stands for what the primary sends."""
        if self.database.identity.role != PRIMARY and self.user != SYS:
            raise OraError(16000, "database or pluggable database open for read-only access")

    def resume(self) -> None:
        """Be ready again after an interrupt."""
        self._cancelled.clear()

    def close(self) -> None:
        """Roll back and go."""
        if self.database.sessions.pop(self.number, None) is None:
            return
        self.rollback()
        for rows in list(self._open_rows):
            rows.close()
        self.duck.close()

    def set_schema(self, schema: str) -> None:
        """ALTER SESSION SET CURRENT_SCHEMA."""
        self.schema = schema.strip('"') if schema.startswith('"') else schema.upper()

    def commit(self) -> None:
        if self.transaction:
            self.database.commit(self.transaction)
        self._end()

    def rollback(self) -> None:
        if self.transaction:
            with self.database.writing:
                self._undo(self.transaction, self.transaction.ids)
                self.database.ledger.abandon(self.transaction)
        self._end()

    def _end(self) -> None:
        self.transaction, self.fixed, self.read_only = None, None, False

    def _undo(self, transaction: Transaction, ids: list[int]) -> None:
        objects = self.database.catalog.objects
        tables = [t for key in transaction.tables if isinstance(t := objects.get(key), Table)]
        undo(self.duck, tables, ids)

    def rollback_to(self, name: str) -> None:
        """ROLLBACK TO SAVEPOINT."""
        transaction = self.transaction
        if transaction is None or name not in transaction.savepoints:
            raise OraError(1086, f"savepoint '{name}' never established in this session or is invalid")
        with self.database.writing:
            self._undo(transaction, transaction.ids[transaction.savepoints[name] :])

    def begun(self) -> Transaction:
        """The open transaction, beginning one if there is none."""
        if self.transaction is None:
            self.transaction = self.database.begin(self)
        return self.transaction

    def changing(self) -> Transaction:
        """The open transaction, about to change or lock something: V$TRANSACTION shows it from its first change on."""
        transaction = self.begun()
        if not transaction.tables:
            transaction.started = self.database.system_time(self.instance).replace(microsecond=0)
            transaction.start_scn = self.database.ledger.scn
        return transaction

    # --- statements -----------------------------------------------------------------------

    def describe(self, sql: str, types: tuple[int, ...] = ()) -> Result:
        """The columns of a query without running it; nothing for other statements."""
        translated = self._translate(sql, types)
        return Result(translated.columns if translated.kind == "query" else None)

    def execute(self, sql: str, rows: list[list[Any]], types: tuple[int, ...] = ()) -> Result:
        """Run a statement once per row of binds (queries: the only row)."""
        self.require_wanted()
        try:
            translated = self._translate(sql, types)
            if translated.kind == "query":
                return self._query(translated, rows[0], types)
            if translated.kind == "change":
                return self._change(sql, rows, types)
            assert translated.command
            Steering(self).run(translated.command)
            return Result()
        except duckdb.Error as error:
            raise engine_error(error) from error

    def _translate(self, sql: str, types: tuple[int, ...], *, array: bool = False) -> Translated:
        catalog = self.database.catalog
        key = (sql, types, array, self.user, self.schema, self.formats, catalog.version)
        if found := self.database.translations.get(key):
            return found
        context = Context(catalog, self.user, self.schema, self.formats, self.dictionary_view, types, array=array)
        context.refreshing = self.refreshing
        translated = translate(sql, context)
        if translated.cacheable:
            self.database.remember(key, translated)
        return translated

    def dictionary_view(self, name: str, user: str) -> View | None:
        """A dictionary or V$ view as this session sees it now."""
        return self.database.dictionary_view(name, user, self.instance)

    def _environment(self, row: list[Any], types: tuple[int, ...]) -> dict[str, Any]:
        return Environment(self).values() | bind_values(row, types)

    # --- queries ------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """What a statement beginning now sees."""
        if self.fixed:
            return self.fixed
        return self.database.ledger.now(self.transaction)

    def _placed(self, sql: str, snapshots: list[Snapshot]) -> str:
        if '"X$TX"' in sql:
            self.database.note_commits()
        for number, snapshot in enumerate(snapshots):
            sql = sql.replace(place(number), snapshot.condition())
        return sql

    def _snapshots(self, translated: Translated, known: dict[str, Any]) -> list[Snapshot]:
        """The statement's own instant, then those of its AS OF clauses."""
        ledger = self.database.ledger
        out = [self.snapshot()]
        if self.fixed:
            self.database.check_age(self.fixed)
            for key in translated.tables:
                table = self.database.catalog.objects.get(key)
                if isinstance(table, Table) and table.changed_scn > self.fixed.scn:
                    raise OraError(1466, "unable to read data - table definition has changed")
        for kind, sql in translated.as_of:
            found = self.duck.execute(sql, used_values(sql, known)).fetchone()
            scn = found[0] if found else None
            if kind == "TIMESTAMP" and scn is not None:
                if scn > self.database.now(self.instance):
                    raise OraError(8186, "invalid timestamp specified")
                scn = ledger.scn_at(scn)
                if scn is None:
                    raise OraError(8180, "no snapshot found based on specified time")
            if scn is None or scn > ledger.scn:
                raise OraError(8181, "specified number is not a valid system change number")
            out.append(ledger.at(scn))
            self.database.check_age(out[-1])
        return out

    def _query(self, translated: Translated, row: list[Any], types: tuple[int, ...]) -> Result:
        known = self._environment(row, types)
        if translated.locking:
            self._lock_rows(translated, known)
        if translated.draws:
            with self.database.writing:
                sql = self._placed(translated.sql, self._snapshots(translated, known))
                known = drawn(self, translated, [sql], known, 0)
                rows = iter(list(self._rows(translated, known)))
        else:
            rows = self._rows(translated, known)
        return Result(translated.columns, rows, tuple(translated.zoned))

    def _rows(self, translated: Translated, known: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        sql = self._placed(translated.sql, self._snapshots(translated, known))
        return Rows(self.database.duck, self._open_rows).start(sql, used_values(sql, known))

    def _lock_rows(self, translated: Translated, known: dict[str, Any]) -> None:
        """SELECT ... FOR UPDATE: hold the rows until the transaction ends."""
        locking = translated.locking
        assert locking
        if locking.skip:
            raise OraError(3001, "unimplemented feature: SKIP LOCKED")

        def attempt() -> None:
            snapshots = self._snapshots(translated, known)
            ledger = self.database.ledger
            for name, sql in translated.locks:
                placed = self._placed(sql, snapshots)
                found = self.duck.execute(placed, used_values(placed, known)).fetchall()
                held = ledger.locked_rows(_stored(name), self.transaction)
                others = ledger.others(self.transaction)
                by = {e for _, e in found if e in others} | {held[i] for i, _ in found if i in held}
                if by:
                    raise Blocked(by)
                if found:
                    transaction = self.changing()
                    transaction.row_locks |= {(_stored(name), i) for i, _ in found}
                    transaction.tables.add(_key(name))

        default = self.database.settings.lock_timeout
        patiently(self, attempt, default if locking.wait is None else locking.wait)

    # --- changes ----------------------------------------------------------------------------------

    def _change(self, sql: str, rows: list[list[Any]], types: tuple[int, ...]) -> Result:
        self.require_writable()
        if self.read_only:
            raise OraError(1456, "may not perform insert/delete/update operation inside a READ ONLY transaction")
        if len(rows) >= ARRAY_AT_ONCE and (translated := self._translate(sql, types, array=True)).batch:
            try:
                known = Environment(self).values() | bind_values(rows, types, array=True)
                return self._change_once(translated, known, len(rows))
            except OraError as error:
                if error.code in (1013, 30006, 54, 60):
                    raise
                # As in Oracle, the rows before the bad one stay: row by row then, up to the error.
        translated = self._translate(sql, types)
        done = Result()
        for row in rows:
            try:
                one = self._change_once(translated, self._environment(row, types))
            except OraError as error:
                error.rowcount = done.rowcount
                raise
            done = Result(rowcount=done.rowcount + one.rowcount, lastrowid=one.lastrowid)
        return done if done.rowcount == 1 else Result(rowcount=done.rowcount)

    def _change_once(self, translated: Translated, known: dict[str, Any], rows: int = 1) -> Result:
        try:
            return patiently(self, lambda: self._write(translated, known, rows), self.database.settings.lock_timeout)
        except duckdb.Error as error:
            raise engine_error(error) from error

    def _write(self, translated: Translated, known: dict[str, Any], rows: int) -> Result:
        """All changes of one statement in one DuckDB transaction."""
        snapshots = self._snapshots(translated, known)
        queries = [self._placed(change.rows, snapshots) for change in translated.changes]
        if translated.draws:
            known = drawn(self, translated, queries, known, rows if translated.valued else 0)
        writer = Writer(self.duck, self.database.catalog, self.database.ledger, self.changing, fixed=bool(self.fixed))
        had = self.transaction
        writer.transaction = had
        self.duck.execute("BEGIN")
        try:
            count = sum(writer.write(c, sql, known) for c, sql in zip(translated.changes, queries, strict=True))
            self.require_wanted()
            self.duck.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # DuckDB may have given the transaction up already
                self.duck.execute("ROLLBACK")
            if had is None and self.transaction:
                self.database.ledger.abandon(self.transaction)
                self.transaction = None
            raise
        return Result(rowcount=count, lastrowid=writer.last_row if count == 1 else None)

    def use_formats(self, **changed: str) -> None:
        """NLS formats for conversions from now on."""
        self.formats = replace(self.formats, **changed)


def _stored(name: str) -> str:
    return f'"{name}"'


def _key(name: str) -> tuple[str, str]:
    owner, _, table = name.partition(".")
    return owner, table
