"""The Moodle client over real HTTP, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.messages import MoodleMessage
from consumers.moodle.batches import REMOVE_FIELDS, CallCost, CallLimits, Row, calls
from consumers.moodle.client import MoodleClient
from consumers.moodle.directory import open_directory
from consumers.moodle.errors import Forbidden, Halted, OutcomeUnknown, Refused, TokenRejected, TooLarge, Unavailable
from consumers.moodle.preflight import WRITES, preflight
from consumers.moodle.probe import probe_input_vars
from consumers.moodle.reading import MoodleReader
from consumers.moodle.resolution import UNKNOWN, Ambiguous, Deleted, Found
from consumers.moodle.settings import DirectorySettings, MoodleSettings
from consumers.moodle.values import SYSTEM, Category, CategoryNamed
from consumers.moodle.writing import Added, MoodleWriter, NewCohort
from consumers.reconciler.compare import compare
from consumers.reconciler.drift import Drift
from consumers.reconciler.moodle_side import MoodleByReading
from schemas.records import CohortEntry, CohortState, EntryStatus
from tests.isolating import isolate
from tests.standins.moodle.faults import Fault, Kind
from tests.standins.moodle.fixture import add_recommended_caller, site_from_fixture
from tests.standins.moodle.forms import FormLimits
from tests.standins.moodle.server import MoodleStandin
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import ServerProfile

CALLER = "connector"
STUDENTS = DirectorySettings(by="profile_field", field="student_number", report_id=1, field_header="Student number")
SCI, ART = 2, 4


class Ends:
    """A stand-in, and clients of it."""

    def __init__(self, standin: MoodleStandin) -> None:
        self.standin = standin
        self.site: Site = standin.site
        self.clock = SystemClock()
        self._clients: list[MoodleClient] = []
        self.client = self.client_as(CALLER)
        self.reader = MoodleReader(self.client)
        self.writer = MoodleWriter(self.client, self.clock)

    def settings_as(self, caller: str) -> MoodleSettings:
        retries = {"attempts": 2, "first_wait": "10ms"}
        given = {"url": self.standin.url, "token": self.site.token(caller), "retries": retries}
        return MoodleSettings.model_validate(given)

    def client_as(self, caller: str) -> MoodleClient:
        client = MoodleClient(self.settings_as(caller), self.clock)
        self._clients.append(client)
        return client

    def cohort(self, idnumber: str) -> int:
        return self.writer.create_cohorts([NewCohort(idnumber, idnumber, SYSTEM)])[idnumber].id

    def fault(self, kind: Kind, function: str, *, seconds: float = 0.0, count: int = 1) -> None:
        self.standin.faults.add(Fault(kind, f"core_cohort_{function}", seconds=seconds, count=count))

    def close(self) -> None:
        for client in self._clients:
            client.close()


def ends_of(profile: ServerProfile | None = None, bulk_users: int = 0) -> Iterator[Ends]:
    site = site_from_fixture(bulk_users=bulk_users)
    add_recommended_caller(site, CALLER)
    with MoodleStandin(site, profile=profile) as standin:
        ends = Ends(standin)
        yield ends
        ends.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A site with generous limits."""
    yield from ends_of()


@pytest.fixture
def stock() -> Iterator[Ends]:
    """A site with PHP's own limit on form fields, and 1,200 users more."""
    yield from ends_of(ServerProfile(FormLimits(max_input_vars=1000)), bulk_users=1200)


def test_the_life_of_a_cohort(ends: Ends) -> None:
    """Made, filled, read, emptied, found, placed."""
    made = ends.writer.create_cohorts([NewCohort("A:1", "One", SYSTEM), NewCohort("A:2", "Two", CategoryNamed("SCI"))])
    one, two = made["A:1"].id, made["A:2"].id
    rows = [Row(one, 1001), Row(one, 1034), Row(two, 1001), Row(9999, 1001), Row(two, 1002)]

    assert ends.writer.add_members(rows) == {
        Row(one, 1001): Added.ADDED,
        Row(one, 1034): Added.NO_USER,
        Row(two, 1001): Added.ADDED,
        Row(two, 1002): Added.ADDED,
        Row(9999, 1001): Added.NO_COHORT,
    }
    assert ends.writer.add_members([Row(one, 1001)]) == {Row(one, 1001): Added.ALREADY}
    ends.writer.remove_members([Row(two, 1002)])

    members = ends.reader.members([one, two, 9999])
    assert members.of == {one: frozenset({1001}), two: frozenset({1001})}
    assert members.missing == {9999}
    assert ends.reader.find_cohort("A:1").exact == (made["A:1"],)
    assert [c.idnumber for c in ends.reader.find_cohort("a:1").alike] == ["A:1"]
    assert [placed.cohort for placed in ends.reader.cohorts_in(Category(SCI))] == [made["A:2"]]
    assert {c.idnumber for c in ends.reader.all_cohorts()} == {"A:1", "A:2"}


def test_a_cohort_in_another_category_than_it_should_be_is_found(ends: Ends) -> None:
    """Where the ids of the categories are known; in one that is not there is no cohort."""
    made = ends.writer.create_cohorts([NewCohort("A:1", "One", CategoryNamed("ART"))])["A:1"]
    entry = CohortEntry("A:1", "One", CohortState.PRESENT, 1, EntryStatus.SETTLED, datetime.now(UTC), moodle_id=made.id)
    accounts = open_directory(STUDENTS, {}, ends.reader, ends.clock, site_url=ends.standin.url, path=None)
    moodle = MoodleByReading(ends.reader, accounts, categories={"SCI": SCI, "ART": ART, "OLD": 9999})
    view = moodle.view([entry], ())
    found = {
        category: [one.kind for one in compare([replace(entry, category=category)], [], view).differences]
        for category in ("ART", "SCI", "OLD", None)
    }
    accounts.close()

    assert {"SCI": frozenset(), "ART": {made.id}, "OLD": frozenset()} == view.in_categories
    assert {"ART": [], "SCI": [Drift.COHORT_MOVED], "OLD": [Drift.COHORT_MOVED], None: [Drift.COHORT_MOVED]} == found


def test_a_deleted_user_does_not_block_the_removal_of_the_others(ends: Ends) -> None:
    """Moodle refuses the whole call; halving finds the row."""
    cohort = ends.cohort("A:1")
    users = range(1001, 1031)
    ends.writer.add_members([Row(cohort, user) for user in users])
    ends.site.delete_user(1013)
    done = isolate([Row(cohort, user) for user in users], ends.writer.remove_members)

    assert [row.user_id for row, _ in done.refused] == [1013]
    assert len(done.accepted) == 29
    assert ends.site.cohort_members("A:1") - {1013} == set()


def test_a_call_that_the_gateway_gave_up_is_of_unknown_outcome_and_happens_all_the_same(ends: Ends) -> None:
    """Repeating it does no harm, and says what happened."""
    cohort = ends.cohort("A:1")
    ends.fault(Kind.GATEWAY_TIMEOUT, "add_cohort_members")

    with pytest.raises(OutcomeUnknown, match="http-504"):
        ends.writer.add_members([Row(cohort, 1001)])
    for _ in range(100):
        if ends.site.cohort_members("A:1"):
            break
        ends.clock.sleep(0.1)
    assert ends.writer.add_members([Row(cohort, 1001)]) == {Row(cohort, 1001): Added.ALREADY}


@pytest.mark.parametrize("kind", [Kind.DROP_AFTER, Kind.TRUNCATE])
def test_a_creation_whose_answer_was_lost_is_looked_for_not_repeated(ends: Ends, kind: Kind) -> None:
    """One call was made, and the cohort is there."""
    ends.fault(kind, "create_cohorts")

    with pytest.raises(OutcomeUnknown):
        ends.cohort("A:1")
    assert len(ends.reader.find_cohort("A:1").exact) == 1


def test_a_read_whose_answer_was_lost_is_repeated(ends: Ends) -> None:
    """Reading twice changes nothing."""
    cohort = ends.cohort("A:1")
    ends.fault(Kind.DROP_BEFORE, "get_cohort_members")

    assert ends.reader.members([cohort]).of == {cohort: frozenset()}


def test_an_outage_passes(ends: Ends) -> None:
    """Refused connections while it lasts, work afterwards with the same client."""
    cohort = ends.cohort("A:1")
    ends.standin.stop()
    with pytest.raises(Unavailable, match="CS4001"):
        ends.reader.members([cohort])
    with pytest.raises(Unavailable):
        ends.writer.add_members([Row(cohort, 1001)])

    ends.standin.start()
    assert ends.writer.add_members([Row(cohort, 1001)]) == {Row(cohort, 1001): Added.ADDED}


def test_maintenance_passes(ends: Ends) -> None:
    """Moodle says so with a 200."""
    ends.site.settings.maintenance = True
    with pytest.raises(Unavailable, match="CS4012"):
        ends.reader.all_cohorts()

    ends.site.settings.maintenance = False
    assert ends.reader.all_cohorts() == []


def test_a_revoked_token_stops_everything_until_it_is_back(ends: Ends) -> None:
    """And nothing is blamed on a row."""
    cohort = ends.cohort("A:1")
    ends.site.revoke_token(CALLER)
    with pytest.raises(TokenRejected):
        ends.writer.add_members([Row(cohort, 1001)])

    ends.site.restore_token(CALLER)
    assert ends.writer.add_members([Row(cohort, 1001)]) == {Row(cohort, 1001): Added.ADDED}


@pytest.mark.parametrize("caller", ["suspended", "unconfirmed", "nologin", "forcepw", "noemail"])
def test_a_service_user_that_is_not_in_order_is_a_fault_before_work_begins(ends: Ends, caller: str) -> None:
    """Site info alone does not notice all of these."""
    found = preflight(ends.client_as(caller), ends.settings_as(caller), STUDENTS, WRITES)

    assert MoodleMessage.SERVICE_USER_BROKEN in [message.entry for message in found.faults]


@pytest.mark.parametrize("caller", ["norest", "disabledsvc", "unauthorised", "ip", "expired", "suvalidfuture"])
def test_a_token_that_may_not_use_the_service_is_a_fault_before_work_begins(ends: Ends, caller: str) -> None:
    """For any of the reasons that Moodle does not tell apart."""
    found = preflight(ends.client_as(caller), ends.settings_as(caller), STUDENTS, WRITES)

    assert [message.entry for message in found.faults] == [MoodleMessage.ACCESS_DENIED]


def test_a_token_whose_service_can_delete_cohorts_is_refused(ends: Ends) -> None:
    """Although it could do everything else; the recommended one has no finding."""
    found = preflight(ends.client_as("full"), ends.settings_as("full"), STUDENTS, WRITES)
    assert MoodleMessage.DELETES_COHORTS in [message.entry for message in found.faults]

    assert preflight(ends.client, ends.settings_as(CALLER), STUDENTS, WRITES).findings == ()


def test_rights_in_one_category_do_for_its_cohorts(ends: Ends) -> None:
    """What lies elsewhere is told apart from what does not exist."""
    made = ends.writer.create_cohorts([NewCohort("A:1", "One", SYSTEM), NewCohort("A:2", "Two", CategoryNamed("SCI"))])
    one, two = made["A:1"].id, made["A:2"].id
    client = ends.client_as("cat")
    reader = MoodleReader(client, home=Category(SCI))
    members = reader.members([one, two, 9999])

    assert members.of == {two: frozenset()}
    assert (set(members.forbidden), set(members.missing)) == ({one}, {9999})
    assert {c.idnumber for c in reader.all_cohorts()} == {"A:1", "A:2"}
    with pytest.raises(Forbidden):
        MoodleWriter(client, ends.clock).add_members([Row(one, 1001), Row(two, 1001)])
    assert ends.site.cohort_members("A:2") == set()


def test_the_limit_on_form_fields_is_measured_and_kept(stock: Ends) -> None:
    """Calls are built for it; the site applies every row."""
    assert probe_input_vars(stock.client) == 1000

    cohort = stock.cohort("A:1")
    rows = [Row(cohort, user) for user in range(1051, 2251)]
    limits = CallLimits(seconds=99, fields=1000, fields_per_row=4, rows=9999)
    sizes = []
    for call in calls(rows, CallCost(), limits):
        sizes.append(len(call))
        stock.writer.add_members(call)

    assert max(sizes) == 249
    assert len(stock.site.cohort_members("A:1")) == 1200


def test_a_form_that_is_cut_is_never_applied_in_part(stock: Ends) -> None:
    """600 removals at PHP's stock limit: with the function's name in front, 499 were applied and the answer was a plain
    success. With the name at the end the call is refused, and halving it applies them all.
    """
    cohort = stock.cohort("A:1")
    stock.site.put_members("A:1", range(1051, 1651))
    rows = [Row(cohort, user) for user in range(1051, 1651)]

    with pytest.raises(Refused):
        stock.writer.remove_members(rows)
    assert len(stock.site.cohort_members("A:1")) == 600

    done = isolate(rows, stock.writer.remove_members)
    assert (len(done.accepted), done.refused) == (600, [])
    assert stock.site.cohort_members("A:1") == set()


def test_a_body_that_php_throws_away_is_halved() -> None:
    """Moodle answers in XML then, since it saw no field at all."""
    small = ServerProfile(FormLimits(max_input_vars=100_000, post_max_size=80_000))
    for ends in ends_of(small, bulk_users=1000):
        cohort = ends.cohort("A:1")
        rows = [Row(cohort, user) for user in range(1051, 2051)]
        with pytest.raises(TooLarge):
            ends.writer.add_members(rows)

        done = isolate(rows, ends.writer.add_members)
        assert (len(done.accepted), done.refused) == (1000, [])


def test_two_callers_for_two_cohorts_do_not_disturb_each_other(stock: Ends) -> None:
    """One client serves both threads."""
    cohorts = [stock.cohort("A:1"), stock.cohort("A:2")]

    def fill(cohort: int) -> None:
        rows = [Row(cohort, user) for user in range(1051, 1251)]
        for call in calls(rows, CallCost(), CallLimits(seconds=0.05, fields=1000, fields_per_row=REMOVE_FIELDS)):
            stock.writer.add_members(call)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, cohorts))
    assert [len(stock.site.cohort_members(name)) for name in ("A:1", "A:2")] == [200, 200]


@pytest.mark.parametrize("way", ["report", "walk"])
def test_students_are_found_by_a_custom_profile_field(stock: Ends, tmp_path: Path, way: str) -> None:
    """By the report and without it; an account that appears later, and one that is deleted, too."""
    students = STUDENTS if way == "report" else DirectorySettings(by="profile_field", field="student_number")
    # The clock of the parked student's look-ups is the machine's, so they are due at once here.
    students = students.model_copy(update={"look_again": students.look_again * 0})
    directory = open_directory(
        students, {}, stock.reader, stock.clock, site_url=stock.standin.url, path=tmp_path / "accounts.sqlite"
    )
    found = directory.resolve([f"P{number:07d}" for number in range(1, 1201)] + ["S0000041", "NEW1"])

    assert found["P0000001"] == Found(1051, "perf00001")
    assert found["P0001200"] == Found(2250, "perf01200")
    assert found["S0000041"] == Ambiguous((1041, 1042))
    assert found["NEW1"] == UNKNOWN

    new = stock.site.add_user("newcomer", profile={"student_number": "NEW1"})
    assert directory.look_for(["NEW1"]) == {"NEW1": Found(new.id, "newcomer")}
    assert directory.keys_of([new.id, 1051]) == {new.id: frozenset({"NEW1"}), 1051: frozenset({"P0000001"})}

    stock.site.delete_user(new.id)
    directory.verify([new.id])
    assert directory.resolve(["NEW1"]) == {"NEW1": Deleted(new.id)}
    directory.close()


@pytest.mark.parametrize(
    ("by", "key"), [("idnumber", "S0000001"), ("username", "stu0001"), ("email", "stu0001@example.test")]
)
def test_students_are_found_by_what_moodle_can_look_up(ends: Ends, by: str, key: str) -> None:
    """Without reading anything else."""
    students = DirectorySettings.model_validate({"by": by})
    directory = open_directory(students, {}, ends.reader, ends.clock, site_url=ends.standin.url, path=None)

    assert directory.resolve([key, "nobody"]) == {key: Found(1001, "stu0001"), "nobody": UNKNOWN}
    directory.close()


def test_the_newest_account_tells_a_site_from_its_older_copy(ends: Ends) -> None:
    """Deleted accounts are answered for as well."""
    seen = ends.reader.sight([1034, 999_999])

    assert seen.url == ends.standin.url
    assert seen.users.keys() == {1034}
    assert seen.users[1034].deleted


def test_a_port_that_answers_something_else_is_told(ends: Ends) -> None:
    """Another path of the web server; and an encrypted call to a plain port."""
    wrong = ends.settings_as(CALLER).model_copy(update={"url": f"{ends.standin.url}/moodle"})
    client = MoodleClient(wrong, ends.clock)
    with pytest.raises(Halted, match="CS4029"):
        MoodleReader(client).site_info()
    client.close()

    encrypted = wrong.model_copy(update={"url": ends.standin.url.replace("http:", "https:")})
    client = MoodleClient(encrypted, ends.clock)
    with pytest.raises(Unavailable, match="CS4001") as caught:
        MoodleReader(client).site_info()
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    client.close()
