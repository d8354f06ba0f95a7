"""Trying the ways to the recipients of alerts, for ``cohortstream check``."""

from __future__ import annotations

from collections.abc import Iterator

from connector.commands.wiring.checks import check_secrets
from connector.commands.wiring.notifier import carrier_for, language_of
from connector.runtime.checks import Check, Outcome
from connector.runtime.clock import Clock
from connector.runtime.errors import OperationalError
from connector.runtime.messages import NotifierMessage, message
from consumers.notifier.letter import trial_letter
from consumers.notifier.settings import AlertSettings, Recipient


def check_alerts(settings: AlertSettings, clock: Clock, *, send: bool) -> Iterator[Check]:
    """Each recipient: as far as can be seen without a message, or with ``send`` by a message that says that it is a test."""
    broken = [*check_secrets("alerts", settings, "alerts")]
    yield from broken
    for recipient in settings.recipients:
        yield from _language(recipient)
        if not broken:
            yield _way(settings, recipient, clock, send=send)


def _way(settings: AlertSettings, recipient: Recipient, clock: Clock, *, send: bool) -> Check:
    end, way = f"recipient {recipient.name}", "mail" if recipient.email else "webhook"
    carrier = carrier_for(settings, recipient, clock)
    try:
        if not send:
            return Check(end, way, Outcome.GOOD, f"{carrier.probe()}; --send-test sends a message")
        carrier.carry(trial_letter(recipient.name, language_of(recipient), clock.now()))
    except OperationalError as fault:
        return Check(end, way, Outcome.FAULT, message=fault.message)
    return Check(end, way, Outcome.GOOD, "a test was taken; see that it arrives")


def _language(recipient: Recipient) -> Iterator[Check]:
    if not recipient.language.startswith("en") and not language_of(recipient).texts:
        told = message(NotifierMessage.NO_TRANSLATION, language=recipient.language, recipient=recipient.name)
        yield Check(f"recipient {recipient.name}", "language", Outcome.WARNING, message=told)
