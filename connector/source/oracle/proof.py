"""Whether it can be proved for a hint that nothing is missed: only of local base tables of a primary database, stamped by
the database itself. What cannot be told counts against it.

Functions that a view calls could read anything, so they count against it as well; Oracle's own do not. Policies that
hide rows (VPD) are not looked at: they cannot delay a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.source.hint_settings import HintSettings
from connector.source.oracle.dictionary import Dictionary, Name
from connector.source.oracle.words import parts_of, words_of

ASKED_EVERY_S = 600.0
_MOST = 300
_TABLES = ("TABLE", "MATERIALIZED VIEW")
_LOOKED_INTO = ("MATERIALIZED VIEW", "TABLE", "VIEW", "SYNONYM", "FUNCTION", "PACKAGE")
"""Types of objects that may bring rows, in order: a materialised view is a table as well."""
_HARMLESS = ("TYPE", "OPERATOR", "INDEXTYPE", "NON-EXISTENT")
_NUMBERS = "a number does not tell when its row is committed"
_STAMPS = {
    None: "nobody says who stamps it (stamped_by)",
    "application": "it is stamped by the application, so by another clock",
}


@dataclass(frozen=True, slots=True)
class _Told:
    reasons: tuple[str, ...]
    at: float


class Proof:
    """What speaks against a proof. Remembered for ten minutes, but for the role."""

    def __init__(self, dictionary: Callable[[], Dictionary], monotonic: Callable[[], float]) -> None:
        self._dictionary, self._monotonic = dictionary, monotonic
        self._told: dict[tuple[str | None, str | None], _Told] = {}

    def refresh(self) -> None:
        """Look it up again."""
        self._told.clear()

    def against(
        self, hint: HintSettings, table: str | None, query: str | None, role: str, *, numbered: bool
    ) -> tuple[str, ...]:
        """The reasons. ``table`` or ``query`` is what the hint reads, ``role`` the database's; ``numbered`` says that it
        is followed by numbers.
        """
        reasons = (
            [] if role == "PRIMARY" else [f"the database is a {role or 'database of unknown role'}, not a primary"]
        )
        if numbered:
            reasons.append(_NUMBERS)
        elif hint.kind in ("timestamp", "journal") and hint.stamped_by != "database":
            reasons.append(_STAMPS[hint.stamped_by])
        told = self._told.get((table, query))
        if told is None or self._monotonic() - told.at >= ASKED_EVERY_S:
            looking = _Looking(self._dictionary())
            found = looking.table(table) if table is not None else looking.query(query or "")
            told = self._told[table, query] = _Told(found, self._monotonic())
        return (*reasons, *told.reasons)


class _Looking:
    """One look at everything that is read."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._reasons: dict[str, None] = {}
        self._met = False
        self._kinds: dict[Name, set[str]] = {}

    def table(self, table: str) -> tuple[str, ...]:
        if "@" in table:
            return (f"{table} is in another database",)
        parts = parts_of(table)
        named = [Name(*parts)] if len(parts) == 2 else self._unqualified(parts[0])
        found = self._nearest(self._known(named))
        return self._walk(found) if found else (f"{table} cannot be looked into",)

    def query(self, query: str) -> tuple[str, ...]:
        words = words_of(query)
        self._reasons |= dict.fromkeys(f"{link} is another database" for link in words.links)
        qualified = [Name(*parts[:2]) for parts in words.names if len(parts) > 1]
        single = [name for parts in words.names for name in self._unqualified(parts[0])]
        reasons = self._walk(self._nearest(self._known([*dict.fromkeys([*qualified, *single])])))
        return reasons if reasons or self._met else ("what the query reads cannot be told",)

    def _unqualified(self, name: str) -> list[Name]:
        return [Name(self._dictionary.schema, name), Name("PUBLIC", name)]

    def _known(self, names: list[Name]) -> dict[Name, str]:
        """What there is of these, and what it is. Others than these can share their names with anything."""
        kinds = self._look_up(names)
        return {name: kind for name, all_kinds in kinds.items() if (kind := _kind(all_kinds)) is not None}

    def _look_up(self, names: list[Name]) -> dict[Name, set[str]]:
        """The types of those that are known; each is asked for once."""
        new = [name for name in names if name not in self._kinds]
        self._kinds |= {name: set[str]() for name in new} | self._dictionary.kinds(new)
        return {name: self._kinds[name] for name in names if self._kinds[name]}

    def _nearest(self, found: Mapping[Name, str]) -> dict[Name, str]:
        """Without the public ones that one's own hide."""
        schema = self._dictionary.schema
        return {n: kind for n, kind in found.items() if n.owner != "PUBLIC" or Name(schema, n.name) not in found}

    def _walk(self, start: Mapping[Name, str]) -> tuple[str, ...]:
        """Look at all of these, and at what they depend on, level by level."""
        level, seen = {name: kind for name, kind in start.items() if name.owner != "SYS"}, set[Name]()
        while level:
            self._met = self._met or any(kind in (*_TABLES, "VIEW") for kind in level.values())
            seen |= level.keys()
            if len(seen) > _MOST:
                self._against(f"it reads more than {_MOST} objects")
                break
            self._tables([name for name, kind in level.items() if kind in _TABLES])
            following = self._synonyms([name for name, kind in level.items() if kind == "SYNONYM"])
            following |= self._views([name for name, kind in level.items() if kind == "VIEW"])
            for name, kind in level.items():
                if kind not in (*_TABLES, "SYNONYM", "VIEW", *_HARMLESS):
                    self._against(f"{name} ({kind.lower()}) cannot be looked into")
            level = {name: kind for name, kind in following.items() if name not in seen and name.owner != "SYS"}
        return tuple(self._reasons)

    def _tables(self, names: list[Name]) -> None:
        if not names:
            return
        kinds = self._look_up(names)
        materialised = self._dictionary.materialised(names)
        for name in names:
            if name in materialised or "MATERIALIZED VIEW" in kinds.get(name, ()):
                self._against(f"{name} is a materialised view")
            elif name not in kinds:  # behind a view that was granted; it could be anything
                self._against(f"{name} cannot be looked into")

    def _synonyms(self, names: list[Name]) -> dict[Name, str]:
        if not names:
            return {}
        found = self._dictionary.synonyms(names)
        targets = {name: target for name, (target, link) in found.items() if link is None}
        kinds = self._known(list(targets.values()))
        for name in names:
            if name not in found:
                self._against(f"{name} cannot be looked into")
            elif name not in targets:
                self._against(f"{name} is in another database")
            elif targets[name] not in kinds and targets[name].owner != "SYS":
                self._against(f"{targets[name]} cannot be looked into")
        return kinds

    def _views(self, names: list[Name]) -> dict[Name, str]:
        if not names:
            return {}
        found = self._dictionary.needed(names)
        following: dict[Name, str] = {}
        for name in names:
            if name not in found:
                self._against(f"{name} cannot be looked into")
            for needed in found.get(name, []):
                if needed.link is not None:
                    self._against(f"{needed.name.name}@{needed.link} is in another database")
                else:
                    following[needed.name] = needed.kind
        return following

    def _against(self, reason: str) -> None:
        self._reasons[reason] = None


def _kind(kinds: set[str]) -> str | None:
    """One type for an object; None if it brings no rows."""
    return next((kind for kind in _LOOKED_INTO if kind in kinds), None)
