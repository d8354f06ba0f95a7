"""The settings of the alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from connector.runtime.config import to_toml, visible
from consumers.notifier.news import ROLES
from consumers.notifier.settings import AlertSettings, Recipient
from consumers.notifier.severity import Severity

SMTP = {"host": "smtp.example.edu", "sender": "cohortstream@example.edu"}
MAIL = {"name": "ops", "email": "ops@example.edu"}
HOOK = {"name": "chat", "webhook": "https://chat.example.edu/s3cret"}


def made(**given: Any) -> AlertSettings:
    return AlertSettings.model_validate(given)


def test_without_recipients_nothing_is_sent() -> None:
    """Nothing else is needed then."""
    assert () == AlertSettings().recipients


def test_a_recipient_hears_everything_unless_it_says_otherwise() -> None:
    """Of every role that raises alerts."""
    (recipient,) = made(smtp=SMTP, recipients=[MAIL]).recipients

    assert set(Severity) == set(recipient.severities)
    assert set(recipient.roles) == ROLES


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"recipients": [MAIL]}, "smtp must name the mail server"),
        ({"smtp": SMTP, "recipients": [MAIL, MAIL]}, "two recipients are called ops"),
        ({"recipients": [{"name": "x"}]}, "exactly one of email and webhook"),
        ({"smtp": SMTP, "recipients": [MAIL | HOOK]}, "exactly one of email and webhook"),
        ({"smtp": SMTP, "recipients": [MAIL | {"signing_key": "k"}]}, "mean nothing without webhook"),
        ({"smtp": SMTP, "recipients": [MAIL | {"email": "ops"}]}, "email"),
        ({"smtp": SMTP, "recipients": [MAIL | {"email": "a@b.edu\nBcc: c@d.edu"}]}, "email"),
        ({"smtp": SMTP, "recipients": [MAIL | {"email": "Ops <ops@b.edu>"}]}, "email"),
        ({"smtp": SMTP | {"user": "u"}}, "both of user and password"),
        ({"smtp": SMTP | {"user": "u", "password": "p", "security": "none"}}, "must not travel in the clear"),
        ({"poll_age": "10s"}, "0 or at least a minute"),
        ({"recipients": [HOOK | {"name": "A b"}]}, "name"),
        ({"recipients": [HOOK | {"severities": ["grave"]}]}, "severities"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, Any], words: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValidationError, match=words):
        made(**given)


@pytest.mark.parametrize(
    ("of_all", "own", "every"),
    [("1d", None, timedelta(days=1)), ("1d", "7d", timedelta(days=7)), ("1d", 0, None), (0, None, None)],
)
def test_each_may_be_reminded_in_its_own_way(of_all: Any, own: Any, every: timedelta | None) -> None:
    """0 is never."""
    settings = made(remind_every=of_all, recipients=[HOOK | {"remind_every": own}])

    assert every == settings.reminding(settings.recipients[0])


def test_they_are_shown_without_secrets() -> None:
    """The address of a webhook is one."""
    settings = made(smtp=SMTP | {"user": "u", "password": "s3cret"}, recipients=[MAIL, HOOK])

    shown = to_toml({"alerts": visible(settings)})
    assert "s3cret" not in shown
    assert '[[alerts.recipients]]\nname = "ops"' in shown
    assert isinstance(settings.recipients[1], Recipient)
