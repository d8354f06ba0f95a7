"""Histories at will: whatever happens in the database and to the process, the end is right and no removal was wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connector.runtime.errors import Unavailable
from connector.runtime.kafka.errors import KafkaFault, unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.causes import ABSENCES
from connector.source.hints.zones import Grain
from schemas.records import CohortState, MembershipChanged
from tests.unit.source.world import Enrolment, Site

SETTLE = 60.0

rows = st.integers(1, 12)
students = st.sampled_from(["s1", "s2", "s3", "s4", None])
groups = st.sampled_from(["A", "B", "C", None])
steps = st.one_of(
    st.tuples(st.just("put"), rows, students, groups, st.sampled_from(["E", "E", "E", "X"])),
    st.tuples(st.just("begin"), rows, students, groups, st.just("E")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("delete"), rows),
    st.tuples(st.just("untouched"), rows, groups),
    st.tuples(st.just("rekeyed"), rows, students),
    st.tuples(st.just("left"), rows),
    st.tuples(st.just("unstamped"), rows, students, groups),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 5, 20, 70])),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("outage"), st.sampled_from([1, 40])),
    st.tuples(st.just("abort")),
)


@dataclass
class _Watch:
    """Since when each membership has not been what the committed rows say."""

    site: Site

    def __post_init__(self) -> None:
        self.missing_since: dict[tuple[str, str], float] = {}
        self.present: set[tuple[str, str]] = set()
        self.seen = 0

    def look(self) -> None:
        """After every moment: judge the removals that were published in it."""
        now = self.site.clock.monotonic()
        truth = {(s, c) for c, found in self.site.database.truth_of().items() for s in found}
        for pair in self.present - truth:
            self.missing_since.setdefault(pair, now)
        for pair in truth:
            self.missing_since.pop(pair, None)
        self.present |= truth
        changes = self.site.changes()
        for record in changes[self.seen :]:
            if record.state.value == "absent":
                self._judge(record, now)
        self.seen = len(changes)

    def _judge(self, record: MembershipChanged, now: float) -> None:
        pair = (record.student, record.cohort)
        assert pair in self.missing_since, "removed although a committed row says otherwise"
        if record.cause in ABSENCES:
            assert now - self.missing_since[pair] >= SETTLE, "removed without a second look"
            rows = [row for row in self.site.database.rows.values() if not row.left_view]
            named = {row.grp for row in rows if row.student != record.student}
            assert record.cohort in named, "removed from a vanished cohort"


def _do(site: Site, watch: _Watch, step: tuple[object, ...]) -> None:
    database = site.database
    match step:
        case ("put", int(number), student, grp, str(status)):
            database.put(number, _text(student), _text(grp), status=status)
        case ("begin", int(number), student, grp, _):
            database.put(number, _text(student), _text(grp), commit=False)
        case ("commit",):
            database.commit()
        case ("delete", int(number)):
            database.delete(number)
        case ("untouched", int(number), grp) if number in database.rows:
            database.rows[number] = replace(database.rows[number], grp=_text(grp))
        case ("rekeyed", int(number), student) if number in database.rows:
            database.rows[number] = replace(database.rows[number], student=_text(student))
        case ("left", int(number)) if number in database.rows:
            database.rows[number] = replace(database.rows[number], left_view=True)
        case ("unstamped", int(number), student, grp):
            database.rows[number] = Enrolment(_text(student), _text(grp), stamp=None)
        case ("wait", int(seconds)):
            _pass(site, watch, seconds)
        case ("snapshot",):
            site.signal("snapshot", source="apogee")
        case ("restart",):
            site.restart()
        case ("outage", int(seconds)):
            database.fault = Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))
            _pass(site, watch, seconds)
            database.fault = None
        case ("abort",):
            site.log.failing = unavailable("gone")
        case _:
            pass
    watch.look()


def _pass(site: Site, watch: _Watch, seconds: int) -> None:
    for _ in range(seconds):
        watch.look()
        try:
            site.poller.run_once()
        except KafkaFault:
            site.restart()
        watch.look()
        site.clock.sleep(1)


def _text(value: object) -> str | None:
    assert value is None or isinstance(value, str)
    return value


@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(steps, max_size=25), grain=st.sampled_from([Grain.TIMESTAMP, Grain.DATE]))
def test_any_history_ends_right_and_removes_nobody_wrongly(history: list[tuple[object, ...]], grain: Grain) -> None:
    """After a snapshot and the settle time the topic says what the rows say, but for vanished cohorts and students
    with rows that cannot be mapped; on the way nobody was removed against the rows, or without the second look.
    """
    site = Site()
    site.database.grain = grain
    watch = _Watch(site)
    for step in history:
        _do(site, watch, step)
    site.database.commit()
    site.log.failing = None
    _pass(site, watch, 120)
    site.signal("snapshot", source="apogee")
    _pass(site, watch, 400)

    truth, told = site.database.truth_of(), site.members()
    unknown = {row.student for row in site.database.rows.values() if row.grp is None and not row.left_view}
    for cohort in truth.keys() | told.keys():
        extra = told.get(cohort, set()) - truth.get(cohort, set())
        assert truth.get(cohort, set()) <= told.get(cohort, set())
        if site.cohort(cohort).state is not CohortState.VANISHED:
            assert extra <= unknown, (cohort, extra)


hinted_steps = st.one_of(
    st.tuples(st.just("put"), rows, groups, st.sampled_from(["E", "E", "E", "X"])),
    st.tuples(st.just("begin"), rows, groups, st.just("E")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 5, 20])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("outage"), st.sampled_from([1, 20])),
    st.tuples(st.just("abort")),
)
OVERLAP = 30


@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(hinted_steps, max_size=25), grain=st.sampled_from([Grain.TIMESTAMP, Grain.DATE]))
def test_polling_alone_misses_no_stamped_change(history: list[tuple[object, ...]], grain: Grain) -> None:
    """Without any snapshot: rows keep their student, are stamped when changed, and commit within the overlap. Then the
    topic says what the rows say, whatever failed in between.
    """
    site = Site()
    site.database.grain = grain
    watch = _Watch(site)
    _pass(site, watch, 3)
    begun = 0.0
    for step in history:
        match step:
            case ("put" | "begin" as kind, int(number), grp, str(status)):
                if not site.database.pending:
                    begun = site.clock.monotonic()
                commit = kind == "put"
                site.database.put(number, f"s{number % 4}", _text(grp), status=status, commit=commit)
            case ("wait" | "outage", int(seconds)) if site.clock.monotonic() + seconds - begun >= OVERLAP:
                site.database.commit()
                _do(site, watch, step)
            case _:
                _do(site, watch, step)
    site.database.commit()
    site.log.failing = None
    _pass(site, watch, 120)

    unknown = {row.student for row in site.database.rows.values() if row.grp is None}
    truth, told = site.database.truth_of(), site.members()
    for cohort in truth.keys() | told.keys():
        assert truth.get(cohort, set()) <= told.get(cohort, set())
        assert told.get(cohort, set()) - truth.get(cohort, set()) <= unknown
