"""``core_cohort_get_cohorts`` and ``core_cohort_search_cohorts``."""

from typing import Any

from tests.standins.moodle import php
from tests.standins.moodle.access import COHORT_READERS
from tests.standins.moodle.calls import Call, Function
from tests.standins.moodle.collation import like_escape, sort_key
from tests.standins.moodle.descriptions import Many, Need, Scalar, Struct
from tests.standins.moodle.errors import coding_error, invalid_parameter, missing_capability
from tests.standins.moodle.functions.shape import described
from tests.standins.moodle.records import (
    LEVEL_BLOCK,
    LEVEL_COURSE,
    LEVEL_COURSECAT,
    LEVEL_MODULE,
    LEVEL_SYSTEM,
    LEVEL_USER,
    Cohort,
    Context,
)

_LEVELS = {
    "system": LEVEL_SYSTEM,
    "user": LEVEL_USER,
    "coursecat": LEVEL_COURSECAT,
    "course": LEVEL_COURSE,
    "module": LEVEL_MODULE,
    "block": LEVEL_BLOCK,
}
_BY_NUMBER = {str(level): level for level in _LEVELS.values()}


def get_cohorts(call: Call, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """All cohorts, or those asked for; one that the caller may not see refuses the call."""
    tables = call.site.tables
    asked = parameters["cohortids"]
    cohorts = (
        [tables.cohorts[cohortid] for cohortid in sorted(set(asked) & tables.cohorts.keys())]
        if asked
        else list(tables.sorted_cohorts())
    )
    answer = []
    for cohort in cohorts:
        context = call.site.context_of(cohort)
        call.enter(context)
        if not call.may_any(COHORT_READERS, context):
            raise missing_capability("moodle/cohort:view")
        answer.append(described(call, cohort))
    call.work.add("cohorts_read", len(answer))
    return answer


def search_cohorts(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """Text search; ``limitfrom`` is a page number, but a row offset for the contexts above."""
    context = _context(call, parameters["context"])
    if context is None:
        raise invalid_parameter("Context does not exist")
    call.enter(context)
    if not call.may("moodle/cohort:manage", context):
        _require_view(call, context)
    includes, page, size = parameters["includes"], parameters["limitfrom"], parameters["limitnum"]
    matching = _matching(call, parameters["query"])
    if includes == "all":
        found = _page([cohort for cohort in matching if _listed(call, cohort)], page * size, size)
    elif includes in {"self", "parents"}:
        found = _page([cohort for cohort in matching if cohort.contextid == context.id], page * size, size)
    else:
        raise coding_error("Invalid parameter value for 'includes'.")
    cohorts = [described(call, cohort) for cohort in found]
    if includes == "parents" and context.level != LEVEL_SYSTEM:
        above = [cohort for cohort in matching if _visible_above(call, cohort, context)]
        cohorts += [described(call, cohort, from_above=True) for cohort in _page(above, page, size)]
    call.work.add("cohorts_searched", len(call.site.tables.cohorts))
    return {"cohorts": cohorts}


def _require_view(call: Call, context: Context) -> None:
    if not call.may("moodle/cohort:view", context):
        raise missing_capability("moodle/cohort:view")


def _context(call: Call, given: dict[str, Any]) -> Context | None:
    contexts = call.site.contexts
    if given["contextid"]:
        return contexts.get(given["contextid"])
    level = given["contextlevel"]
    if php.is_empty(level):
        raise invalid_parameter("Missing parameters, please provide either context level with instance id or contextid")
    number = _LEVELS.get(level) or _BY_NUMBER.get(level)
    if number is None:
        raise invalid_parameter(f"Invalid context level = {level}")
    return _context_at(call, number, given["instanceid"])


def _context_at(call: Call, level: int, instance: int) -> Context | None:
    """Modules and blocks are not held here, so none is ever found."""
    contexts = call.site.contexts
    if level == LEVEL_SYSTEM:
        return contexts.system
    if level == LEVEL_COURSECAT:
        category = contexts.categories.get(instance)
        return None if category is None else contexts[category.contextid]
    if level == LEVEL_COURSE:
        return contexts.front_page if instance == contexts.front_page.instance else None
    if level == LEVEL_USER and call.site.users.get(instance) is not None:
        return Context(0, LEVEL_USER, instance, (0, *contexts.system.path))
    return None


def _matching(call: Call, query: str) -> list[Cohort]:
    """Cohorts that hold the text in name, idnumber or description, in the order of the answer."""
    cohorts = list(call.site.tables.sorted_cohorts())
    if not php.is_empty(query):
        contains = call.site.flavour.contains(f"%{like_escape(query)}%")
        cohorts = [
            cohort
            for cohort in cohorts
            if contains(cohort.name) or contains(cohort.idnumber) or contains(cohort.description)
        ]
    return sorted(cohorts, key=lambda cohort: (sort_key(cohort.name), sort_key(cohort.idnumber), cohort.id))


def _listed(call: Call, cohort: Cohort) -> bool:
    """System cohorts always; others where the caller may see them."""
    context = call.site.context_of(cohort)
    return context.level == LEVEL_SYSTEM or call.may_any(COHORT_READERS, context)


def _visible_above(call: Call, cohort: Cohort, context: Context) -> bool:
    if cohort.contextid not in context.path[1:]:
        return False
    return cohort.visible or call.may("moodle/cohort:view", call.site.contexts[cohort.contextid])


def _page(cohorts: list[Cohort], offset: int, size: int) -> list[Cohort]:
    """A size of nothing or less means no limit."""
    first = max(0, offset)
    return cohorts[first:] if size <= 0 else cohorts[first : first + size]


_COHORT = Struct(
    {
        "id": Scalar("int"),
        "name": Scalar("raw"),
        "idnumber": Scalar("raw"),
        "description": Scalar("raw"),
        "descriptionformat": Scalar("int"),
        "visible": Scalar("bool"),
        "theme": Scalar("theme", Need.OPTIONAL),
        "customfields": Many(
            Struct(
                {
                    "name": Scalar("raw"),
                    "shortname": Scalar("raw"),
                    "type": Scalar("alphanumext"),
                    "valueraw": Scalar("raw"),
                    "value": Scalar("raw"),
                }
            ),
            Need.OPTIONAL,
        ),
    }
)
_CONTEXT = Struct(
    {
        "contextid": Scalar("int", Need.DEFAULT, 0),
        "contextlevel": Scalar("alphanum", Need.DEFAULT, ""),
        "instanceid": Scalar("int", Need.DEFAULT, 0),
    }
)

FUNCTIONS = [
    Function(
        "core_cohort_get_cohorts",
        Struct({"cohortids": Many(Scalar("int"), Need.DEFAULT, [])}),
        Many(_COHORT),
        get_cohorts,
    ),
    Function(
        "core_cohort_search_cohorts",
        Struct(
            {
                "query": Scalar("raw"),
                "context": _CONTEXT,
                "includes": Scalar("alpha", Need.DEFAULT, "parents"),
                "limitfrom": Scalar("int", Need.DEFAULT, 0),
                "limitnum": Scalar("int", Need.DEFAULT, 25),
            }
        ),
        Struct({"cohorts": Many(_COHORT)}),
        search_cohorts,
    ),
]
