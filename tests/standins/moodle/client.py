"""Asking the stand-in without a network, for tests of its rules."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tests.standins.moodle.service import Service
from tests.standins.moodle.web import ENDPOINT, Request, Response


def flatten(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as form fields the way PHP names them: ``members[0][userid]``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(inner, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{name}[{index}]")
    else:
        yield name, str(value)


class Client:
    """Calls a service's functions as one caller."""

    def __init__(self, service: Service, caller: str = "full", rest_format: str = "json") -> None:
        self.service = service
        self.caller = caller
        self.rest_format = rest_format

    def request(self, function: str, **parameters: object) -> Request:
        token = self.service.site.token(self.caller)
        control = [("wstoken", token), ("wsfunction", function), ("moodlewsrestformat", self.rest_format)]
        body = urlencode([*control, *flatten(parameters)], errors="surrogateescape").encode()
        return Request("POST", ENDPOINT, b"", body, "application/x-www-form-urlencoded", "moodle.example.test")

    def send(self, function: str, **parameters: object) -> Response:
        return self.service.handle(self.request(function, **parameters))

    def ask(self, function: str, **parameters: object) -> Any:
        """The parsed answer of a call in JSON."""
        return json.loads(self.send(function, **parameters).body)

    def error(self, function: str, **parameters: object) -> str:
        """The error code of a call that is expected to fail."""
        answer = self.ask(function, **parameters)
        return str(answer["errorcode"])


def row(cohort: object, user: object, by: str = "idnumber", user_by: str = "username") -> dict[str, dict[str, str]]:
    """A row of ``core_cohort_add_cohort_members``."""
    return {
        "cohorttype": {"type": by, "value": str(cohort)},
        "usertype": {"type": user_by, "value": str(user)},
    }
