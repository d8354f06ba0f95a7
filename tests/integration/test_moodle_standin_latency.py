"""How long the Moodle stand-in takes: its model against the measured figures, and its two workers."""

import threading

import pytest

from tests.standins.moodle import MEASURED, CostModel, ServerProfile, Site, site_from_fixture
from tests.standins.moodle.client import Client, row
from tests.standins.moodle.latency import INSTANT, Workers
from tests.standins.moodle.records import CourseLink
from tests.standins.moodle.scenery import ADD, BY_FIELD, CREATE, DELETE, INFO, MEMBERS, REPORT, USERS
from tests.standins.moodle.service import Service


@pytest.mark.parametrize(
    ("function", "counts", "measured"),
    [
        (ADD, {"added": 1}, 0.017),
        (ADD, {"added": 100}, 0.17),
        (ADD, {"added": 500}, 0.84),
        (ADD, {"added": 1000}, 2.0),
        (ADD, {"present": 100}, 0.05),
        (ADD, {"present": 1000}, 0.45),
        (ADD, {"unknown": 1000}, 0.32),
        (DELETE, {"removed": 1}, 0.013),
        (DELETE, {"removed": 100}, 0.15),
        (DELETE, {"removed": 1000}, 1.2),
        (ADD, {"added": 100, "enrolments": 100}, 0.61),
        (DELETE, {"removed": 500, "enrolments": 500}, 3.6),
        (ADD, {"added": 500, "enrolments": 500}, 3.4),
        (ADD, {"added": 500, "enrolments": 2500}, 17.0),
        (MEMBERS, {"cohorts_listed": 1, "members_read": 10_000}, 0.10),
        (MEMBERS, {"cohorts_listed": 500, "members_read": 20_000}, 0.35),
        ("core_cohort_get_cohorts", {"cohorts_read": 2000}, 0.11),
        ("core_cohort_search_cohorts", {"cohorts_searched": 2000}, 0.025),
        (BY_FIELD, {"users_read": 1}, 0.07),
        (BY_FIELD, {"users_read": 100}, 0.41),
        (BY_FIELD, {"users_read": 1000}, 3.2),
        (USERS, {"users_searched": 1000}, 2.7),
        (USERS, {"users_searched": 20_000}, 69.0),
        (REPORT, {"report_rows": 100, "report_scanned": 50_000}, 0.06),
        (REPORT, {"report_rows": 1000, "report_scanned": 50_000}, 0.14),
        (REPORT, {"report_rows": 20_000, "report_scanned": 50_000}, 1.5),
        (INFO, {}, 0.018),
    ],
)
def test_model_is_near_the_measured_figures(function: str, counts: dict[str, int], measured: float) -> None:
    """Within the 30 % that the measurements themselves are good for, give or take a little."""
    assert MEASURED.cost(function, counts) == pytest.approx(measured, rel=0.33)


def test_scale_stretches_everything() -> None:
    """Twice the scale, twice the time; none, no time."""
    counts = {"added": 10}

    assert CostModel(2).cost(ADD, counts) == pytest.approx(2 * MEASURED.cost(ADD, counts))
    assert INSTANT.cost(ADD, counts) == 0


class SlowSite:
    """A service whose sleeping is recorded, or held up until it is let go."""

    def __init__(self, profile: ServerProfile | None = None, workers: int = 2) -> None:
        self.slept: list[float] = []
        self.asleep = threading.Semaphore(0)
        self.wake = threading.Semaphore(0)
        self.held = False
        self.site: Site = site_from_fixture(bulk_users=50)
        self.site.add_cohort("MATH", members=[1001])
        self.service = Service(self.site, profile, MEASURED, Workers(workers, self._sleep))
        self.client = Client(self.service)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.held:
            self.asleep.release()
            assert self.wake.acquire(timeout=60)

    def start(self, function: str, answers: list[object], **parameters: object) -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.append(self.client.ask(function, **parameters)))
        thread.start()
        return thread


def test_a_call_takes_what_its_rows_cost() -> None:
    """Rows added, present and unknown each have their price, and so has every course that the cohort feeds."""
    slow = SlowSite()
    slow.site.tables.links.append(CourseLink(courseid=3, cohortid=2001, enrolid=1))
    rows = [row("MATH", "stu0010"), row("MATH", "stu0001"), row("MATH", "nobody")]
    slow.client.ask(ADD, members=rows)

    assert slow.slept == [pytest.approx(0.013 + 0.0015 + 0.0055 + 0.0004 + 0.0003)]
    assert slow.site.cohort_usernames("MATH") == {"stu0001", "stu0010"}


def test_the_rehearsal_leaves_no_trace() -> None:
    """Ids, events and counters are as if the call had been carried out once."""
    slow = SlowSite()
    new = {"categorytype": {"type": "system", "value": ""}, "name": "N", "idnumber": "N"}

    assert slow.client.ask(CREATE, cohorts=[new])[0]["id"] == 2002
    assert slow.client.ask(ADD, members=[row("N", "stu0010")]) == {"warnings": []}
    assert slow.site.log.counts == {"webservice_function_called": 2, "cohort_created": 1, "cohort_member_added": 1}
    assert slow.site.totals["added"] == 1


def test_two_calls_at_a_time() -> None:
    """Two are worked on at once, the third waits for a free worker."""
    slow = SlowSite()
    slow.held = True
    answers: list[object] = []
    threads = [slow.start(INFO, answers) for _ in range(3)]
    assert slow.asleep.acquire(timeout=60)
    assert slow.asleep.acquire(timeout=60)

    assert not slow.asleep.acquire(timeout=0.2)

    slow.wake.release()
    assert slow.asleep.acquire(timeout=60)
    slow.wake.release(2)
    for thread in threads:
        thread.join()
    assert len(answers) == 3


def test_refused_calls_take_time_too() -> None:
    """A bad token costs a call's base."""
    slow = SlowSite()
    slow.site.tokens.clear()

    assert slow.client.error(INFO) == "invalidtoken"
    assert slow.slept == [pytest.approx(0.013)]


def test_members_are_seen_when_the_call_is_over() -> None:
    """While a call is at work nobody sees its rows; the time of a membership is that of the commit."""
    slow = SlowSite()
    slow.held = True
    answers: list[object] = []
    thread = slow.start(ADD, answers, members=[row("MATH", "stu0010")])
    assert slow.asleep.acquire(timeout=60)
    during = slow.site.cohort_members("MATH")
    slow.wake.release()
    thread.join()

    assert during == {1001}
    assert slow.site.cohort_members("MATH") == {1001, 1010}


def test_overlapping_adds_of_one_member_collide() -> None:
    """Who commits second runs into the unique index and is rolled back, other rows included."""
    slow = SlowSite()
    slow.held = True
    answers: list[object] = []
    threads = [
        slow.start(ADD, answers, members=[row("MATH", "stu0010"), row("MATH", other)])
        for other in ("stu0011", "stu0012")
    ]
    for _ in threads:
        assert slow.asleep.acquire(timeout=60)
    slow.wake.release(2)
    for thread in threads:
        thread.join()

    codes = sorted(str(answer.get("errorcode")) for answer in answers if isinstance(answer, dict))
    assert codes == ["None", "dmlwriteexception"]
    assert len(slow.site.cohort_members("MATH")) == 3


def test_overlapping_creates_make_doubles() -> None:
    """Neither sees the other's cohort, and no index forbids it: two cohorts with one idnumber."""
    slow = SlowSite()
    slow.held = True
    answers: list[object] = []
    new = {"categorytype": {"type": "system", "value": ""}, "name": "N", "idnumber": "N"}
    threads = [slow.start(CREATE, answers, cohorts=[new]) for _ in range(2)]
    for _ in threads:
        assert slow.asleep.acquire(timeout=60)
    slow.wake.release(2)
    for thread in threads:
        thread.join()

    assert [cohort.idnumber for cohort in slow.site.tables.cohorts_named("N")] == ["N", "N"]


def test_gateway_gives_up_and_the_call_goes_on() -> None:
    """504 after the gateway's patience; the rows are committed later all the same."""
    slow = SlowSite(ServerProfile(read_timeout=0.05))
    rows = [row("MATH", f"perf{number:05d}") for number in range(1, 51)]
    response = slow.client.send(ADD, members=rows)
    slow.service.drain()

    assert response.status == 504
    assert sorted(slow.slept) == [0.05, pytest.approx(0.013 + 50 * 0.0015)]
    assert len(slow.site.cohort_members("MATH")) == 51
    assert slow.client.send(INFO).status == 200
