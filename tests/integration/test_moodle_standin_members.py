"""The Moodle stand-in beyond what was recorded: adding, removing and reading members."""

import pytest

from tests.standins.moodle.client import Client, row
from tests.standins.moodle.collation import POSTGRESQL
from tests.standins.moodle.scenery import (
    ADD,
    DELETE,
    MEMBERS,
    make_site,
    messages,
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
        ("1e999", "id", False),
        ("9" * 5000, "id", False),
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
