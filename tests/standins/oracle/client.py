"""Short ways for tests to talk to the stand-in through the real driver."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import oracledb
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standins.oracle.listener import OracleStandin


ENROL = """create table enrol (
  id number(10) primary key, student varchar2(60 char) not null, status char(2), grade number(5,2),
  fee number, enrolled date, updated_at timestamp(6), seen timestamp(6) with time zone,
  code raw(8), score binary_double) rowdependencies"""
"""A table with a column of each common type."""


def connect(standin: OracleStandin, user: str = "app", password: str = "", **more: Any) -> oracledb.Connection:
    """A connection; the password defaults to the user's name."""
    return oracledb.connect(**({"user": user, "password": password or user, "dsn": standin.dsn} | more))


def rows(connection: oracledb.Connection, sql: str, *binds: Any, **named: Any) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, *binds, **named)
        return list(cursor.fetchall())


def value(connection: oracledb.Connection, sql: str, *binds: Any, **named: Any) -> Any:
    """The single value of a query."""
    found = rows(connection, sql, *binds, **named)
    assert len(found) == 1, found
    assert len(found[0]) == 1, found
    return found[0][0]


def run(connection: oracledb.Connection, *statements: str) -> None:
    """Execute statements one after the other."""
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def insert_students(connection: oracledb.Connection, *ids: int, commit: bool = True) -> None:
    """Rows of ENROL, one second apart."""
    first = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
    many = [(i, f"student {i}", first + dt.timedelta(seconds=i)) for i in ids]
    with connection.cursor() as cursor:
        cursor.executemany("insert into enrol (id, student, updated_at) values (:1, :2, :3)", many)
    if commit:
        connection.commit()


def in_transaction(connection: oracledb.Connection) -> bool:
    """Whether the driver knows of uncommitted work."""
    return bool(connection.transaction_in_progress)


@contextmanager
def fails(code: int) -> Iterator[None]:
    """The block must raise this ORA error."""
    with pytest.raises(oracledb.DatabaseError, match=f"ORA-{code:05}") as caught:
        yield
    assert caught.value.args[0].full_code == f"ORA-{code:05}"
