"""Rows of the dictionary views about schema objects. X$ON: what decides who sees a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.catalog import (
    PUBLIC,
    Index,
    Link,
    MaterializedView,
    SchemaObject,
    Sequence,
    Synonym,
    Table,
    View,
)
from tests.standins.oracle.datatypes import PLAIN_NUMBER

if TYPE_CHECKING:
    from tests.standins.oracle.database import Database

Rows = list[dict[str, Any]]
Decider = tuple[str, str] | list[tuple[str, str]] | None
"""An object that one must be allowed to use, several of which one will do, or nothing: everybody sees it."""

OBJECTS = (
    "OWNER OBJECT_NAME SUBOBJECT_NAME OBJECT_ID# DATA_OBJECT_ID# OBJECT_TYPE CREATED@ LAST_DDL_TIME@ TIMESTAMP STATUS"
)
TABLES = "OWNER TABLE_NAME TABLESPACE_NAME STATUS NUM_ROWS# DEPENDENCIES TEMPORARY PARTITIONED"
TAB_COLUMNS = (
    "OWNER TABLE_NAME COLUMN_NAME DATA_TYPE DATA_LENGTH# DATA_PRECISION# DATA_SCALE# NULLABLE COLUMN_ID# DATA_DEFAULT "
    "CHAR_LENGTH# CHAR_USED HIDDEN_COLUMN VIRTUAL_COLUMN"
)
VIEWS = "OWNER VIEW_NAME TEXT_LENGTH# TEXT TEXT_VC READ_ONLY"
INDEXES = "OWNER INDEX_NAME INDEX_TYPE TABLE_OWNER TABLE_NAME TABLE_TYPE UNIQUENESS STATUS VISIBILITY"
IND_COLUMNS = (
    "INDEX_OWNER INDEX_NAME TABLE_OWNER TABLE_NAME COLUMN_NAME COLUMN_POSITION# COLUMN_LENGTH# CHAR_LENGTH# DESCEND"
)
IND_EXPRESSIONS = "INDEX_OWNER INDEX_NAME TABLE_OWNER TABLE_NAME COLUMN_EXPRESSION COLUMN_POSITION#"
SEQUENCES = (
    "SEQUENCE_OWNER SEQUENCE_NAME MIN_VALUE# MAX_VALUE# INCREMENT_BY# CYCLE_FLAG ORDER_FLAG CACHE_SIZE# LAST_NUMBER#"
)
SYNONYMS = "OWNER SYNONYM_NAME TABLE_OWNER TABLE_NAME DB_LINK"
CONSTRAINTS = "OWNER CONSTRAINT_NAME CONSTRAINT_TYPE TABLE_NAME R_OWNER R_CONSTRAINT_NAME STATUS INDEX_NAME"
CONS_COLUMNS = "OWNER CONSTRAINT_NAME TABLE_NAME COLUMN_NAME POSITION#"
TYPES: dict[type[SchemaObject], str] = {
    Table: "TABLE",
    View: "VIEW",
    Sequence: "SEQUENCE",
    Synonym: "SYNONYM",
    Index: "INDEX",
    MaterializedView: "MATERIALIZED VIEW",
    Link: "DATABASE LINK",
}


def in_order(database: Database) -> list[SchemaObject]:
    return [thing for _, thing in sorted(database.catalog.objects.items())]


def objects(database: Database) -> Rows:
    others: list[SchemaObject] = [*database.catalog.indexes.values(), *database.catalog.links.values()]
    found = [(thing, TYPES[type(thing)]) for thing in in_order(database) + others]
    # A materialised view is two objects of one name: itself and the table with its rows.
    found += [(view, "TABLE") for view in database.catalog.of_kind(MaterializedView)]
    return [
        {
            "OWNER": thing.owner,
            "OBJECT_NAME": thing.name,
            "OBJECT_ID": thing.id,
            "DATA_OBJECT_ID": thing.id if kind in ("TABLE", "INDEX") else None,
            "OBJECT_TYPE": kind,
            "CREATED": thing.created,
            "LAST_DDL_TIME": thing.changed,
            "TIMESTAMP": f"{thing.changed:%Y-%m-%d:%H:%M:%S}",
            "STATUS": "VALID",
            "X$ON": thing.table if isinstance(thing, Index) else thing.key,
        }
        for thing, kind in found
    ]


def tables(database: Database) -> Rows:
    return [
        {
            "OWNER": t.owner,
            "TABLE_NAME": t.name,
            "TABLESPACE_NAME": "USERS",
            "STATUS": "VALID",
            "NUM_ROWS": None,
            "DEPENDENCIES": "ENABLED" if t.row_dependencies else "DISABLED",
            "TEMPORARY": "N",
            "PARTITIONED": "NO",
            "X$ON": t.key,
        }
        for t in database.catalog.of_kind(Table)
    ]


def tab_columns(database: Database) -> Rows:
    out: Rows = []
    for thing in in_order(database):
        if not isinstance(thing, Table | View):
            continue
        for position, column in enumerate(thing.columns, 1):
            kind = column.type
            text = kind.kind in dt.TEXTUAL
            scaled = kind.kind == dt.NUMBER and kind.scale != PLAIN_NUMBER
            size = {dt.NUMBER: 22, dt.DATE: 7, dt.TIMESTAMP: 11, dt.TSTZ: 13, dt.TSLTZ: 11, dt.DAYS: 11, dt.MONTHS: 5}
            out.append(
                {
                    "OWNER": thing.owner,
                    "TABLE_NAME": thing.name,
                    "COLUMN_NAME": column.name,
                    "DATA_TYPE": dt.dictionary_name(kind),
                    "DATA_LENGTH": size.get(kind.kind, kind.size),
                    "DATA_PRECISION": kind.precision or None if kind.kind == dt.NUMBER else None,
                    "DATA_SCALE": kind.scale if scaled or kind.kind in dt.STAMPS else None,
                    "NULLABLE": "Y" if column.nullable else "N",
                    "COLUMN_ID": position,
                    "DATA_DEFAULT": column.default,
                    "CHAR_LENGTH": kind.chars if text else 0,
                    "CHAR_USED": ("C" if kind.in_chars else "B") if text else None,
                    "HIDDEN_COLUMN": "NO",
                    "VIRTUAL_COLUMN": "NO",
                    "X$ON": thing.key,
                }
            )
    return out


def views(database: Database) -> Rows:
    return [
        {
            "OWNER": v.owner,
            "VIEW_NAME": v.name,
            "TEXT_LENGTH": len(v.text),
            "TEXT": v.text,
            "TEXT_VC": v.text[:4000],
            "READ_ONLY": "N",
            "X$ON": v.key,
        }
        for v in database.catalog.of_kind(View)
    ]


def indexes(database: Database) -> Rows:
    return [
        {
            "OWNER": i.owner,
            "INDEX_NAME": i.name,
            "INDEX_TYPE": "NORMAL" if all(c.isidentifier() for c in i.columns) else "FUNCTION-BASED NORMAL",
            "TABLE_OWNER": i.table[0],
            "TABLE_NAME": i.table[1],
            "TABLE_TYPE": "TABLE",
            "UNIQUENESS": "UNIQUE" if i.unique else "NONUNIQUE",
            "STATUS": "VALID",
            "VISIBILITY": "VISIBLE",
            "X$ON": i.table,
        }
        for _, i in sorted(database.catalog.indexes.items())
    ]


def index_columns(database: Database) -> Rows:
    out: Rows = []
    for _, index in sorted(database.catalog.indexes.items()):
        for position, column in enumerate(index.columns, 1):
            out.append(
                {
                    "INDEX_OWNER": index.owner,
                    "INDEX_NAME": index.name,
                    "TABLE_OWNER": index.table[0],
                    "TABLE_NAME": index.table[1],
                    "COLUMN_NAME": column if column.isidentifier() else f"SYS_NC{position:05}$",
                    "COLUMN_POSITION": position,
                    "DESCEND": "ASC",
                    "X$ON": index.table,
                }
            )
    return out


def index_expressions(database: Database) -> Rows:
    return [
        {
            "INDEX_OWNER": index.owner,
            "INDEX_NAME": index.name,
            "TABLE_OWNER": index.table[0],
            "TABLE_NAME": index.table[1],
            "COLUMN_EXPRESSION": column,
            "COLUMN_POSITION": position,
            "X$ON": index.table,
        }
        for _, index in sorted(database.catalog.indexes.items())
        for position, column in enumerate(index.columns, 1)
        if not column.isidentifier()
    ]


def sequences(database: Database) -> Rows:
    return [
        {
            "SEQUENCE_OWNER": s.owner,
            "SEQUENCE_NAME": s.name,
            "MIN_VALUE": s.numbers.low,
            "MAX_VALUE": s.numbers.high,
            "INCREMENT_BY": s.numbers.increment,
            "CYCLE_FLAG": "Y" if s.numbers.cycle else "N",
            "ORDER_FLAG": "Y" if s.numbers.ordered else "N",
            "CACHE_SIZE": s.numbers.cache,
            "LAST_NUMBER": s.numbers.on_disk,
            "X$ON": s.key,
        }
        for s in database.catalog.of_kind(Sequence)
    ]


def synonyms(database: Database) -> Rows:
    return [
        {
            "OWNER": s.owner,
            "SYNONYM_NAME": s.name,
            "TABLE_OWNER": s.target[0] or None,
            "TABLE_NAME": s.target[1],
            "DB_LINK": s.link or None,
            "X$ON": None if s.owner == PUBLIC else [s.key, s.target],
        }
        for s in database.catalog.of_kind(Synonym)
    ]


def constraints(database: Database) -> Rows:
    out: Rows = []
    for t in database.catalog.of_kind(Table):
        for k in t.constraints:
            if k.text == "INDEX":
                continue
            out.append(
                {
                    "OWNER": t.owner,
                    "CONSTRAINT_NAME": k.name,
                    "CONSTRAINT_TYPE": k.kind,
                    "TABLE_NAME": t.name,
                    "R_OWNER": k.references[0] if k.references else None,
                    "STATUS": "ENABLED",
                    "INDEX_NAME": k.name if k.kind in "PU" else None,
                    "X$ON": t.key,
                }
            )
    return out


def constraint_columns(database: Database) -> Rows:
    out: Rows = []
    for t in database.catalog.of_kind(Table):
        for k in t.constraints:
            for position, column in enumerate(k.columns if k.text != "INDEX" else (), 1):
                out.append(
                    {
                        "OWNER": t.owner,
                        "CONSTRAINT_NAME": k.name,
                        "TABLE_NAME": t.name,
                        "COLUMN_NAME": column,
                        "POSITION": position,
                        "X$ON": t.key,
                    }
                )
    return out
