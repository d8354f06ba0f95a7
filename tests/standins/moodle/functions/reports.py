"""The functions of the Report builder: list, retrieve, set and reset filters."""

import json
from typing import Any

from tests.standins.moodle.calls import Call, Function
from tests.standins.moodle.collation import sort_key
from tests.standins.moodle.descriptions import WARNINGS, Many, Need, Scalar, Struct
from tests.standins.moodle.errors import missing_record, report_refused
from tests.standins.moodle.functions.report_rows import cell, rows, visible_columns
from tests.standins.moodle.records import SYSTEM_CONTEXT, Report

_LIST_RIGHTS = (
    "moodle/reportbuilder:edit",
    "moodle/reportbuilder:editall",
    "moodle/reportbuilder:view",
    "moodle/reportbuilder:viewall",
)
_ALL_RIGHTS = ("moodle/reportbuilder:editall", "moodle/reportbuilder:viewall")
_SOURCES = {
    "users": ("core_user\\reportbuilder\\datasource\\users", "Users"),
    "cohorts": ("core_cohort\\reportbuilder\\datasource\\cohorts", "Cohorts"),
}


def _may_view(call: Call, report: Report) -> bool:
    system = call.site.contexts.system
    if not call.may_any(_LIST_RIGHTS, system):
        return False
    if call.may_any(_ALL_RIGHTS, system) or call.user.id in report.audience:
        return True
    return report.usercreated == call.user.id and call.may("moodle/reportbuilder:edit", system)


def _open(call: Call, reportid: int) -> Report:
    report = call.site.reports.get(reportid)
    if report is None:
        raise missing_record("reportbuilder_report", {"id": reportid})
    call.enter(call.site.contexts.system)
    if not _may_view(call, report):
        raise report_refused()
    return report


def retrieve_report(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """One page; a page past the end is empty, and all rows are counted each time."""
    report = _open(call, parameters["reportid"])
    columns = visible_columns(call, report)
    found = rows(call, report)
    size = parameters["perpage"]
    first = max(0, parameters["page"] * size)
    page = found[first : first + size] if size > 0 else found[first:]
    call.work.add("report_rows", len(page))
    call.work.add("report_scanned", len(found))
    return {
        "details": _details(call, report),
        "data": {
            "headers": [title for _, title in columns],
            "rows": [{"columns": [cell(column, row) for column, _ in columns]} for row in page],
            "totalrowcount": len(found),
        },
        "warnings": [],
    }


def list_reports(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    system = call.site.contexts.system
    call.enter(system)
    if not call.may_any(_LIST_RIGHTS, system):
        raise report_refused()
    seen = [report for report in call.site.reports.values() if _may_view(call, report)]
    seen.sort(key=lambda report: (sort_key(report.name), report.id))
    size = parameters["perpage"]
    first = max(0, parameters["page"] * size)
    page = seen[first : first + size] if size > 0 else seen[first:]
    return {"reports": [_details(call, report) for report in page], "warnings": []}


def set_filters(call: Call, parameters: dict[str, Any]) -> bool:
    """Filter values are kept per user and report until they are set anew or reset."""
    report = _open(call, parameters["reportid"])
    try:
        values = json.loads(parameters["values"])
    except ValueError:
        values = None
    call.site.report_filters[call.user.id, report.id] = dict(values) if isinstance(values, dict) else {}
    return True


def reset_filters(call: Call, parameters: dict[str, Any]) -> bool:
    report = _open(call, parameters["reportid"])
    call.site.report_filters.pop((call.user.id, report.id), None)
    return True


def _details(call: Call, report: Report) -> dict[str, Any]:
    source, source_name = _SOURCES[report.source]
    author = call.site.users.get(report.usercreated)
    if author is None:
        raise missing_record("user", {"id": report.usercreated})
    images = f"{call.address}/theme/image.php/boost/core/{call.site.settings.theme_revision}/u"
    return {
        "name": report.name,
        "source": source,
        "type": 0,
        "uniquerows": False,
        "conditiondata": None,
        "settingsdata": None,
        "contextid": SYSTEM_CONTEXT,
        "component": "",
        "area": "",
        "itemid": 0,
        "usercreated": report.usercreated,
        "id": report.id,
        "timecreated": report.timecreated,
        "timemodified": report.timecreated,
        "usermodified": report.usercreated,
        "sourcename": source_name,
        "tags": [],
        "modifiedby": {
            "id": author.id,
            "email": author.email,
            "idnumber": author.idnumber,
            "phone1": "",
            "phone2": "",
            "department": "",
            "institution": "",
            "fullname": author.fullname,
            "identity": author.email,
            "profileurl": f"{call.address}/user/profile.php?id={author.id}",
            "profileimageurl": f"{images}/f1",
            "profileimageurlsmall": f"{images}/f2",
        },
    }


def _keys(**kinds: str) -> dict[str, Scalar]:
    return {name: Scalar(kind) for name, kind in kinds.items()}


_DETAILS = Struct(
    {
        **_keys(name="raw", source="raw", type="int", uniquerows="bool", conditiondata="raw", settingsdata="raw"),
        **_keys(contextid="int", component="raw", area="raw", itemid="int", usercreated="int", id="int"),
        **_keys(timecreated="int", timemodified="int", usermodified="int", sourcename="raw"),
        "tags": Many(Struct({})),
        "modifiedby": Struct(
            {
                **_keys(id="int", email="raw", idnumber="raw", phone1="raw", phone2="raw", department="raw"),
                **_keys(institution="raw", fullname="raw", identity="raw", profileurl="url"),
                **_keys(profileimageurl="url", profileimageurlsmall="url"),
            }
        ),
    }
)
_PAGE = {"page": Scalar("int", Need.DEFAULT, 0), "perpage": Scalar("int", Need.DEFAULT, 10)}
_REPORT_PARAMETERS = {"reportid": Scalar("int"), "parameters": Scalar("raw", Need.DEFAULT, "")}

FUNCTIONS = [
    Function(
        "core_reportbuilder_retrieve_report",
        Struct({"reportid": Scalar("int"), **_PAGE}),
        Struct(
            {
                "details": _DETAILS,
                "data": Struct(
                    {
                        "headers": Many(Scalar("raw")),
                        "rows": Many(Struct({"columns": Many(Scalar("raw"))})),
                        "totalrowcount": Scalar("int"),
                    }
                ),
                "warnings": WARNINGS,
            }
        ),
        retrieve_report,
    ),
    Function(
        "core_reportbuilder_list_reports",
        Struct(_PAGE),
        Struct({"reports": Many(_DETAILS), "warnings": WARNINGS}),
        list_reports,
    ),
    Function(
        "core_reportbuilder_set_filters",
        Struct({**_REPORT_PARAMETERS, "values": Scalar("raw")}),
        Scalar("bool"),
        set_filters,
    ),
    Function("core_reportbuilder_filters_reset", Struct(_REPORT_PARAMETERS), Scalar("bool"), reset_filters),
]
