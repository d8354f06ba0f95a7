"""The Moodle stand-in beyond what was recorded: callers, formats of the answer, limits of the server."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.standins.moodle.client import Client, flatten, row
from tests.standins.moodle.fixture import add_recommended_caller, site_from_fixture
from tests.standins.moodle.forms import FormLimits
from tests.standins.moodle.scenery import (
    ADD,
    DELETE,
    INFO,
    MEMBERS,
    REPORT,
    SEARCH,
    USERS,
    make_site,
)
from tests.standins.moodle.service import Service
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import ENDPOINT, STOCK, Request, ServerProfile


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
    assert service.handle(Request("GET", "/elsewhere.php")).body == b"File not found.\n"
    assert service.handle(Request("GET", "/elsewhere")).body.startswith(b"<html>")
    assert service.handle(Request("GET", ENDPOINT + "/more")).status == 200
    assert service.handle(Request("HEAD", ENDPOINT)).body == b""
    greedy = Client(Service(service.site, ServerProfile(memory_limit=10 * 9_800)))
    died = greedy.send(USERS, criteria=[{"key": "email", "value": "%"}])
    assert (died.status, died.body) == (500, b"")


def test_other_hosts_are_redirected(site: Site, moodle: Client) -> None:
    """With a configured address, every other host is sent there without query and body."""
    site.settings.wwwroot = "https://learn.example.test"
    response = moodle.send(INFO)

    assert (response.status, response.header("location")) == (303, "https://learn.example.test" + ENDPOINT)
