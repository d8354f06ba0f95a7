"""Finding accounts: by report, by walking over ids, and directly; what is cached, refused, looked for again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.messages import MoodleMessage
from consumers.moodle.accounts import WINDOW, ReportColumnsMissing, newest_id
from consumers.moodle.directory import Directory, open_directory
from consumers.moodle.errors import Fault, Unavailable
from consumers.moodle.finders import FEW
from consumers.moodle.resolution import UNKNOWN, Ambiguous, Deleted, Found
from consumers.moodle.settings import DirectorySettings
from consumers.moodle.values import ReportPage, User
from tests.unit.moodle.doubles import ManualClock

SITE = "https://moodle.example.test"


@dataclass
class Accounts:
    """A Moodle's accounts in memory, read as ``MoodleReader`` reads them."""

    users_: dict[int, User] = field(default_factory=dict)
    values: dict[int, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ("Username", "Student number")
    shows_fields: bool = True
    calls: list[str] = field(default_factory=list)
    asked: int = 0
    seconds_a_report: float = 0.0
    clock: ManualClock = field(default_factory=ManualClock)
    totals: list[int] = field(default_factory=list)
    """Sizes that the report claims, one a page, before it tells the truth."""

    def add(self, user_id: int, value: str | None = None, **more: Any) -> None:
        self.users_[user_id] = User(user_id, more.pop("username", f"user{user_id}"), f"u{user_id}@x.test", **more)
        self.values.pop(user_id, None)
        if value is not None:
            self.values[user_id] = value

    def delete(self, user_id: int) -> None:
        gone = self.users_[user_id]
        self.users_[user_id] = replace(gone, username=f"{gone.email}.1795386613", email="0" * 32, idnumber="")
        self.values.pop(user_id, None)

    def users(self, field: str, values: Collection[str], *, chunk: int = 250) -> list[User]:
        assert chunk > 0
        self.calls.append(field)
        self.asked += len(values)
        found = [
            user for user in self.users_.values() if str(getattr(user, field)).lower() in {v.lower() for v in values}
        ]
        return [self._shown(user) for user in found]

    def _shown(self, user: User) -> User:
        if self.shows_fields and user.id in self.values:
            return replace(user, fields={"sn": self.values[user.id]})
        return user

    def reset_filters(self, report_id: int) -> None:
        self.calls.append("reset")

    def report_page(self, report_id: int, page: int, rows: int) -> ReportPage:
        self.calls.append("report")
        self.clock.move(self.seconds_a_report)
        alive = sorted((u.username, self.values.get(u.id, "")) for u in self.users_.values() if not u.deleted)
        total = self.totals.pop(0) if self.totals else len(alive)
        return ReportPage(self.headers, tuple(alive[page * rows : (page + 1) * rows]), total)


REPORT: dict[str, Any] = {
    "by": "profile_field",
    "field": "sn",
    "report_id": 1,
    "field_header": "Student number",
    "page_rows": 100,
}
WALK: dict[str, Any] = {"by": "profile_field", "field": "sn"}


def directory_of(accounts: Accounts, path: Path | None = None, site: str = SITE, **settings: Any) -> Directory:
    given = DirectorySettings.model_validate(settings or REPORT)
    return open_directory(given, {}, accounts, accounts.clock, site_url=site, path=path)


def site_of(count: int = 0) -> Accounts:
    accounts = Accounts()
    for number in range(1, count + 1):
        accounts.add(number, f"S{number}")
    return accounts


@pytest.mark.parametrize("settings", [REPORT, WALK], ids=["report", "walk"])
def test_a_profile_field_leads_to_the_account(settings: dict[str, Any]) -> None:
    """Blanks are taken off on both sides; two accounts with one value are no guess; nobody is nobody."""
    accounts = site_of(250)
    accounts.add(300, " S300 ")
    accounts.add(301, "S7")
    accounts.add(302)
    directory = directory_of(accounts, **settings)

    assert directory.resolve(["S1", "S300 ", "S7", "S999", " "]) == {
        "S1": Found(1, "user1"),
        "S300 ": Found(300, "user300"),
        "S7": Ambiguous((7, 301)),
        "S999": UNKNOWN,
        " ": UNKNOWN,
    }


def test_a_report_is_read_page_by_page_once_with_filters_reset() -> None:
    """A filter left over would hide accounts; ids are looked up only for those that are needed, and kept."""
    accounts = site_of(250)
    directory = directory_of(accounts)
    directory.resolve(["S1", "S2"])
    directory.resolve(["S1", "S2"])

    assert accounts.calls == ["reset", "report", "report", "report", "username"]
    assert accounts.asked == 2


def test_look_ups_may_be_made_side_by_side() -> None:
    """Whoever has threads brings them along."""
    accounts = site_of(1000)
    sizes: list[int] = []

    def together(tasks: Sequence[Callable[[], list[User]]]) -> list[list[User]]:
        sizes.append(len(tasks))
        return [task() for task in reversed(tasks)]

    settings = DirectorySettings.model_validate(REPORT | {"lookup_rows": 300})
    directory = open_directory(settings, {}, accounts, accounts.clock, site_url=SITE, path=None, together=together)
    found = directory.resolve([f"S{number}" for number in range(1, 1001)])

    assert sizes == [4]
    assert all(found[f"S{number}"] == Found(number, f"user{number}") for number in range(1, 1001))


def test_one_normaliser_serves_both_sides() -> None:
    """Zero padding and case, as in the source or not."""
    accounts = site_of()
    accounts.add(5, "ab42")
    directory = directory_of(accounts, **REPORT | {"normalise": "{VALUE|trim|upper|pad:6}"})

    assert directory.resolve(["00AB42", "aB42"]) == {"00AB42": Found(5, "user5"), "aB42": Found(5, "user5")}
    assert directory.normalise("ab42") == "00AB42"


def test_a_report_without_its_columns_is_told() -> None:
    """Columns that the service user may not see vanish without a word."""
    accounts = site_of(3)
    accounts.headers = ("Username", "E-mail")

    with pytest.raises(ReportColumnsMissing, match=r'"Student number".*"Username", "E-mail"'):
        directory_of(accounts).resolve(["S1"])


def test_a_report_that_changes_while_it_is_read_is_read_again() -> None:
    """Rows move from page to page, so some would be missed."""
    accounts = site_of(150)
    accounts.totals = [150, 151]
    directory = directory_of(accounts)

    assert directory.resolve(["S150"]) == {"S150": Found(150, "user150")}
    assert accounts.calls.count("report") == 4


def test_a_report_that_never_keeps_still_is_left_for_now() -> None:
    """What was known stays in use."""
    accounts = site_of(150)
    directory = directory_of(accounts)
    directory.refresh()
    accounts.totals = [150, 151] * 3

    with pytest.raises(Unavailable, match="CS4039"):
        directory.refresh()
    assert directory.resolve(["S1"]) == {"S1": Found(1, "user1")}


def test_a_refresh_that_loses_too_much_waits_for_a_person() -> None:
    """A right that was taken away looks like accounts that are gone."""
    accounts = site_of(100)
    directory = directory_of(accounts)
    directory.refresh()
    kept = dict(accounts.values)
    accounts.values = {user_id: value for user_id, value in kept.items() if user_id > 11}
    accounts.shows_fields = False

    done = directory.refresh()
    assert (done.taken, done.known, done.read, done.lost) == (False, 100, 89, 11)
    assert directory.state().refused_loss == 11
    assert directory.resolve(["S1"]) == {"S1": Found(1, "user1")}

    directory.accept_loss(10)  # fewer than it is by now
    assert directory.refused() == (11, 100)
    directory.accept_loss(11)
    assert directory.refused() is None
    again = directory.keep_fresh()
    assert again is not None
    assert again.taken
    assert directory.resolve(["S1"]) == {"S1": UNKNOWN}


def test_an_accepted_loss_does_not_cover_a_larger_one() -> None:
    """What the person saw is what may happen."""
    accounts = site_of(100)
    directory = directory_of(accounts)
    directory.refresh()
    accounts.values = {user_id: value for user_id, value in accounts.values.items() if user_id > 20}
    directory.refresh()
    directory.accept_loss(20)
    accounts.values = {}

    assert not directory.refresh().taken


def test_a_small_loss_is_taken_over() -> None:
    """Accounts do get deleted."""
    accounts = site_of(100)
    directory = directory_of(accounts)
    directory.refresh()
    accounts.delete(5)

    assert directory.refresh().taken
    assert directory.resolve(["S5"]) == {"S5": UNKNOWN}


def test_everything_is_read_again_after_the_interval_only() -> None:
    """And not more often than the time that it takes allows."""
    accounts = site_of(3)
    directory = directory_of(accounts)
    directory.refresh()
    assert directory.keep_fresh() is None

    accounts.clock.move(3601)
    accounts.seconds_a_report = 300
    assert directory.keep_fresh() is not None
    accounts.clock.move(3601)
    assert directory.keep_fresh() is None
    accounts.clock.move(2400)
    assert directory.keep_fresh() is not None


def test_a_deleted_account_is_known_as_such_once_moodle_said_so() -> None:
    """And its successor with the same username is found by the next reading."""
    accounts = site_of(50)
    directory = directory_of(accounts)
    assert directory.resolve(["S5"]) == {"S5": Found(5, "user5")}

    accounts.delete(5)
    directory.verify([5])
    assert directory.resolve(["S5"]) == {"S5": Deleted(5)}

    accounts.add(60, "S5", username="user5")
    directory.refresh()
    assert directory.resolve(["S5"]) == {"S5": Found(60, "user5")}


def test_an_account_that_was_renamed_keeps_its_id() -> None:
    """The next reading brings the new username, and the id is looked up by it."""
    accounts = site_of(50)
    directory = directory_of(accounts)
    directory.resolve(["S5"])
    accounts.add(5, "S5", username="married")
    directory.refresh()

    assert directory.resolve(["S5"]) == {"S5": Found(5, "married")}


def test_an_account_that_was_never_there_is_forgotten() -> None:
    """Verified away, it is looked up anew."""
    accounts = site_of(50)
    directory = directory_of(accounts)
    directory.resolve(["S5"])
    del accounts.users_[5]
    directory.verify([5])

    assert directory.resolve(["S5"]) == {"S5": UNKNOWN}


def test_keys_lead_back_from_users() -> None:
    """Also for users whom no key has led to yet."""
    accounts = site_of(50)
    accounts.add(77)
    directory = directory_of(accounts)
    directory.resolve(["S1"])

    assert directory.keys_of([1, 2, 77, 999]) == {
        1: frozenset({"S1"}),
        2: frozenset({"S2"}),
        77: frozenset(),
        999: frozenset(),
    }


@pytest.mark.parametrize("settings", [WALK, {"by": "idnumber"}], ids=["profile field", "idnumber"])
def test_values_that_changed_places_are_known_after_a_look_at_one_of_the_accounts(settings: dict[str, Any]) -> None:
    """What was known serves on until then; after it neither value leads to both accounts, nor to none."""
    accounts = Accounts()

    def carry(user_id: int, value: str) -> None:
        accounts.add(user_id, value, idnumber=value)

    carry(1, "S1")
    carry(5, "S5")
    directory = directory_of(accounts, **settings)
    directory.resolve(["S1", "S5"])
    carry(1, "S5")
    carry(5, "S1")
    before = directory.keys_of([1])
    directory.verify([1])

    assert (before, directory.keys_of([1])) == ({1: frozenset({"S1"})}, {1: frozenset({"S5"})})
    assert directory.resolve(["S1", "S5"]) == {"S1": Found(5, "user5"), "S5": Found(1, "user1")}


def test_a_student_whose_account_appears_is_found_within_a_minute_without_reading_everything() -> None:
    """The newest accounts are watched; that costs one small call."""
    accounts = site_of(5000)
    accounts.seconds_a_report = 30
    directory = directory_of(accounts, **REPORT | {"page_rows": 10_000})
    assert directory.resolve(["S9000"]) == {"S9000": UNKNOWN}
    assert directory.look_for(["S9000"]) == {"S9000": UNKNOWN}
    accounts.add(5003, "S9000")
    accounts.calls.clear()
    accounts.asked = 0

    accounts.clock.move(10)
    assert directory.look_for(["S9000"]) == {"S9000": UNKNOWN}
    assert accounts.calls == []

    accounts.clock.move(25)
    assert directory.look_for(["S9000"]) == {"S9000": Found(5003, "user5003")}
    assert "report" not in accounts.calls
    assert accounts.asked <= 3 * WINDOW


def test_a_new_account_whose_profile_is_filled_in_later_is_found_too() -> None:
    """It is among the newest for a while."""
    accounts = site_of(500)
    accounts.seconds_a_report = 30
    directory = directory_of(accounts)
    accounts.add(501)
    directory.look_for(["S9000"])
    accounts.add(501, "S9000")
    accounts.clock.move(31)

    assert directory.look_for(["S9000"]) == {"S9000": Found(501, "user501")}


def test_looking_for_someone_does_not_wait_for_a_reading_in_another_thread() -> None:
    """Nor does resolving: what is known serves on meanwhile."""
    accounts = site_of(100)
    directory = directory_of(accounts)
    directory.refresh()
    reading, go_on = threading.Event(), threading.Event()
    quick = accounts.report_page

    def slow(report_id: int, page: int, rows: int) -> ReportPage:
        reading.set()
        assert go_on.wait(60)
        return quick(report_id, page, rows)

    accounts.report_page = slow  # type: ignore[method-assign]
    other = threading.Thread(target=directory.refresh)
    other.start()
    assert reading.wait(60)

    assert directory.look_for(["S900", "S1"]) == {"S900": UNKNOWN, "S1": Found(1, "user1")}
    go_on.set()
    other.join()


def test_an_old_account_that_is_given_the_value_is_found_by_reading_again() -> None:
    """As soon as that is affordable: here a report of half a second, after half a minute."""
    accounts = site_of(5000)
    accounts.add(3)
    accounts.seconds_a_report = 0.5
    directory = directory_of(accounts, **REPORT | {"page_rows": 10_000})
    assert directory.look_for(["S3"]) == {"S3": UNKNOWN}
    accounts.add(3, "S3")
    accounts.clock.move(31)

    assert directory.look_for(["S3"]) == {"S3": Found(3, "user3")}


def test_reading_again_for_missing_students_takes_a_bounded_share_of_the_time() -> None:
    """One part in twenty by default, however often one asks."""
    accounts = site_of(100)
    accounts.seconds_a_report = 60
    directory = directory_of(accounts)
    directory.refresh()
    accounts.calls.clear()
    began = accounts.clock.monotonic()
    while accounts.clock.monotonic() - began < 6 * 3600:
        directory.look_for(["S900", "S901"])
        accounts.clock.move(5)

    assert 60 * accounts.calls.count("report") <= 6 * 3600 * 0.05


def looks(missing: int, hours: int) -> tuple[list[float], Accounts]:
    """When Moodle was asked for so many missing students, asked about every ten seconds; and the Moodle."""
    accounts = site_of(10)
    directory = directory_of(accounts, by="idnumber")
    students = [f"nobody{number}" for number in range(missing)]
    times: list[float] = []
    began = accounts.clock.monotonic()
    for _ in range(hours * 360):
        before = len(accounts.calls)
        directory.look_for(students)
        if len(accounts.calls) > before:
            times.append(accounts.clock.monotonic() - began)
        accounts.clock.move(10)
    return times, accounts


def test_while_few_are_missing_each_is_looked_for_within_a_minute() -> None:
    """However long they have been missing, in one call."""
    times, accounts = looks(FEW - 1, hours=3)
    waits = [later - earlier for earlier, later in pairwise(times)]

    assert max(waits) <= 60
    assert accounts.asked == (FEW - 1) * len(times)
    assert len(accounts.calls) == len(times)


def test_many_who_are_missing_for_long_are_looked_for_ever_less_often() -> None:
    """Every ten minutes at first, then after a tenth of the time that they have been missing, an hour at most."""
    times, _ = looks(FEW, hours=14)
    waits = [later - earlier for earlier, later in pairwise(times)]

    assert [time for time in times if time <= 1800] == [0, 600, 1200, 1800]
    assert len([time for time in times if time >= 11 * 3600]) <= 4
    assert waits == sorted(waits)
    assert max(waits) <= 3600


def test_ten_thousand_missing_students_are_cheap() -> None:
    """Each is asked for every ten minutes at most, 500 in a call, and never more than 1,000 at once."""
    accounts = site_of(10)
    directory = directory_of(accounts, by="idnumber")
    students = [f"nobody{number:05d}" for number in range(10_000)]
    most = 0
    for _ in range(6):  # an hour
        for page in (students[:5000], students[5000:]):
            for _ in range(5):
                before = accounts.asked
                directory.look_for(page)
                most = max(most, accounts.asked - before)
        accounts.clock.move(600)

    assert most <= 1000
    assert accounts.asked == 6 * 10_000
    assert len(accounts.calls) == 6 * 20


def test_all_accounts_are_read_for_the_sake_of_many_every_ten_minutes_at_most() -> None:
    """And for the sake of a few as often as the share of the time allows."""
    counts = []
    for missing in (FEW, FEW - 1):
        accounts = site_of(100)
        accounts.seconds_a_report = 0.5
        directory = directory_of(accounts)
        directory.refresh()
        accounts.calls.clear()
        began = accounts.clock.monotonic()
        while accounts.clock.monotonic() - began < 3600:
            directory.look_for([f"nobody{number}" for number in range(missing)])
            accounts.clock.move(10)
        counts.append(accounts.calls.count("report"))

    assert counts[0] <= 6
    assert counts[1] >= 60


def test_direct_look_ups_are_kept_and_renewed_when_old() -> None:
    """By idnumber, which Moodle can look up."""
    accounts = site_of()
    accounts.add(5, idnumber="I5")
    directory = directory_of(accounts, by="idnumber")
    assert directory.resolve(["I5", "I6"]) == {"I5": Found(5, "user5"), "I6": UNKNOWN}
    directory.resolve(["I5", "I6"])
    assert accounts.calls == ["idnumber"]

    accounts.add(5)
    accounts.add(9, idnumber="I5")
    accounts.clock.move(3601)
    assert directory.resolve(["I5"]) == {"I5": Found(9, "user9")}


def test_direct_look_ups_compare_for_themselves() -> None:
    """The database may hold other texts equal; the normaliser decides. Deleted accounts do not count."""
    accounts = site_of()
    accounts.add(5, idnumber="i5")
    accounts.add(6, idnumber="I7")
    accounts.add(7, idnumber="I7")
    accounts.add(8, idnumber="I8")
    accounts.users_[8] = replace(accounts.users_[8], username="u8@x.test.1795386613", email="0" * 32)
    directory = directory_of(accounts, by="idnumber")

    assert directory.resolve(["I5", "I7", "I8"]) == {"I5": UNKNOWN, "I7": Ambiguous((6, 7)), "I8": UNKNOWN}
    assert directory_of(accounts, by="idnumber", normalise="{VALUE|upper}").resolve(["i5"]) == {"i5": Found(5, "user5")}


def test_many_known_values_that_vanish_at_once_are_kept_until_a_person_accepts_it() -> None:
    """For direct look-ups too: a lost right shows as empty answers."""
    accounts = site_of()
    for number in range(1, 101):
        accounts.add(number, idnumber=f"I{number}")
    directory = directory_of(accounts, by="idnumber")
    keys = [f"I{number}" for number in range(1, 101)]
    directory.resolve(keys)
    for number in range(1, 101):
        accounts.add(number)

    assert not directory.refresh().taken
    assert directory.resolve(["I1"]) == {"I1": Found(1, "user1")}
    directory.accept_loss((directory.refused() or (0, 0))[0])
    done = directory.keep_fresh()
    assert done is not None
    assert done.taken
    assert directory.resolve(["I1"]) == {"I1": UNKNOWN}


def test_a_single_account_that_is_gone_is_believed() -> None:
    """Also if it is all that was asked for."""
    accounts = site_of()
    accounts.add(5, idnumber="I5")
    directory = directory_of(accounts, by="idnumber")
    directory.resolve(["I5"])
    accounts.delete(5)
    accounts.clock.move(3601)

    assert directory.resolve(["I5"]) == {"I5": UNKNOWN}


def test_what_is_known_survives_a_restart(tmp_path: Path) -> None:
    """No reading is needed then."""
    accounts = site_of(100)
    first = directory_of(accounts, tmp_path / "d" / "accounts.sqlite")
    first.resolve(["S1"])
    first.close()
    accounts.calls.clear()
    second = directory_of(accounts, tmp_path / "d" / "accounts.sqlite")

    assert second.resolve(["S1"]) == {"S1": Found(1, "user1")}
    assert accounts.calls == []
    second.close()


@pytest.mark.parametrize("change", ["site", "settings", "damage", "layout"])
def test_a_cache_that_does_not_fit_is_thrown_away(tmp_path: Path, change: str) -> None:
    """Another site, other settings, a damaged file, another layout: never migrated, read anew."""
    path = tmp_path / "accounts.sqlite"
    accounts = site_of(100)
    first = directory_of(accounts, path)
    first.resolve(["S1"])
    first.close()
    if change == "damage":
        path.write_bytes(b"not a database" * 100)
    if change == "layout":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    accounts.calls.clear()
    second = directory_of(
        accounts,
        path,
        site="https://staging.example.test" if change == "site" else SITE,
        **(REPORT | {"normalise": "{VALUE|upper}"} if change == "settings" else REPORT),
    )
    second.resolve(["S1"])

    assert "report" in accounts.calls
    second.close()


def test_a_failed_first_reading_is_not_taken_for_an_empty_site() -> None:
    """Nobody may be parked because Moodle was down."""

    class Down(Accounts):
        def report_page(self, report_id: int, page: int, rows: int) -> ReportPage:
            raise Unavailable(Fault("f", "http-502", MoodleMessage.DOWN))

    directory = directory_of(Down())
    for _ in range(2):
        with pytest.raises(Unavailable):
            directory.resolve(["S1"])


def test_holes_in_the_ids_do_not_hide_what_lies_beyond() -> None:
    """Imports and merged sites leave them; some databases hand out every third id."""
    accounts = Accounts()
    for user_id in [*range(1, 25), *range(1001, 1060), *range(60_001, 75_000, 3)]:
        accounts.users_[user_id] = User(user_id, f"u{user_id}")

    assert newest_id(accounts, 0) == 74_998


@pytest.mark.parametrize("newest", [1, 2, 99, 100, 101, 5000, 33_333])
def test_the_newest_account_is_found_in_few_calls(newest: int) -> None:
    """Ids have few holes: Moodle answers for deleted accounts as well."""
    accounts = Accounts()
    for user_id in range(1, newest + 1):
        if user_id % 7 or user_id == newest:
            accounts.users_[user_id] = User(user_id, f"u{user_id}")

    assert newest_id(accounts, 0) == newest
    assert len(accounts.calls) <= 20


@pytest.mark.parametrize("pattern", ["{NAME}", "fixed", "{VALUE}-{OTHER}", "{VALUE"])
def test_a_normaliser_uses_the_value_and_nothing_else(pattern: str) -> None:
    """Refused at the start, with the reason."""
    with pytest.raises(ValueError, match=r"VALUE|brace"):
        directory_of(site_of(), **REPORT | {"normalise": pattern})


def test_accounts_from_before_another_site_was_accepted_are_forgotten() -> None:
    """Their numbers are others' now; what was read since is kept."""
    accounts = site_of(5)
    directory = directory_of(accounts)
    directory.refresh()
    directory.belong(1.0)
    forgotten = directory.state()
    directory.refresh()
    directory.belong(1.0)

    assert (0, None) == (forgotten.known, forgotten.refreshed_at)
    assert directory.state().known == 5


def test_how_many_accounts_would_have_to_be_asked_for_is_known_without_asking() -> None:
    """A report tells usernames: their ids are looked up when they are needed, and stay known."""
    accounts = site_of(9)
    directory = directory_of(accounts)
    before = directory.unasked(["S1"])
    directory.keep_fresh()
    calls = list(accounts.calls)
    unasked = directory.unasked(["S1", "S2 ", "S77", " "])

    assert (before, unasked, accounts.calls) == (0, 2, calls)
    directory.resolve(["S1"])
    assert directory.unasked(["S1", "S2"]) == 1


def test_what_was_never_looked_up_would_have_to_be_asked_for() -> None:
    """Where each value is looked up for itself; one that was looked for in vain has its own pace."""
    accounts = Accounts()
    accounts.add(1, idnumber="A1")
    directory = directory_of(accounts, by="idnumber")
    directory.resolve(["A1", "A2"])

    assert directory.unasked(["A1", "A2", "A3", "A4"]) == 2
