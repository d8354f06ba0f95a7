"""What exists: tables, views, sequences, synonyms, indexes; and who may use it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from tests.standins.oracle.accounts import Account, Accounts
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sequences import Numbers

SYS = "SYS"
PUBLIC = "PUBLIC"
CATALOG_ROLE = "SELECT_CATALOG_ROLE"
ROLES = {"CONNECT", "RESOURCE", "DBA", CATALOG_ROLE}
FIRST_OBJECT = 70_000


@dataclass(slots=True)
class TableColumn:
    name: str
    type: OraType
    nullable: bool = True
    default: str | None = None
    """Oracle SQL, as written."""
    identity: Sequence | None = None


@dataclass(slots=True)
class Constraint:
    name: str
    kind: str
    columns: list[str]
    text: str = ""
    references: tuple[str, str] | None = None


@dataclass(slots=True)
class SchemaObject:
    owner: str
    name: str
    id: int
    created: dt.datetime
    changed: dt.datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.owner, self.name

    @property
    def full_name(self) -> str:
        return f'"{self.owner}"."{self.name}"'


@dataclass(slots=True)
class Table(SchemaObject):
    columns: list[TableColumn] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    row_dependencies: bool = False
    changed_scn: int = 0
    """SCN of the last DDL on it: an older snapshot cannot read it (ORA-01466)."""

    @property
    def stored(self) -> str:
        """The DuckDB table, quoted."""
        return f'"{self.owner}.{self.name}"'

    def column(self, name: str) -> TableColumn:
        for column in self.columns:
            if column.name == name:
                return column
        raise OraError(904, f'"{name}": invalid identifier')

    def unique_keys(self) -> list[Constraint]:
        """Primary key and unique constraints."""
        return [c for c in self.constraints if c.kind in "PU"]


@dataclass(frozen=True, order=True, slots=True)
class Reference:
    """Something that a query names directly."""

    owner: str
    name: str
    link: str = ""
    """Database link, if it is somewhere else."""


@dataclass(slots=True)
class View(SchemaObject):
    text: str = ""
    columns: list[TableColumn] = field(default_factory=list)
    reads: list[Reference] = field(default_factory=list)
    """What its query names directly, for ALL_DEPENDENCIES."""


@dataclass(slots=True)
class MaterializedView(Table):
    """A table whose rows are those that a query had when it was last refreshed."""

    text: str = ""
    reads: list[Reference] = field(default_factory=list)
    method: str = "FORCE"
    refreshed: dt.datetime | None = None


@dataclass(slots=True)
class Link(SchemaObject):
    """A database link. Every link leads back to this database, as its user."""

    user: str = ""
    host: str = ""


@dataclass(slots=True)
class Sequence(SchemaObject):
    numbers: Numbers = field(default_factory=Numbers)


@dataclass(slots=True)
class Synonym(SchemaObject):
    target: tuple[str, str] = ("", "")
    link: str = ""
    """Database link, for a synonym of something remote."""


@dataclass(slots=True)
class Index(SchemaObject):
    table: tuple[str, str] = ("", "")
    columns: list[str] = field(default_factory=list)
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Privilege:
    """One object privilege. `on` is (owner, name)."""

    grantee: str
    privilege: str
    on: tuple[str, str]
    grantor: str
    grantable: bool = False


O = TypeVar("O", bound=SchemaObject)  # noqa: E741 - an object


@dataclass
class Catalog:
    """All of it. Not thread-safe: the database changes it under its lock."""

    accounts: Accounts = field(default_factory=Accounts)
    objects: dict[tuple[str, str], SchemaObject] = field(default_factory=dict)
    indexes: dict[tuple[str, str], Index] = field(default_factory=dict)
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    policies: dict[tuple[str, str], str] = field(default_factory=dict)
    """(owner, table or view) to the condition that a security policy adds for everybody but SYS."""
    roles: set[str] = field(default_factory=lambda: set(ROLES))
    object_grants: set[Privilege] = field(default_factory=set)
    system_grants: set[tuple[str, str]] = field(default_factory=set)
    """(grantee, privilege or role)."""
    version: int = 0
    """Rises with every change: what was translated before is stale."""

    def next_id(self) -> int:
        return FIRST_OBJECT + self.version

    def put(self, thing: SchemaObject) -> None:
        space: dict[tuple[str, str], SchemaObject] = self._space(thing)
        if thing.key in space:
            raise OraError(955, "name is already used by an existing object")
        space[thing.key] = thing
        self.touch()

    def remove(self, thing: SchemaObject) -> None:
        del self._space(thing)[thing.key]
        if not isinstance(thing, Index | Link):
            self.object_grants = {p for p in self.object_grants if p.on != thing.key}
            for index in [i for i in self.indexes.values() if i.table == thing.key]:
                del self.indexes[index.key]
        self.touch()

    def _space(self, thing: SchemaObject) -> dict[tuple[str, str], SchemaObject]:
        if isinstance(thing, Link):
            return self.links  # type: ignore[return-value]
        return self.indexes if isinstance(thing, Index) else self.objects  # type: ignore[return-value]

    def touch(self) -> None:
        self.version += 1

    def protect(self, owner: str, name: str, condition: str) -> None:
        """A row-level security policy on a table or view: only rows with this condition are shown. Empty: none."""
        self.policies = {key: text for key, text in self.policies.items() if key != (owner, name)}
        if condition:
            self.policies[owner, name] = condition
        self.touch()

    def of_kind(self, kind: type[O]) -> Iterator[O]:
        for key in sorted(self.objects):
            if isinstance(thing := self.objects[key], kind):
                yield thing

    def sequence(self, number: int) -> Sequence:
        """A sequence by its object number."""
        for thing in list(self.objects.values()):
            if thing.id == number and isinstance(thing, Sequence):
                return thing
        raise OraError(2289, "sequence does not exist")

    # --- names --------------------------------------------------------------------------

    def lookup(self, name: tuple[str, ...], schema: str) -> SchemaObject | None:
        """The object a name means in a schema, by way of synonyms; a synonym only if it is for something remote."""
        found = self.named(name, schema)
        for _ in range(10):
            if not isinstance(found, Synonym) or found.link:
                return found
            found = self.objects.get(found.target)
        raise OraError(1775, "looping chain of synonyms")

    def named(self, name: tuple[str, ...], schema: str) -> SchemaObject | None:
        """What bears the name itself: perhaps a synonym."""
        if len(name) == 1:
            return self.objects.get((schema, name[0])) or self.objects.get((PUBLIC, name[0]))
        return self.objects.get((name[-2], name[-1]))

    def link(self, name: str, user: str) -> Link:
        """A database link of the user's, or a public one."""
        if found := self.links.get((user, name)) or self.links.get((PUBLIC, name)):
            return found
        raise OraError(2019, "connection description for remote database not found")

    def table(self, name: tuple[str, ...], schema: str) -> Table:
        found = self.lookup(name, schema)
        if isinstance(found, Table):
            return found
        raise OraError(942, "table or view does not exist")

    # --- privileges -----------------------------------------------------------------------

    def enabled(self, user: str) -> set[str]:
        """The user itself, PUBLIC and its roles, through roles."""
        out, todo = set(), [user, PUBLIC]
        while todo:
            grantee = todo.pop()
            out.add(grantee)
            todo += [p for g, p in self.system_grants if g == grantee and p in self.roles and p not in out]
        return out

    def is_dba(self, user: str) -> bool:
        account = self.accounts.find(user)
        return user == SYS or bool(account and account.dba) or "DBA" in self.enabled(user)

    def has_system(self, user: str, privilege: str) -> bool:
        grantees = self.enabled(user)
        return self.is_dba(user) or any(g in grantees and p == privilege for g, p in self.system_grants)

    def sees_catalog(self, user: str) -> bool:
        """May read DBA_ and V$ views without further grants."""
        return self.is_dba(user) or CATALOG_ROLE in self.enabled(user) or self.has_system(user, "SELECT ANY DICTIONARY")

    def may(self, user: str, privilege: str, on: tuple[str, str]) -> bool:
        """Whether the user may do this to the object."""
        if on[0] == user or self.is_dba(user):
            return True
        if on[0] != SYS and self.has_system(user, f"{privilege} ANY TABLE"):
            return True
        wanted = {privilege} | ({"READ"} if privilege == "SELECT" else set())
        grantees = self.enabled(user)
        return any(p.on == on and p.grantee in grantees and p.privilege in wanted for p in self.object_grants)

    def sees(self, user: str, on: tuple[str, str]) -> bool:
        """Whether ALL_ views show the object: any privilege on it will do."""
        if on[0] == user or self.is_dba(user) or self.has_system(user, "SELECT ANY TABLE"):
            return True
        grantees = self.enabled(user)
        return any(p.on == on and p.grantee in grantees for p in self.object_grants)

    def require(self, user: str, privilege: str, thing: SchemaObject) -> None:
        """ORA-00942 if the user may not even read it, ORA-01031 if it may read but not this."""
        if self.may(user, privilege, thing.key):
            return
        if privilege == "SELECT" or not self.sees(user, thing.key):
            raise OraError(942, "table or view does not exist")
        raise OraError(1031, "insufficient privileges")

    def grantee(self, name: str) -> str:
        if name == PUBLIC or name in self.roles or self.accounts.find(name):
            return name
        raise OraError(1917, f"user or role '{name}' does not exist")

    def add_account(self, account: Account) -> None:
        self.accounts.add(account)
        self.touch()
