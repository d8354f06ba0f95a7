"""What a command says of the connector's answers."""

from __future__ import annotations

from connector.commands.asking import counted


def test_counts_name_what_polling_missed_by_cause() -> None:
    """After the plain ones; causes that did not occur are left out."""
    assert "5 published, 90 rows" == counted({"rows": 90, "published": 5})
    assert "90 rows, 3 missed by polling (1 deleted, 2 late_commit)" == counted(
        {"rows": 90, "missed.late_commit": 2, "missed.deleted": 1, "missed.unwatched": 0}
    )
