"""An ideal client: it knows all rows beforehand, makes the look-ups and creations that anybody must, sends perfect
batches, and keeps both of Moodle's workers busy. What the whole pipe is compared with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from tests.demo.moodle_site import MoodleSite

_WORKERS = 2
_USERS_A_CALL = 250
_COHORTS_A_CALL = 25
_ROWS_A_CALL = 500
_REPORT_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cohort to make and to fill."""

    idnumber: str
    name: str
    category: str
    members: tuple[str, ...]
    """Normalised student numbers."""


def load(
    site: MoodleSite, report_id: int, normalise: Callable[[str], str], wanted: Collection[Wanted]
) -> tuple[float, float]:
    """Fill an empty Moodle; when it began, as Unix time, and the seconds that it took."""
    at, began = time.time(), time.monotonic()
    with ThreadPoolExecutor(_WORKERS) as pool:
        site.call("core_webservice_get_site_info")
        accounts = _accounts(site, report_id, normalise)
        needed = {number for cohort in wanted for number in cohort.members}
        usernames = sorted(names[0] for number, names in accounts.items() if number in needed and len(names) == 1)
        ids: dict[str, int] = {}
        cohorts: dict[str, int] = {}
        looked = [
            pool.submit(lambda part: ids.update(_user_ids(site, part)), part)
            for part in _parts(usernames, _USERS_A_CALL)
        ]
        made = [
            pool.submit(lambda part: cohorts.update(_create(site, part)), part)
            for part in _parts(sorted(wanted, key=lambda cohort: cohort.idnumber), _COHORTS_A_CALL)
        ]
        _all(looked + made)
        rows = sorted(
            (cohorts[cohort.idnumber], ids[accounts[number][0]])
            for cohort in wanted
            for number in cohort.members
            if len(accounts.get(number, ())) == 1
        )
        _all([pool.submit(_add, site, part) for part in _parts(rows, _ROWS_A_CALL)])
    return at, time.monotonic() - began


def _accounts(site: MoodleSite, report_id: int, normalise: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    page = 0
    while True:
        answer = site.call("core_reportbuilder_retrieve_report", reportid=report_id, page=page, perpage=_REPORT_ROWS)
        rows = answer["data"]["rows"]
        for row in rows:
            username, number = row["columns"][:2]
            if number:
                found.setdefault(normalise(number), []).append(username)
        if len(rows) < _REPORT_ROWS:
            return found
        page += 1


def _user_ids(site: MoodleSite, usernames: Sequence[str]) -> dict[str, int]:
    asked: dict[str, str | int] = {f"values[{i}]": name for i, name in enumerate(usernames)}
    return {
        user["username"]: user["id"] for user in site.call("core_user_get_users_by_field", field="username", **asked)
    }


def _create(site: MoodleSite, cohorts: Sequence[Wanted]) -> dict[str, int]:
    form: dict[str, str | int] = {}
    for i, cohort in enumerate(cohorts):
        form[f"cohorts[{i}][categorytype][type]"] = "idnumber"
        form[f"cohorts[{i}][categorytype][value]"] = cohort.category
        form[f"cohorts[{i}][name]"] = cohort.name
        form[f"cohorts[{i}][idnumber]"] = cohort.idnumber
    return {made["idnumber"]: made["id"] for made in site.call("core_cohort_create_cohorts", **form)}


def _add(site: MoodleSite, rows: Sequence[tuple[int, int]]) -> None:
    form: dict[str, str | int] = {}
    for i, (cohort, user) in enumerate(rows):
        form[f"members[{i}][cohorttype][type]"] = "id"
        form[f"members[{i}][cohorttype][value]"] = cohort
        form[f"members[{i}][usertype][type]"] = "id"
        form[f"members[{i}][usertype][value]"] = user
    warnings = site.call("core_cohort_add_cohort_members", **form)["warnings"]
    if warnings:
        raise ValueError(f"the ideal client was not ideal: {warnings[:3]}")


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _all(futures: Collection[Any]) -> None:
    wait(futures)
    for future in futures:
        future.result()
