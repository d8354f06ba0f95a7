"""A site from a fixture file (``moodle-ws-fixture/1``): categories, fields, users, services, callers, reports."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.standins.moodle.collation import MARIADB, Flavour
from tests.standins.moodle.records import Category, ProfileField, Report, Service, User
from tests.standins.moodle.site import Caller, Site

DATA = Path(__file__).resolve().parents[2] / "data" / "moodle-ws"
BUNDLED = DATA / "fixture.json"
"""The fixture that the recorded transcripts were made with."""
MAIN_SERVICE = "enrolment_sync"
FIRST_NEW_COHORT = 2001
BULK_LIMIT = 50_000
"""Bulk users on the site that was measured."""
EXPIRED_CALLER = "expired"
_FAR_FUTURE, _LONG_AGO = 4102444800, 946684800


@dataclass(frozen=True, slots=True)
class BulkUsers:
    """``perf00001`` and so on, as many as wanted, with their number in idnumber and profile field."""

    count: int
    first_id: int = 1051

    def make(self) -> list[User]:
        return [self._user(number) for number in range(1, self.count + 1)]

    def _user(self, number: int) -> User:
        key = f"P{number:07d}"
        return User(
            self.first_id + number - 1,
            f"perf{number:05d}",
            f"Perf{number}",
            # Spread so that the order of names is not the order of ids.
            f"User{number * 7919 % 100003}",
            f"perf{number:05d}@bulk.test",
            key,
            profile={"student_number": key},
        )


def load_fixture(path: Path = BUNDLED) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema") != "moodle-ws-fixture/1":
        raise ValueError(f"{path}: not a moodle-ws-fixture/1")
    return document


def site_from_fixture(
    document: Mapping[str, Any] | None = None, *, flavour: Flavour = MARIADB, bulk_users: int = 0
) -> Site:
    """The standing site of a fixture, without cohorts; the bundled fixture by default."""
    fixture = document if document is not None else load_fixture()
    site = Site(flavour=flavour)
    # Every Moodle has this one; its idnumber is not set.
    site.contexts.add(Category(1, "Category 1", None, 0, 3))
    for row in fixture["categories"]:
        site.contexts.add(Category(row["id"], row["name"], row["idnumber"], row["parent"], row["contextid"]))
    site.profile_fields = [
        ProfileField(
            row["shortname"], row["name"], row["visible"], bool(row["required"]), bool(row["locked"]), row["datatype"]
        )
        for row in fixture["profile_fields"]
    ]
    for row in fixture["users"]:
        site.users.add(user_from(row))
    for user in BulkUsers(bulk_users).make():
        site.users.add(user)
    for row in fixture["services"]:
        enabled, restricted = bool(row["enabled"]), bool(row["restrictedusers"])
        site.services[row["id"]] = Service(
            row["id"], row["shortname"], row["name"], list(row["functions"]), enabled, restricted
        )
    _add_callers(site, fixture)
    _add_reports(site)
    site.tables.next_cohort_id = FIRST_NEW_COHORT
    return site


def user_from(row: Mapping[str, Any]) -> User:
    """A user as fixtures and transcripts write it."""
    return User(
        row["id"],
        row["username"],
        row["firstname"],
        row["lastname"],
        row["email"],
        row["idnumber"],
        row["auth"],
        bool(row["confirmed"]),
        bool(row["suspended"]),
        bool(row["deleted"]),
        dict(row["profile_fields"]),
        # The installer shows the administrator's e-mail to everyone; everybody else has the default.
        maildisplay=row.get("maildisplay", 1 if row["username"] == "admin" else 2),
    )


RECOMMENDED_FUNCTIONS = (
    "core_cohort_add_cohort_members",
    "core_cohort_create_cohorts",
    "core_cohort_delete_cohort_members",
    "core_cohort_get_cohort_members",
    "core_cohort_get_cohorts",
    "core_cohort_search_cohorts",
    "core_reportbuilder_filters_reset",
    "core_reportbuilder_list_reports",
    "core_reportbuilder_retrieve_report",
    "core_user_get_users",
    "core_user_get_users_by_field",
    "core_webservice_get_site_info",
)
RECOMMENDED_RIGHTS = (
    "moodle/cohort:assign",
    "moodle/cohort:manage",
    "moodle/cohort:view",
    "moodle/reportbuilder:view",
    "moodle/site:viewuseridentity",
    "moodle/user:viewalldetails",
    "moodle/user:viewdetails",
    "webservice/rest:use",
)


def add_recommended_caller(site: Site, name: str = "connector") -> Caller:
    """A service user as a careful administrator sets it up: no function that deletes cohorts, and the reports."""
    user = site.add_user(f"svc_{name}", firstname="Svc", lastname=f"svc_{name}")
    service = site.add_service(f"{name}_service", RECOMMENDED_FUNCTIONS)
    for report in site.reports.values():
        report.audience.add(user.id)
    return site.add_caller(name, user, service, RECOMMENDED_RIGHTS)


def _add_callers(site: Site, fixture: Mapping[str, Any]) -> None:
    services = {service.shortname: service for service in site.services.values()}
    users = {user.username: user for user in site.users}
    rows = fixture["callers"]
    # Tokens were made in the order of the users, so their ids follow it.
    for name in sorted(rows, key=lambda name: users[f"svc_{name}"].id):
        user = users[f"svc_{name}"]
        service = services.get(name, services[MAIN_SERVICE])
        caller = site.add_caller(name, user, service)
        for grant in rows[name]:
            contextid = site.contexts.named(grant["context"]).id
            site.rights.grant(user.id, frozenset(fixture["rights"][grant["rights"]]), contextid)
        if name == "unauthorised":
            del service.users[user.id]
        elif name == "ip":
            caller.token.only_from = "10.1.2.3"
        elif name == "forcepw":
            user.must_change_password = True
        elif name == "suvalidfuture":
            service.users[user.id] = _FAR_FUTURE
        elif name == "suvalidpast":
            service.users[user.id] = _LONG_AGO
    expired = site.add_caller(EXPIRED_CALLER, users["svc_full"], services[MAIN_SERVICE])
    expired.token.validuntil = _LONG_AGO


def _add_reports(site: Site) -> None:
    readers = {site.callers[name].user.id for name in ("full", "min") if name in site.callers}
    profile = ["profile:student_number", "idnumber", "suspended", "profile:sn_none", "profile:sn_private"]
    filters = ["profile:student_number", "username"]
    known = {f"profile:{field.shortname}" for field in site.profile_fields}
    columns = [name for name in profile if not name.startswith("profile:") or name in known]
    site.add_report(
        Report(
            1,
            "Student number map",
            "users",
            ["username", *columns],
            [name for name in filters if not name.startswith("profile:") or name in known],
            ["username"],
            readers,
        )
    )
    memberships = ["cohort:idnumber", "username"]
    site.add_report(
        Report(2, "Cohort membership", "cohorts", memberships, [], memberships, set(readers), timecreated=1795388527)
    )
