"""Moodle as seen from outside: its web services, its log, and the hand of its administrator.

The log and the administrator's actions go through the stand-in's control endpoint; with a real site they would be the
standard log and clicks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.demo.catalogue import FACULTIES
from tests.demo.university import Account

_ENDPOINT = "/webservice/rest/server.php"
_CHUNK = 500
_WRITES = ("add_cohort_members", "delete_cohort_members", "create_cohorts", "update_cohorts", "delete_cohorts")


@dataclass(frozen=True, slots=True)
class MembershipEvent:
    """One line of Moodle's log: a member came or went. ``at`` is the Unix time of the commit."""

    number: int
    at: float
    added: bool
    cohort: int
    user: int


class MoodleSite:
    """One site. Safe to be used by several threads."""

    def __init__(self, url: str, control: str, token: str) -> None:
        self.url, self._control, self.token = url, control, token
        self._client = httpx.Client(timeout=60.0, trust_env=False)
        self.user_ids: dict[str, int] = {}
        """Id of each account by its username, as far as they were made here."""

    def close(self) -> None:
        self._client.close()

    def prepare(self, accounts: Sequence[Account]) -> None:
        """The administrator makes a category for each faculty, and the accounts."""
        self.control("categories", categories=[{"idnumber": f"FAC-{f.acronym}", "name": f.name} for f in FACULTIES])
        self.create_accounts(accounts)

    def create_accounts(self, accounts: Iterable[Account]) -> None:
        rows = [
            {
                "username": account.username,
                "firstname": account.first_name,
                "lastname": account.last_name,
                "email": account.email,
                "profile": {"student_number": account.student_number},
            }
            for account in accounts
        ]
        self.user_ids |= self.control("users", users=rows)["ids"]

    def control(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Have the stand-in do something; raises ``httpx.HTTPStatusError`` when it will not."""
        answer = self._client.post(self._control, json={"do": action, **arguments})
        answer.raise_for_status()
        return dict(answer.json())

    def call(self, function: str, **parameters: str | int) -> Any:
        """Call a web service; raises ``ValueError`` with Moodle's own words when it refuses."""
        form = {"wstoken": self.token, "wsfunction": function, "moodlewsrestformat": "json", **parameters}
        answer = self._client.post(self.url + _ENDPOINT, data={key: str(value) for key, value in form.items()})
        answer.raise_for_status()
        body = answer.json()
        if isinstance(body, dict) and "exception" in body:
            raise ValueError(f"{function}: {body['message']}")
        return body

    def cohorts(self) -> dict[str, int]:
        """Ids of all cohorts, by idnumber."""
        return {row["idnumber"]: row["id"] for row in self.call("core_cohort_get_cohorts")}

    def members(self) -> dict[str, set[int]]:
        """User ids of the members of every cohort, by the cohort's idnumber."""
        names = {number: idnumber for idnumber, number in self.cohorts().items()}
        found: dict[str, set[int]] = {}
        numbers = list(names)
        for start in range(0, len(numbers), _CHUNK):
            asked = {f"cohortids[{i}]": n for i, n in enumerate(numbers[start : start + _CHUNK])}
            for row in self.call("core_cohort_get_cohort_members", **asked):
                found[names[row["cohortid"]]] = set(row["userids"])
        return found

    def memberships(self) -> int:
        """How many memberships the site has."""
        return int(self.control("counters")["memberships"])

    def is_member(self, cohort: str, username: str) -> bool:
        return username in self.control("members", cohort=cohort)["members"]

    def mark(self) -> int:
        """The number of the last line of the log."""
        return int(self.control("counters")["last_event"])

    def events(self, since: int) -> list[MembershipEvent]:
        """Memberships that came or went after line ``since`` of the log."""
        return [
            MembershipEvent(row["number"], row["time"], row["action"] == "added", row["objectid"], row["relateduserid"])
            for row in self.control("events", since=since)["events"]
            if row["target"] == "cohort_member"
        ]

    def calls(self, *functions: str) -> int:
        """How many calls of these functions have been made so far."""
        made = self.control("counters")["calls"]
        return sum(made.get(function, 0) for function in functions)

    def write_calls(self) -> int:
        """How many calls that change cohorts or memberships have been made so far."""
        return self.calls(*(f"core_cohort_{name}" for name in _WRITES))
