"""Histories of a source, by the thousand: nothing is missed under a proof, nothing for ever, nobody removed wrongly."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNT = 10_000


@pytest.mark.timeout(900)
def test_no_history_breaks_a_promise() -> None:
    """In processes of their own: a history puts its table in the place of the embedded state."""
    command = [sys.executable, "-m", "tests.histories", "-n", str(COUNT), "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.splitlines()[-1].startswith(f"{COUNT:,} histories")
