"""The SQL side: sessions and transactions on DuckDB, with SCNs and row versions.

Every table T is stored as DuckDB table T plus two hidden columns, X$ID (the row's
identity, shown as ROWID) and X$T (the transaction that wrote this version), and a
history table T$H that keeps replaced and deleted versions with X$E, the transaction
that ended them. X$TX maps committed transactions to their SCN. That is enough for
ORA_ROWSCN and AS OF SCN or TIMESTAMP, and DuckDB's own MVCC supplies read consistency.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import duckdb

from tests.standins.oracle.accounts import Account, Accounts
from tests.standins.oracle.clock import Clock
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.translate import Catalog, Statement, Translator, type_column
from tests.standins.oracle.values import B64, ROWS_PER_BLOCK, Column

__all__ = ["Database", "EngineSession", "OraError", "Result"]

_SETUP = f"""
SET TimeZone = 'UTC';
CREATE TABLE dual (dummy VARCHAR);
INSERT INTO dual VALUES ('X');
CREATE TABLE "X$TX" (txid BIGINT PRIMARY KEY, scn BIGINT NOT NULL, committed TIMESTAMP NOT NULL);
CREATE SEQUENCE "X$SEQ";
CREATE MACRO x_trunc(x) AS CASE WHEN typeof(x) LIKE 'TIMESTAMP%'
  THEN date_trunc('day', TRY_CAST(x AS TIMESTAMP)) ELSE NULL END;
CREATE MACRO x_b64(n, width) AS list_reduce(list_transform(range(width - 1, -1, -1),
  lambda i: substr('{B64}', (((n >> (6 * i)::INTEGER) & 63) + 1)::INTEGER, 1)), lambda a, b: a || b);
CREATE MACRO x_rowid(object, id) AS x_b64(object::BIGINT, 6) || 'AAE'
  || x_b64((id // {ROWS_PER_BLOCK})::BIGINT, 6) || x_b64((id % {ROWS_PER_BLOCK})::BIGINT, 3);
"""

# DuckDB error classes, most specific first, and the ORA code an Oracle client would see.
_ERRORS: list[tuple[type[Exception], str, int, str]] = [
    (duckdb.InterruptException, "", 1013, "user requested cancel of current operation"),
    (duckdb.ConstraintException, "NOT NULL", 1400, "cannot insert NULL"),
    (duckdb.ConstraintException, "", 1, "unique constraint violated"),
    (duckdb.TransactionException, "", 8177, "can't serialize access for this transaction"),
    (duckdb.CatalogException, "unction", 904, "invalid identifier"),
    (duckdb.CatalogException, "", 942, "table or view does not exist"),
    (duckdb.BinderException, "", 904, "invalid identifier"),
    (duckdb.ConversionException, "", 1722, "invalid number"),
    (duckdb.OutOfRangeException, "", 1438, "value larger than specified precision"),
    (duckdb.ParserException, "", 900, "invalid SQL statement"),
]


def oracle_error(error: Exception) -> OraError:
    for kind, needle, code, text in _ERRORS:
        if isinstance(error, kind) and needle in str(error):
            return OraError(code, f"{text} ({str(error).splitlines()[0]})")
    return OraError(20999, f"stand-in failure: {error}")


@dataclass(slots=True)
class Result:
    """The outcome of one execute: rows for a query (columns set), a count otherwise."""

    columns: list[Column] | None = None
    rows: Iterator[tuple[Any, ...]] = iter(())
    rowcount: int = 0
    lastrowid: str | None = None


@dataclass(slots=True)
class Transaction:
    """An open read-write transaction, as V$TRANSACTION shows it."""

    id: int
    start_scn: int
    start_date: dt.datetime
    session: int
    journal: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the database calls itself."""

    unique_name: str = "STUB"
    instance_name: str = "stub"


class Database:
    """One stand-in database, shared by all sessions."""

    def __init__(self, path: str = ":memory:", *, start_scn: int = 5_000_000,
                 clock: Clock | None = None) -> None:
        self.root = duckdb.connect(path)
        self.root.execute(_SETUP)
        self.clock = clock or Clock()
        self.accounts = Accounts()
        self.identity = Identity()
        self.scn = start_scn
        self.undo_floor = start_scn            # older AS OF SCN reads get ORA-01555
        self.catalog = Catalog()
        self.transactions: dict[int, Transaction] = {}
        self._txids = count(1)
        self._lock = threading.RLock()         # SCN assignment, so SCN order is commit order

    def add_user(self, name: str, password: str, *, dba: bool = False) -> None:
        self.accounts.add(Account(name, password, dba=dba))

    def close(self) -> None:
        self.root.close()

    def session(self, user: str, number: int) -> EngineSession:
        return EngineSession(self, user, number)

    def begin(self, session: int) -> Transaction:
        with self._lock:
            now = self.clock.now().replace(tzinfo=None, microsecond=0)
            txn = Transaction(next(self._txids), self.scn, now, session)
            self.transactions[txn.id] = txn
            return txn

    def commit(self, txn: Transaction, connection: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            now = self.clock.now().astimezone(dt.UTC).replace(tzinfo=None)
            connection.execute('INSERT INTO "X$TX" VALUES (?, ?, ?)', [txn.id, self.scn + 1, now])
            connection.execute("COMMIT")
            self.scn += 1
            del self.transactions[txn.id]

    def forget(self, txn: Transaction) -> None:
        with self._lock:
            self.transactions.pop(txn.id, None)

    def advance(self, by: int = 1) -> int:
        """Move the SCN on, as background activity does in a real database."""
        with self._lock:
            self.scn += by
            return self.scn

    def dictionary(self, user: str) -> dict[str, list[dict[str, Any]]]:
        """The rows of the dictionary and V$ views that we answer."""
        with self._lock:
            open_txns = sorted(self.transactions.values(), key=lambda t: t.id)
            views: dict[str, list[dict[str, Any]]] = {
                "V$TRANSACTION": [{
                    "ADDR": f"{t.id:016X}", "XIDUSN": 1, "XIDSLOT": t.id % 100, "XIDSQN": t.id,
                    "STATUS": "ACTIVE", "START_SCN": t.start_scn, "START_DATE": t.start_date,
                    "START_TIME": t.start_date.strftime("%m/%d/%y %H:%M:%S"),
                    "SES_ADDR": f"{t.session:016X}"} for t in open_txns],
                "V$DATABASE": [{"NAME": "STUB", "CURRENT_SCN": self.scn, "LOG_MODE": "ARCHIVELOG",
                                "OPEN_MODE": "READ WRITE", "DATABASE_ROLE": "PRIMARY"}],
                "V$INSTANCE": [{"INSTANCE_NAME": "stub", "HOST_NAME": "localhost",
                                "VERSION": "19.0.0.0.0", "STATUS": "OPEN"}],
            }
            views |= self.catalog.views(user)
        views["GV$TRANSACTION"] = views["V$TRANSACTION"]
        return views


class EngineSession:
    """One connection's SQL state. Calls arrive one at a time, from a worker thread."""

    def __init__(self, database: Database, user: str, number: int) -> None:
        self.database = database
        self.user = user
        self.number = number
        self._duck = database.root.cursor()
        self._duck.execute("SET TimeZone = 'UTC'")
        self._txn: Transaction | None = None
        self._read_only = False
        self.attributes: dict[str, str] = {}

    def set_schema(self, schema: str) -> None:
        self.schema = schema

    def resume(self) -> None:
        pass

    @property
    def in_transaction(self) -> bool:
        return self._txn is not None

    def interrupt(self) -> None:
        self._duck.interrupt()

    def close(self) -> None:
        self.rollback()
        self._duck.close()

    def commit(self) -> None:
        if self._txn:
            try:
                self.database.commit(self._txn, self._duck)
            except duckdb.Error as error:
                self.rollback()
                raise oracle_error(error) from error
            self._txn = None
        elif self._read_only:
            self.rollback()

    def rollback(self) -> None:
        if self._txn or self._read_only:
            try:
                self._duck.execute("ROLLBACK")
            except duckdb.Error:
                pass                           # DuckDB had already given the transaction up
        if self._txn:
            self.database.forget(self._txn)
        self._txn, self._read_only = None, False

    def describe(self, sql: str) -> Result:
        statement = self._translate(sql)
        if statement.kind != "query":
            return Result()
        binds = dict.fromkeys(statement.params)
        return self._query(statement, binds | self._environment(statement), limit=0)

    def execute(self, sql: str, rows: list[list[Any]]) -> Result:
        """Run a statement once per row of binds (queries: the only row)."""
        statement = self._translate(sql)
        try:
            if statement.kind == "query":
                return self._query(statement, self._bound(statement, rows[0]))
            if statement.kind == "ddl":
                return self._ddl(statement)
            if statement.kind == "read only":
                self.rollback()
                self._duck.execute("BEGIN")
                self._duck.execute('SELECT count(*) FROM "X$TX"').fetchall()   # fixes the snapshot
                self._read_only = True
                return Result()
            if statement.kind == "dml":
                return self._dml(statement, rows)
            if statement.kind == "commit":
                self.commit()
            elif statement.kind == "rollback":
                self.rollback()
            return Result()
        except duckdb.Error as error:
            raise oracle_error(error) from error

    # --- statements ------------------------------------------------------------

    def _translate(self, sql: str) -> Statement:
        catalog = self.database.catalog
        key = (sql, self.user, catalog.version)
        if (statement := catalog.cache.get(key)) is None:
            translator = Translator(catalog, self.user, lambda: self.database.dictionary(self.user))
            statement = translator.translate(sql)
            if statement.cacheable:
                catalog.cache[key] = statement
        return statement

    def _environment(self, statement: Statement) -> dict[str, Any]:
        """Values of the pseudo-parameters a translated statement may refer to."""
        now = self.database.clock.now()
        local = now.astimezone(dt.UTC).replace(tzinfo=None)
        known = {"systimestamp": now, "localtimestamp": local,
                 "sysdate": local.replace(microsecond=0), "scn": self.database.scn,
                 "txid": self._txn.id if self._txn else 0}
        return {name: known[name] for name in statement.params if name in known}

    def _bound(self, statement: Statement, row: list[Any]) -> dict[str, Any]:
        binds = {f"b{i}": item for i, item in enumerate(row, 1)}
        missing = [n for n in statement.params if n.startswith("b") and n not in binds]
        if missing:
            raise OraError(1008, "not all variables bound")
        used = {name: item for name, item in binds.items() if name in statement.params}
        return used | self._environment(statement)

    def _query(self, statement: Statement, params: dict[str, Any],
               limit: int | None = None) -> Result:
        for target in statement.as_of:
            scn = params[target] if isinstance(target, str) else target
            if scn is None or scn > self.database.scn:
                raise OraError(8181, "specified number is not a valid system change number")
            if scn < self.database.undo_floor:
                raise OraError(1555, "snapshot too old: rollback segment number with name \"\" "
                                     "too small")
        sql = statement.sql[0]
        if limit is not None:
            sql = f"SELECT * FROM ({sql}) LIMIT {limit}"
        cursor = self._duck.execute(sql, params)
        columns = [known.named(name) if known else type_column(name, str(described[1]))
                   for (name, known), described in zip(statement.columns, cursor.description,
                                                              strict=True)]
        return Result(columns, iter(cursor.fetchall()))

    def _dml(self, statement: Statement, rows: list[list[Any]]) -> Result:
        if self._read_only:
            raise OraError(1456, "may not perform insert/delete/update in a READ ONLY transaction")
        opened = self._txn is None
        if self._txn is None:
            self._duck.execute("BEGIN")
            self._txn = self.database.begin(self.number)
        total, last, mark = 0, None, len(self._txn.journal)
        try:
            for sql, params in self._batches(statement, rows):
                out = self._duck.execute(sql, params).fetchall()
                self._txn.journal.append((sql, params))
                if "RETURNING" in sql:
                    total += len(out)
                    last = out[-1][0] if out else last
        except (duckdb.Error, OraError):
            if opened:
                self.rollback()
            else:
                self._undo_statement(mark)
            raise
        return Result(rowcount=total, lastrowid=last if total == 1 else None)

    def _batches(self, statement: Statement,
                 rows: list[list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The DuckDB statements to run: one per row of binds, or one for a whole array insert."""
        if statement.batch and len(rows) > 1:
            lists = {f"c{i}": list(items) for i, items in enumerate(zip(*rows, strict=True), 1)}
            used = {n: items for n, items in lists.items() if f"${n})" in statement.batch}
            yield statement.batch, self._environment(statement) | used
            return
        for row in rows:
            params = self._bound(statement, row)
            for sql in statement.sql:
                yield sql, {n: v for n, v in params.items() if f"${n}" in statement.names[sql]}

    def _undo_statement(self, mark: int) -> None:
        """Statement-level rollback: DuckDB has no savepoints, so replay up to the statement."""
        assert self._txn
        self._duck.execute("ROLLBACK")
        self._duck.execute("BEGIN")
        del self._txn.journal[mark:]
        for sql, params in self._txn.journal:
            self._duck.execute(sql, params)

    def _ddl(self, statement: Statement) -> Result:
        self.commit()
        for sql in statement.sql:
            self._duck.execute(sql)
        if statement.on_done:
            statement.on_done()
        self.database.advance()
        return Result()
