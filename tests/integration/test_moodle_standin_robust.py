"""Whatever is sent, the Moodle stand-in answers as a Moodle does, and a refused call changes nothing."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.standins.moodle.collation import FLAVOURS
from tests.standins.moodle.functions import FUNCTIONS
from tests.standins.moodle.scenery import make_site
from tests.standins.moodle.service import Service
from tests.standins.moodle.transcripts.compare import state_of
from tests.standins.moodle.web import ENDPOINT, Request

KNOWN_CODES = {
    "accessexception",
    "codingerror",
    "dmlreadexception",
    "dmlwriteexception",
    "Error",
    "errorreportview",
    "formatnotsupported",
    "invalidparameter",
    "invalidrecord",
    "invaliduser",
    "keyalreadyset",
    "nopermissions",
}
numbers = st.sampled_from(
    ["0", "1", "2", "4", "11", "12", "1001", "1010", "1034", "2001", "2002", "2004", "-1", "9" * 25]
)
words = st.sampled_from(
    ["", "MATH", "math ", "SCI-1", "SCI", "stu0010", "STU0001", "é", "%", "a\\", "self", "all", "system", "id", "1e999"]
)
loose = numbers | words | st.text(max_size=5)
field_types = st.sampled_from(["id", "idnumber", "username", "email", "system", "lastname", "auth", "name", ""])


def reference(kind: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({"type": kind, "value": loose})


def cohorts(**more: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    needed = {"categorytype": reference(field_types), "name": loose, "idnumber": loose, **more}
    optional = {"description": loose, "descriptionformat": numbers, "visible": numbers, "theme": words}
    return st.lists(st.fixed_dictionaries(needed, optional=optional), max_size=2)


ids = st.lists(numbers, max_size=3)
paging = {"page": numbers, "perpage": numbers}
PARAMETERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "core_cohort_add_cohort_members": {
        "members": st.lists(
            st.fixed_dictionaries({"cohorttype": reference(field_types), "usertype": reference(field_types)}),
            max_size=4,
        )
    },
    "core_cohort_delete_cohort_members": {
        "members": st.lists(st.fixed_dictionaries({"cohortid": numbers, "userid": numbers}), max_size=4)
    },
    "core_cohort_get_cohort_members": {"cohortids": ids},
    "core_cohort_get_cohorts": {"cohortids": ids},
    "core_cohort_delete_cohorts": {"cohortids": ids},
    "core_cohort_create_cohorts": {"cohorts": cohorts()},
    "core_cohort_update_cohorts": {"cohorts": cohorts(id=numbers)},
    "core_cohort_search_cohorts": {
        "query": loose,
        "context": st.fixed_dictionaries(
            {}, optional={"contextid": numbers, "contextlevel": words, "instanceid": numbers}
        ),
        "includes": words,
        "limitfrom": numbers,
        "limitnum": numbers,
    },
    "core_user_get_users_by_field": {"field": field_types, "values": st.lists(loose, max_size=3)},
    "core_user_get_users": {
        "criteria": st.lists(st.fixed_dictionaries({"key": field_types, "value": loose}), max_size=3)
    },
    "core_user_search_identity": {"query": loose},
    "core_webservice_get_site_info": {},
    "core_reportbuilder_retrieve_report": {"reportid": numbers, **paging},
    "core_reportbuilder_list_reports": paging,
    "core_reportbuilder_set_filters": {"reportid": numbers, "values": loose},
    "core_reportbuilder_filters_reset": {"reportid": numbers},
}
callers = st.sampled_from(["full", "min", "cat", "nocap", "viewonly", "udetails"])


def test_every_function_is_covered() -> None:
    """A new function needs its parameters here."""
    assert PARAMETERS.keys() == FUNCTIONS.keys()


def fields_of(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in fields_of(inner, f"{name}[{key}]" if name else key)]
    if isinstance(value, list):
        return [pair for index, inner in enumerate(value) for pair in fields_of(inner, f"{name}[{index}]")]
    return [(name, value)]


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
@pytest.mark.parametrize("function", sorted(PARAMETERS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_parameters_get_an_answer(function: str, flavour: str, data: st.DataObject) -> None:
    """Known codes only; after an exception cohorts and members are what they were, in JSON as in XML."""
    site = make_site(FLAVOURS[flavour])
    service = Service(site)
    before = state_of(site)
    token = site.token(data.draw(callers))
    parameters = data.draw(st.fixed_dictionaries(PARAMETERS[function]))
    rest_format = data.draw(st.sampled_from(["json", "xml"]))
    control = [("wstoken", token), ("wsfunction", function), ("moodlewsrestformat", rest_format)]
    pairs = [*control, *fields_of(parameters)]
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()

    response = service.handle(Request("POST", ENDPOINT, b"", body, "application/x-www-form-urlencoded"))

    assert response.status == 200
    text = response.body.decode()
    answer = json.loads(text) if rest_format == "json" else None
    failed = "<EXCEPTION" in text if rest_format == "xml" else isinstance(answer, dict) and "exception" in answer
    if failed and answer is not None:
        assert answer["errorcode"] in KNOWN_CODES
    if failed or not FUNCTIONS[function].writes:
        assert state_of(site) == before
