"""Reading accounts in bulk: by a report, by walking over all ids, and the newest ones.

No web service of Moodle looks a user up by a custom profile field; asked for one, ``core_user_get_users`` returns
everybody. A custom report gives username and field of 50,000 users in seconds. Without one, all accounts are read by
their ids: as slow as any other way, but complete, in pages, and with no function beyond the one that is needed anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from connector.runtime.messages import Message, MoodleMessage, message
from consumers.moodle.errors import Fault, Forbidden, Unavailable
from consumers.moodle.reading import GET_REPORT
from consumers.moodle.values import ReportPage, User

SAMPLE = 20
"""Ids in one probe for newer accounts."""
STRETCHES = (1_000_000, 100_000, 10_000, 1_000)
"""Ids that one probe spans, in turn."""
WINDOW = 100
"""Ids beyond the newest that must all be free before the newest is taken to be the newest."""
READINGS = 3
"""How often a report that changes under the reader is read before it is given up for now."""


class AccountReader(Protocol):
    """What is needed of ``MoodleReader``."""

    def users(self, field: str, values: Collection[str], *, chunk: int = ...) -> list[User]: ...

    def reset_filters(self, report_id: int) -> None: ...

    def report_page(self, report_id: int, page: int, rows: int) -> ReportPage: ...


class ReportColumnsMissing(Forbidden):
    """The report lacks a column, or the service user may not see it."""

    def __init__(self, missing: Sequence[str], found: Sequence[str]) -> None:
        super().__init__(Fault(GET_REPORT, "columns", MoodleMessage.REPORT_FORBIDDEN))
        self.message: Message = message(
            MoodleMessage.REPORT_COLUMNS,
            missing=", ".join(f'"{title}"' for title in missing),
            found=", ".join(f'"{title}"' for title in found) or "nothing",
        )
        self.args = (str(self.message),)


@dataclass(frozen=True)
class Report:
    """A report that maps usernames to a profile field."""

    id: int
    username_header: str
    field_header: str
    page_rows: int
    resets_filters: bool = True
    """Whether the token may reset filters. One left over would hide accounts."""


def read_report(reader: AccountReader, report: Report) -> list[tuple[str, str]]:
    """(field value as stored, username) of every account in ``report`` that has a value.

    Paging holds only while nobody comes or goes, so the report is read again when its size changed meanwhile.

    Raises:
        ReportColumnsMissing: a column is not there.
        Unavailable: the report did not keep still.
        MoodleError: a call failed.
    """
    if report.resets_filters:
        reader.reset_filters(report.id)
    for _ in range(READINGS):
        pages = list(_pages(reader, report))
        usernames = [username for page in pages for _, username in page.pairs]
        if len({page.total for page in pages}) == 1 and len(set(usernames)) == pages[0].total:
            return [pair for page in pages for pair in page.pairs if pair[0].strip()]
    raise Unavailable(Fault(GET_REPORT, "restless", MoodleMessage.REPORT_RESTLESS))


@dataclass(frozen=True)
class _Page:
    pairs: list[tuple[str, str]]
    total: int


def _pages(reader: AccountReader, report: Report) -> Iterator[_Page]:
    number = 0
    while True:
        page = reader.report_page(report.id, number, report.page_rows)
        username, field = columns(page.headers, report)
        yield _Page([(row[field], row[username].lower()) for row in page.rows], page.total)
        number += 1
        if len(page.rows) < report.page_rows or number * report.page_rows >= page.total:
            return


def columns(headers: Sequence[str], report: Report) -> tuple[int, int]:
    """Positions of username and field.

    Raises:
        ReportColumnsMissing: a title is absent, or there twice.
    """
    wanted = (report.username_header, report.field_header)
    if missing := [title for title in wanted if headers.count(title) != 1]:
        raise ReportColumnsMissing(missing, headers)
    return headers.index(wanted[0]), headers.index(wanted[1])


def newest_id(reader: AccountReader, known: int) -> int:
    """The id of the newest account, as far as can be found from ``known`` upwards in a few calls.

    Samples ever denser stretches beyond the highest id found so far. Moodle answers for deleted accounts too, so ids
    have few holes; one that is wider than all that lies beyond it may hide that.
    """
    highest = known
    for stretch in STRETCHES:
        stride = stretch // SAMPLE - 1  # odd, since some databases hand out every second or third id
        while found := _highest(reader, range(highest + stride, highest + stretch + 1, stride)):
            highest = found
    while found := _highest(reader, range(highest + 1, highest + WINDOW + 1)):
        highest = found
    return highest


def _highest(reader: AccountReader, ids: range) -> int:
    return max((user.id for user in reader.users("id", [str(user_id) for user_id in ids])), default=0)


def walk(reader: AccountReader, newest: int, chunk: int) -> Iterator[list[User]]:
    """All accounts up to the id ``newest``, ``chunk`` ids at a time, deleted ones included."""
    for first in range(1, newest + 1, chunk):
        yield reader.users("id", [str(i) for i in range(first, min(first + chunk, newest + 1))], chunk=chunk)


def newcomers(reader: AccountReader, newest: int, look_back: int) -> list[User]:
    """Accounts beyond ``newest``, and the ``look_back`` before it, whose profile may have been filled in since."""
    found = reader.users("id", [str(i) for i in range(max(1, newest - look_back + 1), newest + WINDOW + 1)])
    while (highest := max((user.id for user in found), default=0)) > newest:
        newest = highest
        found += reader.users("id", [str(i) for i in range(newest + 1, newest + WINDOW + 1)])
    return found
