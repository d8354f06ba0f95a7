"""Back-ups of a site, and bringing one back: accounts, cohorts and members, and the numbers that are given next."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

from tests.standins.moodle.directory import Directory
from tests.standins.moodle.records import Cohort
from tests.standins.moodle.site import Site


@dataclass(frozen=True)
class Backup:
    """The database as it was at one moment."""

    users: Directory
    cohorts: dict[int, Cohort]
    members: dict[int, dict[int, float]]
    next_cohort_id: int


def back_up(site: Site) -> Backup:
    """What the site holds now."""
    tables = site.tables
    with tables.lock:
        return Backup(deepcopy(site.users), deepcopy(tables.cohorts), deepcopy(tables.members), tables.next_cohort_id)


def restore(site: Site, backup: Backup) -> None:
    """Bring it back while the site serves. Numbers that were given since are given again, as a database does."""
    tables = site.tables
    with tables.lock:
        site.users = deepcopy(backup.users)
        site.sorted_users.clear()
        for cohort in list(tables.cohorts.values()):
            tables.drop(cohort)
        for cohort in deepcopy(backup.cohorts).values():
            tables.put(cohort)
            tables.members[cohort.id] = dict(backup.members[cohort.id])
        tables.next_cohort_id = backup.next_cohort_id
