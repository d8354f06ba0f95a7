"""What ``check`` tries of the ways to the recipients of alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.commands.wiring.alert_checks import check_alerts
from connector.runtime.checks import Check, Outcome
from connector.runtime.clock import SystemClock
from consumers.notifier.settings import AlertSettings
from tests.standins.smtp import SmtpStandin
from tests.standins.webhook import WebhookStandin


def checks(server: SmtpStandin, hook: str, *, send: bool = False, **more: Any) -> list[Check]:
    settings = AlertSettings.model_validate(
        {
            "smtp": {
                "host": "127.0.0.1",
                "port": server.port,
                "security": "none",
                "helo": "notifier.example.edu",
                "sender": "c@example.edu",
            },
            "recipients": [
                {"name": "ops", "email": "ops@example.edu"},
                {"name": "chat", "webhook": hook, **more},
            ],
        }
    )
    return list(check_alerts(settings, SystemClock(), send=send))


def test_every_way_is_tried_without_a_message() -> None:
    """A check disturbs nobody."""
    with SmtpStandin() as server, WebhookStandin() as receiver:
        mail, hook = checks(server, receiver.url)

        assert ("recipient ops", "mail", Outcome.GOOD) == (mail.end, mail.name, mail.outcome)
        assert "answers" in mail.detail
        assert ("recipient chat", "webhook", Outcome.GOOD) == (hook.end, hook.name, hook.outcome)
        assert ([], []) == (server.mails, receiver.posts)


def test_a_test_is_sent_when_that_is_asked_for() -> None:
    """To every recipient, saying that it is one."""
    with SmtpStandin() as server, WebhookStandin() as receiver:
        found = checks(server, receiver.url, send=True)

        assert [Outcome.GOOD] * 2 == [check.outcome for check in found]
        assert [("ops@example.edu",)] == [mailed.recipients for mailed in server.mails]
        assert "This is a test" in server.mails[0].text
        assert "This is a test" in receiver.posts[0].document["text"]


def test_one_that_fails_keeps_no_other_from_being_tried() -> None:
    """With what is wrong, and what to do."""
    with SmtpStandin() as server, WebhookStandin() as receiver:
        server.refusals["RCPT"] = "550 5.1.1 no such user"
        mail, hook = checks(server, receiver.url, send=True)

        assert (Outcome.FAULT, Outcome.GOOD) == (mail.outcome, hook.outcome)
        assert mail.message is not None
        assert (mail.message.code, "550 5.1.1" in mail.message.text) == ("CS8004", True)


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Then no way is tried: the same would be said again in other words."""
    with SmtpStandin() as server, WebhookStandin() as receiver:
        (fault,) = checks(server, receiver.url, authorization={"file": str(tmp_path / "none")})

        assert fault.message is not None
        assert ("alerts.recipients[2].authorization" in fault.message.text, fault.outcome) == (True, Outcome.FAULT)
        assert 0 == server.connections


def test_a_language_without_texts_is_told() -> None:
    """The recipient would get English without knowing why."""
    with SmtpStandin() as server, WebhookStandin() as receiver:
        mail, language, hook = checks(server, receiver.url, language="tlh")

        assert (Outcome.GOOD, Outcome.WARNING, Outcome.GOOD) == (mail.outcome, language.outcome, hook.outcome)
        assert language.message is not None
        assert 'no texts in the language "tlh"' in language.message.text
        assert 2 == len(checks(server, receiver.url, language="en_GB"))
