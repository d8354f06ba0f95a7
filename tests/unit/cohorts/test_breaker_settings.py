"""The breaker's settings, and what is said of those that are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connector.runtime.config import load, to_toml, visible
from connector.runtime.errors import SettingsFaults
from consumers.cohorts.breaker import Limits
from consumers.cohorts.breaker_settings import AllowanceSettings, open_allowances
from consumers.cohorts.settings import SinkSettings

SINK = '[moodle]\nurl = "https://m.test"\ntoken = "t"\n[students]\nby = "idnumber"\n'


def read(text: str, path: Path) -> SinkSettings:
    path.write_text(text, encoding="utf-8")
    return load(SinkSettings, path, {})[0]


def allowance(**more: Any) -> AllowanceSettings:
    known: dict[str, Any] = {"name": "a", "cohorts": "*", "begins": "2026-09-14", "ends": "2026-10-02", "share": 0.5}
    return AllowanceSettings.model_validate(known | more)


def test_the_breaker_is_on_by_default(tmp_path: Path) -> None:
    """A file that does not name it has its budgets, and no allowance."""
    settings = read(SINK, tmp_path / "s.toml")

    assert (Limits(0.1, 5, 0.01, 2), ()) == (settings.breaker.limits(), settings.allowances)


def test_a_limit_of_an_earlier_release_is_refused_with_the_table_that_replaces_it(tmp_path: Path) -> None:
    """Whoever had it decides anew, rather than have removals that they did not expect."""
    with pytest.raises(SettingsFaults) as raised:
        read(f"removal_limit = 0\n{SINK}", tmp_path / "s.toml")

    (fault,) = raised.value.faults
    assert fault.message.code == "CS1014"
    assert fault.place.endswith("line 1")
    assert "[sinks.NAME.breaker]" in fault.message.fix


def test_an_allowance_lasts_from_the_first_date_to_the_end_of_the_last(tmp_path: Path) -> None:
    """Dates are UTC, and times have their zone; what is shown reads back as the same."""
    text = (
        f"{SINK}[[allowances]]\nname = 'a'\ncohorts = '2026-*'\nbegins = 2026-09-14\nends = 2026-10-02\nshare = 0.5\n"
    )
    (found,) = read(text, tmp_path / "s.toml").allowances
    shown = visible(read(text, tmp_path / "s.toml"))
    shown["moodle"]["token"] = "t"  # a secret is not shown
    (again,) = read(to_toml(shown), tmp_path / "again.toml").allowances
    zoned = allowance(
        begins="2026-09-14T08:00:00+02:00", ends=datetime(2026, 9, 14, 9, tzinfo=timezone(timedelta(hours=2)))
    )

    assert (datetime(2026, 9, 14, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)) == (found.begins, found.ends)
    assert again == found
    assert (datetime(2026, 9, 14, 6, tzinfo=UTC), datetime(2026, 9, 14, 7, tzinfo=UTC)) == (zoned.begins, zoned.ends)


@pytest.mark.parametrize(
    "wrong",
    [
        {"begins": "2026-09-14T08:00:00"},
        {"begins": "yesterday"},
        {"begins": 5},
        {"ends": "9999-12-31"},
        {"ends": "2026-09-13"},
        {"share": 1.1},
        {"most": 0},
        {"name": ""},
        {"cohorts": ""},
    ],
)
def test_an_allowance_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    """A time without a zone, no time at all, one that cannot be reached, an end before the beginning, no bound."""
    with pytest.raises(ValidationError):
        allowance(**wrong)


def test_two_allowances_do_not_share_a_name() -> None:
    """The day is counted by name."""
    sink = {"moodle": {"url": "https://m.test", "token": "t"}, "students": {"by": "idnumber"}}
    with pytest.raises(ValidationError, match="two allowances have one name"):
        SinkSettings.model_validate({**sink, "allowances": [allowance(), allowance(cohorts="B*")]})


def test_the_bound_of_an_allowance_is_divided_over_the_partitions() -> None:
    """At least one for each, so that a small bound is no bound of nothing."""
    settings = [allowance(most=100), allowance(name="b", most=5), allowance(name="c")]

    assert [8, 1, None] == [one.most for one in open_allowances(settings, 12)]
