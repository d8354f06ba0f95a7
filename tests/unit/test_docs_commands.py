"""What a reader copies from the documentation works: command lines, pieces of settings, examples of units and manifests."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from connector.commands.main import COMMANDS, make_parser
from connector.commands.settings import Settings
from connector.commands.wiring.timetable import Timetable
from consumers.reconciler.settings import ReconcileSettings
from tests.unit.pages import EXAMPLES, PAGES, REFERENCE, commands_of, fences, inline_code, names, section

PLACES = ("systemd", "kubernetes", "cron")
EVERYWHERE = {"--config", "--json", "--debug", "--help"}
"""Options of every command; documented once."""


def written_commands(page: Path) -> list[list[str]]:
    """Every call of the program on a page, in fenced blocks and in the text."""
    text = page.read_text(encoding="utf-8")
    found: list[list[str]] = []
    for language, block in fences(text):
        if language in ("sh", "console", "text", "bash", ""):
            for line in re.sub(r"\\\n", " ", block).splitlines():
                found += commands_of(line)
    for code in inline_code(text):
        # The report in Moodle has a name that begins like the program.
        if code.startswith("cohortstream ") and not re.search("users$|…|COMMAND", code):
            # A command's name alone stands for the command.
            found += [words for words in commands_of(code) if len(words) != 1 or words[0] not in COMMANDS]
    return found


def faults_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the real parser says against a command line; empty if nothing."""
    try:
        make_parser().parse_args(arguments)
    except SystemExit as ended:
        said = capsys.readouterr().err.strip().rpartition("\n")[2]
        return f"{arguments}: {said}" if ended.code else ""
    return ""


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_can_be_typed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command line on a page is one that the program understands."""
    assert [fault for line in written_commands(page) if (fault := faults_of(line, capsys))] == []


def test_commands_are_found() -> None:
    """The search above does see commands, in blocks and in the text, behind settings and before pipes."""
    page = "COHORTSTREAM__X=1 cohortstream config show --json | jq -r .kafka  # shown"

    assert [["config", "show", "--json"]] == list(commands_of(page))
    assert [["consume", "--sink", "moodle"]] == list(
        commands_of("/opt/cohortstream/bin/cohortstream consume --sink moodle")
    )
    assert [] == list(commands_of("docker build --tag cohortstream ."))
    assert len([line for page in PAGES for line in written_commands(page)]) > 40


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """A command's own long options."""
    return {o for action in parser._actions for o in action.option_strings if o.startswith("--")} - EVERYWHERE


def subcommands() -> Mapping[str, argparse.ArgumentParser]:
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the program has no commands")


def test_every_command_is_documented() -> None:
    """The reference has a section for every command and no other, with every option of it and no other."""
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    parsers = subcommands()
    documented = {name: set(re.findall(r"(?<=[ `])--[a-z-]+", section(page, name))) - EVERYWHERE for name in parsers}

    assert set(COMMANDS) == set(re.findall(r"^### (.+)$", page, re.MULTILINE))
    assert {name: options_of(parser) for name, parser in parsers.items()} == documented


# --- settings ---------------------------------------------------------------------------------------------------------


def models_of(annotation: Any) -> list[Any]:
    """A type without what is wrapped around it: unions, and what is annotated."""
    if get_origin(annotation) in (Union, UnionType):
        return [found for part in get_args(annotation) for found in models_of(part)]
    return [annotation]


def unknown_keys(annotation: Any, value: Any, path: str = "") -> Iterator[str]:
    """Keys of ``value`` that a settings file of this type does not have."""
    for kind in models_of(annotation):
        origin = get_origin(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
            for key, inner in value.items():
                if key not in kind.model_fields:
                    yield f"{path}.{key}".strip(".")
                else:
                    yield from unknown_keys(kind.model_fields[key].annotation, inner, f"{path}.{key}")
        elif origin is dict and isinstance(value, dict):
            for key, inner in value.items():
                yield from unknown_keys(get_args(kind)[1], inner, f"{path}.{key}")
        elif origin is tuple and isinstance(value, list):
            for inner in value:
                yield from unknown_keys(get_args(kind)[0], inner, path)


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_settings_on_a_page_exist(page: Path) -> None:
    """Every piece of a settings file can be read, and has known keys only."""
    blocks = [block for language, block in fences(page.read_text(encoding="utf-8")) if language == "toml"]

    assert [fault for block in blocks for fault in unknown_keys(Settings, tomllib.loads(block))] == []


def faults_in(block: str) -> list[str]:
    """What the settings of the product say against a piece of a file, but for what it leaves out."""
    try:
        Settings.model_validate(tomllib.loads(block))
    except ValidationError as error:
        return [f"{one['loc']}: {one['msg']}" for one in error.errors() if one["type"] != "missing"]
    return []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_settings_on_a_page_are_accepted(page: Path) -> None:
    """Their values, too, and what goes with what in a hint; a source that is there as a whole is tried as a whole."""
    blocks = [block for language, block in fences(page.read_text(encoding="utf-8")) if language == "toml"]

    assert [fault for block in blocks for fault in faults_in(block)] == []


def test_settings_that_are_wrong_are_found() -> None:
    """A value, and a setting that its hint cannot have; what is left out is no fault."""
    hint = '[[sources.a.hints]]\nkind = "scan"\ncursor = "C"\n'

    assert 1 == len(faults_in('[sources.a]\nsnapshot_at = ["3 o\'clock"]\n'))
    assert 1 == len(faults_in(hint))
    assert [] == faults_in(hint.replace('cursor = "C"', 'interval = "1m"'))


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.suffix == ".yaml"], ids=lambda path: path.name)
def test_settings_in_manifests_are_accepted(path: Path) -> None:
    """A settings file within a ConfigMap is one of the product."""
    maps = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d["kind"] == "ConfigMap"]

    assert [fault for one in maps for text in one["data"].values() for fault in faults_in(text)] == []


def test_unknown_settings_are_found() -> None:
    """The search above does look into tables, arrays and named sections."""
    text = '[kafka]\nx = 1\n[[sources.a.hints]]\ny = 1\n[sinks.m.moodle]\nurl = ""\nz = { file = "f" }\n'

    assert ["kafka.x", "sources.a.hints.y", "sinks.m.moodle.z"] == list(unknown_keys(Settings, tomllib.loads(text)))


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=names([*PAGES, *EXAMPLES]))
def test_environment_overrides_exist(path: Path) -> None:
    """A variable that a page or an example sets is one that lies over a setting."""
    names_ = set(re.findall(r"\bCOHORTSTREAM__[A-Z0-9_]+[A-Z0-9]\b", path.read_text(encoding="utf-8")))
    faults = []
    for name in names_:
        value: Any = ""
        for key in reversed(name.removeprefix("COHORTSTREAM__").lower().split("__")):
            value = {key: value}
        faults += list(unknown_keys(Settings, value))

    assert faults == []


# --- examples ---------------------------------------------------------------------------------------------------------


def started_by(path: Path) -> list[list[str]]:
    """The command lines of the program that an example starts."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".service":
        lines = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
        return [found for line in lines for found in commands_of(line.lstrip("-"))]
    if path.suffix == ".yaml":
        return [container["args"] for container in containers(path)]
    if path.parent.name == "cron":
        lines = [line for line in text.splitlines() if re.match(r"[\d*]", line)]
        return [found for line in lines for found in commands_of(line.split(maxsplit=6)[6])]
    return []


def containers(path: Path) -> list[dict[str, Any]]:
    """The containers of a Kubernetes manifest."""
    found = []
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        spec = document["spec"] if document["kind"] in ("Deployment", "CronJob") else {}
        spec = spec.get("jobTemplate", {"spec": spec})["spec"]
        found += spec.get("template", {}).get("spec", {}).get("containers", [])
    return found


@pytest.mark.parametrize("place", PLACES)
def test_examples_start_the_program(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What an example starts is a command line that the program understands."""
    lines = [line for path in EXAMPLES if path.parent.name == place for line in started_by(path)]

    assert lines
    assert [fault for line in lines if (fault := faults_of(line, capsys))] == []


def test_units_are_well_formed() -> None:
    """Every line of a unit is a section, a setting or a comment, and every timer has its service."""
    units = [path for path in EXAMPLES if path.parent.name == "systemd"]
    bad = [
        f"{path.name}: {line}"
        for path in units
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not re.match(r"#|\[(Unit|Service|Timer|Install)\]$|[A-Z]\w+=", line)
    ]

    assert bad == []
    assert [unit.name for unit in units if unit.suffix == ".timer" and not unit.with_suffix(".service").exists()] == []


def test_a_unit_that_stays_is_started_anew_unless_its_settings_are_wrong() -> None:
    """A wrong password would be tried again and again; and one that ends by itself is its timer's business."""
    units = {path.name: path.read_text(encoding="utf-8").splitlines() for path in EXAMPLES if path.suffix == ".service"}
    stays = {name for name, lines in units.items() if "Type=exec" in lines}

    assert "cohortstream-reconcile-schedule.service" in stays
    for name in stays:
        assert {"Restart=always", "RestartPreventExitStatus=2 3", "WantedBy=multi-user.target"} <= {*units[name]}, name
    assert {name for name, lines in units.items() if "Restart=always" in lines} == stays


def test_a_schedule_has_its_times() -> None:
    """Without any it is refused at its start."""
    text = next(path for path in EXAMPLES if path.name == "settings.yaml").read_text(encoding="utf-8")
    shared = next(one for one in yaml.safe_load_all(text) if one["kind"] == "ConfigMap")["data"]["cohortstream.toml"]

    assert not Timetable(ReconcileSettings.model_validate(tomllib.loads(shared)["reconcile"])).empty


def test_probes_ask_for_pages_that_exist() -> None:
    """Kubernetes restarts what is stuck, and sends nobody to what is not ready, at the port where the pages are."""
    deployments = [
        found for path in EXAMPLES if path.suffix == ".yaml" for found in containers(path) if "ports" in found
    ]

    assert len(deployments) == 4
    for container in deployments:
        port = next(p["containerPort"] for p in container["ports"] if p["name"] == "health")
        given = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert given[f"COHORTSTREAM__TELEMETRY__HTTP_PORTS__{container['name'].upper()}"] == str(port)
        assert given["COHORTSTREAM__TELEMETRY__HTTP_HOST"] == "0.0.0.0"
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "health"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
