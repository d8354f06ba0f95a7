"""What a recipient has to be told now: what stands, compared with what was told. Pure.

As everywhere in this product the difference decides, not the events: an alert that was raised and cleared while nobody
could send is no news, of ten changes only the last is, and what was told is not told again by whoever takes over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, get_args

from consumers.notifier.severity import Severity, severity_of
from schemas.records import Alert, AlertState, AlertTold

Role = Literal["connector", "consume", "reconcile", "notify"]
"""The roles that raise alerts in this release."""
ROLES: frozenset[str] = frozenset(get_args(Role))

FORGET_AFTER = timedelta(days=7)
"""How long it is remembered that somebody was told that an alert is over. It bounds the topic; ``again_after`` needs it
for less."""


class Turn(StrEnum):
    """What is new about an alert."""

    RAISED = "raised"
    CHANGED = "changed"
    REMINDED = "reminded"
    HEALED = "healed"


@dataclass(frozen=True, slots=True)
class Seen:
    """The last word on an alert, and when it was read. A clock of another machine that is ahead must not delay it."""

    alert: Alert
    at: datetime

    @property
    def since(self) -> datetime:
        return min(self.alert.at, self.at)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a recipient wants to hear of, and how often."""

    recipient: str
    severities: frozenset[Severity]
    roles: frozenset[str]
    gather: timedelta
    again_after: timedelta
    remind_every: timedelta | None

    def want(self, alert: Alert) -> bool:
        """Whether it concerns this recipient. That it cannot be reached is told to the others only."""
        own = alert.key == delivery_key(self.recipient)
        # A role of a later release is not hidden from those who want to hear of everything.
        heard = alert.role in self.roles or alert.role not in ROLES
        return not own and heard and severity_of(alert.key) in self.severities


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell. ``told`` is what is to be remembered once it has been; ``at`` is when it came about."""

    turn: Turn
    told: AlertTold
    at: datetime


def delivery_key(recipient: str) -> str:
    """Key of the alert that a recipient cannot be reached."""
    return f"notify/{recipient}/delivery"


def is_delivery(key: str) -> bool:
    """Whether it is the key of such an alert."""
    return key.startswith("notify/") and key.endswith("/delivery")


def gather_news(
    rules: Rules, standing: Mapping[str, Seen], told: Mapping[str, AlertTold], now: datetime
) -> tuple[News, ...]:
    """What to tell now, the gravest first; nothing while all that is new still waits for more to come together."""
    found = [
        one for key in standing.keys() | told.keys() if (one := _compare(rules, standing.get(key), told.get(key), now))
    ]
    if not any(waiting.due <= now for waiting in found):
        return ()
    order = list(Severity)
    news = [waiting.news for waiting in found if waiting.soonest <= now]
    return tuple(sorted(news, key=lambda one: (order.index(severity_of(one.told.key)), one.at, one.told.key)))


def is_pending(rules: Rules, standing: Mapping[str, Seen], told: Mapping[str, AlertTold], now: datetime) -> bool:
    """Whether there is something to tell, be it later; reminders apart."""
    found = (_compare(rules, standing.get(key), told.get(key), now) for key in standing.keys() | told.keys())
    return any(one is not None and one.news.turn is not Turn.REMINDED for one in found)


def forgettable(standing: Mapping[str, Seen], told: Mapping[str, AlertTold], now: datetime) -> tuple[AlertTold, ...]:
    """What need not be remembered any more: told to be over, long ago, and not raised since."""
    return tuple(
        one
        for one in told.values()
        if one.state is AlertState.CLEARED
        and now - one.told_at > FORGET_AFTER
        and (one.key not in standing or standing[one.key].alert.state is not AlertState.RAISED)
    )


@dataclass(frozen=True, slots=True)
class _Waiting:
    """News, when it must be told, and from when on it may go along with others."""

    news: News
    due: datetime
    soonest: datetime


def _compare(rules: Rules, seen: Seen | None, told: AlertTold | None, now: datetime) -> _Waiting | None:
    stands = seen is not None and seen.alert.state is AlertState.RAISED
    if told is not None and told.state is AlertState.RAISED:
        return _standing(rules, seen, told, now) if seen is not None and stands else _healed(rules, seen, told, now)
    if seen is None or not stands or not rules.want(seen.alert):
        return None
    alert, since = seen.alert, seen.since
    record = AlertTold(
        rules.recipient, alert.key, alert.state, alert.code, alert.role, since, now, dict(alert.parameters)
    )
    soonest = since if told is None else told.told_at + rules.again_after
    return _Waiting(News(Turn.RAISED, record, since), max(since + rules.gather, soonest), soonest)


def _standing(rules: Rules, seen: Seen, told: AlertTold, now: datetime) -> _Waiting | None:
    """It was told and stands: has it changed, or is a reminder due?"""
    alert = seen.alert
    if (alert.code, dict(alert.parameters)) != (told.code, dict(told.parameters)):
        record = replace(told, code=alert.code, parameters=dict(alert.parameters), role=alert.role, told_at=now)
        soonest = told.told_at + rules.again_after
        return _Waiting(News(Turn.CHANGED, record, seen.since), max(seen.since + rules.gather, soonest), soonest)
    # Reminders of alerts that were raised at different times come together rather than one by one.
    if rules.remind_every is None or now < told.told_at + rules.remind_every / 2:
        return None
    reminder = News(Turn.REMINDED, replace(told, told_at=now), told.told_at)
    return _Waiting(reminder, told.told_at + rules.remind_every, told.told_at + rules.remind_every / 2)


def _healed(rules: Rules, seen: Seen | None, told: AlertTold, now: datetime) -> _Waiting:
    """It was told and stands no more; or nobody knows it any more, since the topic of alerts was made anew."""
    over = now if seen is None else seen.since
    record = replace(told, state=AlertState.CLEARED, told_at=now)
    return _Waiting(News(Turn.HEALED, record, over), over + (rules.gather if seen is not None else timedelta()), over)
