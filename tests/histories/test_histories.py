"""Histories of a source, by the thousand: nothing is missed under a proof, nothing for ever, nobody removed wrongly."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.histories.hazards import Hazard
from tests.histories.mutants import MUTANTS

COUNT = int(os.environ.get("HISTORIES", "100000"))


def _run(*arguments: str) -> list[str]:
    """In processes of their own: a history puts its table in the place of the embedded state."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout[-6000:] + done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.mark.timeout(1800)
def test_no_history_breaks_a_promise() -> None:
    """Whatever a source does and a process suffers; and each hazard is there in many of them."""
    last = _run("tests.histories", "-n", str(COUNT), "--processes", "2")[-1]

    assert last.startswith(f"{COUNT:,} histories")
    times = {name: int(n.replace(",", "")) for name, n in re.findall(r"([a-z' ]+) ([\d,]+)", last.split(";")[1])}
    times = {name.removeprefix(" of these with").strip(): n for name, n in times.items()}
    assert {str(hazard) for hazard in Hazard} == times.keys()
    assert all(n >= COUNT / 2000 for n in times.values()), times
    for cause in ("late_commit", "null_cursor", "cursor_backwards", "untouched_cursor", "unwatched"):
        assert re.search(rf"\b{cause} [1-9]", last), cause


@pytest.mark.timeout(900)
def test_the_whole_poller_lives_through_the_same_histories() -> None:
    """With its state in SQLite, its publisher and a log that restarts read; fewer, since each takes longer."""
    last = _run("tests.histories", "-n", str(COUNT // 50), "--processes", "2", "--whole")[-1]

    assert last.endswith("never found: 0; wrong removals: 0; otherwise wrong: 0")


@pytest.mark.timeout(1800)
def test_every_fault_that_is_put_into_the_code_is_noticed() -> None:
    """Among them: a bound of the watermark that is one unit too late, and a stamp at the bound left out."""
    lines = _run("tests.histories.mutating", "--processes", "2")
    print("\n".join(lines))

    assert lines[-1] == f"{len(MUTANTS)} faults, {len(MUTANTS)} noticed"


def test_the_same_seed_is_the_same_history() -> None:
    """What a seed found once it finds again, whatever the hashes of texts are in a process."""
    told = [
        subprocess.run(
            [sys.executable, "-m", "tests.histories", "--seed", "5", "--trace"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": salt},
        ).stdout
        for salt in ("1", "2")
    ]

    assert told[0] == told[1]
    assert "every promise kept" in told[0]
