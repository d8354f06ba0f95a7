"""The notifier: of all roles' alerts, whoever should know of them hears once, again while they stand, and when they are
over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.messages import Message
from connector.runtime.telemetry import Count, Metrics
from consumers.notifier.book import Book
from consumers.notifier.delivery import Delivery
from consumers.notifier.news import delivery_key, forgettable, is_delivery
from consumers.notifier.reconciliations import Scheduled, overdue_alerts
from schemas.records import Alert, AlertState, AlertTold


class Office(Protocol):
    """The topics, and whose turn it is."""

    def elected(self) -> bool:
        """Whether this is the notifier that sends; waits a moment, and keeps the membership alive."""
        ...

    def open(self) -> Book:
        """Everything that the topics say now."""
        ...

    def renew(self, book: Book) -> None:
        """Enter what was written since."""
        ...

    def write(self, alerts: Sequence[Alert], told: Sequence[AlertTold], forgotten: Sequence[AlertTold]) -> None:
        """Write and wait until it is safe."""
        ...

    def close(self) -> None:
        """Leave, so that the next one is elected at once."""
        ...


class Notifier:
    """Runs ``run_once`` again and again, on one thread. ``poll_limits``: how old the last poll of each source may be;
    ``scheduled``: the sinks that are reconciled by schedule.
    """

    def __init__(
        self,
        office: Office,
        deliveries: Iterable[Delivery],
        poll_limits: Mapping[str, timedelta],
        scheduled: Mapping[str, Scheduled],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._office, self._deliveries = office, tuple(deliveries)
        self._poll_limits, self._scheduled = dict(poll_limits), dict(scheduled)
        self._clock, self._metrics = clock, metrics
        self._book: Book | None = None
        self._opened_at = clock.now()

    @property
    def active(self) -> bool:
        """Whether it is this one that sends."""
        return self._book is not None

    @property
    def problem(self) -> Message | None:
        """Why a recipient cannot be reached; None if all can."""
        return next((one.problem for one in self._deliveries if one.problem is not None), None)

    def run_once(self) -> None:
        """One turn.

        Raises:
            KafkaFault: begin anew; what was sent meanwhile and could not be noted is sent twice, nothing is lost.
        """
        if not self._office.elected():
            self._book = None
            return
        if self._book is None:
            self._book, self._opened_at = self._office.open(), self._clock.now()
            self._dismiss(self._book)
        book = self._book
        self._office.renew(book)
        self._raise(book, list(book.polls.alerts(self._poll_limits, book.raised(), self._clock.now())))
        self._raise(book, list(overdue_alerts(self._scheduled, book.standing, self._opened_at, self._clock.now())))
        for delivery in self._deliveries:
            self._deliver(book, delivery)

    def close(self) -> None:
        """Leave in order."""
        self._book = None
        self._office.close()

    def _deliver(self, book: Book, delivery: Delivery) -> None:
        name = delivery.rules.recipient
        if told := delivery.step(book.standing, book.told_to(name)):
            self._office.write((), told, ())
            book.remember(told)
        if (alert := delivery.alert(book.raised())) is not None:
            self._raise(book, [alert])
        if old := forgettable(book.standing, book.told_to(name), self._clock.now()):
            self._forget(book, old)

    def _dismiss(self, book: Book) -> None:
        """Who is no longer in the settings is forgotten, and so is that they could not be reached."""
        wanted = {delivery.rules.recipient for delivery in self._deliveries}
        gone = [record for name, records in book.told.items() if name not in wanted for record in records.values()]
        if gone:
            self._forget(book, gone)
        unknown = [
            Alert(key, AlertState.CLEARED, alert.code, alert.role, self._clock.now(), dict(alert.parameters))
            for key, alert in book.raised().items()
            if is_delivery(key) and key not in {delivery_key(name) for name in wanted}
        ]
        self._raise(book, unknown)

    def _forget(self, book: Book, records: Sequence[AlertTold]) -> None:
        self._office.write((), (), records)
        for record in records:
            book.forget(record.recipient, record.key)

    def _raise(self, book: Book, alerts: Sequence[Alert]) -> None:
        if not alerts:
            return
        self._office.write(alerts, (), ())
        for alert in alerts:
            book.hear(alert, self._clock.now())
            self._metrics.count(Count.ALERTS, code=alert.code, state=alert.state.value)
