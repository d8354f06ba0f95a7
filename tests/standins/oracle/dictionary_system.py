"""Rows of the dictionary views about users and privileges, and of the V$ views."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from tests.standins.oracle.catalog import SYS, Privilege
from tests.standins.oracle.cluster import PRIMARY

if TYPE_CHECKING:
    from tests.standins.oracle.database import Database
    from tests.standins.oracle.mvcc import Transaction

Rows = list[dict[str, Any]]

USERS = "USERNAME USER_ID# CREATED@ ACCOUNT_STATUS"
TAB_PRIVS = "GRANTOR GRANTEE OWNER TABLE_SCHEMA TABLE_NAME PRIVILEGE GRANTABLE TYPE"
SYS_PRIVS = "USERNAME PRIVILEGE ADMIN_OPTION"
ROLE_PRIVS = "USERNAME GRANTED_ROLE ADMIN_OPTION DEFAULT_ROLE"
TRANSACTION = (
    "ADDR% XIDUSN# XIDSLOT# XIDSQN# STATUS START_TIME START_DATE@ START_SCN# START_SCNB# START_SCNW# SES_ADDR% "
    "USED_UBLK# USED_UREC# RECURSIVE NOUNDO XID% CON_ID#"
)
DATABASE = (
    "DBID# NAME DB_UNIQUE_NAME CREATED@ LOG_MODE OPEN_MODE DATABASE_ROLE CURRENT_SCN# SUPPLEMENTAL_LOG_DATA_MIN "
    "PROTECTION_MODE CDB CON_ID# PLATFORM_NAME RESETLOGS_CHANGE## RESETLOGS_TIME@"
)
INSTANCE = (
    "INSTANCE_NUMBER# INSTANCE_NAME HOST_NAME VERSION VERSION_FULL STARTUP_TIME@ STATUS DATABASE_STATUS PARALLEL "
    "THREAD## LOGINS INSTANCE_ROLE"
)
SESSION = (
    "SADDR% SID# SERIAL## USERNAME STATUS SCHEMANAME MODULE ACTION CLIENT_IDENTIFIER CLIENT_INFO TADDR LOGON_TIME@ "
    "PROGRAM MACHINE TYPE"
)


def _address(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _xid(transaction: Transaction) -> tuple[int, int, int]:
    """Undo segment (each instance has its own), slot and sequence number of a transaction."""
    return transaction.instance * 10 - 9 + transaction.id % 10, transaction.id % 34, transaction.id


def users(database: Database, _: str) -> Rows:
    return [
        {
            "USERNAME": a.name,
            "USER_ID": number,
            "CREATED": database.started.replace(tzinfo=None, microsecond=0),
            "ACCOUNT_STATUS": "LOCKED" if a.locked else "EXPIRED" if a.expired else "OPEN",
        }
        for number, a in enumerate(database.accounts.all())
    ]


def own_user(database: Database, user: str) -> Rows:
    return [row for row in users(database, user) if row["USERNAME"] == user]


def _priv(database: Database, p: Privilege) -> dict[str, Any]:
    thing = database.catalog.objects.get(p.on)
    return {
        "GRANTOR": p.grantor,
        "GRANTEE": p.grantee,
        "OWNER": p.on[0],
        "TABLE_SCHEMA": p.on[0],
        "TABLE_NAME": p.on[1],
        "PRIVILEGE": p.privilege,
        "GRANTABLE": "YES" if p.grantable else "NO",
        "TYPE": type(thing).__name__.upper() if thing else "VIEW",
    }


def _privileges(database: Database) -> list[Privilege]:
    return sorted(database.catalog.object_grants, key=lambda p: (p.on, p.grantee, p.privilege))


def every_tab_priv(database: Database, _: str) -> Rows:
    return [_priv(database, p) for p in _privileges(database)]


def tab_privs(database: Database, user: str) -> Rows:
    """Grants to the user, its roles or PUBLIC, by the user, or on its objects."""
    enabled = database.catalog.enabled(user)
    return [_priv(database, p) for p in _privileges(database) if p.grantee in enabled or user in (p.on[0], p.grantor)]


def own_tab_privs(database: Database, user: str) -> Rows:
    return [_priv(database, p) for p in _privileges(database) if user in (p.grantee, p.on[0], p.grantor)]


def _system_privileges(database: Database, user: str) -> list[str]:
    catalog = database.catalog
    if catalog.is_dba(user):
        return [
            *(f"CREATE {k}" for k in ("SESSION", "TABLE", "VIEW", "SEQUENCE", "SYNONYM", "USER")),
            *(f"{k} ANY TABLE" for k in ("SELECT", "INSERT", "UPDATE", "DELETE", "FLASHBACK")),
            "SELECT ANY DICTIONARY",
            "SELECT ANY TRANSACTION",
        ]
    enabled = catalog.enabled(user)
    return sorted({p for g, p in catalog.system_grants if g in enabled and p not in catalog.roles})


def session_privs(database: Database, user: str) -> Rows:
    return [{"PRIVILEGE": p} for p in _system_privileges(database, user)]


def session_roles(database: Database, user: str) -> Rows:
    roles = database.catalog.enabled(user) & database.catalog.roles
    account = database.accounts.find(user)
    if account and account.dba:
        roles = roles | {"DBA"}
    return [{"ROLE": role} for role in sorted(roles)]


def user_sys_privs(database: Database, user: str) -> Rows:
    granted = sorted(p for g, p in database.catalog.system_grants if g == user and p not in database.catalog.roles)
    return [{"USERNAME": user, "PRIVILEGE": p, "ADMIN_OPTION": "NO"} for p in granted]


def user_role_privs(database: Database, user: str) -> Rows:
    granted = sorted(p for g, p in database.catalog.system_grants if g == user and p in database.catalog.roles)
    return [{"USERNAME": user, "GRANTED_ROLE": p, "ADMIN_OPTION": "NO", "DEFAULT_ROLE": "YES"} for p in granted]


def nls_parameters(database: Database, user: str) -> Rows:
    """The database's settings; those a session has changed are in SYS_CONTEXT."""
    del database, user
    settings = {
        "NLS_LANGUAGE": "AMERICAN",
        "NLS_TERRITORY": "AMERICA",
        "NLS_CHARACTERSET": "AL32UTF8",
        "NLS_NCHAR_CHARACTERSET": "AL16UTF16",
        "NLS_SORT": "BINARY",
        "NLS_COMP": "BINARY",
        "NLS_LENGTH_SEMANTICS": "BYTE",
        "NLS_NUMERIC_CHARACTERS": ".,",
    }
    return [{"PARAMETER": name, "VALUE": value} for name, value in settings.items()]


def global_name(database: Database, _: str) -> Rows:
    return [{"GLOBAL_NAME": database.identity.name}]


def component_version(database: Database, _: str) -> Rows:
    version = database.identity.version
    product = "Oracle Database 19c (stand-in)"
    return [
        {
            "PRODUCT": product,
            "VERSION": f"{version.split('.')[0]}.0.0.0.0",
            "VERSION_FULL": version,
            "STATUS": "Production",
        }
    ]


def version(database: Database, _: str) -> Rows:
    banner = "Oracle Database 19c (stand-in) Release 19.0.0.0.0 - Production"
    full = f"{banner}\nVersion {database.identity.version}"
    return [{"BANNER": banner, "BANNER_FULL": full, "BANNER_LEGACY": banner, "CON_ID": 0}]


def transactions(database: Database, _: str) -> Rows:
    """Transactions that have changed or locked something. A standby has none of its primary's."""
    return [
        {
            "INST_ID": t.instance,
            "ADDR": _address(t.id),
            **dict(zip(("XIDUSN", "XIDSLOT", "XIDSQN"), _xid(t), strict=True)),
            "XID": struct.pack("<HHI", *_xid(t)),
            "STATUS": "ACTIVE",
            "START_TIME": f"{t.started:%m/%d/%y %H:%M:%S}",
            "START_DATE": t.started,
            "START_SCN": t.start_scn,
            "START_SCNB": t.start_scn % 2**32,
            "START_SCNW": t.start_scn // 2**32,
            "SES_ADDR": _address(t.session),
            "USED_UBLK": t.changed_rows // 100 + 1,
            "USED_UREC": t.changed_rows,
            "RECURSIVE": "NO",
            "NOUNDO": "NO",
            "CON_ID": 3,
        }
        for t in database.ledger.transactions()
        if t.tables and database.identity.role == PRIMARY
    ]


def database(db: Database, _: str) -> Rows:
    identity = db.identity
    return [
        {
            "INST_ID": number,
            "DBID": identity.dbid,
            "NAME": identity.name,
            "DB_UNIQUE_NAME": identity.unique_name,
            "CREATED": db.started.replace(tzinfo=None, microsecond=0),
            "LOG_MODE": "ARCHIVELOG",
            "OPEN_MODE": identity.open_mode,
            "DATABASE_ROLE": identity.role,
            "CURRENT_SCN": db.ledger.scn,
            "SUPPLEMENTAL_LOG_DATA_MIN": "NO",
            "PROTECTION_MODE": "MAXIMUM PERFORMANCE",
            "CDB": "YES",
            "CON_ID": 0,
            "PLATFORM_NAME": "Linux x86 64-bit",
            "RESETLOGS_CHANGE#": 1,
            "RESETLOGS_TIME": db.started.replace(tzinfo=None, microsecond=0),
        }
        for number in db.instances
    ]


def instance(db: Database, _: str) -> Rows:
    identity = db.identity
    return [
        {
            "INST_ID": instance.number,
            "INSTANCE_NUMBER": instance.number,
            "INSTANCE_NAME": instance.name,
            "HOST_NAME": instance.host,
            "VERSION": f"{identity.version.split('.')[0]}.0.0.0.0",
            "VERSION_FULL": identity.version,
            "STARTUP_TIME": db.started.replace(tzinfo=None, microsecond=0),
            "STATUS": "OPEN",
            "DATABASE_STATUS": "ACTIVE",
            "PARALLEL": "YES" if len(db.instances) > 1 else "NO",
            "THREAD#": instance.number,
            "LOGINS": "ALLOWED",
            "INSTANCE_ROLE": "PRIMARY_INSTANCE",
        }
        for instance in db.instances.values()
    ]


def sessions(db: Database, _: str) -> Rows:
    out: Rows = []
    for number, session in sorted(db.sessions.items()):
        named = session.attributes
        out.append(
            {
                "INST_ID": session.instance.number,
                "SADDR": _address(number),
                "SID": number,
                "SERIAL#": 1,
                "USERNAME": session.user,
                "STATUS": "ACTIVE" if session.user != SYS else "INACTIVE",
                "SCHEMANAME": session.schema,
                "MODULE": named.get("module"),
                "ACTION": named.get("action"),
                "CLIENT_IDENTIFIER": named.get("client_identifier"),
                "CLIENT_INFO": named.get("client_info"),
                "TADDR": _address(session.transaction.id).hex().upper() if session.transaction else None,
                "LOGON_TIME": session.logged_on_at.replace(microsecond=0),
                "TYPE": "USER",
            }
        )
    return out


def parameters(db: Database, _: str) -> Rows:
    values = {
        "db_name": db.identity.name,
        "db_unique_name": db.identity.unique_name,
        "undo_retention": "900",
        "open_cursors": "300",
        "compatible": "19.0.0",
        "cluster_database": str(len(db.instances) > 1).upper(),
    }
    return [{"NUM": number, "NAME": name, "VALUE": value} for number, (name, value) in enumerate(values.items(), 1)]
