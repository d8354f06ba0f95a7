"""The documentation is true where a machine can tell: nothing is left out, nothing is named that does not exist."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from connector.commands.main import COMMANDS, make_parser
from connector.commands.reference import prometheus_name
from connector.commands.settings import Settings
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import AREAS, find
from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram
from connector.source.causes import Cause
from consumers.cohorts.reasons import Reason
from consumers.reconciler.compare import Drift
from schemas.records import EntryStatus

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "tests" / "standins").rglob("*.md")])
EXAMPLES = sorted(path for path in (DOCS / "examples").rglob("*") if path.is_file())
PLACES = ("systemd", "kubernetes", "cron")

# Paths of a developer's machine have no business in published pages. Spelt in two parts, so that they are not in this
# file either.
FORBIDDEN = ("/work/", "shared/", "/home/", "/root/", "/tmp/")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of every fenced block."""
    for found in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
        yield found[2], found[3]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)


def inline_code(text: str) -> Iterator[str]:
    for found in re.finditer(r"`([^`]+)`", prose(text)):
        yield " ".join(found[1].split())


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", page, re.MULTILINE)
    assert found, heading
    return re.split(rf"^#{{1,{len(found[1])}}} ", page[found.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def anchors(page: str) -> set[str]:
    """Anchors of headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the repository finds it, and its heading."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        known = file.exists() and (not anchor or anchor in anchors(file.read_text(encoding="utf-8")))
        if not known:
            broken.append(target)

    assert broken == []


def test_every_page_can_be_found() -> None:
    """The index of the documentation links to every page, that of the decisions to every decision."""
    found = {DOCS / "README.md"}
    for index in (DOCS / "README.md", DOCS / "decisions" / "README.md"):
        links = re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))
        found |= {(index.parent / link).resolve() for link in links}

    assert [str(path) for path in DOCS.rglob("*.md") if path not in found] == []


# --- commands ---------------------------------------------------------------------------------------------------------


def commands_of(line: str) -> Iterator[list[str]]:
    """The arguments of every call of the program in a line of a shell."""
    lexer = shlex.shlex(line.split(" #", maxsplit=1)[0], posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    calls: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            calls.append([])
        else:
            calls[-1].append(word)
    for words in calls:
        for at, word in enumerate(words):
            before = words[:at]
            first = all("=" in earlier for earlier in before)
            within = before[:1] == ["flock"] or (before[:2] == ["docker", "run"] and before[-1].startswith("state:"))
            if word.rpartition("/")[2] == "cohortstream" and (first or within):
                yield words[at + 1 :]
                break


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
    everywhere = {"--config", "--json", "--debug", "--help"}
    return {o for action in parser._actions for o in action.option_strings if o.startswith("--")} - everywhere


def subcommands() -> Mapping[str, argparse.ArgumentParser]:
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the program has no commands")


def test_every_command_is_documented() -> None:
    """The reference has a section for every command and no other, with every option of it and no other."""
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    parsers = subcommands()
    documented = {name: set(re.findall(r"(?<=[ `])--[a-z-]+", section(page, name))) for name in parsers}

    assert set(COMMANDS) == set(re.findall(r"^### (.+)$", page, re.MULTILINE))
    assert {name: options_of(parser) for name, parser in parsers.items()} == documented


def test_exit_codes_are_documented() -> None:
    """Each with its meaning."""
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")

    assert [
        f"| {code.value} | {code.meaning} |" for code in ExitCode if f"| {code.value} | {code.meaning}" not in page
    ] == []


# --- names ------------------------------------------------------------------------------------------------------------


def first_cells(page: Path, column: int = 0) -> set[str]:
    """What stands in backticks in a column of the tables of a page."""
    found = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) > column and (code := re.fullmatch(r"`([^`]+)`", cells[column])):
            found.add(code[1])
    return found


def test_every_cause_is_documented() -> None:
    """And no other."""
    assert {cause.value for cause in Cause} == first_cells(REFERENCE / "causes.md")


def test_every_status_and_reason_is_documented() -> None:
    """And no other."""
    page = REFERENCE / "ledger.md"

    assert {status.value for status in EntryStatus} == first_cells(page)
    assert {reason.value for reason in Reason} == first_cells(page, 1)


def journal_kinds() -> set[str]:
    """The kinds that the consumer writes, read from its source: they are text, so that a later release may add some."""
    kinds = set()
    for path in (ROOT / "consumers" / "cohorts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") in ("note", "_note")
                and len(node.args) > 1
            ):
                kind = node.args[1]
                either = [kind.body, kind.orelse] if isinstance(kind, ast.IfExp) else [kind]
                kinds |= {one.value for one in either if isinstance(one, ast.Constant)}
    return {kind for kind in kinds if isinstance(kind, str)}


def test_every_journal_kind_is_documented() -> None:
    """And no other."""
    page = (REFERENCE / "journal.md").read_text(encoding="utf-8")

    assert {"intent", "created", "command_refused"} <= journal_kinds()
    assert journal_kinds() == set(re.findall(r"^\| `(\w+)`", section(page, "Kinds"), re.MULTILINE))


def test_every_refusal_of_a_command_is_documented() -> None:
    """And no other."""
    page = (REFERENCE / "journal.md").read_text(encoding="utf-8")
    written = "".join(
        (ROOT / "consumers" / "cohorts" / name).read_text(encoding="utf-8") for name in ("fold.py", "intake.py")
    )
    reasons = set(re.findall(r'Refusal\(command, "(\w+)"\)', written)) | {"changed_since"}

    assert '"changed_since"' in written
    assert reasons == set(re.findall(r"^\| `(\w+)`", section(page, "Reasons for refusing a command"), re.MULTILINE))


def test_every_drift_has_its_remedy() -> None:
    """The report of a reconciliation sends people to a section for each kind."""
    page = (DOCS / "how-to" / "reconcile.md").read_text(encoding="utf-8")

    assert {drift.value for drift in Drift} == set(re.findall(r"^### (.+)$", page, re.MULTILINE))


def metric_names() -> set[str]:
    return {prometheus_name(metric) for table in (Count, Gauge, Histogram) for metric in table}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_named_metrics_and_messages_exist(page: Path) -> None:
    """A query that is copied from a page finds a metric, and a code its message."""
    text = page.read_text(encoding="utf-8")
    known = metric_names()
    metrics = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bcohortstream_[a-z_]+\b", text)}

    assert metrics - known == set()
    assert {code for code in re.findall(r"\bCS\d{4}\b", text) if find(code) is None} == set()


def test_generated_pages_are_complete() -> None:
    """Every message and metric stands on its page."""
    messages = (REFERENCE / "messages.md").read_text(encoding="utf-8")
    metrics = (REFERENCE / "metrics.md").read_text(encoding="utf-8")

    assert [entry.code for area in AREAS.values() for entry in area if f"| {entry.code} |" not in messages] == []
    assert [name for name in metric_names() if f"`{name}`" not in metrics] == []


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


def test_probes_ask_for_pages_that_exist() -> None:
    """Kubernetes restarts what is stuck, and sends nobody to what is not ready, at the port where the pages are."""
    deployments = [
        found for path in EXAMPLES if path.suffix == ".yaml" for found in containers(path) if "ports" in found
    ]

    assert len(deployments) == 2
    for container in deployments:
        port = next(p["containerPort"] for p in container["ports"] if p["name"] == "health")
        given = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert given[f"COHORTSTREAM__TELEMETRY__HTTP_PORTS__{container['name'].upper()}"] == str(port)
        assert given["COHORTSTREAM__TELEMETRY__HTTP_HOST"] == "0.0.0.0"
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "health"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=names([*PAGES, *EXAMPLES]))
def test_pages_speak_of_the_product(path: Path) -> None:
    """Nothing names the machine on which it was written, and no work is left to be done."""
    text = path.read_text(encoding="utf-8", errors="replace")

    assert [word for word in FORBIDDEN if word in text] == []
    assert re.findall(r"\b(?:TODO|FIXME|XXX|TBD)\b", text) == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_paths_in_the_text_exist(page: Path) -> None:
    """A path that begins with a folder of the repository leads to something in it."""
    folders = ("schemas", "connector", "consumers", "tests", "docs", "deploy")
    text = prose(page.read_text(encoding="utf-8"))
    named = {code for code in inline_code(text) if re.fullmatch(rf"({'|'.join(folders)})/[\w./-]+", code)}
    made_later = {name for name in named if name.startswith("deploy/secrets")}

    assert {name for name in named - made_later if not (ROOT / name).exists()} == set()
