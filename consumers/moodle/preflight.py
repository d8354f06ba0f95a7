"""What must be right at a Moodle before work begins; ``cohortstream check`` shows the same.

Everything is tried by reading. Whether the service user may change members shows only when it does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, unique
from urllib.parse import urlsplit

from connector.runtime.messages import Message, MoodleMessage, message
from consumers.moodle import reading, writing
from consumers.moodle.accounts import Report, columns, newcomers, newest_id
from consumers.moodle.client import MoodleClient
from consumers.moodle.errors import Halted, MoodleError, Unavailable
from consumers.moodle.probe import WANTED, probe_input_vars
from consumers.moodle.reading import STOCK_INPUT_VARS, MoodleReader
from consumers.moodle.settings import DirectorySettings, MoodleSettings
from consumers.moodle.values import SYSTEM, Category, Place, SiteInfo

FORBIDDEN_FUNCTION = "core_cohort_delete_cohorts"
"""A token that could delete cohorts is refused, although nothing here would ever call it."""

READS = frozenset(
    {reading.SITE_INFO, reading.SEARCH_COHORTS, reading.GET_COHORTS, reading.GET_MEMBERS, reading.GET_USERS}
)
"""What the reconciler needs."""
WRITES = READS | {writing.ADD_MEMBERS, writing.REMOVE_MEMBERS, writing.CREATE_COHORTS}
"""What the consumer needs."""
SAMPLED_ACCOUNTS = 50
SAMPLED_ROWS = 5
"""Of the report; an account may just have been renamed."""


@unique
class Severity(Enum):
    """What a finding means for the start."""

    FAULT = "fault"
    """Work must not begin."""
    WARNING = "warning"
    """Work can begin, and a person should know."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    severity: Severity
    message: Message


@dataclass(frozen=True)
class Preflight:
    """What was found."""

    findings: tuple[Finding, ...]
    site: SiteInfo | None
    """``None`` if Moodle did not even tell its name."""
    max_input_vars: int
    """What to build batches for: from the settings, or as measured."""
    resets_filters: bool
    """Whether the token may reset filters of reports."""
    unavailable: Unavailable | None = None
    """Set if Moodle did not answer at all, so that nothing can be said; try again later."""

    @property
    def faults(self) -> tuple[Message, ...]:
        """What forbids the start."""
        return tuple(finding.message for finding in self.findings if finding.severity is Severity.FAULT)


def home_of(settings: MoodleSettings) -> Place:
    """Where the service user has its rights."""
    return SYSTEM if settings.home_category is None else Category(settings.home_category)


def preflight(
    client: MoodleClient, settings: MoodleSettings, students: DirectorySettings, functions: Collection[str] = WRITES
) -> Preflight:
    """Try everything that can be tried by reading. Raises nothing of Moodle's: each trouble is a finding."""
    return _Check(client, settings, students, functions).run()


class _Check:
    def __init__(
        self, client: MoodleClient, settings: MoodleSettings, students: DirectorySettings, functions: Collection[str]
    ) -> None:
        self._client = client
        self._settings = settings
        self._students = students
        self._functions = functions
        self._limit = settings.max_input_vars or STOCK_INPUT_VARS
        self._reader = MoodleReader(client, home=home_of(settings), max_input_vars=self._limit)
        self._findings: list[Finding] = []
        self._site: SiteInfo | None = None

    def run(self) -> Preflight:
        unavailable = None
        for look in (self._look_at_site, self._look_at_limits, self._look_at_accounts):
            try:
                look()
            except Unavailable as error:
                unavailable = error
                break
            except MoodleError as error:
                self._add(Severity.FAULT, error.message)
                if isinstance(error, Halted):
                    break
        offered = self._site.functions if self._site else frozenset()
        return Preflight(tuple(self._findings), self._site, self._limit, reading.RESET_FILTERS in offered, unavailable)

    def _look_at_site(self) -> None:
        url = urlsplit(self._settings.url)
        if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            self._add(Severity.WARNING, message(MoodleMessage.NOT_ENCRYPTED, url=self._settings.url))
        site = self._site = self._reader.site_info()
        if FORBIDDEN_FUNCTION in site.functions:
            self._add(Severity.FAULT, message(MoodleMessage.DELETES_COHORTS))
        wanted = {*self._functions, *([reading.GET_REPORT] if self._students.report_id else [])}
        if missing := sorted(wanted - site.functions):
            self._add(Severity.FAULT, message(MoodleMessage.FUNCTION_MISSING, functions=", ".join(missing)))
        if site.url.lower() != self._settings.url.lower():
            self._add(Severity.WARNING, message(MoodleMessage.OTHER_SITE_URL, found=site.url, url=self._settings.url))

    def _look_at_limits(self) -> None:
        # Site info succeeds for a service user that is not in order; a search looks at a context, which does not.
        if not self._offers(reading.SEARCH_COHORTS, reading.GET_COHORTS):
            return
        self._reader.cohorts_in(home_of(self._settings), query="\u2014")
        if self._settings.max_input_vars is None:
            self._limit = probe_input_vars(self._client)
            if self._limit < WANTED:
                self._add(Severity.WARNING, message(MoodleMessage.TOO_FEW_INPUT_VARS, found=self._limit))

    def _look_at_accounts(self) -> None:
        students = self._students
        if students.report_id is not None and students.field_header is not None:
            if not self._offers(reading.GET_REPORT):
                return
            report = Report(students.report_id, students.username_header, students.field_header, students.page_rows)
            page = self._reader.report_page(report.id, 0, SAMPLED_ROWS)
            at, _ = columns(page.headers, report)
            if not self._offers(reading.RESET_FILTERS):
                self._add(Severity.WARNING, message(MoodleMessage.NO_FILTER_RESET))
            # A report needs fewer rights than finding the ids of those in it, without which nobody is added. The service
            # user always finds itself.
            names = {row[at] for row in page.rows if row[at]} - {self._site.username if self._site else ""}
            if names and self._offers(reading.GET_USERS) and not self._reader.users("username", names):
                self._add(Severity.WARNING, message(MoodleMessage.NO_ACCOUNTS_FOUND, field="username"))
            return
        if not self._offers(reading.GET_USERS):
            return
        newest = newest_id(self._reader, 0)
        accounts = newcomers(self._reader, newest, SAMPLED_ACCOUNTS)
        field = students.field or students.by
        shown = [
            account.fields.get(field, "") if students.by == "profile_field" else getattr(account, students.by)
            for account in accounts
        ]
        if not any(shown):
            self._add(Severity.WARNING, message(MoodleMessage.NO_ACCOUNTS_FOUND, field=field))

    def _offers(self, *functions: str) -> bool:
        """Whether the token has these; what it lacks has been said already."""
        return self._site is not None and self._site.functions.issuperset(functions)

    def _add(self, severity: Severity, text: Message) -> None:
        self._findings.append(Finding(severity, text))
