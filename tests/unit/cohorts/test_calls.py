"""Calls as jobs: halving, leases, lost answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.messages import MoodleMessage
from consumers.cohorts.calls import look_up, read_members, send
from consumers.cohorts.desk import LeaseTerm
from consumers.cohorts.pause import Pause, concerns_site
from consumers.moodle.errors import Fault, Forbidden, Halted, MoodleError, OutcomeUnknown, Refused, Unavailable
from consumers.moodle.values import Cohort, CohortMatches, Members

CLOCK = SystemClock()


def error(kind: type[MoodleError], code: str = "code", **more: float) -> MoodleError:
    return kind(Fault("f", code, MoodleMessage.UNREACHABLE, **more))  # type: ignore[arg-type]


def moodle(*, bad: Sequence[int] = (), failure: MoodleError | None = None) -> Callable[[Sequence[int]], dict[int, str]]:
    """A call that is refused while it holds one of ``bad``, and fails when it holds 99."""

    def call(items: Sequence[int]) -> dict[int, str]:
        if failure is not None and 99 in items:
            raise failure
        if set(items) & set(bad):
            raise error(Refused)
        return dict.fromkeys(items, "ok")

    return call


def test_the_culprits_are_found_and_the_others_applied() -> None:
    """Two bad rows among twenty cost a few calls, and eighteen rows pass."""
    sent = send(list(range(20)), moodle(bad=(3, 17)), lambda: True, CLOCK)

    assert ({3, 17}, 18, [], None) == (set(sent.refused), len(sent.done), sent.unsent, sent.failure)


@pytest.mark.parametrize(("kind", "unknown"), [(OutcomeUnknown, [99]), (Unavailable, []), (Halted, [])])
def test_a_failure_tells_rows_in_doubt_from_rows_not_sent(kind: type[MoodleError], unknown: list[int]) -> None:
    """Only a lost answer leaves rows in doubt."""
    sent = send([99], moodle(failure=error(kind)), lambda: True, CLOCK)

    assert (unknown, [] if unknown else [99]) == (sent.unknown, sent.unsent)
    assert isinstance(sent.failure, kind)


def test_nothing_is_sent_without_a_lease() -> None:
    """A process that may have lost its partitions stops between two calls."""
    leases = iter([True, False])
    sent = send(list(range(4)), moodle(bad=(0,)), lambda: next(leases), CLOCK)

    assert (1, [0, 1, 2, 3], None) == (sent.calls, sent.unsent, sent.failure)


def test_what_is_forbidden_for_one_cohort_is_told_apart() -> None:
    """A right that is missing in one category does not stop the others."""

    def call(items: Sequence[int]) -> dict[int, str]:
        if 1 in items:
            raise error(Forbidden)
        return dict.fromkeys(items, "ok")

    sent = send([1, 2], call, lambda: True, CLOCK)

    assert ({1}, {2: "ok"}) == (sent.forbidden, sent.done)


def test_rows_of_one_cohort_are_forbidden_together() -> None:
    """A cohort without rights costs no more calls than a single refused row."""

    def call(items: Sequence[int]) -> dict[int, str]:
        if any(item < 100 for item in items):
            raise error(Forbidden)
        return dict.fromkeys(items, "ok")

    rows = [*range(100), *range(100, 200)]
    sent = send(rows, call, lambda: True, CLOCK, lambda row: row // 100)

    assert (set(range(100)), 100) == (sent.forbidden, len(sent.done))
    assert sent.calls <= 2 * 8 + 1  # 8: halvings of 200 rows
    assert sent.refused.keys() == sent.forbidden


class Site:
    """A reader over a few cohorts."""

    def __init__(self, names: dict[int, str], failure: MoodleError | None = None) -> None:
        self._names, self._failure = names, failure
        self.searches = 0

    def all_cohorts(self) -> list[Cohort]:
        return [Cohort(number, name, name, True) for number, name in self._names.items()]

    def find_cohort(self, idnumber: str) -> CohortMatches:
        self.searches += 1
        if self._failure is not None:
            raise self._failure
        return CohortMatches(tuple(cohort for cohort in self.all_cohorts() if cohort.idnumber == idnumber))

    def members(self, cohort_ids: object) -> Members:
        return Members({1: frozenset({7})}, frozenset({2}))


def test_many_cohorts_are_looked_up_in_one_list() -> None:
    """Few are searched for; many are read at once, and those that a database holds equal are told."""
    site = Site({1: "A", 2: "b "})
    names = ["A", "B", *(f"C{n}" for n in range(30))]
    found = look_up(site, names).found

    assert (0, ["A"], ["b "]) == (
        site.searches,
        [cohort.idnumber for cohort in found["A"].exact],
        [cohort.idnumber for cohort in found["B"].alike],
    )
    assert found["C1"] == CohortMatches()


def test_reading_members_tells_who_is_gone() -> None:
    """Cohorts of others are found by name first; a failure is given back, not raised."""
    shown = read_members(Site({1: "A"}), {"X": 2}, ["A", "unknown"])

    assert ({"A": frozenset({7})}, {"X"}) == (dict(shown.members), set(shown.gone))
    assert read_members(Site({}, error(Unavailable)), {}, ["A"]).failure is not None


class HandClock(SystemClock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_lease_ends_by_itself() -> None:
    """It counts from the beginning of the commit, and a new call wants more than half of it."""
    clock = HandClock()
    lease = LeaseTerm(clock, 2.0)
    before = lease.holds()
    lease.renew(100.0)
    clock.seconds = 101.5
    late = (lease.holds(), lease.holds_amply())
    clock.seconds = 102.0

    assert ((True, False), [False, False]) == (late, [before, lease.holds()])


def test_a_pause_tries_again_by_itself() -> None:
    """Later and later, no sooner than Moodle asks, and at once when a call succeeds."""
    clock = HandClock()
    pause = Pause(clock, 30.0)
    seen = []
    pause.failed(error(Unavailable))
    for step in (0, 1):
        clock.seconds += step
        seen.append((pause.open, pause.trial))
    pause.failed(error(Unavailable, retry_after=300.0))
    for step in (299, 1):
        clock.seconds += step
        seen.append((pause.open, pause.trial))
    pause.succeeded()

    assert [(False, False), (False, True), (False, False), (False, True)] == seen
    assert pause.open


def test_the_maintenance_page_is_asked_for_soon_again() -> None:
    """It wants five minutes whatever is the case; students would wait so long after a maintenance of seconds."""
    clock = HandClock()
    pause = Pause(clock, 30.0)
    pause.failed(Unavailable(Fault("f", "http-503", MoodleMessage.MAINTENANCE, retry_after=300.0)))
    clock.seconds += 1
    soon = pause.trial
    for _ in range(9):
        pause.failed(Unavailable(Fault("f", "http-503", MoodleMessage.MAINTENANCE, retry_after=300.0)))
    clock.seconds += 59
    early = pause.trial
    clock.seconds += 1

    assert (True, False, True) == (soon, early, pause.trial)


def test_a_moodle_that_is_away_for_days_is_asked_every_minute() -> None:
    """However often it was tried: the pause neither grows for ever nor breaks."""
    clock = HandClock()
    pause = Pause(clock, 30.0)
    for _ in range(5000):
        pause.failed(error(Unavailable))
    clock.seconds += 59
    early = pause.trial
    clock.seconds += 1

    assert (False, True) == (early, pause.trial)


def test_which_faults_are_the_sites() -> None:
    """A right missing for one cohort pauses nothing else."""
    kinds = [Unavailable, OutcomeUnknown, Halted, Refused, Forbidden]

    assert [True, True, True, False, False] == [concerns_site(error(kind)) for kind in kinds]
