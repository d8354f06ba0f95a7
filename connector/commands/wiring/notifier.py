"""The notifier as a role of a process, and the ways to its recipients."""

from __future__ import annotations

from datetime import timedelta

from connector.commands.settings import Settings
from connector.commands.wiring.base import Base, keep_running, prepare_topics
from connector.commands.wiring.timetable import Timetable
from connector.runtime.clock import Clock
from connector.runtime.kafka import topics
from connector.runtime.messages.translation import Translation, translation_for
from connector.runtime.telemetry import Gauge, Log
from consumers.notifier.carrier import Carrier
from consumers.notifier.delivery import Delivery
from consumers.notifier.kafka_side import OfficeByTopics
from consumers.notifier.loop import Notifier
from consumers.notifier.mail import Mail
from consumers.notifier.news import Rules
from consumers.notifier.reconciliations import Scheduled
from consumers.notifier.settings import AlertSettings, Recipient
from consumers.notifier.webhook import Webhook
from consumers.reconciler.alert import unfinished_key

PART = "notify"
_POLLS_MISSED = 3


class NotifierRole:
    """``run`` returns when the process stops."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def run(self) -> None:
        keep_running(self._base, PART, self._live)

    def _live(self) -> None:
        base, settings = self._base, self._base.settings.alerts
        names = base.topics()
        prepare_topics(base, names, sink=False, source=True)
        topics.ensure(base.connection, names.alert_side())
        metrics = base.telemetry.metrics
        deliveries = [
            Delivery(
                rules_of(settings, one), carrier_for(settings, one, base.clock), language_of(one), base.clock, metrics
            )
            for one in settings.recipients
        ]
        office = OfficeByTopics(base.connection, names, base.codec, base.clock)
        notifier = Notifier(
            office, deliveries, poll_limits(base.settings), scheduled(base.settings), base.clock, metrics
        )
        Log(PART).info("notifier.started", recipients=[one.name for one in settings.recipients])
        try:
            while not base.stopping.is_set():
                notifier.run_once()
                self._tell(notifier)
        finally:
            notifier.close()
        Log(PART).info("notifier.stopped")

    def _tell(self, notifier: Notifier) -> None:
        health = self._base.health
        health.turned(PART)
        self._base.telemetry.metrics.gauge(Gauge.ACTIVE, int(notifier.active), role=PART)
        if notifier.problem is None:
            health.ready(PART)
        else:
            health.not_ready(PART, notifier.problem)


def poll_limits(settings: Settings) -> dict[str, timedelta]:
    """How old the last poll of each source may be. One whose hints are all far between, such as a scan every hour, may
    miss two of them; one without hints is never polled.
    """
    age = settings.alerts.poll_age
    if not age:
        return {}
    return {
        name: max(age, _POLLS_MISSED * min(hint.pause for hint in source.hints))
        for name, source in settings.sources.items()
        if source.hints
    }


def scheduled(settings: Settings) -> dict[str, Scheduled]:
    """The sinks that are reconciled by schedule. Timers of other programs are not known."""
    timetable = Timetable(settings.reconcile)
    if timetable.empty:
        return {}
    return {sink: Scheduled(unfinished_key(sink), timetable.is_due) for sink in settings.sinks}


def carrier_for(settings: AlertSettings, recipient: Recipient, clock: Clock) -> Carrier:
    """The way to a recipient. Needs no network yet."""
    if recipient.email is None:
        return Webhook(recipient, settings.webhook_timeout, settings.ca_file)
    assert settings.smtp is not None, "the settings see to it"
    return Mail(settings.smtp, recipient.email, clock)


def rules_of(settings: AlertSettings, recipient: Recipient) -> Rules:
    """What a recipient wants to hear of."""
    return Rules(
        recipient.name,
        frozenset(recipient.severities),
        frozenset(recipient.roles),
        settings.gather,
        settings.again_after,
        settings.reminding(recipient),
    )


def language_of(recipient: Recipient) -> Translation:
    """The texts in the recipient's language; without any the English ones."""
    return translation_for({"LANGUAGE": recipient.language})
