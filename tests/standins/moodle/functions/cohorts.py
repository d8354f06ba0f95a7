"""Creating, changing and deleting cohorts: all or nothing."""

from typing import Any

from tests.standins.moodle import events, php
from tests.standins.moodle.calls import Call, Function
from tests.standins.moodle.collation import CastError
from tests.standins.moodle.descriptions import TEXT_FORMAT, Description, Many, Need, Scalar, Struct
from tests.standins.moodle.errors import (
    MoodleError,
    invalid_parameter,
    missing_record,
    moodle_error,
    read_failed,
    write_failed,
)
from tests.standins.moodle.functions.shape import described
from tests.standins.moodle.records import SYSTEM_CONTEXT, Cohort

NAME_LIMIT, IDNUMBER_LIMIT = 254, 100
_FORMATS = frozenset({0, 1, 2, 4})
_COLUMNS = ("name", "idnumber", "description", "descriptionformat", "visible")

_CATEGORY = Struct({"type": Scalar("text"), "value": Scalar("raw")})
_CUSTOM_FIELDS = Many(Struct({"shortname": Scalar("alphanumext"), "value": Scalar("raw")}), Need.OPTIONAL)
_FIELDS: dict[str, Description] = {
    "categorytype": _CATEGORY,
    "name": Scalar("raw"),
    "idnumber": Scalar("raw"),
    "description": Scalar("raw", Need.OPTIONAL),
    "descriptionformat": TEXT_FORMAT,
    "visible": Scalar("bool", Need.OPTIONAL),
    "theme": Scalar("theme", Need.OPTIONAL),
    "customfields": _CUSTOM_FIELDS,
}


def create_cohorts(call: Call, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The idnumber must be free in the whole site; the database itself would not mind."""
    created: list[dict[str, Any]] = []
    for given in parameters["cohorts"]:
        contextid = _context_of_category(call, given["categorytype"], updating=False)
        if call.transaction.cohorts_named(given["idnumber"]):
            raise invalid_parameter(f"record already exists: idnumber={given['idnumber']}")
        context = call.site.contexts[contextid]
        call.enter(context)
        call.require("moodle/cohort:manage", context)
        _check_format(given["descriptionformat"])
        cohort = _insert(call, given, contextid)
        call.work.add("cohorts_written")
        call.transaction.record(events.cohort("created", context, cohort.id, call.user.id, call.ip))
        created.append(described(call, cohort, name=given["name"], idnumber=given["idnumber"]))
    return created


def _insert(call: Call, given: dict[str, Any], contextid: int) -> Cohort:
    now = int(call.transaction.now)
    row = {name: given[name] for name in _COLUMNS if name in given}
    row["contextid"] = contextid
    row.setdefault("description", "")
    row.setdefault("visible", 1)
    row |= {"component": "", "theme": "", "timecreated": now, "timemodified": now}
    number = call.transaction.take_cohort_id()
    values = [int(value) if isinstance(value, bool) else value for value in row.values()]
    marks = ",".join("?" * len(row))
    sql = f"INSERT INTO mdl_cohort ({','.join(row)}) VALUES({marks})"
    name, idnumber = _stored_keys(call, given, sql, values)
    cohort = Cohort(
        number,
        name,
        idnumber,
        contextid,
        row["description"],
        given["descriptionformat"],
        bool(row["visible"]),
        timecreated=call.transaction.now,
        timemodified=call.transaction.now,
    )
    call.transaction.insert_cohort(cohort)
    return cohort


def _stored_keys(call: Call, given: dict[str, Any], sql: str, values: list[Any]) -> tuple[str, str]:
    """Name and idnumber as their columns keep them, or ``dmlwriteexception`` for one that is too long."""
    kept: list[str] = []
    for column, limit in (("name", NAME_LIMIT), ("idnumber", IDNUMBER_LIMIT)):
        text = call.site.flavour.insertable(given[column], limit)
        if text is None:
            raise _too_long(call, column, limit, sql, values)
        kept.append(text)
    return kept[0], kept[1]


def _too_long(call: Call, column: str, limit: int, sql: str, values: list[Any]) -> MoodleError:
    if call.site.flavour.name == "mariadb":
        return write_failed(f"Data too long for column '{column}' at row 1", sql, values)
    return write_failed(f"ERROR:  value too long for type character varying({limit})", sql, values)


def _context_of_category(call: Call, category: dict[str, str], *, updating: bool) -> int:
    kind, value = category["type"], category["value"]
    if kind not in {"idnumber", "id", "system"}:
        raise invalid_parameter(f"category type must be id, idnumber or system:{kind}")
    if kind == "system":
        return SYSTEM_CONTEXT
    for known in call.site.contexts.categories.values():
        if kind == "idnumber" and known.idnumber is not None and call.site.flavour.same_text(known.idnumber, value):
            return known.contextid
        if kind == "id" and known.id == _number(call, value):
            return known.contextid
    if kind == "id":
        _number(call, value)
    found = f"category={value}" if updating else f"category {kind} = {value}"
    raise invalid_parameter(f"category not exists: {found}")


def _number(call: Call, value: str) -> float:
    try:
        return call.site.flavour.number(value)
    except CastError as error:
        text = f'ERROR:  invalid input syntax for type bigint: "{value}"'
        raise read_failed(text, "SELECT id FROM mdl_course_categories WHERE id = $1", [value]) from error


def _check_format(number: int) -> None:
    if number not in _FORMATS:
        raise moodle_error(
            "formatnotsupported",
            "webservice/formatnotsupported",
            f"The format with value={number} is not supported by this Moodle site",
        )


def update_cohorts(call: Call, parameters: dict[str, Any]) -> None:
    """Category, name and idnumber are applied as given; no check that the idnumber is free."""
    for given in parameters["cohorts"]:
        if php.trim(given["name"]) == "":
            raise invalid_parameter("Invalid cohort name")
        cohort = call.site.tables.cohorts.get(given["id"])
        if cohort is None:
            raise missing_record("cohort", {"id": given["id"]})
        call.require("moodle/cohort:manage", call.site.context_of(cohort))
        contextid = _context_of_category(call, given["categorytype"], updating=True)
        context = call.site.contexts[contextid]
        if contextid != cohort.contextid:
            call.enter(context)
            call.require("moodle/cohort:manage", context)
        if not php.is_empty(given.get("description")):
            _check_format(given["descriptionformat"])
        _update(call, cohort, given, contextid)
        call.work.add("cohorts_written")
        call.transaction.record(events.cohort("updated", context, cohort.id, call.user.id, call.ip))


def _update(call: Call, cohort: Cohort, given: dict[str, Any], contextid: int) -> None:
    row = {name: given[name] for name in _COLUMNS if name in given}
    row |= {"contextid": contextid, "timemodified": int(call.transaction.now)}
    values = [int(value) if isinstance(value, bool) else value for value in (*row.values(), cohort.id)]
    assignments = ",".join(f"{name} = ?" for name in row)
    sql = f"UPDATE mdl_cohort SET {assignments} WHERE id=?"
    name, idnumber = _stored_keys(call, given, sql, values)
    call.transaction.update_cohort(cohort, **(row | {"name": name, "idnumber": idnumber}))


def delete_cohorts(call: Call, parameters: dict[str, Any]) -> None:
    """Members vanish with their cohort, without events of their own."""
    for cohortid in parameters["cohortids"]:
        cohort = call.site.tables.cohorts.get(cohortid)
        if cohort is None:
            raise missing_record("cohort", {"id": cohortid})
        context = call.site.context_of(cohort)
        call.enter(context)
        call.require("moodle/cohort:manage", context)
        call.transaction.delete_cohort(cohort)
        call.work.add("cohorts_written")
        call.transaction.record(events.cohort("deleted", context, cohort.id, call.user.id, call.ip))


_CREATED = Struct(
    {
        "id": Scalar("int"),
        "name": Scalar("raw"),
        "idnumber": Scalar("raw"),
        "description": Scalar("raw"),
        "descriptionformat": Scalar("int"),
        "visible": Scalar("bool"),
        "theme": Scalar("theme", Need.OPTIONAL),
    }
)

FUNCTIONS = [
    Function(
        "core_cohort_create_cohorts",
        Struct({"cohorts": Many(Struct(_FIELDS))}),
        Many(_CREATED),
        create_cohorts,
        writes=True,
    ),
    Function(
        "core_cohort_update_cohorts",
        Struct({"cohorts": Many(Struct({"id": Scalar("int"), **_FIELDS}))}),
        None,
        update_cohorts,
        writes=True,
    ),
    Function(
        "core_cohort_delete_cohorts",
        Struct({"cohortids": Many(Scalar("int"))}),
        None,
        delete_cohorts,
        writes=True,
    ),
]
