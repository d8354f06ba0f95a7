"""Rows of the dictionary views about what refers to what: dependencies, materialised views, database links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle.catalog import PUBLIC, MaterializedView, Reference, SchemaObject, Synonym, View
from tests.standins.oracle.dictionary_objects import TYPES, Rows, in_order

if TYPE_CHECKING:
    from tests.standins.oracle.database import Database

MVIEWS = (
    "OWNER MVIEW_NAME CONTAINER_NAME QUERY QUERY_LEN# UPDATABLE MASTER_LINK REFRESH_MODE REFRESH_METHOD BUILD_MODE "
    "LAST_REFRESH_TYPE LAST_REFRESH_DATE@ STALENESS COMPILE_STATE"
)
DB_LINKS = "OWNER DB_LINK USERNAME HOST CREATED@"
DEPENDENCIES = "OWNER NAME TYPE REFERENCED_OWNER REFERENCED_NAME REFERENCED_TYPE REFERENCED_LINK_NAME DEPENDENCY_TYPE"


def materialized_views(database: Database) -> Rows:
    return [
        {
            "OWNER": v.owner,
            "MVIEW_NAME": v.name,
            "CONTAINER_NAME": v.name,
            "QUERY": v.text,
            "QUERY_LEN": len(v.text),
            "UPDATABLE": "N",
            "MASTER_LINK": next((f"@{r.link}" for r in v.reads if r.link), None),
            "REFRESH_MODE": "NEVER" if v.method == "NEVER" else "DEMAND",
            "REFRESH_METHOD": v.method,
            "BUILD_MODE": "IMMEDIATE" if v.refreshed else "DEFERRED",
            "LAST_REFRESH_TYPE": "COMPLETE" if v.refreshed else "NA",
            "LAST_REFRESH_DATE": v.refreshed,
            "STALENESS": "UNKNOWN",
            "COMPILE_STATE": "VALID",
            "X$ON": v.key,
        }
        for v in database.catalog.of_kind(MaterializedView)
    ]


def links(database: Database) -> Rows:
    return [
        {
            "OWNER": link.owner,
            "DB_LINK": link.name,
            "USERNAME": link.user or None,
            "HOST": link.host or None,
            "CREATED": link.created,
            "X$ON": None if link.owner == PUBLIC else link.key,
        }
        for _, link in sorted(database.catalog.links.items())
    ]


def dependencies(database: Database) -> Rows:
    """Who refers to what. What is referred to by way of a synonym is there twice: the synonym, and what it stands for.
    A materialised view is referred to as the table that it also is.
    """
    found: list[tuple[SchemaObject, Reference]] = []
    for thing in in_order(database):
        if isinstance(thing, View | MaterializedView):
            found += [(thing, reference) for reference in thing.reads]
        if isinstance(thing, MaterializedView):
            found.append((thing, Reference(*thing.key)))
        if isinstance(thing, Synonym):
            found.append((thing, Reference(*thing.target, thing.link)))
    return [
        {
            "OWNER": thing.owner,
            "NAME": thing.name,
            "TYPE": TYPES[type(thing)],
            "REFERENCED_OWNER": reference.owner or None,
            "REFERENCED_NAME": reference.name,
            "REFERENCED_TYPE": _referred_type(database, reference),
            "REFERENCED_LINK_NAME": reference.link or None,
            "DEPENDENCY_TYPE": "HARD",
            "X$ON": thing.key,
        }
        for thing, reference in found
    ]


def _referred_type(database: Database, reference: Reference) -> str:
    read = database.catalog.objects.get((reference.owner, reference.name))
    if reference.link or isinstance(read, MaterializedView):
        return "TABLE"
    return TYPES[type(read)] if read else "NON-EXISTENT"
