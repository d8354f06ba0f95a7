"""The Moodle stand-in beyond what was recorded: cases that follow from Moodle's rules."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.standins.moodle.client import Client, flatten, row
from tests.standins.moodle.collation import MARIADB, POSTGRESQL, Flavour, loose_key, sort_key
from tests.standins.moodle.fixture import add_recommended_caller, site_from_fixture
from tests.standins.moodle.forms import FormLimits
from tests.standins.moodle.richtext import clean_html, format_string, format_text
from tests.standins.moodle.service import Service
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import ENDPOINT, STOCK, Request, ServerProfile

ADD = "core_cohort_add_cohort_members"
DELETE = "core_cohort_delete_cohort_members"
MEMBERS = "core_cohort_get_cohort_members"
CREATE = "core_cohort_create_cohorts"
UPDATE = "core_cohort_update_cohorts"
SEARCH = "core_cohort_search_cohorts"
BY_FIELD = "core_user_get_users_by_field"
USERS = "core_user_get_users"
INFO = "core_webservice_get_site_info"
REPORT = "core_reportbuilder_retrieve_report"


def make_site(flavour: Flavour = MARIADB) -> Site:
    site = site_from_fixture(flavour=flavour)
    site.add_cohort("MATH", "Mathematics", members=[1001])
    site.add_cohort("SCI-1", "Science one", context="category:SCI", members=[1004])
    site.add_cohort("BIO-1", "Biology one", context="category:SCI-BIO")
    site.add_cohort("ART-1", "Art one", context="category:ART", visible=False)
    return site


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def service(site: Site) -> Service:
    return Service(site)


@pytest.fixture
def moodle(service: Service) -> Client:
    return Client(service)


def cohort(name: str = "New", idnumber: str = "NEW", **more: object) -> dict[str, object]:
    return {"categorytype": {"type": "system", "value": ""}, "name": name, "idnumber": idnumber, **more}


def messages(answer: Any) -> list[tuple[str, str]]:
    return [(warning["warningcode"], warning["message"]) for warning in answer["warnings"]]


# Adding members


def test_checks_of_a_row_run_in_their_order(moodle: Client) -> None:
    """The cohort's type before the user's, the cohort before the user, existence before membership."""
    rows = [
        row("MATH", "stu0001", by="name", user_by="email"),
        row("MATH", "stu0001", user_by="email"),
        row("NOPE", "nobody"),
        row("MATH", "nobody"),
        row("MATH", "stu0001"),
    ]

    answer = moodle.ask(ADD, members=rows)

    assert messages(answer) == [
        ("1", "invalid parameter: cohortype=name"),
        ("1", "invalid parameter: usertype=email"),
        ("2", "cohort idnumber=NOPE not exists"),
        ("2", "user username=nobody not exists"),
        ("3", "record already exists: cohort(idnumber=MATH username=stu0001)"),
    ]


def test_rights_are_looked_at_only_for_rows_that_would_be_added(site: Site, service: Service) -> None:
    """Without rights warnings come through; the first real row undoes the rows before it, which were allowed."""
    caller = Client(service, "cat")
    good = row("SCI-1", "stu0010")

    assert messages(caller.ask(ADD, members=[row("MATH", "nobody"), row("ART-1", "nobody")])) != []
    assert caller.error(ADD, members=[good, row("ART-1", "stu0010")]) == "nopermissions"
    assert site.cohort_members("SCI-1") == {1004}
    assert caller.ask(ADD, members=[good, row("BIO-1", "stu0010")]) == {"warnings": []}
    assert site.cohort_members("BIO-1") == {1010}


@pytest.mark.parametrize(
    ("value", "by", "found"),
    [
        ("math", "idnumber", True),
        ("MATH  ", "idnumber", True),
        ("máth", "idnumber", True),
        (" MATH", "idnumber", False),
        ("MA TH", "idnumber", False),
        ("2001", "id", True),
        (" 2001xyz", "id", True),
        ("2001.0", "id", True),
        ("2.001e3", "id", True),
        ("2001.5", "id", False),
        ("", "id", False),
        ("99999999999999999999", "id", False),
    ],
)
def test_mariadb_compares_loosely(moodle: Client, *, value: str, by: str, found: bool) -> None:
    """Case, accents and trailing blanks do not count; a number is taken from the front of a text."""
    answer = moodle.ask(ADD, members=[row(value, "stu0010", by=by)])

    assert messages(answer) == ([] if found else [("2", f"cohort {by}={value} not exists")])


@pytest.mark.parametrize(
    ("value", "by", "outcome"),
    [
        ("math", "idnumber", "warning"),
        ("MATH ", "idnumber", "warning"),
        ("MATH", "idnumber", "added"),
        (" 2001 ", "id", "added"),
        ("2001x", "id", "Error"),
        ("", "id", "Error"),
        ("99999999999999999999", "id", "Error"),
    ],
)
def test_postgresql_compares_exactly(value: str, by: str, outcome: str) -> None:
    """Texts have to be the same, and what is not a number is refused with the whole call."""
    site = make_site(POSTGRESQL)
    moodle = Client(Service(site))
    answer = moodle.ask(ADD, members=[row("BIO-1", "stu0011"), row(value, "stu0010", by=by)])

    if outcome == "Error":
        assert answer["errorcode"] == "Error"
        assert site.cohort_members("BIO-1") == set()
    else:
        assert bool(answer["warnings"]) is (outcome == "warning")


def test_a_structural_fault_in_any_row_applies_nothing(site: Site, moodle: Client) -> None:
    """The form is checked as a whole before anything happens."""
    broken = {"cohorttype": {"type": "id", "value": "2001"}, "usertype": "stu0011"}

    assert moodle.error(ADD, members=[row("MATH", "stu0010"), broken]) == "invalidparameter"
    assert site.cohort_members("MATH") == {1001}


@pytest.mark.parametrize("value", ["stu0010\0", "stu0010\udcff", "\uffff"])
def test_broken_text_is_refused(moodle: Client, value: str) -> None:
    """NUL bytes, bytes that are not UTF-8, and non-characters."""
    assert moodle.error(ADD, members=[row("MATH", value)]) == "invalidparameter"


def test_debugging_tells_the_path_to_the_fault(site: Site, moodle: Client) -> None:
    """With debugging on, the answer names key after key where the fault is; without, nothing."""
    faulty = {"cohorttype": {"type": "id number", "value": "1"}, "usertype": {"type": "id", "value": "1"}}
    quiet = moodle.ask(ADD, members=[faulty])
    site.settings.debugging = True
    refused = "Invalid parameter value detected"

    assert "debuginfo" not in quiet
    assert moodle.ask(ADD, members=[faulty])["debuginfo"] == (
        f"members => {refused}: cohorttype => {refused}: type => {refused}: Invalid external api parameter:"
        ' the value is "id number", the server was expecting "alphanumext" type'
    )
    assert moodle.ask(ADD)["debuginfo"] == "Missing required key in single structure: members"
    assert moodle.ask(DELETE, members=[{"cohortid": 2001, "userid": 5}, {"x": 1}])["debuginfo"] == (
        f"members => {refused}: Missing required key in single structure: cohortid"
    )
    assert moodle.ask(DELETE, members=[{"cohortid": 2001, "userid": 99}])["debuginfo"] == (
        "SELECT * FROM {user} WHERE id = ? AND deleted = ? AND mnethostid = ?\n"
        "[array (\n  0 => 99,\n  1 => 0,\n  2 => '1',\n)]"
    )


# Removing and reading members


def test_one_unknown_user_keeps_all_members(site: Site, moodle: Client) -> None:
    """A removal is all or nothing, and only the call itself is logged."""
    before = site.log.counts["cohort_member_removed"]
    rows = [{"cohortid": 2001, "userid": 1001}, {"cohortid": 2001, "userid": 424242}]

    assert moodle.error(DELETE, members=rows) == "invaliduser"
    assert site.cohort_members("MATH") == {1001}
    assert site.log.counts["cohort_member_removed"] == before


def test_removing_a_non_member_is_a_success_with_an_event(site: Site, moodle: Client) -> None:
    """Phantom removals are counted apart."""
    assert moodle.ask(DELETE, members=[{"cohortid": 2001, "userid": 1002}]) is None
    assert site.log.counts["cohort_member_removed"] == 1
    assert site.totals["phantom"] == 1


def test_deleted_users_leave_without_events(site: Site, moodle: Client) -> None:
    """Deleting a user takes the memberships along; a removal of that user is refused from then on."""
    site.delete_user(1001)

    assert site.cohort_members("MATH") == set()
    assert site.log.counts["cohort_member_removed"] == 0
    assert moodle.error(DELETE, members=[{"cohortid": 2001, "userid": 1001}]) == "invaliduser"
    assert messages(moodle.ask(ADD, members=[row("MATH", "stu0001")])) == [("2", "user username=stu0001 not exists")]


def test_members_are_listed_by_name(site: Site, moodle: Client) -> None:
    """By last name, then first name, as the database sorts, not by id; stale rows of deleted users are listed."""
    ids = {
        name: site.add_user(f"u{number}", lastname=last, firstname=first).id
        for number, (name, last, first) in enumerate(
            [("z", "Zorn", "A"), ("e2", "école", "B"), ("e1", "Ecole", "A"), ("d", "de la Rue", "C"), ("1", "1st", "D")]
        )
    }
    site.add_cohort("NAMES", members=ids.values())

    listed = moodle.ask(MEMBERS, cohortids=[site.cohort_named("NAMES").id])[0]["userids"]

    assert listed == [ids[name] for name in ("1", "d", "e1", "e2", "z")]


# Cohorts


def test_create_is_all_or_nothing_and_uses_up_ids(site: Site, moodle: Client) -> None:
    """A used idnumber undoes the cohorts before it; the database's counter does not go back."""
    assert moodle.error(CREATE, cohorts=[cohort(idnumber="A"), cohort(idnumber="math ")]) == "invalidparameter"
    assert "A" not in {known.idnumber for known in site.tables.cohorts.values()}
    assert moodle.ask(CREATE, cohorts=[cohort(idnumber="A")])[0]["id"] == 2006


@pytest.mark.parametrize(
    ("fields", "errorcode"),
    [
        ({"idnumber": "x" * 100}, None),
        ({"idnumber": "x" * 101}, "dmlwriteexception"),
        ({"name": "é" * 254}, None),
        ({"name": "é" * 255}, "dmlwriteexception"),
        ({"name": "n" * 254 + "   "}, None),
        ({"name": ""}, None),
        ({"visible": "2"}, "invalidparameter"),
        ({"visible": ""}, "invalidparameter"),
        ({"descriptionformat": "3"}, "formatnotsupported"),
        ({"descriptionformat": "0", "description": "x"}, None),
        ({"theme": "boost"}, None),
        ({"theme": "nope"}, "invalidparameter"),
        ({"categorytype": {"type": "idnumber", "value": "sci"}}, None),
        ({"categorytype": {"type": "idnumber", "value": "NOPE"}}, "invalidparameter"),
        ({"categorytype": {"type": "id", "value": "99"}}, "invalidparameter"),
        ({"categorytype": {"type": "System", "value": ""}}, "invalidparameter"),
    ],
)
def test_create_checks_its_fields(moodle: Client, fields: dict[str, object], errorcode: str | None) -> None:
    """Limits of the columns, kinds of values, and categories that have to exist."""
    answer = moodle.ask(CREATE, cohorts=[cohort() | fields])

    assert (answer["errorcode"] if isinstance(answer, dict) else None) == errorcode


def test_update_moves_renames_and_resets_the_format(site: Site, moodle: Client) -> None:
    """What is mandatory is applied; the left-out description stays, its format goes back to HTML."""
    moodle.ask(CREATE, cohorts=[cohort(description="a", descriptionformat="2", visible="0")])
    number = site.cohort_named("NEW").id
    changed = cohort("Other", "NEW", id=number) | {"categorytype": {"type": "id", "value": "4"}}

    assert moodle.ask(UPDATE, cohorts=[changed]) is None

    found = site.cohort_named("NEW")
    assert (found.name, found.description, found.descriptionformat, found.visible) == ("Other", "a", 1, False)
    assert site.contexts.name_of(found.contextid) == "category:ART"


def test_update_needs_rights_in_both_places(site: Site, service: Service) -> None:
    """A caller of one category can move a cohort neither out of it nor into it."""
    caller = Client(service, "cat")
    inside, outside = site.cohort_named("SCI-1").id, site.cohort_named("ART-1").id
    science = {"type": "idnumber", "value": "SCI"}

    assert caller.error(UPDATE, cohorts=[cohort("X", "SCI-1", id=inside)]) == "nopermissions"
    moved = cohort("X", "ART-1", id=outside) | {"categorytype": science}
    assert caller.error(UPDATE, cohorts=[moved]) == "nopermissions"
    assert caller.ask(UPDATE, cohorts=[cohort("X", "SCI-1", id=inside) | {"categorytype": science}]) is None


def test_failed_update_gives_back_members_and_idnumber(site: Site, moodle: Client) -> None:
    """What an earlier row changed is undone, look-up by idnumber included."""
    rows = [cohort("Y", "OTHER", id=2001), cohort("Z", "Z", id=999)]

    assert moodle.error(UPDATE, cohorts=rows) == "invalidrecord"
    assert site.cohort_members("MATH") == {1001}
    assert messages(moodle.ask(ADD, members=[row("OTHER", "stu0010")])) == [("2", "cohort idnumber=OTHER not exists")]


def test_failed_delete_gives_back_the_cohort(site: Site, moodle: Client) -> None:
    """The second of two equal ids does not exist any more, so nothing is deleted."""
    assert moodle.error("core_cohort_delete_cohorts", cohortids=[2001, 2001]) == "invalidrecord"
    assert site.cohort_members("MATH") == {1001}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"query": "one", "context": {"contextid": 11}}, ["SCI-1"]),
        ({"query": "one", "context": {"contextid": 12}}, ["BIO-1", "SCI-1"]),
        ({"query": "", "context": {"contextid": 12}}, ["BIO-1", "MATH", "SCI-1"]),
        ({"query": "", "context": {"contextid": 12}, "includes": "self"}, ["BIO-1"]),
        ({"query": "0", "context": {"contextid": 1}}, ["MATH"]),
        ({"query": "one", "context": {"contextid": 1}, "includes": "all"}, ["ART-1", "BIO-1", "SCI-1"]),
        ({"query": "", "context": {"contextid": 1}, "includes": "all", "limitnum": 3, "limitfrom": 1}, ["SCI-1"]),
        ({"query": "", "context": {"contextid": 1}, "includes": "all", "limitnum": -1, "limitfrom": 3}, "all"),
        ({"query": "", "context": {"contextid": 1}, "includes": "all", "limitnum": 2, "limitfrom": -1}, 2),
        ({"query": "o\\ne", "context": {"contextid": 11}}, ["SCI-1"]),
        ({"query": "one", "context": {"contextlevel": "coursecat", "instanceid": 4}}, ["ART-1"]),
        ({"query": "", "context": {"contextlevel": "course", "instanceid": 1}}, ["MATH"]),
    ],
)
def test_search_by_place_and_page(moodle: Client, asked: dict[str, object], found: object) -> None:
    """Own context, those above, the whole site; pages by number; a backslash escapes the next character."""
    cohorts = [known["idnumber"] for known in moodle.ask(SEARCH, **asked)["cohorts"]]

    everything = ["ART-1", "BIO-1", "MATH", "SCI-1"]
    assert cohorts == (everything if found == "all" else everything[:found] if isinstance(found, int) else found)


@pytest.mark.parametrize(
    "context",
    [
        {"contextlevel": "planet", "instanceid": 1},
        {"contextlevel": "coursecat"},
        {"contextlevel": "module", "instanceid": 1},
        {"contextid": -1},
        {"instanceid": 2},
    ],
)
def test_search_needs_a_place(moodle: Client, context: dict[str, object]) -> None:
    """Unknown levels and places, or none at all."""
    assert moodle.error(SEARCH, query="", context=context) == "invalidparameter"


def test_hidden_cohorts_above_need_the_right_to_view(site: Site, service: Service) -> None:
    """A caller of a category sees visible cohorts above it, and hidden ones only where it may view."""
    site.add_cohort("SECRET", visible=False)
    shown = Client(service, "cat").ask(SEARCH, query="", context={"contextid": 12})["cohorts"]

    assert [known["idnumber"] for known in shown] == ["BIO-1", "MATH", "SCI-1"]


# Users


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


# Reports


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


# Access and formats


@pytest.mark.parametrize(
    ("change", "function", "errorcode"),
    [
        (lambda site: setattr(site.users.get(3), "deleted", True), INFO, "wsaccessuserdeleted"),
        (lambda site: setattr(site.settings, "site_policy", True), MEMBERS, "sitepolicynotagreed"),
        (lambda site: setattr(site.settings, "maintenance", True), INFO, "sitemaintenance"),
        (lambda site: setattr(site.users.get(3), "must_change_password", True), ADD, "Error"),
        (lambda site: setattr(site.users.get(3), "email", ""), DELETE, "usernotfullysetup"),
        (lambda site: site.revoke_token("full"), INFO, "invalidtoken"),
        (lambda site: site.revoke_capability("full", "webservice/rest:use"), INFO, "accessexception"),
        (lambda site: None, "core_course_get_courses", "accessexception"),
        (lambda site: None, "core_course_get_planets", "invalidrecord"),
        (lambda site: None, "0", "invalidparameter"),
    ],
)
def test_reasons_to_refuse_a_caller(
    site: Site, moodle: Client, change: Callable[[Site], object], function: str, errorcode: str
) -> None:
    """States of user, site and service, each with its code."""
    token = site.token("full")
    change(site)
    body = urlencode(
        [
            ("wstoken", token),
            ("wsfunction", function),
            ("moodlewsrestformat", "json"),
            *flatten(
                {
                    MEMBERS: {"cohortids": [2001]},
                    ADD: {"members": [row("MATH", "stu0010")]},
                    DELETE: {"members": [{"cohortid": 2001, "userid": 1001}]},
                }.get(function, {})
            ),
        ]
    ).encode()
    request = Request("POST", ENDPOINT, b"", body, "application/x-www-form-urlencoded")

    assert json.loads(moodle.service.handle(request).body)["errorcode"] == errorcode


def test_recommended_caller_has_what_a_connector_needs(site: Site) -> None:
    """It cannot delete cohorts, and it reads reports, users and members."""
    add_recommended_caller(site)
    moodle = Client(Service(site), "connector")
    functions = {entry["name"] for entry in moodle.ask(INFO)["functions"]}

    assert "core_cohort_delete_cohorts" not in functions
    assert moodle.ask(REPORT, reportid=1, perpage=1)["data"]["headers"][1] == "Student number"
    assert moodle.ask(MEMBERS, cohortids=[2001]) == [{"cohortid": 2001, "userids": [1001]}]
    assert moodle.error("core_cohort_delete_cohorts", cohortids=[2001]) == "accessexception"


def test_xml_of_a_nested_answer(site: Site, service: Service) -> None:
    """Missing members are null, lists empty, flags numbers, and markup is escaped."""
    site.add_cohort('<A&"', "B'", context="category:SCI")
    site.add_cohort("TOP", "A")
    text = Client(service, rest_format="xml").send(SEARCH, query="", context={"contextid": 11}).body.decode()

    assert '<KEY name="idnumber"><VALUE>&lt;A&amp;&quot;</VALUE>' in text
    assert '<KEY name="name"><VALUE>B\'</VALUE>' in text
    assert '<KEY name="visible"><VALUE>1</VALUE>' in text
    assert text.count('<KEY name="theme"><VALUE null="null"/>') == 2
    assert '<KEY name="customfields"><MULTIPLE>\n</MULTIPLE>' in text


def test_xml_of_a_bare_value_and_of_an_error(service: Service) -> None:
    """A flag stands alone; an error is an EXCEPTION with its debugging text when that is on."""
    xml = Client(service, rest_format="yaml")
    service.site.settings.debugging = True

    assert xml.send("core_reportbuilder_filters_reset", reportid=1).body.decode() == (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<RESPONSE>\n<VALUE>1</VALUE>\n</RESPONSE>\n'
    )
    assert xml.send(MEMBERS, cohortids=["x"]).body.decode() == (
        '<?xml version="1.0" encoding="UTF-8" ?>\n'
        '<EXCEPTION class="core\\exception\\invalid_parameter_exception">\n'
        "<ERRORCODE>invalidparameter</ERRORCODE>\n"
        "<MESSAGE>Invalid parameter value detected</MESSAGE>\n"
        "<DEBUGINFO>cohortids =&gt; Invalid parameter value detected: Invalid external api parameter: the value is"
        " &quot;x&quot;, the server was expecting &quot;int&quot; type</DEBUGINFO>\n"
        "</EXCEPTION>\n"
    )


@pytest.mark.parametrize(("rows", "applied"), [(249, 249), (250, None)])
def test_stock_php_takes_249_rows_to_add(rows: int, applied: int | None) -> None:
    """With the control fields first, the row that is cut refuses the call."""
    site = site_from_fixture(bulk_users=300)
    site.add_cohort("BIG")
    answer = Client(Service(site, STOCK)).ask(
        ADD, members=[row("BIG", f"perf{number:05d}") for number in range(1, rows + 1)]
    )

    assert ("errorcode" in answer) is (applied is None)
    assert len(site.cohort_members("BIG")) == (applied or 0)


def test_stock_php_loses_the_tail_of_a_removal() -> None:
    """499 of 500 rows are removed and the answer is a plain success."""
    site = site_from_fixture(bulk_users=600)
    ids = [user.id for user in site.users if user.username.startswith("perf")][:500]
    site.add_cohort("BIG", members=ids)

    answer = Client(Service(site, STOCK)).ask(DELETE, members=[{"cohortid": 2001, "userid": userid} for userid in ids])

    assert answer is None
    assert site.cohort_members("BIG") == {ids[-1]}


def test_limits_of_the_web_server(service: Service) -> None:
    """413 for the body, 414 for the request line, 404 for another path, and a dead PHP for too many users."""
    small = ServerProfile(FormLimits(), client_max_body_size=10, memory_limit=10 * 9_800)
    guarded = Client(Service(service.site, small))

    assert guarded.send(INFO).status == 413
    assert service.handle(Request("GET", ENDPOINT, b"a" * 8200)).status == 414
    assert service.handle(Request("GET", "/elsewhere")).status == 404
    greedy = Client(Service(service.site, ServerProfile(memory_limit=10 * 9_800)))
    died = greedy.send(USERS, criteria=[{"key": "email", "value": "%"}])
    assert (died.status, died.body) == (500, b"")


def test_other_hosts_are_redirected(site: Site, moodle: Client) -> None:
    """With a configured address, every other host is sent there without query and body."""
    site.settings.wwwroot = "https://learn.example.test"
    response = moodle.send(INFO)

    assert (response.status, response.header("location")) == (303, "https://learn.example.test" + ENDPOINT)


# Texts


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("a < b & c", "a &lt; b &amp; c"),
        ('<p onclick="x()">Hi<script>1</script></p>', "<p>Hi</p>"),
        ("<b>open", "<b>open</b>"),
        ("<br>&eacute;", "<br />é"),
        ('<a href="javascript:x">y</a>', "<a>y</a>"),
        (
            '<a href="https://x" target="_blank">y</a>',
            '<a href="https://x" target="_blank" rel="noreferrer noopener">y</a>',
        ),
        ('<img src="a/b.png" onerror="x">', '<img src="a/b.png" alt="b.png" />'),
        ("<iframe src='x'></iframe>z", "z"),
    ],
)
def test_html_is_cleaned(text: str, cleaned: str) -> None:
    """Harmful markup goes, harmless markup is made well-formed."""
    assert clean_html(text) == cleaned


def test_formats_become_html() -> None:
    """Plain text is escaped with its breaks, Moodle's own format keeps markup, short texts lose it."""
    assert format_text("a  <b>\nc", 2) == "a&nbsp; &lt;b&gt;<br />\nc"
    assert format_text("<b>x</b>\ny", 0) == "<b>x</b> y"
    assert format_text("x", 4) == "<p>x</p>\n"
    assert format_string("R&D <b>x</b> &amp; 1 > 0") == "R&amp;D x &amp; 1 &gt; 0"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Straße", "STRASSE", True),
        ("Œuvre", "oeuvre", True),
        ("😀", "😁", True),
        ("ｆｕｌｌ", "full", True),
        ("カ", "か", True),
        ("a-b", "a b", False),
        ("a\t", "a", False),
    ],
)
def test_loose_comparison_of_texts(*, one: str, other: str, same: bool) -> None:
    """What ``utf8mb4_unicode_ci`` holds to be equal."""
    assert (loose_key(one) == loose_key(other)) is same


def test_order_of_texts() -> None:
    """Blanks, punctuation, digits, letters whatever their case or accent."""
    texts = ["b", "A", "é", "Z", "1", "_x", " x", "$", "ab", "a b"]

    assert sorted(texts, key=sort_key) == [" x", "_x", "$", "1", "A", "a b", "ab", "b", "é", "Z"]
