"""The rows of Moodle's tables, as far as the web services read or write them."""

from dataclasses import dataclass, field

SYSTEM_CONTEXT = 1
LEVEL_SYSTEM = 10
LEVEL_USER = 30
LEVEL_COURSECAT = 40
LEVEL_COURSE = 50
LEVEL_MODULE = 70
LEVEL_BLOCK = 80

VISIBLE_NONE = 0
VISIBLE_PRIVATE = 1
VISIBLE_ALL = 2
VISIBLE_TEACHERS = 3


@dataclass(slots=True)
class User:
    id: int
    username: str
    firstname: str
    lastname: str
    email: str
    idnumber: str = ""
    auth: str = "manual"
    confirmed: bool = True
    suspended: bool = False
    deleted: bool = False
    profile: dict[str, str] = field(default_factory=dict)
    """Custom profile fields, short name to the value as stored."""
    maildisplay: int = 2
    """Who sees the e-mail: 0 nobody, 1 everyone, 2 people in the same course."""
    must_change_password: bool = False
    policy_agreed: bool = False

    @property
    def fullname(self) -> str:
        return f"{self.firstname} {self.lastname}"


@dataclass(frozen=True, slots=True)
class Context:
    """A place that rights are given in; ``path`` holds its own id and those above it."""

    id: int
    level: int
    instance: int
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Category:
    id: int
    name: str
    idnumber: str | None
    parent: int
    contextid: int


@dataclass(slots=True)
class Cohort:
    id: int
    name: str
    idnumber: str
    contextid: int = SYSTEM_CONTEXT
    description: str = ""
    descriptionformat: int = 1
    visible: bool = True
    component: str = ""
    timecreated: float = 0
    timemodified: float = 0
    sequence: int = 0
    """Number of the commit that made it; a transaction does not see what was made after it began."""


@dataclass(frozen=True, slots=True)
class ProfileField:
    shortname: str
    name: str
    visible: int = VISIBLE_ALL
    required: bool = False
    locked: bool = True
    datatype: str = "text"


@dataclass(slots=True)
class Service:
    """A named set of functions that tokens are given for."""

    id: int
    shortname: str
    name: str
    functions: list[str]
    enabled: bool = True
    restricted: bool = True
    """Only listed users may use it."""
    users: dict[int, int | None] = field(default_factory=dict)
    """Listed users with the *valid until* of their entry (Unix time)."""


@dataclass(slots=True)
class Token:
    id: int
    token: str
    userid: int
    serviceid: int
    validuntil: int = 0
    """Unix time; 0 for ever."""
    only_from: str | None = None
    """The one address it may be used from."""


@dataclass(slots=True)
class Report:
    """A custom report of the Report builder."""

    id: int
    name: str
    source: str
    """``users`` or ``cohorts``."""
    columns: list[str]
    """``username``, ``idnumber``, ``suspended``, ``profile:SHORTNAME``, ``cohort:idnumber`` ..."""
    filters: list[str] = field(default_factory=list)
    sort: list[str] = field(default_factory=list)
    """Columns to sort by; without any, the order is that of the table."""
    audience: set[int] = field(default_factory=set)
    timecreated: int = 1795388446
    usercreated: int = 2


@dataclass(frozen=True, slots=True)
class CourseLink:
    """A course that enrols the members of a cohort."""

    courseid: int
    cohortid: int
    enrolid: int
    roleid: int = 5


@dataclass(frozen=True, slots=True)
class Grant:
    """Capabilities that a user has in a context and below it."""

    capabilities: frozenset[str]
    contextid: int = SYSTEM_CONTEXT
