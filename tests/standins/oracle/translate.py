"""Oracle SQL to DuckDB SQL, by way of sqlglot, plus the catalog it needs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, TokenError

from tests.standins.oracle.errors import OraError
from tests.standins.oracle.values import (BINARY_DOUBLE, CHAR, DATE, NUMBER, RAW, ROWID, ROWS_PER_BLOCK, TIMESTAMP,
                     TIMESTAMP_LTZ, TIMESTAMP_TZ, VARCHAR, Column)

_PSEUDO = ("USER", "GET_SYSTEM_CHANGE_NUMBER", "SESSIONTIMEZONE", "DBTIMEZONE", "ROWNUM")
DATE_TYPES = frozenset({DATE, TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ})
Rows = list[dict[str, Any]]
Outputs = list[tuple[str, "Column | None"]]    # output columns, as far as they are known
Sources = dict[str, Outputs]                    # by alias, what FROM offers


# --- types -------------------------------------------------------------------------

def declared_column(definition: exp.ColumnDef) -> tuple[Column, str]:
    """A column of CREATE TABLE: its Oracle description and its DuckDB type."""
    kind = definition.kind
    assert kind is not None
    name = definition.this.this
    sizes = [int(p.this.this) for p in kind.expressions if p.this.this.isdigit()]
    base = kind.args.get("kind") or kind.this.value
    base = str(base).upper()
    required = any(isinstance(c.kind, (exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint))
                   for c in definition.constraints)
    nullable = not required
    if base in ("DECIMAL", "NUMBER"):
        if not sizes:
            return Column(name, NUMBER, 22, 0, -127, nullable=nullable), "DECIMAL(38, 10)"
        precision, scale = sizes[0], sizes[1] if len(sizes) > 1 else 0
        return (Column(name, NUMBER, 22, precision, scale, nullable=nullable),
                f"DECIMAL({precision}, {scale})")
    if base in ("INT", "SMALLINT", "INTEGER"):
        return Column(name, NUMBER, 22, 38, 0, nullable=nullable), "DECIMAL(38, 0)"
    if base == "FLOAT":
        return Column(name, NUMBER, 22, 126, -127, nullable=nullable), "DOUBLE"
    if base == "DOUBLE":
        return Column(name, BINARY_DOUBLE, 8, nullable=nullable), "DOUBLE"
    if base == "DATE":
        return Column(name, DATE, 7, nullable=nullable), "TIMESTAMP_S"
    if base in ("TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPLTZ"):
        number, size, duck = {"TIMESTAMP": (TIMESTAMP, 11, "TIMESTAMP"),
                              "TIMESTAMPTZ": (TIMESTAMP_TZ, 13, "TIMESTAMPTZ"),
                              "TIMESTAMPLTZ": (TIMESTAMP_LTZ, 11, "TIMESTAMP")}[base]
        return Column(name, number, size, 0, sizes[0] if sizes else 6, nullable=nullable), duck
    if base == "RAW":
        return Column(name, RAW, sizes[0], nullable=nullable), "BLOB"
    if base in ("VARCHAR", "NVARCHAR", "CHAR", "NCHAR"):
        chars = sizes[0] if sizes else 1
        in_chars = base.startswith("N") or "char" in kind.sql("oracle").partition("(")[2].lower()
        number = VARCHAR if "VAR" in base else CHAR
        size = chars * 4 if in_chars else chars
        return Column(name, number, size, chars=chars, nullable=nullable), "VARCHAR"
    raise OraError(902, f"invalid datatype: {base}")


def type_column(name: str, duck: str) -> Column:
    """The Oracle description of a computed column, from its DuckDB type."""
    if duck in ("TIMESTAMP_S", "DATE"):
        return Column(name, DATE, 7)
    if duck.startswith("TIMESTAMP WITH"):
        return Column(name, TIMESTAMP_TZ, 13, 0, 6)
    if duck.startswith("TIMESTAMP"):
        return Column(name, TIMESTAMP, 11, 0, 6)
    if duck == "BLOB":
        return Column(name, RAW, 2000)
    if duck in ("VARCHAR", '"NULL"', "NULL"):
        return Column(name, VARCHAR, 4000, chars=4000)
    return Column(name, NUMBER, 22, 0, -127)


# --- catalog -----------------------------------------------------------------------

@dataclass(slots=True)
class Table:
    name: str
    owner: str
    object_id: int
    columns: list[Column]
    primary_key: list[str]
    row_dependencies: bool          # exact ORA_ROWSCN per row, else one per block

    def column_list(self, prefix: str = "") -> str:
        return ", ".join(f'{prefix}"{c.name}"' for c in self.columns)


@dataclass
class Catalog:
    tables: dict[str, Table] = field(default_factory=dict)
    version: int = 0
    cache: dict[Any, Statement] = field(default_factory=dict)

    def put(self, table: Table) -> None:
        self.tables[table.name] = table
        self.changed()

    def drop(self, name: str) -> None:
        del self.tables[name]
        self.changed()

    def changed(self) -> None:
        self.version += 1
        self.cache.clear()

    def views(self, user: str) -> dict[str, Rows]:
        """ALL_/USER_/DBA_ views over the tables here."""
        tables: Rows = []
        columns: Rows = []
        constraints: Rows = []
        key_columns: Rows = []
        for t in self.tables.values():
            tables.append({"OWNER": t.owner, "TABLE_NAME": t.name,
                           "DEPENDENCIES": "ENABLED" if t.row_dependencies else "DISABLED"})
            for i, c in enumerate(t.columns, 1):
                number = c.type == NUMBER and c.scale != -127
                columns.append({
                    "OWNER": t.owner, "TABLE_NAME": t.name, "COLUMN_NAME": c.name,
                    "DATA_TYPE": type_name(c), "DATA_LENGTH": c.size,
                    "DATA_PRECISION": c.precision if number else None,
                    "DATA_SCALE": c.scale if number or c.type in DATE_TYPES - {DATE} else None,
                    "NULLABLE": "Y" if c.nullable else "N", "COLUMN_ID": i,
                    "CHAR_LENGTH": c.chars, "CHAR_USED": "C" if c.chars else None})
            if t.primary_key:
                name = f"PK_{t.name}"
                constraints.append({"OWNER": t.owner, "CONSTRAINT_NAME": name, "TABLE_NAME": t.name,
                                    "CONSTRAINT_TYPE": "P", "STATUS": "ENABLED"})
                key_columns += [{"OWNER": t.owner, "CONSTRAINT_NAME": name, "TABLE_NAME": t.name,
                                 "COLUMN_NAME": c, "POSITION": i}
                                for i, c in enumerate(t.primary_key, 1)]
        base = {"TABLES": tables, "TAB_COLUMNS": columns, "TAB_COLS": columns,
                "CONSTRAINTS": constraints, "CONS_COLUMNS": key_columns}
        out = {}
        for suffix, rows in base.items():
            out[f"ALL_{suffix}"] = out[f"DBA_{suffix}"] = rows
            out[f"USER_{suffix}"] = [r for r in rows if r["OWNER"] == user]
        return out


def type_name(c: Column) -> str:
    names = {NUMBER: "NUMBER", VARCHAR: "VARCHAR2", CHAR: "CHAR", DATE: "DATE", RAW: "RAW",
             BINARY_DOUBLE: "BINARY_DOUBLE", TIMESTAMP: f"TIMESTAMP({c.scale})",
             TIMESTAMP_TZ: f"TIMESTAMP({c.scale}) WITH TIME ZONE",
             TIMESTAMP_LTZ: f"TIMESTAMP({c.scale}) WITH LOCAL TIME ZONE"}
    return "FLOAT" if c.precision == 126 else names[c.type]


# --- statements --------------------------------------------------------------------

@dataclass
class Statement:
    """A translated statement: the DuckDB SQL to run, in order, and what to know about it."""

    kind: str                                   # query, dml, ddl, commit, rollback, ignore...
    sql: list[str] = field(default_factory=list)
    columns: Outputs = field(default_factory=list)
    as_of: list[str | int] = field(default_factory=list)
    cacheable: bool = True
    batch: str | None = None                    # INSERT ... VALUES taking a list per bind, $c1...
    on_done: Callable[[], None] | None = None   # DDL: update the catalog

    def __post_init__(self) -> None:
        self.names = {sql: set(re.findall(r"\$[a-z]\w*", sql)) for sql in self.sql}
        self.params = sorted({name[1:] for names in self.names.values() for name in names})


_BIND = re.compile(r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]* | /\*.*?\*/ | (:\s*(?:\w+|"[^"]+"))""",
                   re.X | re.S)
_TABLE_OPTIONS = re.compile(r"\b(ROWDEPENDENCIES|NOROWDEPENDENCIES|ENABLE\s+ROW\s+MOVEMENT|"
                            r"TABLESPACE\s+\w+|NOLOGGING|SEGMENT\s+CREATION\s+\w+)\b", re.I)
_IGNORED = re.compile(r"\s*(ALTER\s+SESSION|CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|GRANT|COMMENT|"
                      r"LOCK\s+TABLE|SAVEPOINT|ALTER\s+INDEX|ANALYZE)\b", re.I)
_TRUNC_UNITS = {"DD": "day", "DDD": "day", "DAY": "day", "MM": "month", "MONTH": "month", "MON": "month",
                "YYYY": "year", "YEAR": "year", "Q": "quarter", "IW": "week", "HH": "hour",
                "HH24": "hour", "MI": "minute"}
_FORMATS = [("YYYY", "%Y"), ("HH24", "%H"), ("MI", "%M"), ("SSSSS", ""), ("SS", "%S"),
            ("FF9", "%n"), ("FF6", "%f"), ("FF3", "%g"), ("FF", "%f"), ("MON", "%b"), ("MM", "%m"),
            ("DD", "%d"), ("HH12", "%I"), ("HH", "%I"), ("AM", "%p"), ("PM", "%p"), ("DY", "%a"),
            ("TZH:TZM", "%z"), ("YY", "%y")]


def number_binds(sql: str) -> str:
    """Rename every bind, in order of appearance, to :b1, :b2...: the driver sends one value
    per occurrence."""
    seen = 0

    def rename(match: re.Match[str]) -> str:
        nonlocal seen
        if match[1] is None:
            return match[0]
        seen += 1
        return f":b{seen}"

    return _BIND.sub(rename, sql)


def strftime_format(oracle: str) -> str:
    out, i = "", 0
    while i < len(oracle):
        if oracle[i] == '"':
            end = oracle.index('"', i + 1)
            out, i = out + oracle[i + 1:end], end + 1
            continue
        for token, code in _FORMATS:
            if oracle[i:i + len(token)].upper() == token:
                out, i = out + code, i + len(token)
                break
        else:
            out, i = out + oracle[i], i + 1
    return out


def _literal(item: Any) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, dt.datetime):
        return f"TIMESTAMP_S '{item:%Y-%m-%d %H:%M:%S}'"
    return str(item) if isinstance(item, int) else "'" + str(item).replace("'", "''") + "'"


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.And):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


def _raw(sql: str) -> exp.Expr:
    """DuckDB SQL to splice in as it is."""
    return parse_one(sql, read="duckdb")


class Translator:
    """Translates one statement."""

    def __init__(self, catalog: Catalog, user: str,
                 dictionary: Callable[[], dict[str, Rows]]) -> None:
        self.catalog, self.user, self._dictionary = catalog, user, dictionary
        self._as_of: list[str | int] = []
        self._cacheable = True

    def translate(self, sql: str) -> Statement:
        sql = sql.strip().rstrip(";")
        if _IGNORED.match(sql):
            return Statement("ignore")
        if re.match(r"SET\s+TRANSACTION\s+READ\s+ONLY", sql, re.I):
            return Statement("read only")
        if re.match(r"(COMMIT|ROLLBACK)\b", sql, re.I):
            return Statement(sql.split()[0].lower())
        if re.match(r"(BEGIN|DECLARE|CALL)\b", sql, re.I):
            raise OraError(6550, "PL/SQL is not available in this stand-in")
        if re.match(r"ALTER\s+TABLE", sql, re.I):
            return self._alter(sql)
        row_dependencies = bool(re.search(r"\bROWDEPENDENCIES\b", sql, re.I))
        if re.match(r"CREATE\s+TABLE", sql, re.I):
            sql = _TABLE_OPTIONS.sub("", sql)
        try:
            tree = parse_one(number_binds(sql), read="oracle")
        except (ParseError, TokenError) as error:
            raise OraError(900, f"invalid SQL statement: {str(error).splitlines()[0]}") from error
        self._upper_case(tree)
        if isinstance(tree, exp.Create) and tree.kind == "TABLE":
            return self._create(tree, row_dependencies)
        if isinstance(tree, exp.Drop):
            return self._drop(tree)
        if isinstance(tree, exp.TruncateTable):
            table = self._table(tree.expressions[0])
            return Statement("ddl", [f'DELETE FROM "{table.name}"', f'DELETE FROM "{table.name}$H"'])
        self._name_expressions(tree)
        for node in reversed(list(tree.walk())):        # children before their parents
            if (new := self._functions(node)) is not node:
                node.replace(new)
        if isinstance(tree, exp.Insert):
            return self._insert(tree)
        if isinstance(tree, (exp.Update, exp.Delete)):
            return self._change(tree)
        if isinstance(tree, exp.Query):
            columns = self._query(tree, {})
            if isinstance(tree, exp.Select):     # naive UTC is far cheaper to fetch than aware
                for item, (name, column) in zip(list(tree.expressions), columns, strict=True):
                    if column and column.type == TIMESTAMP_TZ:
                        utc = exp.AtTimeZone(this=item.unalias().copy(), zone=exp.Literal.string("UTC"))
                        item.replace(exp.alias_(utc, name, quoted=True))
            return Statement("query", [self._sql(tree)], columns, self._as_of, self._cacheable)
        raise OraError(3001, f"unimplemented feature: {type(tree).__name__}")

    # --- small rewrites ----------------------------------------------------------

    @staticmethod
    def _sql(tree: exp.Expr) -> str:
        return tree.sql("duckdb")

    @staticmethod
    def _upper_case(tree: exp.Expr) -> None:
        for name in tree.find_all(exp.Identifier):
            if not name.quoted:
                name.set("this", name.this.upper())
            name.set("quoted", True)

    @staticmethod
    def _name_expressions(tree: exp.Expr) -> None:
        """Give computed select items the column name Oracle would: their own text."""
        for select in list(tree.find_all(exp.Select)):
            for item in select.expressions:
                star = isinstance(item, exp.Star) or isinstance(item.this, exp.Star)
                plain = isinstance(item, exp.Column) and item.name not in _PSEUDO
                if not star and not plain and not isinstance(item, exp.Alias):
                    text = item.name if isinstance(item, exp.Column) else item.sql("oracle")
                    name = text.replace('"', "").replace(" ", "").upper()
                    item.replace(exp.alias_(item.copy(), name, quoted=True))

    def _functions(self, node: exp.Expr) -> exp.Expr:
        """Oracle's own functions and pseudo-constants, one node at a time."""
        if isinstance(node, exp.CurrentTimestamp):
            return (_raw("CAST($sysdate AS TIMESTAMP_S)") if node.args.get("sysdate")
                    else _raw("CAST($systimestamp AS TIMESTAMPTZ)"))
        if isinstance(node, exp.Systimestamp):
            return _raw("CAST($systimestamp AS TIMESTAMPTZ)")
        if isinstance(node, exp.CurrentDate):
            return _raw("CAST($sysdate AS TIMESTAMP_S)")
        if isinstance(node, exp.Localtimestamp):
            return _raw("CAST($localtimestamp AS TIMESTAMP)")
        if isinstance(node, exp.ToChar) and node.args.get("format"):
            pattern = strftime_format(node.args["format"].this)
            return exp.Anonymous(this="strftime", expressions=[node.this, exp.Literal.string(pattern)])
        if isinstance(node, (exp.DateTrunc, exp.TimestampTrunc)):
            unit = _TRUNC_UNITS.get(node.unit.name.upper().strip("'") if node.unit else "DD", "day")
            return _raw(f"CAST(date_trunc('{unit}', {self._sql(node.this)}) AS TIMESTAMP_S)")
        if isinstance(node, exp.StrToTime):
            node.args["format"].set("this", node.args["format"].name.replace('"', ""))
        if isinstance(node, exp.StrToDate):      # Oracle's DATE keeps the time of day
            return exp.cast(exp.StrToTime(this=node.this, format=node.args["format"]), "TIMESTAMP_S")
        if isinstance(node, exp.Literal) and node.is_string and node.this == "":
            return exp.Null()
        if isinstance(node, exp.Anonymous):
            name = node.name.upper()
            if name == "ORA_HASH":
                buckets = node.expressions[1].sql() if len(node.expressions) > 1 else "4294967295"
                return _raw(f"(hash({self._sql(node.expressions[0])}) % ({buckets} + 1))::BIGINT")
            if name == "SYS_EXTRACT_UTC":
                return exp.AtTimeZone(this=node.expressions[0], zone=exp.Literal.string("UTC"))
            if name == "GET_SYSTEM_CHANGE_NUMBER":
                return _raw("$scn::BIGINT")
            if name == "TRUNC":
                return exp.Anonymous(this="x_trunc", expressions=node.expressions)
            if name == "NUMTODSINTERVAL":
                amount, unit = (self._sql(e) for e in node.expressions)
                return _raw(f"(({amount}) * INTERVAL 1 {unit.strip(chr(39))})")
            if name == "SYS_CONTEXT":
                known = {"CON_NAME": "FREEPDB1", "DB_NAME": "STUB", "CURRENT_SCHEMA": self.user,
                         "SESSION_USER": self.user}
                attribute = known.get(node.expressions[1].name.upper())
                return exp.Literal.string(attribute) if attribute else exp.Null()
        if isinstance(node, exp.Dot) and self._sql(node).upper().endswith("$SCN::BIGINT"):
            return _raw("$scn::BIGINT")
        if isinstance(node, exp.Column):
            if node.name == "GET_SYSTEM_CHANGE_NUMBER":
                return _raw("$scn::BIGINT")
            if node.name == "USER" and not node.table:
                return exp.Literal.string(self.user)
            if node.name in ("SESSIONTIMEZONE", "DBTIMEZONE") and not node.table:
                return exp.Literal.string("+00:00")
        return node

    # --- queries -------------------------------------------------------------------

    def _query(self, query: exp.Query,
               outer: Sources) -> Outputs:
        """Rewrite a query in place; returns its output columns as far as they are known."""
        known = dict(outer)
        with_ = query.args.get("with_") or query.args.get("with")
        for cte in with_.expressions if with_ else []:
            known[cte.alias] = self._query(cte.this, known)
        if isinstance(query, exp.Subquery):
            return self._query(query.this, known)
        if isinstance(query, exp.SetOperation):
            columns = self._query(query.left, known)
            self._query(query.right, known)
            return columns
        assert isinstance(query, exp.Select)
        sources = self._sources(query, known)
        for node in list(query.find_all(exp.Query)):
            if node is not query and node.find_ancestor(exp.Select) is query \
                    and not node.find_ancestor(exp.From, exp.Join, exp.CTE):
                self._query(node, known)
        self._row_limit(query)
        for column in list(query.find_all(exp.Column)):
            if column.name == "ROWNUM" and column.find_ancestor(exp.Select) is query:
                column.replace(_raw("row_number() OVER ()"))
        self._expand_stars(query, sources)
        columns = []
        for item in query.expressions:
            columns.append((item.alias_or_name, self._column_of(item.unalias(), sources)))
            if isinstance(item, exp.Column) and item.name == "ROWID":
                item.replace(exp.alias_(item.copy(), "ROWID", quoted=True))
        self._arithmetic(query, sources)
        for column in query.find_all(exp.Column):
            if column.name == "ROWID":
                column.set("this", exp.to_identifier("X$ROWID", quoted=True))
        return columns

    def _sources(self, select: exp.Select, known: Sources
                 ) -> Sources:
        """The columns of everything in FROM, by alias; tables are rewritten on the way."""
        out: Sources = {}
        from_ = select.args.get("from_") or select.args.get("from")
        nodes = [from_.this] if from_ else []
        nodes += [join.this for join in select.args.get("joins") or []]
        hidden = any(c.name in ("ROWID", "ORA_ROWSCN") for c in select.find_all(exp.Column))
        for node in nodes:
            alias = node.alias_or_name
            if isinstance(node, exp.Subquery):
                if not alias:
                    alias = f"X${len(out)}"
                    node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
                out[alias] = self._query(node.this, known)
            elif isinstance(node, exp.Table) and node.name in known and not node.db:
                out[alias] = known[node.name]
            elif isinstance(node, exp.Table) and node.name != "DUAL":
                out[alias] = self._rewrite_table(node, alias, hidden)
        return out

    def _rewrite_table(self, node: exp.Table, alias: str, hidden: bool
                       ) -> Outputs:
        if node.name not in self.catalog.tables:
            views = self._dictionary()
            if node.name not in views:
                raise OraError(942, "table or view does not exist")
            self._cacheable = False
            return self._dictionary_view(node, alias, views[node.name])
        table = self._table(node)
        version = node.args.get("version")
        if version or hidden:
            body = self._as_of_sql(table, version) if version else self._current_sql(table)
            node.replace(_raw(f'SELECT * FROM ({body}) AS "{alias}"').find(exp.Subquery))
        else:
            node.set("db", None)
        return [(c.name, c) for c in table.columns]

    def _dictionary_view(self, node: exp.Table, alias: str, rows: Rows
                         ) -> Outputs:
        names = list(rows[0]) if rows else _VIEW_COLUMNS.get(node.name, [])
        listed = ", ".join(f'"{n}"' for n in names)
        values = ", ".join("(" + ", ".join(_literal(r[n]) for n in names) + ")" for r in rows)
        empty = "SELECT " + ", ".join(f'NULL AS "{n}"' for n in names) + " WHERE false"
        body = f"SELECT * FROM (VALUES {values}) AS v({listed})" if rows else empty
        node.replace(_raw(f'SELECT * FROM ({body}) AS "{alias}"').find(exp.Subquery))
        return [(n, None) for n in names]

    def _current_sql(self, table: Table) -> str:
        scn = "s.scn" if table.row_dependencies else \
            f'max(s.scn) OVER (PARTITION BY t."X$ID" // {ROWS_PER_BLOCK})'
        return (f'SELECT {table.column_list("t.")}, '
                f'x_rowid({table.object_id}, t."X$ID") AS "X$ROWID", {scn} AS "ORA_ROWSCN" '
                f'FROM "{table.name}" AS t LEFT JOIN "X$TX" AS s ON s.txid = t."X$T"')

    def _as_of_sql(self, table: Table, version: exp.Version) -> str:
        when = version.expression
        timed = str(version.this).upper() == "TIMESTAMP"
        scn = self._sql(when)
        if timed:
            scn = f'(SELECT max(scn) FROM "X$TX" WHERE committed <= {scn})'
        elif isinstance(when, exp.Placeholder):
            self._as_of.append(when.name)
        elif isinstance(when, exp.Literal):
            self._as_of.append(int(when.this))
        elif "$scn" not in self._sql(when):
            raise OraError(3001, "unimplemented feature: AS OF SCN of an expression")
        columns = table.column_list("t.")
        outer = table.column_list("v.")
        exact = "v.scn" if table.row_dependencies else \
            f'max(v.scn) OVER (PARTITION BY v."X$ID" // {ROWS_PER_BLOCK})'
        return (f'SELECT {outer}, x_rowid({table.object_id}, v."X$ID") AS "X$ROWID", '
                f'{exact} AS "ORA_ROWSCN" FROM ('
                f'SELECT {columns}, t."X$ID", s.scn FROM "{table.name}" AS t '
                f'JOIN "X$TX" AS s ON s.txid = t."X$T" WHERE s.scn <= {scn} '
                f'UNION ALL SELECT {columns}, t."X$ID", s.scn FROM "{table.name}$H" AS t '
                f'JOIN "X$TX" AS s ON s.txid = t."X$T" LEFT JOIN "X$TX" AS e ON e.txid = t."X$E" '
                f'WHERE s.scn <= {scn} AND (e.scn IS NULL OR e.scn > {scn})) AS v')

    @staticmethod
    def _row_limit(select: exp.Select) -> None:
        """WHERE ROWNUM <= n (or < n, = 1) as LIMIT."""
        where = select.args.get("where")
        if not where:
            return
        keep = []
        for part in _conjuncts(where.this):
            if isinstance(part, (exp.LTE, exp.LT, exp.EQ)) and part.left.name == "ROWNUM":
                text = part.right.sql("duckdb")
                select.set("limit", exp.Limit(expression=_raw(
                    f"{text} - 1" if isinstance(part, exp.LT) else text)))
            else:
                keep.append(part)
        select.set("where", exp.Where(this=exp.and_(*keep)) if keep else None)

    @staticmethod
    def _expand_stars(select: exp.Select,
                      sources: Sources) -> None:
        items: list[exp.Expr] = []
        for item in select.expressions:
            star = isinstance(item, exp.Star)
            if not star and not (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                items.append(item)
                continue
            for alias in [item.table] if not star else sources:
                items += [exp.column(name, alias, quoted=True) for name, _ in sources.get(alias, [])]
        if items:
            select.set("expressions", items)

    @staticmethod
    def _column_of(node: exp.Expr,
                   sources: Sources) -> Column | None:
        """The declared column behind an expression that is just a column."""
        if not isinstance(node, exp.Column):
            return None
        if node.name == "ROWID":
            return Column("ROWID", ROWID, 18)
        for alias, columns in sources.items():
            if node.table in ("", alias):
                for name, column in columns:
                    if name == node.name:
                        return column
        return None

    def _arithmetic(self, select: exp.Expr,
                    sources: Sources) -> None:
        """DATE plus or minus a number of days; DATE minus DATE as a number of days."""
        for node in list(select.find_all(exp.Add, exp.Sub)):
            left = self._is_date(node.left, sources)
            right = self._is_date(node.right, sources)
            if left and right and isinstance(node, exp.Sub):
                text = f"(epoch({self._sql(node.left)}) - epoch({self._sql(node.right)})) / 86400"
                node.replace(_raw(f"({text})"))
            elif left and not right and not node.right.find(exp.Interval):
                days = self._sql(node.right)
                node.set("expression", _raw(f"to_microseconds(({days} * 86400000000)::BIGINT)"))

    def _is_date(self, node: exp.Expr,
                 sources: Sources) -> bool:
        if isinstance(node, exp.Paren):
            return self._is_date(node.this, sources)
        if isinstance(node, (exp.Add, exp.Sub)):
            return self._is_date(node.left, sources)
        if isinstance(node, (exp.StrToTime, exp.TimestampTrunc, exp.DateTrunc)):
            return True
        if isinstance(node, exp.Cast):
            return str(node.to.this.value).startswith(("TIMESTAMP", "DATE"))
        column = self._column_of(node, sources)
        return bool(column and column.type in DATE_TYPES)

    # --- changes -------------------------------------------------------------------

    def _table(self, node: exp.Expr) -> Table:
        table = self.catalog.tables.get(node.name)
        if table is None:
            raise OraError(942, "table or view does not exist")
        return table

    def _insert(self, tree: exp.Insert) -> Statement:
        target = tree.this
        table = self._table(target.this if isinstance(target, exp.Schema) else target)
        names = [i.name for i in target.expressions] if isinstance(target, exp.Schema) \
            else [c.name for c in table.columns]
        returning = f'RETURNING x_rowid({table.object_id}, "X$ID")'
        head = f'INSERT INTO "{table.name}" ({_quoted(names)}, "X$T")'
        source = tree.expression
        if isinstance(source, exp.Values):
            self._arithmetic(source, {})
            row = ", ".join(self._sql(e) for e in source.expressions[0].expressions)
            if len(source.expressions[0].expressions) != len(names):
                raise OraError(947, "not enough values")
            lists = ", ".join(f"unnest($c{i}) AS b{i}"
                              for i in sorted({int(n) for n in re.findall(r"\$b(\d+)", row)}))
            from_list = re.sub(r"\$(b\d+)", r"u.\1", row)
            batch = (f"{head} SELECT {from_list}, $txid FROM (SELECT {lists}) AS u {returning}"
                     if lists else None)
            return Statement("dml", [f"{head} VALUES ({row}, $txid) {returning}"], batch=batch)
        self._query(source, {})
        return Statement("dml", [f"{head} SELECT q.*, $txid FROM ({self._sql(source)}) AS q {returning}"],
                         cacheable=self._cacheable)

    def _change(self, tree: exp.Update | exp.Delete) -> Statement:
        """UPDATE and DELETE: first copy the committed versions about to end into history."""
        node = tree.this
        table = self._table(node)
        alias = node.alias_or_name
        node.set("db", None)
        sources: Sources = {
            alias: [(c.name, c) for c in table.columns]}
        for query in list(tree.find_all(exp.Query)):
            if not query.find_ancestor(exp.Query):
                self._query(query, {})
        self._arithmetic(tree, sources)
        for column in list(tree.find_all(exp.Column)):
            if column.name == "ROWID":
                column.replace(_raw(f'x_rowid({table.object_id}, "X$ID")'))
            elif column.name == "ORA_ROWSCN":
                column.replace(_raw('(SELECT scn FROM "X$TX" WHERE txid = "X$T")'))
        where = tree.args.get("where")
        condition = self._sql(where.this) if where else "true"
        keep = (f'INSERT INTO "{table.name}$H" SELECT *, $txid FROM "{table.name}" AS "{alias}" '
                f'WHERE ({condition}) AND "X$T" <> $txid')
        returning = f'RETURNING x_rowid({table.object_id}, "X$ID")'
        if isinstance(tree, exp.Delete):
            change = f'DELETE FROM "{table.name}" AS "{alias}" WHERE {condition} {returning}'
        else:
            settings = ", ".join(f'"{e.left.name}" = {self._sql(e.right)}' for e in tree.expressions)
            change = (f'UPDATE "{table.name}" AS "{alias}" SET {settings}, "X$T" = $txid '
                      f'WHERE {condition} {returning}')
        return Statement("dml", [keep, change], cacheable=self._cacheable)

    # --- definitions ---------------------------------------------------------------

    def _create(self, tree: exp.Create, row_dependencies: bool) -> Statement:
        schema = tree.this
        if not isinstance(schema, exp.Schema):
            raise OraError(3001, "unimplemented feature: CREATE TABLE AS SELECT")
        name = schema.this.name
        if name in self.catalog.tables:
            raise OraError(955, "name is already used by an existing object")
        columns, parts, key = [], [], []
        for item in schema.expressions:
            if isinstance(item, exp.ColumnDef):
                column, definition, is_key = self._column_definition(item)
                columns.append(column)
                parts.append(definition)
                key += [column.name] if is_key else []
            elif found := item.find(exp.PrimaryKey):
                key += [e.name for e in found.expressions]
        plain = ", ".join(p.split(" DEFAULT ")[0].replace(" NOT NULL", "") for p in parts)
        primary = f", PRIMARY KEY ({_quoted(key)})" if key else ""
        hidden = '"X$ID" BIGINT DEFAULT nextval(\'"X$SEQ"\'), "X$T" BIGINT'
        # Hidden columns go first: ALTER TABLE appends, and history rows are copied with *.
        sql = [f'CREATE TABLE "{name}" ({hidden}, {", ".join(parts)}{primary})',
               f'CREATE TABLE "{name}$H" ("X$ID" BIGINT, "X$T" BIGINT, {plain}, "X$E" BIGINT)']
        columns = [replace(c, nullable=c.nullable and c.name not in key) for c in columns]
        owner = schema.this.db or self.user
        table = Table(name, owner, 70_000 + self.catalog.version, columns, key, row_dependencies)
        return Statement("ddl", sql, cacheable=False, on_done=lambda: self.catalog.put(table))

    def _column_definition(self, item: exp.ColumnDef) -> tuple[Column, str, bool]:
        column, duck = declared_column(item)
        text, is_key = f'"{column.name}" {duck}', False
        for constraint in item.constraints:
            kind = constraint.kind
            if isinstance(kind, exp.PrimaryKeyColumnConstraint):
                is_key = True
            elif isinstance(kind, exp.NotNullColumnConstraint):
                text += " NOT NULL"
            elif isinstance(kind, exp.UniqueColumnConstraint):
                text += " UNIQUE"
            elif isinstance(kind, exp.DefaultColumnConstraint):
                now = isinstance(kind.this, (exp.CurrentTimestamp, exp.Systimestamp))
                text += f" DEFAULT {'now()' if now else self._sql(kind.this)}"
        return column, text, is_key

    def _drop(self, tree: exp.Drop) -> Statement:
        table = self._table(tree.args["tables"][0])
        sql = [f'DROP TABLE "{table.name}"', f'DROP TABLE "{table.name}$H"']
        return Statement("ddl", sql, cacheable=False, on_done=lambda: self.catalog.drop(table.name))

    def _alter(self, sql: str) -> Statement:
        """ALTER TABLE t ADD | MODIFY | DROP COLUMN, enough to change a table under its readers."""
        found = re.match(r"ALTER\s+TABLE\s+(?:\w+\.)?(\w+)\s+(ADD|MODIFY|DROP\s+COLUMN)\s+"
                         r"\(?(.*?)\)?$", sql, re.I | re.S)
        if not found:
            raise OraError(1735, "invalid ALTER TABLE option")
        table = self._table(exp.to_table(found[1].upper()))
        action, rest = found[2].upper().split()[0], found[3]
        names = (table.name, f"{table.name}$H")
        if action == "DROP":
            gone = rest.strip().upper()
            columns = [c for c in table.columns if c.name != gone]
            out = [f'ALTER TABLE "{t}" DROP COLUMN "{gone}"' for t in names]
        else:
            text = rest + ")" if rest.count("(") > rest.count(")") else rest
            parsed = parse_one(f"CREATE TABLE x ({text})", read="oracle")
            self._upper_case(parsed)
            item = parsed.find(exp.ColumnDef)
            if item is None:
                raise OraError(904, "invalid identifier")
            column, definition, _ = self._column_definition(item)
            duck = definition.split('" ', 1)[1]
            if action == "ADD":
                columns = [*table.columns, column]
                out = [f'ALTER TABLE "{t}" ADD COLUMN "{column.name}" {duck}' for t in names]
            else:
                columns = [column if c.name == column.name else c for c in table.columns]
                out = [f'ALTER TABLE "{t}" ALTER "{column.name}" TYPE {duck}' for t in names]

        def done() -> None:
            table.columns = columns
            self.catalog.changed()

        return Statement("ddl", out, cacheable=False, on_done=done)


_VIEW_COLUMNS = {"V$TRANSACTION": ["ADDR", "XIDUSN", "XIDSLOT", "XIDSQN", "STATUS", "START_SCN",
                                   "START_DATE", "START_TIME", "SES_ADDR"]}
_VIEW_COLUMNS["GV$TRANSACTION"] = _VIEW_COLUMNS["V$TRANSACTION"]
