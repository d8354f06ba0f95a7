"""What commands take from topics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connector.commands import topic_reading
from connector.commands.topic_reading import raised_alert
from connector.runtime.kafka.reading import Message
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key
from schemas.records import Alert, AlertState

CODEC = SingleObjectCodec()
RAISED = Alert(
    key="moodle.directory_loss",
    role="consumer",
    code="CS4012",
    state=AlertState.RAISED,
    parameters={"lost": "40"},
    at=datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
)
CLEARED = replace(RAISED, state=AlertState.CLEARED)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([], None),
        ([RAISED], RAISED),
        ([RAISED, CLEARED], None),
        ([CLEARED, RAISED], RAISED),
        ([RAISED, None], None),
        ([replace(RAISED, key="other.directory_loss")], None),
    ],
)
def test_an_alert_stands_until_it_is_cleared(
    said: list[Alert | None], found: Alert | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only under its own key."""
    records = [
        Message(
            "alerts",
            0,
            offset,
            encode_key(RAISED.key if alert is None else alert.key),
            None if alert is None else CODEC.encode("alerts", alert),
        )
        for offset, alert in enumerate(said)
    ]
    monkeypatch.setattr(topic_reading, "messages", lambda *_: iter(records))
    base = SimpleNamespace(topics=lambda: SimpleNamespace(alerts="alerts"), codec=CODEC)

    assert found == raised_alert(cast("Any", base), "moodle.directory_loss")
