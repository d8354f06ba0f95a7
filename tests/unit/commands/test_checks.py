"""What ``check`` says without asking any end."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.commands.wiring.checks import check_allowances
from connector.runtime.checks import Outcome
from consumers.cohorts.settings import SinkSettings

NOW = datetime(2026, 10, 3, tzinfo=UTC)


def test_an_allowance_that_has_ended_is_told() -> None:
    """It does nothing any more; the others say how long they stand, or when they begin."""
    dates = {
        "past": ("2026-09-14", "2026-10-02"),
        "now": ("2026-10-03", "2026-10-03"),
        "next": ("2027-01-04", "2027-01-08"),
    }
    sink = SinkSettings.model_validate(
        {
            "moodle": {"url": "https://m.test", "token": "t"},
            "students": {"by": "idnumber"},
            "allowances": [
                {"name": name, "cohorts": "*", "begins": begins, "ends": ends, "share": 0.5}
                for name, (begins, ends) in dates.items()
            ],
        }
    )
    past, now, coming = check_allowances("moodle", sink, NOW)

    assert past.outcome is Outcome.WARNING
    assert past.message is not None
    assert (past.message.code, "2026-10-03 00:00 UTC" in past.message.text) == ("CS5032", True)
    assert (now.outcome, now.detail) == (Outcome.GOOD, "stands until 2026-10-04 00:00 UTC")
    assert (coming.outcome, coming.detail) == (Outcome.GOOD, "begins at 2027-01-04 00:00 UTC")
