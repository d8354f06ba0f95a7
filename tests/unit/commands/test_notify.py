"""How the settings become a notifier."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.commands import notify
from connector.commands.run import require_all_secrets
from connector.commands.settings import Settings
from connector.commands.wiring.notifier import carrier_for, language_of, poll_limits, rules_of, scheduled
from connector.runtime.clock import SystemClock
from connector.runtime.errors import SettingsFaults
from consumers.notifier.letter import trial_letter
from consumers.notifier.mail import Mail
from consumers.notifier.settings import AlertSettings, Recipient
from consumers.notifier.severity import Severity
from consumers.notifier.webhook import Webhook
from consumers.reconciler.alert import unfinished_key
from tests.unit.notifier.values import NOW

HOOK = {"name": "chat", "webhook": "https://chat.example.edu/"}


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"kafka": {"bootstrap_servers": "kafka:9092"}, **more})


def source(*hints: dict[str, Any]) -> dict[str, Any]:
    """A source with these hints."""
    return {
        "dsn": "db/X",
        "user": "u",
        "password": "p",
        "membership": {"table": "E", "student": "{S}"},
        "cohort": {"idnumber": "{G}"},
        "hints": list(hints),
    }


def test_without_recipients_there_is_nothing_to_run() -> None:
    """It says what is missing, instead of running for nothing."""
    with pytest.raises(SettingsFaults, match=r"CS1011 The table \[\[alerts.recipients\]\] is missing"):
        notify.run(argparse.Namespace(), settings())


def test_secrets_are_asked_for_before_anything_runs(tmp_path: Path) -> None:
    """By the command of its own, and by the one that runs all roles."""
    given = settings(
        alerts={"recipients": [HOOK | {"signing_key": {"file": str(tmp_path / "none")}}]},
        sources={"apogee": source()},
    )

    for begin in (lambda: notify.run(argparse.Namespace(), given), lambda: require_all_secrets(given)):
        with pytest.raises(SettingsFaults, match=r"alerts\.recipients\[1\]\.signing_key"):
            begin()


def test_a_recipient_is_told_in_its_own_way() -> None:
    """Mail or webhook; its rules; its language, and English where there is no other."""
    given = AlertSettings.model_validate(
        {
            "smtp": {"host": "smtp", "sender": "c@example.edu"},
            "gather": "5s",
            "recipients": [
                {"name": "ops", "email": "ops@example.edu", "language": "fr", "severities": ["critical"]},
                HOOK | {"language": "tlh", "remind_every": 0, "roles": ["consume"]},
            ],
        }
    )
    ops, chat = given.recipients

    assert isinstance(carrier_for(given, ops, SystemClock()), Mail)
    assert isinstance(carrier_for(given, chat, SystemClock()), Webhook)
    rules = rules_of(given, ops)
    assert (rules.recipient, rules.gather, rules.remind_every) == ("ops", timedelta(seconds=5), timedelta(days=1))
    assert rules.severities == frozenset({Severity.CRITICAL})
    assert rules_of(given, chat).roles == frozenset({"consume"})
    assert rules_of(given, chat).remind_every is None
    french, other, english = (
        trial_letter("x", language_of(Recipient.model_validate(HOOK | {"language": name})), NOW)
        for name in ("fr", "tlh", "en")
    )
    assert other == english
    assert french.text != english.text


@pytest.mark.parametrize(
    ("hints", "limit"),
    [
        ([{"cursor": "C"}], timedelta(minutes=15)),
        ([{"cursor": "C", "interval": "1h"}], timedelta(hours=3)),
        ([{"cursor": "C", "interval": "1h"}, {"name": "b", "cursor": "D"}], timedelta(minutes=15)),
    ],
)
def test_a_source_that_is_polled_rarely_by_its_settings_raises_no_alert(
    hints: list[dict[str, Any]], limit: timedelta
) -> None:
    """What counts is the hint that is read most often."""
    given = settings(sources={"apogee": source(*hints)})

    assert poll_limits(given) == {"apogee": limit}


def test_a_source_without_hints_is_not_watched() -> None:
    """It is only ever read whole."""
    assert poll_limits(settings(sources={"apogee": source()})) == {}


def test_the_age_of_polls_need_not_be_watched() -> None:
    """0 is never."""
    assert poll_limits(settings(sources={"apogee": source({"cursor": "C"})}, alerts={"poll_age": 0})) == {}


def test_sinks_are_watched_if_the_settings_reconcile_them() -> None:
    """Timers of other programs are not known."""
    sink = {"moodle": {"url": "https://moodle.example.test", "token": "t"}, "students": {"by": "idnumber"}}
    watched = scheduled(settings(sinks={"staging": sink}, reconcile={"every": "1d"}))
    now = datetime(2026, 11, 23, tzinfo=UTC)

    assert {name: one.key for name, one in watched.items()} == {"staging": unfinished_key("staging")}
    assert not watched["staging"].is_due(now, now + timedelta(hours=23))
    assert watched["staging"].is_due(now, now + timedelta(hours=24))
    assert scheduled(settings(sinks={"staging": sink})) == {}
