"""Moodle's set-up script offers what the product calls, and its guide tells the same.

The script itself is PHP and runs inside a Moodle, so its effect is not tried here; these lists are what drifts.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consumers.moodle import reading, writing

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/set-up-moodle.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "docs/examples/moodle"
PARTS = sorted(SCRIPT.rglob("*.php"))
FORBIDDEN = "core_cohort_delete_cohorts"


def php(part: str) -> str:
    return (SCRIPT / part).read_text(encoding="utf-8")


def offered() -> set[str]:
    """Every function that the script's service can offer, with whatever options."""
    body = re.search(r"function functions\(\): array \{(.+?)\n    \}", php("setup/service.php"), re.DOTALL)
    assert body
    return set(re.findall(r"'(core_\w+)'", body[1]))


def rights() -> set[str]:
    """Every capability that the script's roles can hold, with whatever options."""
    return set(re.findall(r"'((?:moodle|webservice)/\w+:\w+)'", php("setup/rights.php")))


def called() -> set[str]:
    """Every web-service function that the product's client names."""
    return {
        value
        for module in (reading, writing)
        for value in vars(module).values()
        if isinstance(value, str) and value.startswith("core_")
    }


def test_service_offers_what_the_product_calls() -> None:
    """The product calls no function that the script cannot offer."""
    assert len(called()) > 5
    assert called() <= offered()


def test_service_never_offers_the_deletion_of_cohorts() -> None:
    """No option makes the script offer the deletion of cohorts; it names the function only to take it out."""
    assert FORBIDDEN not in offered()
    assert f"FORBIDDEN = '{FORBIDDEN}'" in php("setup/service.php")


@pytest.mark.parametrize("name", sorted(offered() | rights() - {"moodle/site:viewfullnames"} | {FORBIDDEN}))
def test_guide_names_every_function_and_right(name: str) -> None:
    """Who sets Moodle up by hand finds every function and capability that the script would give."""
    assert f"`{name}`" in GUIDE


def test_guide_shows_only_options_that_exist() -> None:
    """Every option in the guide is one of the script's, and the script's help tells all of them."""
    options = {name.replace("_", "-") for name in re.findall(r"public \S+ \$(\w+)", php("setup/options.php"))}
    helped = set(re.findall(r"^  --([a-z-]+)", php("setup/options.php"), re.MULTILINE))
    shown = set(re.findall(r"--([a-z][a-z-]+)", GUIDE))

    assert helped == options
    assert shown <= options | {"help"}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_script_declares_strict_types_and_ends_open(part: Path) -> None:
    """Each part is strict about types, and prints nothing by accident after a closing tag."""
    text = part.read_text(encoding="utf-8")

    assert text.startswith("<?php\n")
    assert "declare(strict_types=1);" in text
    assert "?>" not in text


def test_script_loads_every_part() -> None:
    """The script loads each file of its folder, so that none is left behind."""
    loaded = re.search(r"foreach \(\[(.+?)\] as \$part\)", php("setup.php"))
    assert loaded

    assert set(re.findall(r"'(\w+)'", loaded[1])) == {part.stem for part in PARTS} - {"setup"}
