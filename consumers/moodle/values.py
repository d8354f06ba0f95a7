"""What Moodle tells, as values: the site, cohorts, users, pages of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NAME_LIMIT = 254
"""Characters that Moodle keeps of a cohort's name; a longer one is refused."""
IDNUMBER_LIMIT = 100
"""Characters that Moodle keeps of a cohort's idnumber; a longer one is refused."""

# What Moodle makes of a deleted account: "<e-mail or username>.<unix time>", and the md5 of the username as e-mail.
_DELETED_USERNAME = re.compile(r".+\.\d{9,11}", re.DOTALL)
_DELETED_EMAIL = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """Which site answered, and for whom."""

    url: str
    release: str
    version: str
    user_id: int
    username: str
    """Of the service user."""
    functions: frozenset[str]
    """What the token may call."""


@dataclass(frozen=True, slots=True)
class System:
    """The whole site, as a place for cohorts."""


@dataclass(frozen=True, slots=True)
class Category:
    """A course category, as a place for cohorts, by Moodle's id."""

    id: int


@dataclass(frozen=True, slots=True)
class CategoryNamed:
    """A course category, as a place for a new cohort, by its idnumber."""

    idnumber: str


Place = System | Category
"""Where cohorts are; Moodle calls it a context."""
SYSTEM = System()


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort as Moodle lists it. Moodle tells neither its place, its owner nor its size here."""

    id: int
    idnumber: str
    name: str
    visible: bool


@dataclass(frozen=True, slots=True)
class PlacedCohort:
    """A cohort that was seen in a place. Only ``MoodleReader.cohorts_in`` makes these: renaming needs the evidence."""

    cohort: Cohort
    place: Place


@dataclass(frozen=True, slots=True)
class CohortMatches:
    """What a search for one idnumber found."""

    exact: tuple[Cohort, ...] = ()
    """Cohorts with this very idnumber: normally none or one, but Moodle does not keep them unique."""
    alike: tuple[Cohort, ...] = ()
    """Cohorts whose idnumber a database may hold equal to it, because of case for example; one may not be made then."""


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in which cohort."""

    of: Mapping[int, frozenset[int]]
    """Ids of the users, for each cohort that could be read."""
    missing: frozenset[int] = frozenset()
    """Cohorts that do not exist."""
    forbidden: frozenset[int] = frozenset()
    """Cohorts that the service user may not look into."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. What the service user may not see is empty."""

    id: int
    username: str = ""
    email: str = ""
    idnumber: str = ""
    suspended: bool = False
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Custom profile fields by short name, values as stored; an empty value and no value look the same: absent."""

    @property
    def deleted(self) -> bool:
        """Whether this looks like an account that was deleted: Moodle gives these out as well, and has no flag."""
        return bool(_DELETED_USERNAME.fullmatch(self.username)) and (
            not self.email or bool(_DELETED_EMAIL.fullmatch(self.email))
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """What tells one site from another, or from an older copy of itself."""

    url: str
    """Its own, from site info."""
    users: Mapping[int, User]
    """Those of the accounts asked for that exist; a deleted one has another username than it had."""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of a custom report. Cells are positional; the headers say what they are."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    """Rows of the whole report at that moment."""
