"""The rows of a custom report: columns, filters and order."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.standins.moodle import php
from tests.standins.moodle.calls import Call
from tests.standins.moodle.collation import like_escape, sort_key
from tests.standins.moodle.records import VISIBLE_ALL, VISIBLE_TEACHERS, ProfileField, Report
from tests.standins.moodle.site import Row

_GUEST = 1
_TITLES = {
    "username": "Username",
    "idnumber": "ID number",
    "suspended": "Suspended",
    "confirmed": "Confirmed",
    "firstname": "First name",
    "lastname": "Last name",
    "email": "Email address",
    "cohort:idnumber": "Cohort ID",
    "cohort:name": "Name",
}


def visible_columns(call: Call, report: Report) -> list[tuple[str, str]]:
    """Columns with their titles; those of fields that the caller may not see are missing."""
    columns = []
    for column in report.columns:
        field = _field(call, column)
        if field is None:
            columns.append((column, _TITLES[column]))
        elif _sees(call, field):
            columns.append((column, field.name))
    return columns


def _field(call: Call, column: str) -> ProfileField | None:
    if not column.startswith("profile:"):
        return None
    shortname = column.removeprefix("profile:")
    return next(field for field in call.site.profile_fields if field.shortname == shortname)


def _sees(call: Call, field: ProfileField) -> bool:
    """A report is about nobody in particular, so the rights in the system decide."""
    system = call.site.contexts.system
    if field.visible == VISIBLE_ALL:
        return True
    if field.visible == VISIBLE_TEACHERS:
        return call.may("moodle/site:viewuseridentity", system)
    return call.may("moodle/user:viewalldetails", system)


def rows(call: Call, report: Report) -> list[Row]:
    """All rows that pass the caller's stored filters, in the report's order."""
    found = _all_rows(call, report)
    for test in _filters(call, report):
        found = [row for row in found if test(row)]
    return found


def _all_rows(call: Call, report: Report) -> list[Row]:
    """Rows in order; users sorted by username are kept, since they are read page by page."""
    site = call.site
    if report.source == "users" and report.sort == ["username"]:
        kept = site.sorted_users.get(report.id)
        if kept is None or kept[0] != site.users.version:
            kept = (site.users.version, _sorted(report, _users(call)))
            site.sorted_users[report.id] = kept
        return kept[1]
    return _sorted(report, _users(call) if report.source == "users" else _memberships(call))


def _sorted(report: Report, found: Iterable[Row]) -> list[Row]:
    if not report.sort:
        return list(found)
    return sorted(found, key=lambda row: tuple(sort_key(cell(column, row)) for column in report.sort))


def _users(call: Call) -> Iterator[Row]:
    for user in call.site.users:
        if user.id != _GUEST and not user.deleted:
            yield user, None


def _memberships(call: Call) -> Iterator[Row]:
    tables = call.site.tables
    for cohort in tables.sorted_cohorts():
        members = tables.members[cohort.id]
        if not members:
            yield None, cohort
        for userid in members:
            yield call.site.users.get(userid), cohort


def cell(column: str, row: Row) -> str:
    """The text of a cell as people read it."""
    user, cohort = row
    if column.startswith("cohort:"):
        return "" if cohort is None else str(getattr(cohort, column.removeprefix("cohort:")))
    if user is None:
        return ""
    if column.startswith("profile:"):
        return user.profile.get(column.removeprefix("profile:"), "")
    value = getattr(user, column)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)


def _filters(call: Call, report: Report) -> list[Callable[[Row], bool]]:
    stored = call.site.report_filters.get((call.user.id, report.id), {})
    tests = []
    for column in report.filters:
        field = _field(call, column)
        if field is not None and not _sees(call, field):
            continue
        name = f"user:{column}" if field is None else f"user:profilefield_{field.shortname}"
        test = _text_filter(call, column, stored.get(f"{name}_operator", 0), stored.get(f"{name}_value", ""))
        if test is not None:
            tests.append(test)
    return tests


def _text_filter(call: Call, column: str, operator: Any, given: Any) -> Callable[[Row], bool] | None:
    """The text filter's operators by number; one without a value is no filter at all."""
    number = php.to_int(php.to_string(operator))
    value = php.trim(php.to_string(given))
    if number == 7:
        return lambda row: cell(column, row) == ""
    if number == 8:
        return lambda row: cell(column, row) != ""
    if value == "" or number not in range(1, 7):
        return None
    flavour = call.site.flavour
    if number in {3, 4}:
        wanted = flavour.accent_key(value)
        return lambda row: (flavour.accent_key(cell(column, row)) == wanted) is (number == 3)
    escaped = like_escape(value)
    pattern = {1: f"%{escaped}%", 2: f"%{escaped}%", 5: f"{escaped}%", 6: f"%{escaped}"}[number]
    matches = flavour.contains_loosely(pattern)
    return lambda row: matches(cell(column, row)) is (number != 2)
