"""The architecture as rules that a machine checks: who imports whom, and how large a module may be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("connector", "consumers", "schemas")
LIMIT = 350
# A list of records, field by field the same as the Avro schemas; one looks things up in it, nobody reads it through.
LONGER = {"schemas/records.py": 450}

VIOLATIONS = {
    "connector/runtime/clock.py": "import connector.source.settings, oracledb, httpx, confluent_kafka, fastavro\n"
    "import opentelemetry.trace, tenacity, rich\n",
    "connector/runtime/patterns.py": "import time\n",
    "consumers/moodle/values.py": "import consumers.cohorts.settings\n",
    "consumers/notifier/news.py": "import consumers.moodle.values\n",
    "consumers/reconciler/compare.py": "import consumers.moodle.writing\n",
    "schemas/keys.py": "import tests.demo\n",
}
"""An import for every contract that breaks it."""


def contracts() -> dict[str, str]:
    """Every contract of the settings file, by name, with its kind."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return {contract["name"]: contract["type"] for contract in settings["contracts"]}


def lint(folder: Path) -> tuple[str, dict[str, str]]:
    """What import-linter says about the product in ``folder``: its text, and the verdict on each contract."""
    environment = os.environ | {"COLUMNS": "300", "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=110
    )
    text = done.stdout + done.stderr
    verdicts = re.findall(r"^(.+) (KEPT|BROKEN)", re.sub(r"\x1b\[[0-9;]*m", "", text), re.MULTILINE)
    return text, {name.strip(): verdict for name, verdict in verdicts}


def test_the_import_rules_are_kept() -> None:
    """The product as it is breaks none of the contracts."""
    text, verdicts = lint(ROOT)

    assert dict.fromkeys(contracts(), "KEPT") == verdicts, text


def test_every_import_rule_can_be_broken(tmp_path: Path) -> None:
    """A rule that nothing can break checks nothing."""
    for package in PRODUCT:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, violation in VIOLATIONS.items():
        with (tmp_path / name).open("a", encoding="utf-8") as file:
            file.write(violation)
    text, verdicts = lint(tmp_path)

    assert dict.fromkeys(contracts(), "BROKEN") == verdicts, text


def test_no_module_is_too_long() -> None:
    """A module that grows past the limit has become two."""
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
    }

    assert {name: size for name, size in sizes.items() if size > LONGER.get(name, LIMIT)} == {}


def test_every_package_is_installed() -> None:
    """A folder without __init__.py would be left out of the wheel without a word."""
    folders = {path.parent for package in PRODUCT for path in (ROOT / package).rglob("*.py")}

    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
