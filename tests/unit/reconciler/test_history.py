"""What the journal keeps of runs, and the page that is made of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from consumers.reconciler.chart import chart
from consumers.reconciler.drift import Comparison, Difference, Drift
from consumers.reconciler.history import Past, entry_of, history_lines, is_kept, past_of
from consumers.reconciler.page import RUNS, page
from consumers.reconciler.report import Report
from consumers.reconciler.sides import Scope
from tests.unit.reconciler.test_run import Connector, Consumer, reconciliation

WHEN = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
STUDENT = "21900001"


def compared(*differences: Difference, **more: int) -> Comparison:
    found = Comparison(list(differences), Counter(parked=2))
    found.agreed, found.cohorts, found.vanished = 10, more.get("cohorts", 3), 1
    return found


def report(cohort: str = "INFO") -> Report:
    """A run that found two differences and left one."""
    missing, foreign = Difference(Drift.MISSING, cohort, STUDENT, 11), Difference(Drift.FOREIGN, cohort, None, 99)
    source = {"rows": 40, "differences": 1, "missed.late_commit": 1}
    return Report(WHEN, WHEN + timedelta(seconds=90), source, compared(missing, foreign), compared(foreign), 1)


class Reading(HTMLParser):
    """Checks that every element is closed, and collects tags and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href", "srcset")]
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_run_can_be_read_back_from_the_journal() -> None:
    """With all its numbers."""
    entry = entry_of(report(), "run 1", "reconciler")

    assert past_of(entry) == Past(
        finished_at=WHEN + timedelta(seconds=90),
        took=timedelta(seconds=90),
        verdict="needs_attention",
        found={"missing": 1, "foreign": 1},
        left={"foreign": 1},
        missed={"late_commit": 1},
        counts={"asked": 1, "agreed": 10, "cohorts": 3, "vanished": 1},
    )
    assert STUDENT not in str(entry)
    assert (entry.kind, entry.cohort, entry.run, entry.author) == ("reconcile", "", "run 1", "reconciler")


def test_a_narrowed_run_says_so() -> None:
    """So that nobody takes its numbers for those of everything."""
    past = past_of(entry_of(replace(report(), narrowed="cohort INFO"), "run 1", "reconciler"))

    assert past is not None
    assert past.narrowed == "cohort INFO"
    assert "needs attention (cohort INFO)" in history_lines([past])[-1]


def test_what_a_later_release_writes_does_no_harm() -> None:
    """Another kind is none of ours; numbers that are none count as nothing."""
    entry = entry_of(report(), "run 1", "reconciler")
    strange = replace(entry, answer=None, details={"found.missing": "many", "seconds": "long", "more": "x"})

    assert past_of(replace(entry, kind="outcome")) is None
    past = past_of(strange)
    assert past is not None
    assert (past.found, past.took, past.verdict, past.counts) == ({"missing": 0}, timedelta(), "", {})


@pytest.mark.parametrize(
    ("run", "kept"),
    [
        (report(), True),
        (replace(report(), dry_run=True), False),
        (replace(report(), before=compared(cohorts=0)), False),
    ],
)
def test_only_runs_of_a_sink_at_work_are_kept(run: Report, kept: bool) -> None:  # noqa: FBT001 - a column of the table
    """A record in the journal tells consumers that the sink has begun; and a comparison asks nobody for anything."""
    assert is_kept(run) is kept


def test_a_run_is_handed_over_when_it_has_ended() -> None:
    """And it is the report that the caller gets."""
    kept: list[Report] = []
    run = replace(reconciliation(Connector(), Consumer({11})), keep=kept.append).run(Scope())

    assert kept == [run]


def test_history_is_listed_for_people() -> None:
    """One line a run; without any run a sentence."""
    past = past_of(entry_of(report(), "run 1", "reconciler"))
    assert past is not None

    assert history_lines([]) == ["The journal tells of no run."]
    assert re.fullmatch(r"2026-11-23 04:31Z +2 +1 +1  needs attention", history_lines([past])[1])


def test_the_page_needs_nothing_else_and_is_well_formed() -> None:
    """No address, no script; the differences, the runs and the chart are there."""
    past = [
        Past(WHEN - timedelta(days=day), timedelta(seconds=1), "clean", {"missing": day}) for day in range(50, 0, -1)
    ]
    text = page(report(), past, "moodle")
    read = Reading(text)

    assert not read.addresses
    assert not {"script", "link", "img", "iframe", "object"} & read.tags.keys()
    assert "url(" not in text
    assert "http" not in text
    assert read.tags["svg"] == 1
    assert read.tags["g"] == RUNS
    assert "! needs attention" in read.texts
    assert STUDENT not in text


def test_everything_from_outside_is_escaped() -> None:
    """Idnumbers, names of sinks, what a run was narrowed to, and what the journal says."""
    evil = "<script>alert(1)</script>\"'&"
    past = Past(WHEN, timedelta(), evil, {evil: 1}, {evil: 1}, {evil: 1}, narrowed="")
    narrowed = replace(past, narrowed=evil)
    text = page(replace(report(evil), narrowed=evil, source={evil: 1}), [past, narrowed], evil)
    read = Reading(text)

    assert read.tags["script"] == 0
    assert "<script" not in text
    assert any(evil in told for told in read.texts)


def test_the_chart_is_read_without_colour() -> None:
    """What was found is an outline, what was left a filled bar, and the numbers stand in the picture."""
    drawn = chart([Past(WHEN, timedelta(), "needs_attention", {"missing": 3, "extra": 1}, {"extra": 1})])
    bars = re.findall(r'class="(found|left)".*?height="([0-9.]+)"', drawn)

    assert [kind for kind, _ in bars] == ["found", "left"]
    assert float(bars[0][1]) == pytest.approx(4 * float(bars[1][1]), rel=0.01)
    assert ">4/1</text>" in drawn


def test_only_whole_runs_are_drawn() -> None:
    """A run of one cohort would look like a good day."""
    past = Past(WHEN, timedelta(), "clean", {"missing": 1})
    read = Reading(page(report(), [past, replace(past, narrowed="cohort INFO")], "moodle"))

    assert read.tags["g"] == 1
    assert "clean, cohort INFO" in read.texts


def test_a_first_run_has_no_chart() -> None:
    """It says so instead."""
    assert "no run of everything yet" in chart([])
    assert Reading(page(report(), [], "moodle")).tags["svg"] == 0


def test_a_page_with_thousands_of_cohorts_stays_a_page() -> None:
    """It says how many it leaves out."""
    many = compared(*(Difference(Drift.MISSING, f"C{n:04d}", STUDENT, n) for n in range(600)))
    text = page(replace(report(), after=many), [], "moodle")

    assert "C0499" in text
    assert "C0500" not in text
    assert "And 100 more" in text
