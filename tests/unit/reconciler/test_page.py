"""The report as a page: well formed, safe, and in the language of its reader."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from connector.runtime.messages import ReportWord
from connector.runtime.messages.catalogue import placeholders_of
from connector.runtime.messages.translation import Translation, translation_in
from connector.source.causes import Cause
from consumers.reconciler.chart import chart
from consumers.reconciler.compare import DISCARDED, VANISHED
from consumers.reconciler.drift import Difference, Drift
from consumers.reconciler.history import Past
from consumers.reconciler.page import RUNS, page
from consumers.reconciler.report import Report, Verdict
from consumers.reconciler.sides import Scope
from consumers.reconciler.words import Words
from schemas.records import EntryStatus
from tests.unit.reconciler.test_history import STUDENT, WHEN, compared, report

ENGLISH = Words()


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


def test_the_page_needs_nothing_else_and_is_well_formed() -> None:
    """No address, no script; the differences, the runs and the chart are there."""
    past = [
        Past(WHEN - timedelta(days=day), timedelta(seconds=1), "clean", {"missing": day}) for day in range(50, 0, -1)
    ]
    text = page(report(), past, "moodle", ENGLISH)
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
    text = page(replace(report(evil), narrowed=evil, unknown=evil, source={evil: 1}), [past, narrowed], evil, ENGLISH)
    read = Reading(text)

    assert read.tags["script"] == 0
    assert "<script" not in text
    assert any(evil in told for told in read.texts)


def test_the_chart_is_read_without_colour() -> None:
    """What was found is an outline, what was left a filled bar, and the numbers stand in the picture."""
    drawn = chart([Past(WHEN, timedelta(), "needs_attention", {"missing": 3, "extra": 1}, {"extra": 1})], ENGLISH)
    bars = re.findall(r'class="(found|left)".*?height="([0-9.]+)"', drawn)

    assert [kind for kind, _ in bars] == ["found", "left"]
    assert float(bars[0][1]) == pytest.approx(4 * float(bars[1][1]), rel=0.01)
    assert ">4/1</text>" in drawn


def test_only_whole_runs_are_drawn() -> None:
    """A run of one cohort would look like a good day."""
    past = Past(WHEN, timedelta(), "clean", {"missing": 1})
    read = Reading(page(report(), [past, replace(past, narrowed="cohort INFO")], "moodle", ENGLISH))

    assert read.tags["g"] == 1
    assert "clean, cohort INFO" in read.texts


def test_a_first_run_has_no_chart() -> None:
    """It says so instead."""
    assert "no run of everything yet" in chart([], ENGLISH)
    assert Reading(page(report(), [], "moodle", ENGLISH)).tags["svg"] == 0


def test_a_page_with_thousands_of_cohorts_stays_a_page() -> None:
    """It says how many it leaves out."""
    many = compared(*(Difference(Drift.MISSING, f"C{n:04d}", STUDENT, n) for n in range(600)))
    text = page(replace(report(), after=many), [], "moodle", ENGLISH)

    assert "C0499" in text
    assert "C0500" not in text
    assert "And 100 more" in text


def everything() -> tuple[Report, list[Past]]:
    """A run with whatever a page can show, and others before it."""
    found = compared(*(Difference(kind, f"{n}", STUDENT, n) for n, kind in enumerate(Drift)))
    found.waiting = Counter([*(status.value for status in EntryStatus), "moving", "unread", DISCARDED, VANISHED])
    found.differences += [Difference(Drift.MISSING, f"{n}", STUDENT, n) for n in range(600)]
    missed = {cause.value: 1 for cause in (Cause.LATE_COMMIT, Cause.NULL_CURSOR, Cause.ROW_INACTIVE, Cause.LEFT_VIEW)}
    counts = ("rows", "differences", "published", "suspected", "unmappable", "released", "students")
    source = dict.fromkeys(counts, 1) | {f"missed.{cause}": n for cause, n in missed.items()}
    past = [Past(WHEN, timedelta(), verdict.value, {"extra": 2}, {"extra": 1}, missed) for verdict in Verdict]
    narrowed = Scope("7", ("8", "9"), ("10", "11")).text
    run = Report(WHEN, WHEN + timedelta(seconds=90), source, found, found, 1, narrowed=narrowed, unknown=narrowed)
    return run, [*past, replace(past[0], narrowed=narrowed)]


def test_a_page_speaks_the_language_of_its_reader() -> None:
    """Every text of it: the chart, the summary, the tables, and the names of what is counted."""
    foreign = {word.text: re.sub(r"(?<![{\w])[^\W\d_]+(?![\w}])", "ж", word.text) for word in ReportWord}
    assert all(placeholders_of(text) == placeholders_of(told) for text, told in foreign.items())
    words = Words(Translation(foreign, "xx"))
    run, past = everything()
    shown = [
        page(run, past, "7", words),
        page(replace(run, dry_run=True, source={}, narrowed=""), [], "7", words),
        page(replace(report("7"), before=compared(), after=None), past[:1], "7", words),
    ]

    for text in shown:
        read = Reading(re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL))
        told = [re.sub(rf"\d\d:\d\dZ|90 s|\((?:{'|'.join(Drift)})\)", "", part) for part in read.texts]
        assert [part for part in told if re.search(r"[A-Za-z]", part)] == []
        assert '<html lang="xx">' in text


def test_a_french_page_is_french() -> None:
    """A kind stands there with the name that the documentation has for it; in English it is that name."""
    run, past = everything()
    text = page(run, past, "moodle", Words(translation_in("fr")))

    assert '<html lang="fr">' in text
    assert "<td>membre manquant (missing)</td>" in text
    assert "demande votre attention" in text
    assert "<td>missing</td>" in page(run, past, "moodle", ENGLISH)


def test_a_language_of_one_country_is_named_as_browsers_know_it() -> None:
    """A screen reader speaks by it; the file of a translation has another hyphen in its name."""
    assert '<html lang="pt-BR">' in page(report(), [], "moodle", Words(Translation({}, "pt_BR")))


def test_a_french_page_escapes_as_well() -> None:
    """What comes from outside, in whatever place the translation puts it."""
    evil = "<script>alert(1)</script>\"'&{count}"
    past = Past(WHEN, timedelta(), evil, {evil: 1}, {evil: 1}, {evil: 1}, narrowed=f"cohort {evil}")
    told = replace(report(evil), narrowed=past.narrowed, source={evil: 1, f"missed.{evil}": 1})
    text = page(told, [past, replace(past, narrowed="")], evil, Words(translation_in("fr")))

    assert Reading(text).tags["script"] == 0
    assert "<script" not in text
    assert any(f"cohorte {evil}" in shown for shown in Reading(text).texts)


@pytest.mark.parametrize("names", [Drift, EntryStatus, Verdict])
def test_every_name_that_a_page_shows_has_its_word(names: type[Drift | EntryStatus | Verdict]) -> None:
    """A new kind or status is translated before it is released."""
    french = Words(translation_in("fr"))

    assert [one.value for one in names if french.name(one.value) == one.value.replace("_", " ")] == []
