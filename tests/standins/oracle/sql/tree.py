"""The parsed statement, as plain values. `pos` is the offset in the text, for error messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as Choice

Name = tuple[str, ...]  # owner.table.column, as many parts as were written


# --- expressions --------------------------------------------------------------------


@dataclass(slots=True)
class Number:
    text: str
    binary: bool = False  # 1.5d, 1.5f


@dataclass(slots=True)
class Text:
    value: str


@dataclass(slots=True)
class Null:
    pass


@dataclass(slots=True)
class Moment:
    """DATE '...' or TIMESTAMP '...'."""

    kind: Choice["DATE", "TIMESTAMP"]
    text: str
    pos: int = 0


@dataclass(slots=True)
class Interval:
    text: str
    lead: str
    trail: str


@dataclass(slots=True)
class Bind:
    index: int


@dataclass(slots=True)
class Column:
    name: Name
    pos: int
    outer: bool = False  # written with (+)


@dataclass(slots=True)
class Order:
    expr: Expr
    descending: bool
    nulls_first: bool


@dataclass(slots=True)
class Window:
    partition: list[Expr]
    order: list[Order]
    frame: str


@dataclass(slots=True)
class Call:
    """A function call, with everything that may hang on one."""

    name: Name
    args: list[Expr]
    pos: int
    star: bool = False
    distinct: bool = False
    within: list[Order] = field(default_factory=list)
    keep: tuple[Choice["FIRST", "LAST"], list[Order]] | None = None
    window: Window | None = None
    ignore_nulls: bool = False
    option: str = ""  # TRIM: LEADING, TRAILING or BOTH; EXTRACT: the field


@dataclass(slots=True)
class Unary:
    op: str
    operand: Expr


@dataclass(slots=True)
class Binary:
    op: str
    left: Expr
    right: Expr
    pos: int


@dataclass(slots=True)
class Case:
    operand: Expr | None
    whens: list[tuple[Expr, Expr]]
    default: Expr | None


@dataclass(slots=True)
class TypeName:
    name: str
    sizes: list[int]
    unit: str = ""  # BYTE, CHAR
    pos: int = 0


@dataclass(slots=True)
class Cast:
    operand: Expr
    target: TypeName


@dataclass(slots=True)
class AtZone:
    operand: Expr
    zone: Expr | None  # None: AT LOCAL


@dataclass(slots=True)
class Tuple:
    items: list[Expr]


@dataclass(slots=True)
class Scalar:
    query: Query


# --- conditions ---------------------------------------------------------------------


@dataclass(slots=True)
class Logical:
    op: Choice["AND", "OR"]
    parts: list[Expr]


@dataclass(slots=True)
class Not:
    operand: Expr


@dataclass(slots=True)
class Comparison:
    op: str
    left: Expr
    right: Expr
    pos: int


@dataclass(slots=True)
class Quantified:
    op: str
    left: Expr
    every: bool  # ALL, else ANY or SOME
    right: list[Expr] | Query
    pos: int


@dataclass(slots=True)
class In:
    operand: Expr
    right: list[Expr] | Query
    negated: bool
    pos: int


@dataclass(slots=True)
class Between:
    operand: Expr
    low: Expr
    high: Expr
    negated: bool
    pos: int


@dataclass(slots=True)
class Like:
    operand: Expr
    pattern: Expr
    escape: Expr | None
    negated: bool


@dataclass(slots=True)
class IsNull:
    operand: Expr
    negated: bool


@dataclass(slots=True)
class Exists:
    query: Query


Condition = Logical | Not | Comparison | Quantified | In | Between | Like | IsNull | Exists
Expr = (
    Number
    | Text
    | Null
    | Moment
    | Interval
    | Bind
    | Column
    | Call
    | Unary
    | Binary
    | Case
    | Cast
    | AtZone
    | Tuple
    | Scalar
    | Condition
)


# --- queries --------------------------------------------------------------------------


@dataclass(slots=True)
class TableRef:
    name: Name
    alias: str
    pos: int
    as_of: tuple[Choice["SCN", "TIMESTAMP"], Expr] | None = None
    link: str = ""
    """Database link."""


@dataclass(slots=True)
class Derived:
    query: Query
    alias: str
    lateral: bool = False


@dataclass(slots=True)
class Join:
    left: Source
    right: Source
    kind: str  # INNER, LEFT, RIGHT, FULL, CROSS
    on: Expr | None = None
    using: list[str] = field(default_factory=list)
    natural: bool = False


Source = TableRef | Derived | Join


@dataclass(slots=True)
class Item:
    """One select item; `name` is the column's name in the result."""

    expr: Expr | None  # None: a star
    name: str
    star_of: Name = ()
    aliased: bool = False


@dataclass(slots=True)
class Select:
    distinct: bool
    items: list[Item]
    sources: list[Source]
    where: Expr | None = None
    group: list[Expr] = field(default_factory=list)
    having: Expr | None = None
    connect: Expr | None = None


@dataclass(slots=True)
class Compound:
    op: Choice["UNION", "UNION ALL", "MINUS", "INTERSECT"]
    left: Select | Compound | Query
    right: Select | Compound | Query


@dataclass(slots=True)
class Cte:
    name: str
    columns: list[str]
    query: Query


@dataclass(slots=True)
class RowLimit:
    count: Expr | None
    percent: bool
    ties: bool


@dataclass(slots=True)
class Locking:
    """FOR UPDATE. `wait`: None for ever, 0 NOWAIT, else seconds."""

    wait: float | None = None
    skip: bool = False


@dataclass(slots=True)
class Query:
    body: Select | Compound | Query
    ctes: list[Cte] = field(default_factory=list)
    order: list[Order] = field(default_factory=list)
    offset: Expr | None = None
    limit: RowLimit | None = None
    locking: Locking | None = None
