"""The command line: help, settings, errors and exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from connector.commands import main as program
from connector.commands.command import add_command
from connector.commands.config import example
from connector.commands.settings import Settings, load_settings
from connector.runtime.errors import Halted, Unavailable
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message

MINIMAL = '[kafka]\nbootstrap_servers = "k:1"\n'
TOLD = message(CliMessage.ROLE_DIED, role="poll", reason="r")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and an environment that says nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COHORTSTREAM_CONFIG", raising=False)
    monkeypatch.setenv("LANG", "C")
    return tmp_path


def test_every_command_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """Its help has examples, each of which begins with the program's name or an override before it."""
    for name in program.COMMANDS:
        with pytest.raises(SystemExit) as ended:
            program.main([name, "--help"])
        text = capsys.readouterr().out

        assert ended.value.code == ExitCode.OK
        assert "examples:\n" in text
        lines = text.partition("examples:\n")[2].splitlines()
        commands = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        assert [line for line in commands if f"cohortstream {name}" not in line and "cohortstream --" not in line] == []


def test_the_help_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever writes a script around it finds every code."""
    with pytest.raises(SystemExit):
        program.main(["--help"])
    text = capsys.readouterr().out

    assert all(f"\n    {name}" in text for name in program.COMMANDS)
    assert all(code.meaning in text for code in ExitCode)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A report of a fault begins with it."""
    with pytest.raises(SystemExit) as ended:
        program.main(["--version"])

    assert ended.value.code == ExitCode.OK
    assert capsys.readouterr().out.startswith("cohortstream 0.")


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["config", "--nothing"], ["config", "--conf", "x"]])
def test_a_wrong_command_line_exits_with_its_code(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Options are not guessed from their beginnings, so that a later option breaks no script."""
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)

    assert ended.value.code == ExitCode.USAGE
    assert "usage:" in capsys.readouterr().err


def test_the_example_is_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed to start from can be read, and every fault that is left is a secret's file."""
    assert program.main(["config", "example"]) == ExitCode.OK

    (folder / "cohortstream.toml").write_text(capsys.readouterr().out)

    assert program.main(["config", "check"]) == ExitCode.SETTINGS
    faults = [line for line in capsys.readouterr().err.splitlines() if "CS" in line]
    assert len(faults) == 4
    assert all("CS1009" in fault and "/run/secrets/" in fault for fault in faults)


def test_the_example_with_every_comment_is_valid(folder: Path) -> None:
    """The settings behind a # are real ones with real values, too."""
    lines = []
    for line in example().splitlines():
        bare = line.removeprefix("# ")
        setting = line.startswith("# ") and (bare.startswith("[") or bare.split(" ")[0].replace("_", "").isalpha())
        if setting and (bare.startswith("[") or bare.split(" ")[1:2] == ["="]) and not bare.startswith("dsn ="):
            line = bare  # noqa: PLW2901
        lines.append(line)
    file = folder / "full.toml"
    file.write_text("\n".join(lines))
    settings, _ = load_settings(file, {})

    assert settings.schema_registry is not None
    assert settings.sources["apogee"].mode == "thick"
    assert settings.kafka.create_topics is False
    assert settings.reconcile.at


def test_config_shows_what_is_in_force(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The named file, with the environment over it; --config may stand on either side of the command."""
    (folder / "other.toml").write_text(MINIMAL)
    monkeypatch.setenv("COHORTSTREAM__KAFKA__TOPIC_PREFIX", "test.")

    for arguments in (["--config", "other.toml", "config"], ["config", "show", "--config", "other.toml"]):
        assert program.main([*arguments, "--json"]) == ExitCode.OK
        shown = json.loads(capsys.readouterr().out)
        assert shown["kafka"]["bootstrap_servers"] == "k:1"
        assert shown["kafka"]["topic_prefix"] == "test."

    monkeypatch.setenv("COHORTSTREAM_CONFIG", "other.toml")

    assert program.main(["config", "check", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"valid": True, "sources": [], "sinks": []}


def test_the_environment_suffices_without_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But a file that was named must be there."""
    monkeypatch.setenv("COHORTSTREAM__KAFKA__BOOTSTRAP_SERVERS", "env:1")

    assert program.main(["config"]) == ExitCode.OK
    assert "env:1" in capsys.readouterr().out
    assert program.main(["config", "--config", "none.toml"]) == ExitCode.SETTINGS
    assert "CS1001" in capsys.readouterr().err


@pytest.mark.parametrize(
    "hint",
    [
        'cursor = "C"',
        'kind = "sequence"\ncursor = "C"',
        'kind = "timestamp+sequence"\ncursor = "C"\nsequence = "S"',
        'kind = "due"\ncursor = "C"\noffset = "1d"',
        'kind = "scan"',
        'kind = "journal"\ncursor = "C"\noperation = "O"\ntable = "J"',
    ],
)
def test_what_config_shows_is_a_settings_file(folder: Path, capsys: pytest.CaptureFixture[str], hint: str) -> None:
    """With a hint of any kind: it can be read again, and shows the same."""
    source = """
[sources.campus]
dsn = "db:1521/CAMPUS"
user = "reader"
password = { file = "/run/secrets/oracle" }
[sources.campus.membership]
table = "ENROLMENT"
student = "{STUDENT}"
[sources.campus.cohort]
idnumber = "{GRP}"
[[sources.campus.hints]]
"""
    (folder / "cohortstream.toml").write_text(MINIMAL + source + hint)

    assert program.main(["config"]) == ExitCode.OK
    shown = capsys.readouterr().out
    (folder / "cohortstream.toml").write_text(shown)
    assert program.main(["config"]) == ExitCode.OK
    assert shown == capsys.readouterr().out


def test_faults_are_shown_with_place_and_fix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, as text or as JSON, on standard error."""
    (folder / "cohortstream.toml").write_text(MINIMAL + 'topic_prefx = "x"\n[sources."Bad Name"]\n')

    assert program.main(["config"]) == ExitCode.SETTINGS
    text = capsys.readouterr()
    assert program.main(["config", "--json"]) == ExitCode.SETTINGS
    errors = json.loads(capsys.readouterr().err)["errors"]

    assert text.out == ""
    assert text.err.startswith(
        'cohortstream.toml, line 3: CS1004: There is no setting "kafka.topic_prefx".\n    Did you mean "topic_prefix"?\n'
    )
    assert (errors[0]["code"], errors[0]["place"]) == ("CS1004", "cohortstream.toml, line 3")
    assert {error["place"] for error in errors[1:]} == {"cohortstream.toml, line 4"}
    assert "Bad Name" in str(errors[1:])


class _Failing:
    """A command that fails as it is told."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def register(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        add_command(subparsers, "fail", "x", description="x", examples=[("x", "cohortstream fail")], run=self._run)

    def _run(self, _: argparse.Namespace, settings: Settings) -> ExitCode:
        assert settings.kafka.bootstrap_servers == "k:1"
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Unavailable(TOLD), ExitCode.UNAVAILABLE, 'CS6003: The role "poll" stopped: r.\n    The whole process'),
        (Halted(TOLD), ExitCode.HALTED, "CS6003"),
        (KeyError("x"), ExitCode.UNEXPECTED, "CS6001: Something unexpected happened: KeyError: 'x'.\n    Run again"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "CS6004"),
    ],
)
def test_an_error_ends_with_its_code(
    error: BaseException,
    code: ExitCode,
    words: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A traceback comes on demand only."""
    (folder / "cohortstream.toml").write_text(MINIMAL)
    monkeypatch.setattr(program, "COMMANDS", ("fail",))
    monkeypatch.setitem(sys.modules, "connector.commands.fail", _Failing(error))

    assert program.main(["fail"]) == code
    plain = capsys.readouterr().err
    assert program.main(["fail", "--debug"]) == code

    assert words in plain
    assert "Traceback" not in plain
    assert "Traceback" in capsys.readouterr().err


def test_a_sink_is_found_by_name_or_by_being_the_only_one(folder: Path) -> None:
    """What cannot be decided is asked back."""
    (folder / "cohortstream.toml").write_text(example())
    settings, _ = load_settings(None, {})

    assert settings.sink(None)[0] == settings.sink("moodle")[0] == "moodle"
    assert list(settings.required_sources()) == ["apogee"]
    with pytest.raises(Exception, match=r"CS1012 .*Name one of these with --sink: moodle"):
        settings.sink("staging")
    with pytest.raises(Exception, match=r"CS1011 .*\[sinks.NAME\]"):
        load_settings(None, {"COHORTSTREAM__SINKS": "{}"})[0].sink(None)
    with pytest.raises(Exception, match=r"CS1011 .*\[sources.NAME\]"):
        load_settings(None, {"COHORTSTREAM__SOURCES": "{}"})[0].required_sources()
