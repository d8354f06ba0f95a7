"""Statements other than queries and DML, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.standins.oracle.sql import tree


@dataclass(slots=True)
class ColumnDef:
    name: str
    type: tree.TypeName | None
    """None in ALTER TABLE MODIFY that leaves the type alone."""
    default: str | None = None
    """The expression as written."""
    required: bool | None = None
    """NOT NULL (True), NULL (False), not said (None)."""
    identity: bool = False
    virtual: bool = False


@dataclass(slots=True)
class Constraint:
    kind: str
    """P primary key, U unique, C check, R foreign key."""
    columns: list[str]
    name: str = ""
    text: str = ""
    """A check's condition."""
    references: tree.Name = ()


@dataclass(slots=True)
class CreateTable:
    name: tree.Name
    columns: list[ColumnDef]
    constraints: list[Constraint]
    row_dependencies: bool = False
    query: tree.Query | None = None


@dataclass(slots=True)
class CreateView:
    name: tree.Name
    columns: list[str]
    text: str
    replace: bool
    force: bool = False


@dataclass(slots=True)
class CreateSequence:
    name: tree.Name
    options: dict[str, int]
    alter: bool = False


@dataclass(slots=True)
class CreateIndex:
    name: tree.Name
    table: tree.Name
    columns: list[str]
    """Column names; expressions as written."""
    unique: bool


@dataclass(slots=True)
class CreateSynonym:
    name: tree.Name
    target: tree.Name
    public: bool
    replace: bool
    link: str = ""


@dataclass(slots=True)
class CreateMaterializedView:
    name: tree.Name
    columns: list[str]
    text: str
    method: str = "FORCE"
    """FAST, COMPLETE, FORCE, NEVER."""
    filled: bool = True


@dataclass(slots=True)
class CreateLink:
    name: str
    public: bool
    user: str = ""
    host: str = ""


@dataclass(slots=True)
class CreateRole:
    name: str


@dataclass(slots=True)
class ChangeUser:
    """CREATE USER or ALTER USER."""

    name: str
    create: bool
    password: str | None = None
    locked: bool | None = None
    expired: bool = False


@dataclass(slots=True)
class AlterTable:
    name: tree.Name
    added: list[ColumnDef] = field(default_factory=list)
    modified: list[ColumnDef] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    renamed: tuple[str, str] | None = None
    renamed_to: str = ""
    constraint: Constraint | None = None
    dropped_constraint: str = ""


@dataclass(slots=True)
class AlterSession:
    settings: dict[str, str]


@dataclass(slots=True)
class Drop:
    kind: str
    name: tree.Name
    public: bool = False


@dataclass(slots=True)
class Truncate:
    name: tree.Name


@dataclass(slots=True)
class Grant:
    """GRANT, or REVOKE where `revoke`."""

    privileges: list[str]
    on: tree.Name
    grantees: list[str]
    revoke: bool
    grantable: bool = False


@dataclass(slots=True)
class SetTransaction:
    mode: str
    """READ ONLY, READ WRITE, SERIALIZABLE, READ COMMITTED."""


@dataclass(slots=True)
class LockTable:
    name: tree.Name
    mode: str
    wait: float | None


@dataclass(slots=True)
class Commit:
    pass


@dataclass(slots=True)
class Rollback:
    savepoint: str = ""


@dataclass(slots=True)
class Savepoint:
    name: str


@dataclass(slots=True)
class Comment:
    """COMMENT ON: accepted, and kept nowhere."""


Command = (
    CreateTable
    | CreateView
    | CreateSequence
    | CreateIndex
    | CreateSynonym
    | CreateMaterializedView
    | CreateLink
    | CreateRole
    | ChangeUser
    | AlterTable
    | AlterSession
    | Drop
    | Truncate
    | Grant
    | SetTransaction
    | LockTable
    | Commit
    | Rollback
    | Savepoint
    | Comment
)
