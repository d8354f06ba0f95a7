"""The harness of the benchmarks, on a tiny university and a Moodle that answers at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.__main__ import tell
from tests.bench.measure import Measure, middle
from tests.bench.running import run
from tests.bench.scenarios import chosen
from tests.bench.stage import Options
from tests.demo.narration import Narrator
from tests.demo.university import Scale

TINY = Scale(students=60, years=2, tutorials=1, practicals=1, courses=3, without_account=1)


@pytest.mark.timeout(300)
def test_measures_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every figure is printed as a line, and written as JSON, with both sides. The replay is the demo's, and tried there."""
    names = ["load", "memory poll", "memory consume", "freshness median", "freshness p99"]
    options = Options(tmp_path / "bench", TINY, latency=False, rate=20, seconds=1)
    file = tmp_path / "bench.json"

    results = run(options, ["load", "memory poll", "memory consume", "freshness"], 1, Narrator(Console(quiet=True)))
    tell(results, [file])

    assert {} == results.failures
    printed = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert names == [fields[0] for fields in printed]
    assert {5} == {len(fields) for fields in printed}
    written = json.loads(file.read_text(encoding="utf-8"))["measures"]
    assert names == [measure["name"] for measure in written]
    assert all(measure["ours"] > 0 and measure["reference"] > 0 for measure in written)


@pytest.mark.timeout(300)
def test_the_source_alone_is_measured(tmp_path: Path) -> None:
    """Every figure of the source's half, on tables of some hundred rows. Each has both sides, and no difference was found."""
    names = ["publish", "snapshot", "idle statement", "idle share", "idle processor"]
    names += ["rush touched", "rush moved", "rush memory", "rush share"]
    names += ["memory load", "memory snapshot", "memory growth load", "memory growth snapshot"]
    options = Options(tmp_path / "bench", students=60, hints=40, large=800, records=500, idle=1.0)
    only = ["publish", "snapshot", "idle", "rush", "memory load", "memory snapshot", "memory growth"]

    results = run(options, only, 1, Narrator(Console(quiet=True)))

    assert {} == results.failures
    assert names == [measure.name for measure in results.measures]
    assert all(measure.ours > 0 and measure.reference > 0 for measure in results.measures)


@pytest.mark.timeout(300)
def test_reconciling_is_measured(tmp_path: Path) -> None:
    """What was changed behind everybody's back was found, by the product's own processes."""
    names = ["reconcile", "memory reconcile", "reads reconcile"]
    options = Options(tmp_path / "bench", latency=False, reconciled=1000)

    results = run(options, names, 1, Narrator(Console(quiet=True)))

    assert {} == results.failures
    assert names == [measure.name for measure in results.measures]
    assert all(measure.ours > 0 and measure.reference > 0 for measure in results.measures)


@pytest.mark.timeout(300)
def test_the_consumer_alone_is_measured(tmp_path: Path) -> None:
    """From bytes to the plan, and a restart that lost its disk; whatever was put in came out."""
    options = Options(tmp_path / "bench", records=300, entries=500)

    results = run(options, ["fold", "plan", "restore", "memory restore"], 1, Narrator(Console(quiet=True)))

    assert {} == results.failures
    assert ["fold", "plan", "restore", "memory restore"] == [measure.name for measure in results.measures]
    assert all(measure.ours > 0 and measure.reference > 0 for measure in results.measures)


def test_a_goal_that_is_not_met_is_marked() -> None:
    """The line of such a measure ends so that it can be found."""
    assert Measure("load", "s", 50.0, 40.0, 1.25).line == "load | 50 s | 40 s | 1.25 | ≤ 1.25"
    assert Measure("load", "s", 51.0, 40.0, 1.25).line.endswith("NOT MET")


def test_where_nothing_is_allowed_anything_is_too_much() -> None:
    """A reference of zero is met by zero alone, and JSON has no infinity."""
    allowed, broken = Measure("writes", "calls", 0, 0), Measure("writes", "calls", 1, 0)

    assert (True, False) == (allowed.met, broken.met)
    assert broken.plain["ratio"] is None


def test_several_runs_are_told_by_their_medians() -> None:
    """One disturbed run does not decide, and each can be seen."""
    taken = [Measure("load", "s", ours, 40.0, 1.25) for ours in (45.0, 90.0, 44.0)]

    assert 45.0 == middle(taken).ours
    assert "90 / 40" in middle(taken).note


def test_measures_are_chosen_by_the_beginning_of_their_name() -> None:
    """Only the scenarios that take them are run; an unknown name is refused."""
    assert [("freshness median", "freshness p99")] == list(chosen(["freshness"]).values())
    with pytest.raises(ValueError, match="load, memory poll"):
        chosen(["speed"])
