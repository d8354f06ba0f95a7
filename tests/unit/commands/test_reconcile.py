"""What ``cohortstream reconcile`` says by its exit code, and refuses before it asks anybody for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.commands import main as program
from connector.commands.reconcile import exit_code_of
from connector.runtime.lifecycle import ExitCode
from consumers.reconciler.report import Verdict

SETTINGS = """
[kafka]
bootstrap_servers = "127.0.0.1:1"

[sinks.moodle.moodle]
url = "https://moodle.example.edu"
token = { file = "/run/secrets/token" }

[sinks.moodle.students]
by = "idnumber"
"""
SOURCE = """
[sources.apogee]
dsn = "db/apogee"
user = "reader"
timezone = "UTC"
password = { file = "/run/secrets/oracle" }

[sources.apogee.membership]
table = "ENROLMENTS"
student = "{STUDENT}"

[sources.apogee.cohort]
idnumber = "{COHORT}"
name = "{COHORT}"
"""


@pytest.mark.parametrize(
    ("sources", "arguments", "says"),
    [
        (SOURCE, ["--source", "apoge"], "CS1013"),
        (SOURCE, ["--source", ""], "CS1013"),
        (SOURCE, ["--source", "apoge", "--dry-run"], "CS1013"),
        ("", [], "CS1011"),
        ("", ["--schedule"], "CS1011"),
    ],
)
def test_sources_that_the_settings_do_not_have_are_refused(
    sources: str, arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt one would be told as a connector that is silent; an empty one would mean all; without any, nothing would be
    waited for.
    """
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS + sources + '[reconcile]\nat = ["04:30"]\n')

    assert program.main(["--config", str(file), "reconcile", *arguments]) == ExitCode.SETTINGS
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdict", "plain", "told"),
    [
        (Verdict.CLEAN, ExitCode.OK, ExitCode.OK),
        (Verdict.REPAIRED, ExitCode.OK, ExitCode.REPAIRED),
        (Verdict.ATTENTION, ExitCode.FINDINGS, ExitCode.FINDINGS),
    ],
)
def test_each_verdict_has_its_exit_code(verdict: Verdict, plain: ExitCode, told: ExitCode) -> None:
    """A repair is a success for timers and jobs, unless the caller wants to hear of it."""
    assert [exit_code_of(verdict, tell_repaired=asked) for asked in (False, True)] == [plain, told]
