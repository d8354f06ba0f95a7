"""The Moodle stand-in beyond what was recorded: users and reports."""

import json

import pytest

from tests.standins.moodle.client import Client
from tests.standins.moodle.scenery import (
    BY_FIELD,
    REPORT,
    USERS,
    make_site,
)
from tests.standins.moodle.service import Service
from tests.standins.moodle.site import Site


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def service(site: Site) -> Service:
    return Service(site)


@pytest.fixture
def moodle(service: Service) -> Client:
    return Client(service)


@pytest.mark.parametrize(
    ("field", "value", "outcome"),
    [
        ("id", "1001", [1001]),
        ("id", " 1001", [1001]),
        ("id", "01001", [1001]),
        ("id", "1001.0", [1001]),
        ("id", "1001x", "invalidparameter"),
        ("id", "", "invalidparameter"),
        ("username", "STU0001", "invalidparameter"),
        ("username", "stu0001", [1001]),
        ("email", "STU0001@EXAMPLE.TEST", [1001]),
        ("email", "stu0001@example.test ", "invalidparameter"),
        ("idnumber", "s0000001 ", [1001]),
        ("lastname", "Last1", "codingerror"),
        ("first_name", "x", "invalidparameter"),
    ],
)
def test_look_up_of_users(moodle: Client, field: str, value: str, outcome: object) -> None:
    """Values that Moodle would clean fail the call, unless PHP holds both for the same number."""
    answer = moodle.ask(BY_FIELD, field=field, values=[value])

    assert (answer["errorcode"] if isinstance(answer, dict) else [user["id"] for user in answer]) == outcome


@pytest.mark.parametrize(
    ("caller", "field", "value", "keys"),
    [
        ("udetails", "username", "stu0001", None),
        ("udetails", "email", "stu0001@example.test", None),
        ("uident", "email", "stu0001@example.test", {"email"}),
        ("udetailsall", "email", "stu0001@example.test", None),
        ("udetailsall", "idnumber", "S0000001", {"username", "idnumber", "department", "auth"}),
        ("udetails", "email", "admin@example.test", {"email"}),
        ("min", "id", "4", {"email", "username", "preferences"}),
        ("min", "id", "1001", None),
    ],
)
def test_users_appear_with_what_the_caller_may_see(
    service: Service, caller: str, field: str, value: str, keys: set[str] | None
) -> None:
    """A user whose searched field is hidden is left out; oneself is seen in full, the administrator's e-mail by all."""
    found = Client(service, caller).ask(BY_FIELD, field=field, values=[value])

    assert [keys <= user.keys() for user in found] == ([] if keys is None else [True])


@pytest.mark.parametrize(
    ("criteria", "outcome"),
    [
        ([("lastname", "last1_")], list(range(1010, 1020))),
        ([("email", "STU000_@%"), ("idnumber", "S0000012")], []),
        ([("email", "stu%"), ("idnumber", "S0000012")], [1012]),
        ([("username", "STU0012"), ("username", "x")], "keyalreadyset"),
        ([("profile_field_x", "1")], "invalidparameter"),
        ([("auth", "nologin")], [20, 1033]),
        ([("id", "1012abc")], [1012]),
        ([("firstname", "<b>First12</b>")], [1012]),
    ],
)
def test_search_of_users(moodle: Client, criteria: list[tuple[str, str]], outcome: object) -> None:
    """Wildcards in names and e-mail, all criteria together, values cleaned silently."""
    answer = moodle.ask(USERS, criteria=[{"key": key, "value": value} for key, value in criteria])

    assert answer.get("errorcode", [user["id"] for user in answer.get("users", [])]) == outcome


def test_unfit_names_break_the_answer(site: Site, moodle: Client) -> None:
    """A value that the result's description does not allow makes the call fail after it was done."""
    user = site.add_user("tagged", firstname="<i>Ada</i>")

    assert moodle.error(BY_FIELD, field="id", values=[user.id]) == "invalidresponse"


def test_columns_disappear_with_the_rights(service: Service) -> None:
    """Header and cells of fields that the caller may not see are missing, so positions shift."""
    data = Client(service, "min").ask(REPORT, reportid=1, perpage=1)["data"]

    assert data["headers"] == ["Username", "Student number", "ID number", "Suspended"]
    assert data["rows"] == [{"columns": ["admin", "", "", "No"]}]


def test_filters_last_until_they_are_reset(service: Service) -> None:
    """They are kept per user: the next reading is smaller, that of another user is not."""
    moodle, other = Client(service), Client(service, "min")
    name = "user:profilefield_student_number"
    values = {f"{name}_operator": 1, f"{name}_value": " 00004"}
    total = moodle.ask(REPORT, reportid=1)["data"]["totalrowcount"]

    assert moodle.ask("core_reportbuilder_set_filters", reportid=1, values=json.dumps(values)) is True
    assert moodle.ask(REPORT, reportid=1)["data"]["totalrowcount"] == 9
    assert other.ask(REPORT, reportid=1)["data"]["totalrowcount"] == total
    assert moodle.ask("core_reportbuilder_filters_reset", reportid=1) is True
    assert moodle.ask(REPORT, reportid=1)["data"]["totalrowcount"] == total


@pytest.mark.parametrize(
    ("operator", "value", "usernames"),
    [
        (3, "STU0041", ["stu0041"]),
        (5, "stu004", 9),
        (6, "0041", ["stu0041"]),
        (1, "dot_dash", []),
        (7, "", []),
        (3, "  ", 73),
        (0, "stu0041", 73),
        (99, "stu0041", 73),
    ],
)
def test_operators_of_a_text_filter(moodle: Client, operator: int, value: str, usernames: object) -> None:
    """Equal, begins, ends, contains, empty; a filter without a value or with an unknown operator is none."""
    values = {"user:username_operator": operator, "user:username_value": value}
    moodle.ask("core_reportbuilder_set_filters", reportid=1, values=json.dumps(values))
    data = moodle.ask(REPORT, reportid=1, perpage=100)["data"]

    found = [cells["columns"][0] for cells in data["rows"]]
    assert (found if isinstance(usernames, list) else data["totalrowcount"]) == usernames


def test_report_of_memberships(site: Site, moodle: Client) -> None:
    """A row for each member; an empty cohort is one row without a username."""
    data = moodle.ask(REPORT, reportid=2)["data"]

    assert [cells["columns"] for cells in data["rows"]] == [
        ["ART-1", ""],
        ["BIO-1", ""],
        ["MATH", "stu0001"],
        ["SCI-1", "stu0004"],
    ]


def test_report_follows_new_users(site: Site, moodle: Client) -> None:
    """Kept rows are taken anew when users come, change or go."""
    count = moodle.ask(REPORT, reportid=1)["data"]["totalrowcount"]
    user = site.add_user("aaa", profile={"student_number": "A1"})
    first = moodle.ask(REPORT, reportid=1, perpage=1)["data"]
    site.update_user(user.id, profile={"student_number": "A2"})
    changed = moodle.ask(REPORT, reportid=1, perpage=1)["data"]["rows"][0]["columns"]
    site.delete_user(user.id)

    assert (first["rows"][0]["columns"][:2], first["totalrowcount"]) == (["aaa", "A1"], count + 1)
    assert changed[:2] == ["aaa", "A2"]
    assert moodle.ask(REPORT, reportid=1, perpage=1)["data"]["totalrowcount"] == count
