"""The Moodle stand-in as a server: connections, outages, faults on purpose, and remote control."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.standins.moodle import Fault, Kind, MoodleStandin, Site, site_from_fixture
from tests.standins.moodle.client import flatten, row
from tests.standins.moodle.scenery import ADD, DELETE, INFO
from tests.standins.moodle.web import ENDPOINT


@pytest.fixture
def site() -> Site:
    site = site_from_fixture()
    site.add_cohort("MATH")
    return site


@pytest.fixture
def moodle(site: Site) -> Iterator[MoodleStandin]:
    with MoodleStandin(site) as standin:
        yield standin


@pytest.fixture
def http_client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def form(moodle: MoodleStandin, function: str, **parameters: object) -> dict[str, str]:
    control = {"wstoken": moodle.token(), "wsfunction": function, "moodlewsrestformat": "json"}
    return control | dict(flatten(parameters))


def post(client: httpx.Client, moodle: MoodleStandin, function: str, **parameters: object) -> httpx.Response:
    return client.post(moodle.endpoint, data=form(moodle, function, **parameters))


def control(moodle: MoodleStandin, do: str, **arguments: object) -> Any:
    order = json.dumps({"do": do, **arguments}).encode()
    with urllib.request.urlopen(urllib.request.Request(moodle.control_url, order), timeout=30) as answer:
        return json.load(answer)


ONE = [row("MATH", "stu0010")]


def test_calls_over_one_connection(site: Site, moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """The connection stays open, the address of the site is the one that was asked."""
    first = post(http_client, moodle, INFO)
    second = post(http_client, moodle, ADD, members=ONE)

    assert first.json()["siteurl"] == moodle.url
    assert second.json() == {"warnings": []}
    assert site.cohort_usernames("MATH") == {"stu0010"}
    assert second.headers["connection"] == "keep-alive"


def test_chunked_and_multipart_bodies(site: Site, moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """Bodies in chunks and forms in parts are read like any other."""
    body = urlencode(form(moodle, ADD, members=ONE)).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    chunked = http_client.post(moodle.endpoint, content=iter([body[:20], body[20:]]), headers=kind)
    parts = {name: (None, value) for name, value in form(moodle, ADD, members=[row("MATH", "stu0011")]).items()}
    multipart = http_client.post(moodle.endpoint, files=parts)

    assert (chunked.json(), multipart.json()) == ({"warnings": []}, {"warnings": []})
    assert site.cohort_usernames("MATH") == {"stu0010", "stu0011"}


def test_what_is_not_http_is_refused(moodle: MoodleStandin) -> None:
    """A line that is no request line ends the connection with 400."""
    with socket.create_connection((urlsplit(moodle.url).hostname or "", urlsplit(moodle.url).port or 0)) as raw:
        raw.sendall(b"nonsense\r\n\r\n")

        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


def test_outage_refuses_connections_and_keeps_port_and_data(
    site: Site, moodle: MoodleStandin, http_client: httpx.Client
) -> None:
    """After the outage the same address answers with the same data; a kept connection is dropped."""
    post(http_client, moodle, ADD, members=ONE)
    moodle.stop()
    with pytest.raises(httpx.TransportError):
        post(http_client, moodle, INFO)
    moodle.start()

    assert post(http_client, moodle, INFO).status_code == 200
    assert site.cohort_usernames("MATH") == {"stu0010"}


def test_outage_by_remote_control(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """The control's own port answers during an outage; the outage ends when told."""
    control(moodle, "outage")
    with pytest.raises(httpx.ConnectError):
        post(http_client, moodle, INFO)
    assert control(moodle, "counters")["users"] > 0
    control(moodle, "outage", over=True)

    assert post(http_client, moodle, INFO).status_code == 200


def test_answer_lost_after_commit(site: Site, moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """The client sees a broken connection, the members are there; the repetition is told so."""
    moodle.faults.add(Fault(Kind.DROP_AFTER, ADD))
    with pytest.raises(httpx.RemoteProtocolError):
        post(http_client, moodle, ADD, members=ONE)

    assert site.cohort_usernames("MATH") == {"stu0010"}
    assert post(http_client, moodle, ADD, members=ONE).json()["warnings"][0]["warningcode"] == "3"


def test_connection_cut_before_the_work(site: Site, moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """Nothing has happened, not even a line in the log."""
    moodle.faults.add(Fault(Kind.DROP_BEFORE))
    with pytest.raises(httpx.RemoteProtocolError):
        post(http_client, moodle, ADD, members=ONE)

    assert site.cohort_members("MATH") == set()
    assert site.log.last_number == 0


def test_answer_cut_in_the_middle(site: Site, moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """The length that was promised does not come; the call is committed."""
    moodle.faults.add(Fault(Kind.TRUNCATE))
    with pytest.raises(httpx.RemoteProtocolError):
        post(http_client, moodle, ADD, members=ONE)

    assert site.cohort_usernames("MATH") == {"stu0010"}


def test_late_commit_after_504(site: Site, moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """504 at once; the members come when the delay is over."""
    over = threading.Event()

    def wait(_seconds: float) -> None:
        over.wait(30)

    moodle.service.workers.sleep = wait
    moodle.faults.add(Fault(Kind.GATEWAY_TIMEOUT, ADD, seconds=5))
    response = post(http_client, moodle, ADD, members=ONE)
    before = site.cohort_members("MATH")
    over.set()
    moodle.service.drain()

    assert (response.status_code, before) == (504, set())
    assert site.cohort_usernames("MATH") == {"stu0010"}


def test_faults_by_function_with_skip_and_count(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """Other functions are spared, the first calls go well, then as many fail as were asked for."""
    moodle.faults.add(Fault(Kind.EXCEPTION, ADD, skip=1, count=2))
    answers = [post(http_client, moodle, ADD, members=ONE).json().get("errorcode") for _ in range(4)]

    assert post(http_client, moodle, INFO).json()["userid"] == 3
    assert answers == [None, "dmlwriteexception", "dmlwriteexception", None]


@pytest.mark.parametrize(("status", "body"), [(500, b""), (502, b"<html>"), (503, b"<html>"), (429, b"<html>")])
def test_answers_of_the_gateway(moodle: MoodleStandin, http_client: httpx.Client, status: int, body: bytes) -> None:
    """Status without work, until the faults are cleared."""
    moodle.faults.add(Fault(Kind.STATUS, count=None, status=status))
    responses = [post(http_client, moodle, ADD, members=ONE) for _ in range(2)]
    moodle.faults.clear()

    assert [response.status_code for response in responses] == [status, status]
    assert responses[0].content.startswith(body)
    assert bool(responses[0].content) is bool(body)
    assert post(http_client, moodle, ADD, members=ONE).json() == {"warnings": []}


def test_delay_is_slept(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """A delay is waited for before the work."""
    slept: list[float] = []
    moodle.service.workers.sleep = slept.append
    moodle.faults.add(Fault(Kind.DELAY, seconds=7))
    post(http_client, moodle, INFO)

    assert slept == [7]


@pytest.mark.parametrize(
    ("state", "status", "errorcode"),
    [
        ({"maintenance": True}, 200, "sitemaintenance"),
        ({"database_down": True}, 200, "dbconnectionfailed"),
        ({"upgrade_running": True}, 200, "upgraderunning"),
        ({"cli_maintenance": "<html></html>"}, 503, None),
        ({"rest_enabled": False}, 403, None),
    ],
)
def test_states_by_remote_control(
    moodle: MoodleStandin, http_client: httpx.Client, state: dict[str, object], status: int, errorcode: str | None
) -> None:
    """States of the site are set and answered; Moodle says most of them with status 200."""
    shown = control(moodle, "state", **state)
    response = post(http_client, moodle, INFO)

    assert {name: shown[name] for name in state} == state
    assert response.status_code == status
    assert errorcode is None or response.json()["errorcode"] == errorcode


def test_filling_and_reading_by_remote_control(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """Users, categories and cohorts come in; members go out with the time of their commit, and every event."""
    control(moodle, "users", users=[{"username": "ada", "profile": {"student_number": "S1"}}, {"username": "bob"}])
    control(moodle, "categories", categories=[{"idnumber": "LAW"}])
    control(moodle, "cohorts", cohorts=[{"idnumber": "LAW-1", "context": "category:LAW"}])
    control(moodle, "add_members", cohort="LAW-1", usernames=["bob"])
    start = control(moodle, "events")["last"]
    post(http_client, moodle, ADD, members=[row("LAW-1", "ada")])
    members = control(moodle, "members", cohort="LAW-1")["members"]
    events = control(moodle, "events", since=start)["events"]
    control(moodle, "remove_members", cohort="LAW-1", usernames=["bob"])
    control(moodle, "update_user", username="ada", suspended=True)
    control(moodle, "delete_user", username="bob")

    assert list(members) == ["bob", "ada"]
    assert members["ada"] == events[-1]["time"] >= members["bob"]
    assert [event["action"] for event in events] == ["called", "added"]
    assert control(moodle, "members")["cohorts"] == {"MATH": {}, "LAW-1": {"ada": members["ada"]}}


def test_counters_by_remote_control(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """Calls by function, events by name, phantom removals, answers by status."""
    post(http_client, moodle, ADD, members=ONE)
    removal = {"cohortid": 2001, "userid": 1010}
    post(http_client, moodle, DELETE, members=[removal, removal])
    counters = control(moodle, "counters")

    assert counters["calls"] == {ADD: 1, DELETE: 1}
    assert counters["events"] == {"webservice_function_called": 2, "cohort_member_added": 1, "cohort_member_removed": 2}
    assert (counters["work"]["removed"], counters["work"]["phantom"]) == (2, 1)
    assert (counters["answers"], counters["memberships"]) == ({"200": 2}, 0)


def test_rights_and_tokens_by_remote_control(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """A revoked token is unknown until restored; a revoked capability is missing until granted."""

    def outcome() -> object:
        return post(http_client, moodle, DELETE, members=[{"cohortid": 2001, "userid": 1010}]).json()

    control(moodle, "revoke_token", caller="full")
    without_token = outcome()
    control(moodle, "restore_token", caller="full")
    for capability in ("moodle/cohort:assign", "moodle/cohort:manage"):
        control(moodle, "revoke_capability", caller="full", capability=capability)
    without_right = outcome()
    control(moodle, "grant_capability", caller="full", capability="moodle/cohort:assign")

    assert isinstance(without_token, dict)
    assert isinstance(without_right, dict)
    assert (without_token["errorcode"], without_right["errorcode"]) == ("invalidtoken", "nopermissions")
    assert outcome() is None
    assert control(moodle, "token", caller="full")["token"] == moodle.token()


def test_faults_by_remote_control(moodle: MoodleStandin, http_client: httpx.Client) -> None:
    """A fault is set with its fields and cleared again."""
    control(moodle, "fault", kind="exception", function=ADD, errorcode="dmlreadexception", count=None)
    failed = post(http_client, moodle, ADD, members=ONE).json()
    control(moodle, "clear_faults")

    assert failed["errorcode"] == "dmlreadexception"
    assert post(http_client, moodle, ADD, members=ONE).json() == {"warnings": []}


@pytest.mark.parametrize(
    "order", [b"{}", b"[]", b"nonsense", b'{"do": "nothing"}', b'{"do": "state", "weather": 1}', b'{"do": "token"}']
)
def test_orders_that_make_no_sense(moodle: MoodleStandin, http_client: httpx.Client, order: bytes) -> None:
    """400 with the reason and the list of what can be asked."""
    response = http_client.post(moodle.control_url, content=order)

    assert response.status_code == 400
    assert response.json()["actions"] == sorted(control(moodle, "help"))


def test_every_order_is_explained(moodle: MoodleStandin) -> None:
    """Help has a sentence for each."""
    assert [name for name, text in control(moodle, "help").items() if not text] == []


def test_concurrent_callers_all_get_through(site: Site, moodle: MoodleStandin) -> None:
    """Many threads with a connection each: every member arrives once."""
    usernames = [f"stu{number:04d}" for number in range(1, 31)]

    def work(names: list[str]) -> None:
        connection = http.client.HTTPConnection(urlsplit(moodle.url).netloc)
        for name in names:
            body = urlencode(form(moodle, ADD, members=[row("MATH", name)]))
            connection.request("POST", ENDPOINT, body, {"Content-Type": "application/x-www-form-urlencoded"})
            assert json.loads(connection.getresponse().read()) == {"warnings": []}
        connection.close()

    threads = [threading.Thread(target=work, args=(usernames[start::6],)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert site.cohort_usernames("MATH") == set(usernames)
    assert site.log.counts["cohort_member_added"] == len(usernames)


def test_started_from_the_command_line() -> None:
    """It announces its addresses and tokens in one line, serves, and stops when asked to."""
    command = [sys.executable, "-m", "tests.standins.moodle", "--port", "0", "--users", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            fields = {"wstoken": ready["tokens"]["connector"], "wsfunction": INFO, "moodlewsrestformat": "json"}
            info = httpx.post(ready["url"] + ENDPOINT, data=fields, timeout=30).json()
            counters = httpx.get(ready["control"], timeout=30).json()
        finally:
            process.terminate()

    assert (info["username"], info["siteurl"]) == ("svc_connector", ready["url"])
    assert counters["users"] == 75 + 5 + 1
    assert process.returncode == 0
