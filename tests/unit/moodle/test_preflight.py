"""What is found out before work begins, and how PHP's limit is measured without writing."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import httpx
import pytest

from connector.runtime.messages import MoodleMessage
from consumers.moodle.client import MoodleClient
from consumers.moodle.errors import Unavailable
from consumers.moodle.preflight import READS, WRITES, Preflight, Severity, preflight
from consumers.moodle.probe import WANTED, probe_input_vars
from consumers.moodle.settings import DirectorySettings, MoodleSettings
from tests.unit.moodle.doubles import TOKEN, URL, ManualClock, client_for, exchanges, form_of, refusal

REPORT = {"by": "profile_field", "field": "student_number", "report_id": 1, "field_header": "Student number"}


class Site:
    """A site as preflight sees it: PHP's limit on form fields, a service, and answers for a few functions."""

    def __init__(self, functions: Collection[str], *, input_vars: int = 5000) -> None:
        self.functions = set(functions)
        self.input_vars = input_vars
        self.url = URL
        self.answers: dict[str, object] = {
            "core_cohort_search_cohorts": {"cohorts": []},
            "core_cohort_get_cohorts": [],
            "core_user_get_users_by_field": [{"id": 7, "username": "u", "idnumber": "I7"}],
            "core_reportbuilder_retrieve_report": exchanges("report-page-0")[0].raw["response_body"],
        }
        self.hidden = False
        """Whether the service user sees nobody but itself."""
        self.called: list[str] = []
        self.largest = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = form_of(request)
        self.largest = max(self.largest, len(sent))
        form = dict(sent[: self.input_vars + 1])
        if "wsfunction" not in form:
            return httpx.Response(200, json=refusal("invalidparameter"))
        function = form["wsfunction"]
        self.called.append(function)
        if function == "core_webservice_get_site_info":
            return httpx.Response(200, json=self._site_info())
        if function not in self.functions:
            return httpx.Response(200, json=refusal("accessexception"))
        answer = self.answers[function]
        if function == "core_user_get_users_by_field":
            asked = {value for name, value in form.items() if name.startswith("values")}
            if form["field"] == "username":
                names = asked & {"svc"} if self.hidden else asked
                answer = [{"id": number, "username": name} for number, name in enumerate(sorted(names), 1)]
            else:
                answer = [user for user in json.loads(json.dumps(answer)) if str(user["id"]) in asked]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def _site_info(self) -> dict[str, object]:
        functions = [{"name": name, "version": "1"} for name in self.functions]
        return {
            "siteurl": self.url,
            "release": "4.5",
            "version": "2024",
            "userid": 3,
            "username": "svc",
            "functions": functions,
        }


ALL = {*WRITES, "core_reportbuilder_retrieve_report", "core_reportbuilder_filters_reset"}


def check(
    site: Site, students: dict[str, Any] | None = None, functions: Collection[str] = WRITES, **settings: Any
) -> Preflight:
    given = MoodleSettings.model_validate({"url": URL, "token": TOKEN, **settings})
    client = MoodleClient(given, ManualClock(), transport=httpx.MockTransport(site))
    return preflight(client, given, DirectorySettings.model_validate(students or REPORT), functions)


def entries(found: Preflight) -> list[tuple[Severity, object]]:
    return [(finding.severity, finding.message.entry) for finding in found.findings]


def test_a_site_that_is_in_order_has_no_findings() -> None:
    """And tells what batches may be built for."""
    found = check(Site(ALL))

    assert found.findings == ()
    assert (found.max_input_vars, found.resets_filters, found.unavailable) == (WANTED, True, None)
    assert found.site is not None


def test_a_token_that_could_delete_cohorts_is_refused() -> None:
    """Whatever else is right."""
    found = check(Site({*ALL, "core_cohort_delete_cohorts"}))

    assert [message.entry for message in found.faults] == [MoodleMessage.DELETES_COHORTS]


def test_missing_functions_are_named_once() -> None:
    """All at once, those of the report included; what needs them is not tried."""
    site = Site(ALL - {"core_cohort_create_cohorts", "core_reportbuilder_retrieve_report", "core_cohort_get_cohorts"})
    (fault,) = check(site).faults

    assert fault.entry is MoodleMessage.FUNCTION_MISSING
    assert fault.parameters["functions"] == (
        "core_cohort_create_cohorts, core_cohort_get_cohorts, core_reportbuilder_retrieve_report"
    )


def test_functions_are_wanted_only_where_they_are_used() -> None:
    """Who only reads needs none that write."""
    only_reads = Site(READS | (ALL - WRITES))
    assert check(only_reads, functions=READS).faults == ()
    assert [m.entry for m in check(only_reads).faults] == [MoodleMessage.FUNCTION_MISSING]


@pytest.mark.parametrize(
    ("scenario", "entry"),
    [
        ("auth-force-password-change", MoodleMessage.SERVICE_USER_BROKEN),
        ("auth-profile-incomplete", MoodleMessage.SERVICE_USER_BROKEN),
        ("search-category-caller-system", MoodleMessage.NO_PERMISSION),
    ],
)
def test_a_service_user_that_is_not_in_order_is_noticed(scenario: str, entry: MoodleMessage) -> None:
    """Site info succeeds for it; a call that looks at a context does not."""
    site = Site(ALL)
    site.answers["core_cohort_search_cohorts"] = exchanges(scenario)[0].response()

    assert entry in [message.entry for message in check(site).faults]


def test_a_service_user_with_rights_in_one_category_is_checked_there() -> None:
    """The setting says where."""
    seen: list[dict[str, str]] = []
    site = Site(ALL)

    def answer(request: httpx.Request) -> httpx.Response:
        form = dict(form_of(request))
        if "query" in form:
            seen.append(form)
        return site(request)

    given = MoodleSettings.model_validate({"url": URL, "token": TOKEN, "home_category": 4})
    client = MoodleClient(given, ManualClock(), transport=httpx.MockTransport(answer))
    preflight(client, given, DirectorySettings.model_validate(REPORT))

    assert [(form["context[contextlevel]"], form["context[instanceid]"]) for form in seen] == [("coursecat", "4")]


def test_a_report_that_may_not_be_seen_or_lacks_a_column_is_a_fault() -> None:
    """The titles that it has are told."""
    site = Site(ALL)
    site.answers["core_reportbuilder_retrieve_report"] = exchanges("report-not-in-audience")[0].response()
    assert entries(check(site)) == [(Severity.FAULT, MoodleMessage.REPORT_FORBIDDEN)]

    found = check(Site(ALL), REPORT | {"field_header": "Matricule"})
    assert entries(found) == [(Severity.FAULT, MoodleMessage.REPORT_COLUMNS)]
    assert '"Username", "Student number"' in found.faults[0].text


def test_a_report_whose_accounts_cannot_be_looked_up_is_a_warning() -> None:
    """It is shown without the right to see them, and then every student would seem to have no account."""
    site = Site(ALL)
    report = json.loads(json.dumps(site.answers["core_reportbuilder_retrieve_report"]))
    at = report["data"]["headers"].index("Username")
    report["data"]["rows"][0]["columns"][at] = "svc"
    site.answers["core_reportbuilder_retrieve_report"] = report
    assert check(site).findings == ()

    site.hidden = True
    assert entries(check(site)) == [(Severity.WARNING, MoodleMessage.NO_ACCOUNTS_FOUND)]


def test_filters_that_cannot_be_reset_are_a_warning() -> None:
    """One that somebody sets would hide students."""
    found = check(Site(ALL - {"core_reportbuilder_filters_reset"}))

    assert entries(found) == [(Severity.WARNING, MoodleMessage.NO_FILTER_RESET)]
    assert not found.resets_filters


def test_a_service_user_that_sees_no_accounts_is_a_warning() -> None:
    """Moodle answers with an empty list, not with a refusal."""
    site = Site(ALL)
    assert check(site, {"by": "idnumber"}).findings == ()

    site.answers["core_user_get_users_by_field"] = []
    assert entries(check(site, {"by": "idnumber"})) == [(Severity.WARNING, MoodleMessage.NO_ACCOUNTS_FOUND)]
    site.answers["core_user_get_users_by_field"] = [{"id": 7, "username": "u"}]
    assert entries(check(site, {"by": "profile_field", "field": "sn"})) == [
        (Severity.WARNING, MoodleMessage.NO_ACCOUNTS_FOUND)
    ]


def test_an_address_other_than_the_sites_own_and_one_without_encryption_are_warnings() -> None:
    """Both work, for now."""
    site = Site(ALL)
    site.url = "https://other.example.test"
    assert entries(check(site)) == [(Severity.WARNING, MoodleMessage.OTHER_SITE_URL)]

    site.url = "http://moodle.example.test"
    assert entries(check(site, url="http://moodle.example.test")) == [(Severity.WARNING, MoodleMessage.NOT_ENCRYPTED)]


def test_a_site_that_is_down_is_no_fault_of_the_settings() -> None:
    """Nothing can be said about it; the caller tries again."""
    client = client_for(lambda _: httpx.Response(502))
    given = MoodleSettings.model_validate({"url": URL, "token": TOKEN})
    found = preflight(client, given, DirectorySettings.model_validate(REPORT))

    assert isinstance(found.unavailable, Unavailable)
    assert (found.findings, found.site) == ((), None)


def test_a_refused_token_is_one_finding() -> None:
    """Nothing else is tried with it."""
    called: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        called.append(dict(form_of(request))["wsfunction"])
        return httpx.Response(200, json=refusal("invalidtoken"))

    given = MoodleSettings.model_validate({"url": URL, "token": TOKEN})
    found = preflight(client_for(answer), given, DirectorySettings.model_validate(REPORT))

    assert entries(found) == [(Severity.FAULT, MoodleMessage.TOKEN_REFUSED)]
    assert called == ["core_webservice_get_site_info"]


@pytest.mark.parametrize("limit", [16, 17, 999, 1000, 1001, 1500, 3333, 4999, 5000])
def test_the_limit_on_form_fields_is_measured_exactly(limit: int) -> None:
    """By reads alone, and in few calls."""
    site = Site(ALL, input_vars=limit)
    client = client_for(site)

    assert probe_input_vars(client) == limit
    assert set(site.called) == {"core_cohort_get_cohorts"}
    assert len(site.called) <= 16


def test_more_than_is_of_use_is_not_looked_for() -> None:
    """Moodle asks for 5,000; larger forms would only meet other limits."""
    site = Site(ALL, input_vars=100_000)

    assert probe_input_vars(client_for(site)) == WANTED
    assert site.largest == WANTED + 1


def test_a_limit_of_something_before_moodle_counts_as_well() -> None:
    """A firewall that blocks forms with many fields."""
    site = Site(ALL)

    def firewall(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, text="too many arguments") if len(form_of(request)) > 256 else site(request)

    assert probe_input_vars(client_for(firewall)) == 255


def test_a_known_limit_is_not_measured() -> None:
    """Nor is a low one warned of: somebody wrote it down."""
    site = Site(ALL, input_vars=1000)
    found = check(site, max_input_vars=800)

    assert found.max_input_vars == 800
    assert found.findings == ()
    assert "core_cohort_get_cohorts" not in site.called


def test_a_low_limit_is_a_warning() -> None:
    """PHP's own default; calls are smaller than they could be."""
    found = check(Site(ALL, input_vars=1000))

    assert found.max_input_vars == 1000
    assert [finding.message.parameters for finding in found.findings] == [{"found": "1000"}]
