"""The settings file of the demo."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

from connector.commands.settings import load_settings
from connector.runtime.patterns import Pattern
from tests.demo.settings import Ends, settings_text, write_settings
from tests.demo.university import YEAR, found, normalised

ENDS = Ends(
    "127.0.0.1:9092", "127.0.0.1:1521/X", "http://127.0.0.1:8080", "t0ken", 1, 2, 3, Path('/tmp/a "quoted" one'), 4
)


def test_readable() -> None:
    """The file is TOML, with every end in its place and no placeholder left."""
    text = settings_text(ENDS)
    values = tomllib.loads(text)

    assert re.findall(r"@\w+@", text) == []
    assert values["kafka"]["bootstrap_servers"] == ENDS.bootstrap
    assert values["sources"]["scolarite"]["dsn"] == ENDS.dsn
    assert values["telemetry"]["trace_file"] == '/tmp/a "quoted" one/traces.jsonl'


def test_valid(tmp_path: Path) -> None:
    """The product finds no fault with it."""
    settings, _ = load_settings(write_settings(replace(ENDS, directory=tmp_path)), {})

    assert settings.sources["scolarite"].timezone == "Europe/Paris"
    assert settings.sinks["moodle"].moodle.token.read() == ENDS.moodle_token


def test_secrets(tmp_path: Path) -> None:
    """Secrets stand in files for their owner alone, and not in the settings."""
    path = write_settings(replace(ENDS, directory=tmp_path))
    secret = tmp_path / "secrets" / "moodle"

    assert secret.read_text().strip() == ENDS.moodle_token
    assert secret.stat().st_mode & 0o077 == 0
    assert ENDS.moodle_token not in path.read_text()


def test_patterns_name_the_groups() -> None:
    """The patterns make of each group's columns the cohort that the university expects, and agree about numbers."""
    values = tomllib.loads(settings_text(ENDS))
    source = values["sources"]["scolarite"]
    idnumber = Pattern.parse(source["cohort"]["idnumber"], source["maps"])
    normalise = Pattern.parse(values["sinks"]["moodle"]["students"]["normalise"])
    university = found(1)

    for group in university.groups:
        row = {
            "COD_ANU": YEAR,
            "COD_CMP": f"{group.faculty.code:3}",
            "COD_ETP": group.stage,
            "TYP_GRP": group.kind,
            "NUM_GRP": group.number,
        }
        assert idnumber.render(row) == group.cohort
    for student in university.students:
        assert normalise.render({"VALUE": student.number}) == normalised(student.number)
