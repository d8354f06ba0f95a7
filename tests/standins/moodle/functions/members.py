"""``core_cohort_add_cohort_members``, ``..._delete_cohort_members``, ``..._get_cohort_members``."""

from typing import Any

from tests.standins.moodle import events
from tests.standins.moodle.access import COHORT_READERS, COHORT_WRITERS
from tests.standins.moodle.calls import Call, Function
from tests.standins.moodle.collation import CastError
from tests.standins.moodle.descriptions import WARNINGS, Many, Scalar, Struct
from tests.standins.moodle.errors import MoodleError, missing_capability, missing_record, moodle_error, write_failed
from tests.standins.moodle.functions import enrolment
from tests.standins.moodle.memberships import DuplicateMemberError
from tests.standins.moodle.records import Cohort

_REFERENCE = Struct({"type": Scalar("alphanumext"), "value": Scalar("raw")})
Warnings = list[dict[str, str]]


def add_members(call: Call, parameters: dict[str, Any]) -> dict[str, Warnings]:
    """Soft: a row that names something unknown becomes a warning, the others are applied."""
    warnings: Warnings = []
    for row in parameters["members"]:
        warning = _add_row(call, row["cohorttype"], row["usertype"])
        if warning is not None:
            warnings.append(warning)
    return {"warnings": warnings}


def _add_row(call: Call, cohort_ref: dict[str, str], user_ref: dict[str, str]) -> dict[str, str] | None:
    if cohort_ref["type"] not in {"id", "idnumber"}:
        return _warning("1", f"invalid parameter: cohortype={cohort_ref['type']}")
    if user_ref["type"] not in {"id", "username"}:
        return _warning("1", f"invalid parameter: usertype={user_ref['type']}")
    try:
        cohort = _find_cohort(call, **cohort_ref)
        if cohort is None:
            call.work.add("unknown")
            return _warning("2", f"cohort {cohort_ref['type']}={cohort_ref['value']} not exists")
        userid = _find_user(call, **user_ref)
        if userid is None:
            call.work.add("unknown")
            return _warning("2", f"user {user_ref['type']}={user_ref['value']} not exists")
        if call.transaction.has_member(cohort.id, userid):
            call.work.add("present")
            text = f"{cohort_ref['type']}={cohort_ref['value']} {user_ref['type']}={user_ref['value']}"
            return _warning("3", f"record already exists: cohort({text})")
        context = call.site.context_of(cohort)
        call.enter(context)
    except (CastError, MoodleError) as fault:
        # Whatever goes wrong up to here is hidden behind one code.
        raise moodle_error("Error", "cohort/Error") from fault
    if not call.may_any(COHORT_WRITERS, context):
        raise missing_capability("moodle/cohort:assign")
    insert_member(call, cohort, userid)
    return None


def _warning(code: str, message: str) -> dict[str, str]:
    return {"warningcode": code, "message": message}


def _find_cohort(call: Call, type: str, value: str) -> Cohort | None:  # noqa: A002 - named as on the wire
    if type == "idnumber":
        found = call.transaction.cohorts_named(value)
        return found[0] if found else None
    number = _whole(call.site.flavour.number(value))
    return None if number is None else call.site.tables.cohorts.get(number)


def _find_user(call: Call, type: str, value: str) -> int | None:  # noqa: A002 - named as on the wire
    users = call.site.users
    if type == "username":
        return next((user.id for user in users.find("username", value) if not user.deleted), None)
    number = _whole(call.site.flavour.number(value))
    user = None if number is None else users.get(number)
    return None if user is None or user.deleted else user.id


def _whole(number: float) -> int | None:
    """The id that a number equals, if any."""
    return int(number) if isinstance(number, int) or number.is_integer() else None


def insert_member(call: Call, cohort: Cohort, userid: int) -> None:
    try:
        call.transaction.add_member(cohort.id, userid)
    except DuplicateMemberError as error:
        if call.transaction.looks_again:
            return
        key = f"Duplicate entry '{cohort.id}-{userid}' for key 'mdl_cohomemb_cohuse_uix'"
        sql = "INSERT INTO mdl_cohort_members (cohortid,userid,timeadded) VALUES(?,?,?)"
        raise write_failed(key, sql, [str(cohort.id), str(userid), int(call.transaction.now)]) from error
    call.work.add("added")
    context = call.site.context_of(cohort)
    call.transaction.record(events.member("added", context, cohort.id, userid, call.user.id, call.ip))
    enrolment.member_added(call, cohort.id, userid)


def delete_members(call: Call, parameters: dict[str, Any]) -> None:
    """Hard: anything unknown refuses the whole call. Who is no member is "removed" with an event all the same."""
    for row in parameters["members"]:
        cohort = call.site.tables.cohorts.get(row["cohortid"])
        if cohort is None:
            raise missing_record("cohort", {"id": row["cohortid"]})
        user = call.site.users.get(row["userid"])
        if user is None or user.deleted:
            raise missing_record("user", {"id": row["userid"], "deleted": 0, "mnethostid": "1"})
        context = call.site.context_of(cohort)
        call.enter(context)
        if not call.may_any(COHORT_WRITERS, context):
            raise missing_capability("moodle/cohort:assign")
        was_member = call.transaction.remove_member(cohort.id, user.id)
        call.work.add("removed")
        if not was_member:
            call.work.add("phantom")
        call.transaction.record(events.member("removed", context, cohort.id, user.id, call.user.id, call.ip))
        enrolment.member_removed(call, cohort.id, user.id, was_member=was_member)


def get_members(call: Call, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Ids in the order of last and first name; no filter by the state of the user."""
    answer: list[dict[str, Any]] = []
    for cohortid in parameters["cohortids"]:
        cohort = call.site.tables.cohorts.get(cohortid)
        if cohort is None:
            raise missing_record("cohort", {"id": cohortid})
        context = call.site.context_of(cohort)
        call.enter(context)
        if not call.may_any(COHORT_READERS, context):
            raise missing_capability("moodle/cohort:view")
        userids = call.site.users.by_name(call.site.tables.members[cohort.id])
        call.work.add("cohorts_listed")
        call.work.add("members_read", len(userids))
        answer.append({"cohortid": cohortid, "userids": userids})
    return answer


FUNCTIONS = [
    Function(
        "core_cohort_add_cohort_members",
        Struct({"members": Many(Struct({"cohorttype": _REFERENCE, "usertype": _REFERENCE}))}),
        Struct({"warnings": WARNINGS}),
        add_members,
        writes=True,
    ),
    Function(
        "core_cohort_delete_cohort_members",
        Struct({"members": Many(Struct({"cohortid": Scalar("int"), "userid": Scalar("int")}))}),
        None,
        delete_members,
        writes=True,
    ),
    Function(
        "core_cohort_get_cohort_members",
        Struct({"cohortids": Many(Scalar("int"))}),
        Many(Struct({"cohortid": Scalar("int"), "userids": Many(Scalar("int"))})),
        get_members,
    ),
]
