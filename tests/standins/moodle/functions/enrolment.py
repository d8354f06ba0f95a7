"""What Moodle's cohort enrolment does inside a call that changes members of a cohort that feeds courses."""

from tests.standins.moodle import events
from tests.standins.moodle.calls import Call
from tests.standins.moodle.records import CourseLink

ROLE_OFFSET = 27
"""Role assignments were made before enrolments on the site that was measured; only the distance is of interest."""


def member_added(call: Call, cohortid: int, userid: int) -> None:
    for link in _links(call, cohortid):
        number = call.site.tables.next_enrolment_id
        call.site.tables.next_enrolment_id += 1
        _record(call, link, "user_enrolment_created", "c", ("user_enrolments", number), userid, {"enrol": "cohort"})
        _record(call, link, "role_assigned", "c", ("role", link.roleid), userid, _role(link, number))


def member_removed(call: Call, cohortid: int, userid: int, *, was_member: bool) -> None:
    """Unenrols at once, Moodle's default; nothing happens to somebody who was not enrolled."""
    if not was_member:
        return
    for link in _links(call, cohortid):
        number = call.site.tables.next_enrolment_id
        role = _role(link, number) | {"id": str(number + ROLE_OFFSET)}
        _record(call, link, "role_unassigned", "d", ("role", link.roleid), userid, role)
        other = {"userenrolment": _enrolment(call, link, number, userid), "enrol": "cohort"}
        _record(call, link, "user_enrolment_deleted", "d", ("user_enrolments", number), userid, other)


def _enrolment(call: Call, link: CourseLink, number: int, userid: int) -> dict[str, object]:
    """The row that is gone, as its event tells it."""
    now = str(int(call.transaction.now))
    row: dict[str, object] = {"id": str(number), "status": "0", "enrolid": str(link.enrolid), "userid": str(userid)}
    row |= {"timestart": "0", "timeend": "0", "modifierid": str(call.user.id)}
    row |= {"timecreated": now, "timemodified": now}
    others = [other for other in call.site.tables.links if other.courseid == link.courseid and other is not link]
    still = any(userid in call.site.tables.members[other.cohortid] for other in others)
    return row | {"courseid": str(link.courseid), "enrol": "cohort", "lastenrol": not still}


def _links(call: Call, cohortid: int) -> list[CourseLink]:
    links = [link for link in call.site.tables.links if link.cohortid == cohortid]
    call.work.add("enrolments", len(links))
    return links


def _role(link: CourseLink, number: int) -> dict[str, object]:
    return {"id": number + ROLE_OFFSET, "component": "enrol_cohort", "itemid": str(link.enrolid)}


def _record(
    call: Call, link: CourseLink, name: str, crud: str, objects: tuple[str, int], userid: int, other: object
) -> None:
    event = events.course(name, crud, objects, link.courseid, userid, call.user.id, other, call.ip)
    call.transaction.record(event)
