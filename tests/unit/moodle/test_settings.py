"""The settings of the connection and of the directory."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from consumers.moodle.settings import DirectorySettings, MoodleSettings

MOODLE: dict[str, Any] = {"url": "https://moodle.example.org", "token": "t0ken"}


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("https://m.example.org", "https://m.example.org/webservice/rest/server.php"),
        ("https://m.example.org/", "https://m.example.org/webservice/rest/server.php"),
        ("https://example.org/moodle/", "https://example.org/moodle/webservice/rest/server.php"),
        ("http://m:8080/webservice/rest/server.php", "http://m:8080/webservice/rest/server.php"),
    ],
)
def test_an_address_may_be_written_in_the_usual_ways(written: str, endpoint: str) -> None:
    """With or without what people copy along."""
    assert MoodleSettings.model_validate(MOODLE | {"url": written}).endpoint == endpoint


@pytest.mark.parametrize(
    "url", ["moodle.example.org", "ftp://m", "https://", "https://u:p@m.example.org", "https://m/?wstoken=1"]
)
def test_other_addresses_are_faults(url: str) -> None:
    """A secret does not belong into one."""
    with pytest.raises(ValidationError):
        MoodleSettings.model_validate(MOODLE | {"url": url})


@pytest.mark.parametrize(
    "given",
    [
        {"proxy": "proxy:3128"},
        {"proxy": "http://u:p@proxy:3128"},
        {"proxy_user": "u", "proxy_password": "p"},
        {"proxy": "http://proxy:3128", "proxy_user": "u"},
        {"max_input_vars": 3},
        {"max_rows": 0},
        {"retries": {"attempts": 0}},
        {"tokn": "x"},
    ],
)
def test_contradictions_are_faults(given: dict[str, Any]) -> None:
    """Found before anything is called."""
    with pytest.raises(ValidationError):
        MoodleSettings.model_validate(MOODLE | given)


def test_the_token_is_not_shown() -> None:
    """Settings are printed for operators."""
    settings = MoodleSettings.model_validate(MOODLE)

    assert "t0ken" not in repr(settings)
    assert "t0ken" not in settings.model_dump_json()
    assert settings.token.read() == "t0ken"


@pytest.mark.parametrize(
    "given",
    [
        {"by": "profile_field"},
        {"by": "idnumber", "field": "sn"},
        {"by": "profile_field", "field": "sn", "report_id": 1},
        {"by": "profile_field", "field": "sn", "field_header": "Student number"},
        {"by": "idnumber", "report_id": 1, "field_header": "ID number"},
        {"by": "phone"},
    ],
)
def test_a_directory_that_could_find_nobody_is_a_fault(given: dict[str, Any]) -> None:
    """What belongs together is given together."""
    with pytest.raises(ValidationError):
        DirectorySettings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"by": "username"},
        {"by": "profile_field", "field": "sn"},
        {"by": "profile_field", "field": "sn", "report_id": 1, "field_header": "Student number"},
    ],
)
def test_the_ways_of_finding_a_student(given: dict[str, Any]) -> None:
    """Directly, by walking over all accounts, by a report."""
    assert DirectorySettings.model_validate(given).by == given["by"]
