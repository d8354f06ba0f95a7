"""A Moodle site in memory: settings, users, categories, cohorts, services, reports, and ways to fill and inspect it."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import TypeAlias

from tests.standins.moodle.access import Contexts, Rights
from tests.standins.moodle.collation import MARIADB, Flavour
from tests.standins.moodle.directory import Directory
from tests.standins.moodle.events import EventLog
from tests.standins.moodle.memberships import Tables
from tests.standins.moodle.records import (
    SYSTEM_CONTEXT,
    Category,
    Cohort,
    Context,
    ProfileField,
    Report,
    Service,
    Token,
    User,
)

Row: TypeAlias = tuple[User | None, Cohort | None]
"""A row of a report, before its columns are taken from it."""


@dataclass(slots=True)
class Settings:
    """What an administrator sets, and the states a site can be in."""

    sitename: str = "Moodle Lab"
    wwwroot: str | None = None
    """Address of the site; a request to another host is redirected to it. ``None``: any address is the site's."""
    debugging: bool = False
    """Developer debugging: the true reason of an error is in the answer."""
    rest_enabled: bool = True
    web_services_enabled: bool = True
    maintenance: bool = False
    """Maintenance mode: only users with ``moodle/site:maintenanceaccess`` are served."""
    cli_maintenance: str | None = None
    """HTML of the command-line maintenance page; everything is answered with it and status 503."""
    database_down: bool = False
    upgrade_running: bool = False
    site_policy: bool = False
    """A site policy is set; users who have not agreed to it cannot enter a context."""
    identity_fields: tuple[str, ...] = ("email",)
    theme_revision: int = 1795386612


@dataclass(slots=True)
class Caller:
    """A service user with a token."""

    user: User
    token: Token


@dataclass(slots=True)
class Site:
    """The whole site. Every method that changes it may be called while it serves."""

    flavour: Flavour = MARIADB
    clock: Callable[[], float] = time.time
    settings: Settings = field(default_factory=Settings)
    contexts: Contexts = field(default_factory=Contexts)
    rights: Rights = field(default_factory=Rights)
    log: EventLog = field(default_factory=EventLog)
    profile_fields: list[ProfileField] = field(default_factory=list)
    services: dict[int, Service] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    reports: dict[int, Report] = field(default_factory=dict)
    report_filters: dict[tuple[int, int], dict[str, object]] = field(default_factory=dict)
    """Stored filter values by (user, report)."""
    sorted_users: dict[int, tuple[int, list[Row]]] = field(default_factory=dict)
    """Users in the order of a report, with the version of the user table that they were taken from."""
    totals: Counter[str] = field(default_factory=Counter)
    """Units of committed work: members ``added``, ``removed``, removals of non-members (``phantom``) ..."""
    users: Directory = field(init=False)
    tables: Tables = field(init=False)

    def __post_init__(self) -> None:
        self.users = Directory(self.flavour)
        self.tables = Tables(self.flavour, self.log)

    # Filling

    def add_category(self, idnumber: str, name: str | None = None, parent: str | None = None) -> Category:
        """A course category, below the one with the idnumber *parent* when given."""
        number = max(self.contexts.categories, default=0) + 1
        above = self.contexts.named(f"category:{parent}").instance if parent else 0
        used = [category.contextid for category in self.contexts.categories.values()]
        return self.contexts.add(Category(number, name or idnumber, idnumber, above, max(used, default=2) + 1))

    def add_user(
        self,
        username: str,
        *,
        profile: Mapping[str, str] | None = None,
        firstname: str = "First",
        lastname: str | None = None,
        email: str | None = None,
        idnumber: str = "",
        userid: int | None = None,
    ) -> User:
        with self.tables.lock:
            user = User(
                userid or self.users.next_id(),
                username,
                firstname,
                lastname if lastname is not None else username,
                email if email is not None else f"{username}@example.test",
                idnumber,
                profile=dict(profile or {}),
            )
            return self.users.add(user)

    def update_user(
        self,
        userid: int,
        *,
        profile: Mapping[str, str] | None = None,
        idnumber: str | None = None,
        email: str | None = None,
        suspended: bool | None = None,
    ) -> None:
        """Change what is given; profile fields that are not named stay."""
        with self.tables.lock:
            user = self.users.get(userid)
            if user is None:
                raise KeyError(userid)
            user.profile.update(profile or {})
            user.idnumber = user.idnumber if idnumber is None else idnumber
            user.email = user.email if email is None else email
            user.suspended = user.suspended if suspended is None else suspended
            self.users.changed()

    def delete_user(self, userid: int) -> None:
        """As the Moodle page does: memberships go without member-removed events."""
        with self.tables.lock:
            user = self.users.get(userid)
            if user is None:
                raise KeyError(userid)
            self.users.delete(user, self.clock())
            for members in self.tables.members.values():
                members.pop(userid, None)

    def add_cohort(
        self,
        idnumber: str,
        name: str | None = None,
        *,
        context: str = "system",
        component: str = "",
        visible: bool = True,
        members: Iterable[int] = (),
        cohortid: int | None = None,
        description: str = "",
        descriptionformat: int = 1,
    ) -> Cohort:
        """A cohort made on Moodle's pages: no event, no check of the idnumber."""
        with self.tables.lock:
            now = self.clock()
            cohort = Cohort(
                cohortid or self.tables.next_cohort_id,
                name if name is not None else idnumber,
                idnumber,
                self.contexts.named(context).id,
                description,
                descriptionformat,
                visible,
                component,
                now,
                now,
            )
            self.tables.put(cohort)
            self.tables.members[cohort.id] = dict.fromkeys(members, now)
            return cohort

    def add_service(self, shortname: str, functions: Iterable[str], *, enabled: bool = True) -> Service:
        number = max(self.services, default=1) + 1
        service = Service(number, shortname, shortname, list(functions), enabled)
        self.services[number] = service
        return service

    def add_caller(
        self, name: str, user: User, service: Service, capabilities: Iterable[str] = (), context: str = "system"
    ) -> Caller:
        """A token for *user*, who is listed for the service and is given the capabilities."""
        text = md5(f"stand-in token of {name}".encode(), usedforsecurity=False).hexdigest()
        token = Token(len(self.tokens) + 1, text, user.id, service.id)
        self.tokens[text] = token
        service.users.setdefault(user.id, None)
        granted = frozenset(capabilities)
        if granted:
            self.rights.grant(user.id, granted, self.contexts.named(context).id)
        self.callers[name] = Caller(user, token)
        return self.callers[name]

    def add_report(self, report: Report) -> Report:
        self.reports[report.id] = report
        return report

    # Changing

    def revoke_token(self, caller: str) -> None:
        self.tokens.pop(self.callers[caller].token.token, None)

    def restore_token(self, caller: str) -> None:
        token = self.callers[caller].token
        self.tokens[token.token] = token

    def revoke_capability(self, caller: str, capability: str) -> None:
        self.rights.revoke(self.callers[caller].user.id, capability)

    def grant_capability(self, caller: str, capability: str, context: str = "system") -> None:
        self.rights.grant(self.callers[caller].user.id, frozenset({capability}), self.contexts.named(context).id)

    def put_members(self, idnumber: str, userids: Iterable[int]) -> None:
        """Add members by hand, on Moodle's page: no web service event."""
        with self.tables.lock:
            members = self.tables.members[self.cohort_named(idnumber).id]
            now = self.clock()
            for userid in userids:
                members.setdefault(userid, now)

    def take_members(self, idnumber: str, userids: Iterable[int]) -> None:
        """Remove members by hand."""
        with self.tables.lock:
            members = self.tables.members[self.cohort_named(idnumber).id]
            for userid in userids:
                members.pop(userid, None)

    # Looking

    def find_token(self, text: str) -> Token | None:
        """The token that the database holds to be equal to *text*."""
        exact = self.tokens.get(text)
        if exact is not None:
            return exact
        same = self.flavour.same_text
        return next((token for known, token in self.tokens.items() if same(known, text)), None)

    def token(self, caller: str) -> str:
        return self.callers[caller].token.token

    def cohort_named(self, idnumber: str) -> Cohort:
        """The cohort with exactly this idnumber."""
        for cohort in self.tables.cohorts_named(idnumber):
            if cohort.idnumber == idnumber:
                return cohort
        raise KeyError(idnumber)

    def cohort_members(self, idnumber: str) -> set[int]:
        with self.tables.lock:
            return set(self.tables.members[self.cohort_named(idnumber).id])

    def cohort_usernames(self, idnumber: str) -> set[str]:
        known = (self.users.get(userid) for userid in self.cohort_members(idnumber))
        return {user.username for user in known if user is not None}

    def member_times(self, idnumber: str) -> dict[int, float]:
        """User id to the Unix time at which the membership was committed."""
        with self.tables.lock:
            return dict(self.tables.members[self.cohort_named(idnumber).id])

    def context_of(self, cohort: Cohort) -> Context:
        return self.contexts.get(cohort.contextid) or self.contexts[SYSTEM_CONTEXT]
