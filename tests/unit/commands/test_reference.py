"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

from connector.commands.reference import PAGES, stale_pages
from connector.commands.settings_reference import undocumented


def test_the_pages_are_current() -> None:
    """Run ``python -m connector.commands.reference`` after adding a message, a metric or a setting."""
    assert [str(path) for path in stale_pages()] == []


def test_a_missing_page_is_stale(tmp_path: Path) -> None:
    """Every page is compared, also one that nobody has written yet."""
    assert {tmp_path / name for name in PAGES} == stale_pages(tmp_path).keys()


def test_every_setting_is_documented() -> None:
    """A field without a text under it explains itself to nobody."""
    assert undocumented() == []
