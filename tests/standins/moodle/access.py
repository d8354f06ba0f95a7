"""Contexts and capabilities: who may do what where."""

from tests.standins.moodle.records import (
    LEVEL_COURSE,
    LEVEL_COURSECAT,
    LEVEL_SYSTEM,
    SYSTEM_CONTEXT,
    Category,
    Context,
    Grant,
)

COHORT_READERS = ("moodle/cohort:manage", "moodle/cohort:view")
COHORT_WRITERS = ("moodle/cohort:manage", "moodle/cohort:assign")


class Contexts:
    """The tree of contexts: the system and the course categories."""

    def __init__(self) -> None:
        self.system = Context(SYSTEM_CONTEXT, LEVEL_SYSTEM, 0, (SYSTEM_CONTEXT,))
        self.front_page = Context(2, LEVEL_COURSE, 1, (2, SYSTEM_CONTEXT))
        """The context of the site's own course."""
        self._contexts = {SYSTEM_CONTEXT: self.system, self.front_page.id: self.front_page}
        self.categories: dict[int, Category] = {}

    def add(self, category: Category) -> Category:
        above = self.of_category(category.parent).path if category.parent else self.system.path
        context = Context(category.contextid, LEVEL_COURSECAT, category.id, (category.contextid, *above))
        self.categories[category.id] = category
        self._contexts[context.id] = context
        return category

    def get(self, contextid: int) -> Context | None:
        return self._contexts.get(contextid)

    def __getitem__(self, contextid: int) -> Context:
        return self._contexts[contextid]

    def of_category(self, categoryid: int) -> Context:
        return self._contexts[self.categories[categoryid].contextid]

    def named(self, name: str) -> Context:
        """``system`` or ``category:IDNUMBER``."""
        if name == "system":
            return self.system
        idnumber = name.removeprefix("category:")
        for category in self.categories.values():
            if category.idnumber == idnumber:
                return self._contexts[category.contextid]
        raise KeyError(name)

    def name_of(self, contextid: int) -> str:
        context = self._contexts[contextid]
        if context.level == LEVEL_SYSTEM:
            return "system"
        return f"category:{self.categories[context.instance].idnumber}"


class Rights:
    """The grants of every user; site administrators may do anything."""

    def __init__(self, administrators: frozenset[int] = frozenset({2})) -> None:
        self.administrators = administrators
        self._grants: dict[int, list[Grant]] = {}

    def grant(self, userid: int, capabilities: frozenset[str], contextid: int = SYSTEM_CONTEXT) -> None:
        self._grants.setdefault(userid, []).append(Grant(capabilities, contextid))

    def revoke(self, userid: int, capability: str) -> None:
        """Take one capability from a user everywhere."""
        self._grants[userid] = [
            Grant(grant.capabilities - {capability}, grant.contextid) for grant in self._grants.get(userid, [])
        ]

    def has(self, userid: int, capability: str, context: Context) -> bool:
        if userid in self.administrators:
            return True
        return any(
            grant.contextid in context.path and capability in grant.capabilities
            for grant in self._grants.get(userid, ())
        )

    def has_any(self, userid: int, capabilities: tuple[str, ...], context: Context) -> bool:
        return any(self.has(userid, capability, context) for capability in capabilities)
