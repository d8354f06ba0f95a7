"""The Moodle stand-in beyond what was recorded: creating, changing, deleting and finding cohorts."""

import pytest

from tests.standins.moodle.client import Client, row
from tests.standins.moodle.scenery import ADD, CREATE, SEARCH, UPDATE, make_site, messages
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


def cohort(name: str = "New", idnumber: str = "NEW", **more: object) -> dict[str, object]:
    return {"categorytype": {"type": "system", "value": ""}, "name": name, "idnumber": idnumber, **more}


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
