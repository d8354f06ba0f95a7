"""Dictionary and V$ views: who sees which, and how their rows are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle import dictionary_objects as objects
from tests.standins.oracle import dictionary_references as references
from tests.standins.oracle import dictionary_system as system
from tests.standins.oracle.catalog import SYS
from tests.standins.oracle.compiler.context import View

if TYPE_CHECKING:
    from tests.standins.oracle.cluster import Instance
    from tests.standins.oracle.database import Database
    from tests.standins.oracle.datatypes import OraType

Rows = list[dict[str, Any]]
Columns = str  # "NAME NAME# NAME@ NAME%": text, # number, @ date, % RAW

# Views with a family: ALL_ shows what the user may see, USER_ what it owns, DBA_ everything.
_FAMILIES: dict[str, tuple[Columns, Callable[[Database], Rows]]] = {
    "OBJECTS": (objects.OBJECTS, objects.objects),
    "TABLES": (objects.TABLES, objects.tables),
    "TAB_COLUMNS": (objects.TAB_COLUMNS, objects.tab_columns),
    "TAB_COLS": (objects.TAB_COLUMNS, objects.tab_columns),
    "VIEWS": (objects.VIEWS, objects.views),
    "MVIEWS": (references.MVIEWS, references.materialized_views),
    "DB_LINKS": (references.DB_LINKS, references.links),
    "INDEXES": (objects.INDEXES, objects.indexes),
    "IND_COLUMNS": (objects.IND_COLUMNS, objects.index_columns),
    "IND_EXPRESSIONS": (objects.IND_EXPRESSIONS, objects.index_expressions),
    "SEQUENCES": (objects.SEQUENCES, objects.sequences),
    "SYNONYMS": (objects.SYNONYMS, objects.synonyms),
    "CONSTRAINTS": (objects.CONSTRAINTS, objects.constraints),
    "CONS_COLUMNS": (objects.CONS_COLUMNS, objects.constraint_columns),
    "DEPENDENCIES": (references.DEPENDENCIES, references.dependencies),
}
_OWN: dict[str, tuple[Columns, Callable[[Database, str], Rows]]] = {
    "ALL_USERS": (system.USERS, system.users),
    "DBA_USERS": (system.USERS, system.users),
    "USER_USERS": (system.USERS, system.own_user),
    "ALL_TAB_PRIVS": (system.TAB_PRIVS, system.tab_privs),
    "DBA_TAB_PRIVS": (system.TAB_PRIVS, system.every_tab_priv),
    "USER_TAB_PRIVS": (system.TAB_PRIVS, system.own_tab_privs),
    "SESSION_PRIVS": ("PRIVILEGE", system.session_privs),
    "SESSION_ROLES": ("ROLE", system.session_roles),
    "USER_SYS_PRIVS": (system.SYS_PRIVS, system.user_sys_privs),
    "USER_ROLE_PRIVS": (system.ROLE_PRIVS, system.user_role_privs),
    "NLS_SESSION_PARAMETERS": ("PARAMETER VALUE", system.nls_parameters),
    "NLS_DATABASE_PARAMETERS": ("PARAMETER VALUE", system.nls_parameters),
    "GLOBAL_NAME": ("GLOBAL_NAME", system.global_name),
    "PRODUCT_COMPONENT_VERSION": ("PRODUCT VERSION VERSION_FULL STATUS", system.component_version),
    "V$VERSION": ("BANNER BANNER_FULL BANNER_LEGACY CON_ID#", system.version),
    "V$TRANSACTION": (system.TRANSACTION, system.transactions),
    "GV$TRANSACTION": ("INST_ID# " + system.TRANSACTION, system.transactions),
    "V$DATABASE": (system.DATABASE, system.database),
    "GV$DATABASE": ("INST_ID# " + system.DATABASE, system.database),
    "V$INSTANCE": (system.INSTANCE, system.instance),
    "GV$INSTANCE": ("INST_ID# " + system.INSTANCE, system.instance),
    "V$SESSION": (system.SESSION, system.sessions),
    "GV$SESSION": ("INST_ID# " + system.SESSION, system.sessions),
    "V$PARAMETER": ("NUM# NAME VALUE", system.parameters),
}
_PUBLIC = frozenset(
    [
        "ALL_USERS",
        "USER_USERS",
        "ALL_TAB_PRIVS",
        "USER_TAB_PRIVS",
        "SESSION_PRIVS",
        "SESSION_ROLES",
        "USER_SYS_PRIVS",
        "USER_ROLE_PRIVS",
        "NLS_SESSION_PARAMETERS",
        "NLS_DATABASE_PARAMETERS",
        "GLOBAL_NAME",
        "PRODUCT_COMPONENT_VERSION",
        "V$VERSION",
    ]
)


def view(database: Database, name: str, user: str, instance: Instance) -> View | None:
    """The view as the user sees it in an instance; None if there is none, or none for them (ORA-00942)."""
    # V$X is a synonym for SYS.V_$X, and that is what one grants.
    name = name.replace("V_$", "V$", 1) if name.startswith(("V_$", "GV_$")) else name
    if found := _OWN.get(name):
        if not _may_read(database, name, user):
            return None
        columns, own = found
        rows = own(database, user)
        if name.startswith("V$"):  # a GV$ view queries all instances, its V$ view only the session's own
            rows = [row for row in rows if row.get("INST_ID", instance.number) == instance.number]
        return View(_typed(columns), rows)
    prefix, _, suffix = name.partition("_")
    if prefix not in ("ALL", "USER", "DBA") or suffix not in _FAMILIES:
        return None
    columns, family = _FAMILIES[suffix]
    if prefix == "DBA" and not _may_read(database, name, user):
        return None
    rows = family(database)
    owner = "INDEX_OWNER" if suffix.startswith("IND_") else "SEQUENCE_OWNER" if suffix == "SEQUENCES" else "OWNER"
    if prefix == "USER":
        rows = [row for row in rows if row[owner] == user]
    elif prefix == "ALL":
        rows = [row for row in rows if _sees(database, user, row["X$ON"])]
    typed = _typed(columns)
    if prefix == "USER":
        typed.pop(owner, None)
    return View(typed, rows)


def _sees(database: Database, user: str, on: objects.Decider) -> bool:
    """Whether the user sees any of the objects that decide; None: everybody does."""
    return on is None or any(database.catalog.sees(user, key) for key in ([on] if isinstance(on, tuple) else on))


def _may_read(database: Database, name: str, user: str) -> bool:
    if name in _PUBLIC or database.catalog.sees_catalog(user):
        return True
    granted = name.replace("V$", "V_$", 1) if name.startswith(("V$", "GV$")) else name
    return database.catalog.may(user, "SELECT", (SYS, granted))


def _typed(columns: Columns) -> dict[str, OraType]:
    kinds = {"#": dt.ANY_NUMBER, "@": dt.A_DATE, "%": dt.OraType(dt.RAW, size=8)}
    text = dt.OraType(dt.VARCHAR, size=4000, chars=4000)
    return {name[:-1] if name[-1] in kinds else name: kinds.get(name[-1], text) for name in columns.split()}
