"""From decoded JSON to values: the only place that knows Moodle's key names.

An answer of another shape is not Moodle's, or of a version that we do not know. That is said as an error of ours,
never as a ``KeyError``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

from connector.runtime.messages import MoodleMessage
from consumers.moodle.answers import Json
from consumers.moodle.errors import Fault, Halted
from consumers.moodle.values import Cohort, ReportPage, SiteInfo, User

T = TypeVar("T")


def shaped(function: str, read: Callable[[Json], T], value: Json) -> T:
    """``read(value)``.

    Raises:
        Halted: the value has another shape.
    """
    try:
        return read(value)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        # The cause would print what the answer held.
        raise Halted(Fault(function, "unexpected-shape", MoodleMessage.GARBLED)) from None


def site_info(value: Json) -> SiteInfo:
    return SiteInfo(
        url=_text(value["siteurl"]).rstrip("/"),
        release=_text(value["release"]),
        version=_text(value["version"]),
        user_id=int(value["userid"]),
        username=_text(value["username"]),
        functions=frozenset(_text(function["name"]) for function in value["functions"]),
    )


def cohort(value: Json) -> Cohort:
    return Cohort(
        id=int(value["id"]),
        idnumber=_text(value.get("idnumber") or ""),
        name=_text(value["name"]),
        visible=bool(value.get("visible", True)),
    )


def cohorts(value: Json) -> list[Cohort]:
    return [cohort(entry) for entry in value]


def found_cohorts(value: Json) -> list[Cohort]:
    return cohorts(value["cohorts"])


def members(value: Json) -> list[tuple[int, frozenset[int]]]:
    return [(int(entry["cohortid"]), frozenset(int(user) for user in entry["userids"])) for entry in value]


def users(value: Json) -> list[User]:
    return [_user(entry) for entry in value]


def report_page(value: Json) -> ReportPage:
    data = value["data"]
    headers = tuple(_text(header) for header in data["headers"])
    rows = tuple(tuple(_text(cell) for cell in row["columns"]) for row in data["rows"])
    if any(len(row) != len(headers) for row in rows):
        raise ValueError("rows and headers differ in length")
    return ReportPage(headers, rows, int(data["totalrowcount"]))


def warnings(value: Json) -> list[tuple[str, str]]:
    return [(_text(entry["warningcode"]), _text(entry["message"])) for entry in value["warnings"]]


def nothing(value: Json) -> None:
    """The answer of functions that return nothing."""
    if value is not None:
        raise ValueError("an answer where none was expected")


def _user(value: Json) -> User:
    fields = {_text(field["shortname"]): _text(field["value"]) for field in value.get("customfields") or ()}
    return User(
        id=int(value["id"]),
        username=_text(value.get("username") or ""),
        email=_text(value.get("email") or ""),
        idnumber=_text(value.get("idnumber") or ""),
        suspended=bool(value.get("suspended", False)),
        fields=MappingProxyType(fields),
    )


def _text(value: Json) -> str:
    """A text; a number is taken as its digits, anything else is a fault."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError("not a text")
