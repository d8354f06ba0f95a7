"""Getting news to one recipient: now, later, or with a person's help. A recipient that fails delays no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import Message, NotifierMessage, message
from connector.runtime.messages.translation import Translation
from connector.runtime.patience import growing_pause
from connector.runtime.telemetry import Count, Log, Metrics
from consumers.notifier.carrier import Carrier
from consumers.notifier.letter import write_letter
from consumers.notifier.news import Rules, Seen, delivery_key, gather_news, is_pending
from consumers.notifier.watching import ROLE
from schemas.records import Alert, AlertState, AlertTold

_FIRST_PAUSE_S = 15.0
_LONGEST_PAUSE_S = 900.0
"""Also the pause where a person must help: a password that is tried more often may lock the account."""
_ALERT_AFTER = timedelta(minutes=5)
"""A mail server that is started anew is not worth an alert."""
_log = Log("notify")


@dataclass
class _Failure:
    message: Message
    halted: bool
    since: datetime
    count: int
    resume_at: float


class Delivery:
    """One recipient: what it wants, the way to it, and what became of the last attempt."""

    def __init__(
        self, rules: Rules, carrier: Carrier, translation: Translation, clock: Clock, metrics: Metrics
    ) -> None:
        self.rules, self._carrier, self._translation = rules, carrier, translation
        self._clock, self._metrics = clock, metrics
        self._failure: _Failure | None = None
        self._settled = False
        """Whether nothing waits for this recipient: it has been reached, or there is nothing to tell."""

    @property
    def problem(self) -> Message | None:
        """Why it cannot be reached at present; None if nothing is known against it."""
        return None if self._failure is None else self._failure.message

    def step(self, standing: Mapping[str, Seen], told: Mapping[str, AlertTold]) -> Sequence[AlertTold]:
        """Send what there is to tell; what is to be remembered as told, empty if nothing was."""
        now = self._clock.now()
        self._settled = not is_pending(self.rules, standing, told, now)
        if self._settled:
            self._failure = None  # what could not be told is over
        if self._failure is not None and self._clock.monotonic() < self._failure.resume_at:
            return ()
        news = gather_news(self.rules, standing, told, now)
        if not news:
            return ()
        try:
            self._carrier.carry(write_letter(news, self._translation, now))
        except OperationalError as fault:
            self._failed(fault, now)
            return ()
        self._failure, self._settled = None, True
        self._metrics.count(Count.ALERTS_SENT, recipient=self.rules.recipient, outcome="sent")
        _log.info("alerts.sent", recipient=self.rules.recipient, codes=sorted({one.told.code for one in news}))
        return [one.told for one in news]

    def alert(self, raised: Mapping[str, Alert]) -> Alert | None:
        """What to tell the others about this recipient; None if that is told already. ``raised`` are those that stand."""
        key = delivery_key(self.rules.recipient)
        standing, failure, now = raised.get(key), self._failure, self._clock.now()
        if failure is None:
            if standing is None or not self._settled:
                return None
            return Alert(key, AlertState.CLEARED, standing.code, ROLE, now, dict(standing.parameters))
        if standing is not None or not (failure.halted or now - failure.since >= _ALERT_AFTER):
            return None
        said = failure.message
        told = message(
            NotifierMessage.UNDELIVERED, recipient=self.rules.recipient, cause=f"{said.code} {said.text}", fix=said.fix
        )
        return Alert(key, AlertState.RAISED, told.code, ROLE, now, told.parameters)

    def _failed(self, fault: OperationalError, now: datetime) -> None:
        before, halted = self._failure, isinstance(fault, Halted)
        count = 0 if before is None else before.count
        pause = _LONGEST_PAUSE_S if halted else growing_pause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, count)
        if isinstance(fault, Unavailable) and fault.retry_after is not None:
            pause = max(pause, min(_LONGEST_PAUSE_S, fault.retry_after.total_seconds()))
        since = now if before is None else before.since
        self._failure = _Failure(fault.message, halted, since, count + 1, self._clock.monotonic() + pause)
        self._metrics.count(Count.ALERTS_SENT, recipient=self.rules.recipient, outcome="failed")
        _log.warning("alerts.not_sent", recipient=self.rules.recipient, reason=fault.message, again_in_seconds=pause)
