"""The documentation is true where a machine can tell: nothing is left out, nothing is named that does not exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from connector.commands.reference import prometheus_name
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import AREAS, find
from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram
from connector.source.causes import Cause
from consumers.cohorts.adoption import SHADOW, Refused, Why
from consumers.cohorts.reasons import Reason
from consumers.reconciler.drift import Drift
from consumers.reconciler.history import KIND as RECONCILE
from schemas.records import EntryStatus
from tests.unit.pages import DOCS, EXAMPLES, PAGES, REFERENCE, ROOT, anchors, inline_code, names, prose, section

# Paths of a developer's machine have no business in published pages.
FORBIDDEN = ("/home/", "/root/", "/tmp/")


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
    """The kinds that the consumer writes, read from its source: they are text, so that a later release may add some. And
    the reconciler's one.
    """
    kinds: set[object] = {RECONCILE}
    for path in (ROOT / "consumers" / "cohorts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") in ("note", "_note", "answer")
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
        (ROOT / "consumers" / "cohorts" / name).read_text(encoding="utf-8") for name in ("fold.py", "following.py")
    )
    reasons = set(re.findall(r'(?:Refusal\(command, |"command_refused", (?:now, reason=)?)"(\w+)"', written))

    reasons |= {refusal.value for refusal in Refused}

    assert {"expired", "changed_since"} <= reasons
    assert reasons == set(re.findall(r"^\| `(\w+)`", section(page, "Reasons for refusing a command"), re.MULTILINE))


def test_every_reason_of_an_adoption_is_documented() -> None:
    """And no other, with the state that it leads to."""
    page = section((REFERENCE / "journal.md").read_text(encoding="utf-8"), "Reasons of an adoption")
    told = {(reason, state == "shadow") for reason, state in re.findall(r"^\| `(\w+)` \| (\w+)", page, re.MULTILINE)}

    assert {(why.value, why in SHADOW) for why in Why} == told


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


def test_exit_codes_are_documented() -> None:
    """Each with its meaning."""
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")

    assert [
        f"| {code.value} | {code.meaning} |" for code in ExitCode if f"| {code.value} | {code.meaning}" not in page
    ] == []


def test_generated_pages_are_complete() -> None:
    """Every message and metric stands on its page."""
    messages = (REFERENCE / "messages.md").read_text(encoding="utf-8")
    metrics = (REFERENCE / "metrics.md").read_text(encoding="utf-8")

    assert [entry.code for area in AREAS.values() for entry in area if f"| {entry.code} |" not in messages] == []
    assert [name for name in metric_names() if f"`{name}`" not in metrics] == []


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


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_named_tests_exist(page: Path) -> None:
    """What is said to be shown by a test is shown by one that exists."""
    missing = []
    for code in inline_code(page.read_text(encoding="utf-8")):
        if found := re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)", code):
            file = ROOT / found[1]
            if not file.exists() or f"def {found[2]}(" not in file.read_text(encoding="utf-8"):
                missing.append(code)

    assert missing == []


def test_what_is_not_measured_is_said() -> None:
    """A metric that the reference lists is measured somewhere in the product, or the limits name it."""
    product = "".join(
        path.read_text(encoding="utf-8")
        for package in ("connector", "consumers")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "catalogue.py"
    )
    limits = section((DOCS / "explanation" / "limits.md").read_text(encoding="utf-8"), "Telemetry")
    unmeasured = {
        prometheus_name(metric)
        for table in (Count, Gauge, Histogram)
        for metric in table
        if not re.search(rf"\b{table.__name__}\.{metric.name}\b", product)
    }

    assert unmeasured - set(re.findall(r"`(cohortstream_\w+)`", limits)) == set()
