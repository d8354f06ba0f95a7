"""The words of a message about alerts, in the language of its recipient; the same as values for machines. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.runtime.messages import Entry, Message, NotifierMessage, find, message
from connector.runtime.messages.translation import Translation
from consumers.notifier.news import News, Turn
from consumers.notifier.severity import Severity, severity_of
from schemas.records import AlertTold

_SHOWN = 20
"""Alerts with one code that a message shows in full; when a site has lost its cohorts there may be thousands."""
_SUBJECT_LIMIT = 150
_HEADINGS = {
    Turn.RAISED: (NotifierMessage.HEADING_RAISED, NotifierMessage.COUNT_RAISED),
    Turn.CHANGED: (NotifierMessage.HEADING_CHANGED, NotifierMessage.COUNT_CHANGED),
    Turn.REMINDED: (NotifierMessage.HEADING_REMINDED, NotifierMessage.COUNT_REMINDED),
    Turn.HEALED: (NotifierMessage.HEADING_HEALED, NotifierMessage.COUNT_HEALED),
}
_UNITS = (
    (86400, NotifierMessage.DAYS),
    (3600, NotifierMessage.HOURS),
    (60, NotifierMessage.MINUTES),
    (1, NotifierMessage.SECONDS),
)
_SEVERITIES = {
    Severity.CRITICAL: NotifierMessage.CRITICAL,
    Severity.WARNING: NotifierMessage.WARNING,
    Severity.NOTICE: NotifierMessage.NOTICE,
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one recipient. ``id`` is the same when the same news is sent again after a crash."""

    id: str
    subject: str
    text: str
    alerts: tuple[dict[str, Any], ...] = field(default=())


def write_letter(news: Sequence[News], translation: Translation, now: datetime) -> Letter:
    """One message with all of it, in the order of turns: first what is new."""
    say = _speaker(translation)
    sections: list[str] = []
    counts: list[str] = []
    for turn in Turn:
        of_turn = [one for one in news if one.turn is turn]
        if of_turn:
            heading, count = _HEADINGS[turn]
            title = say(heading, count=len(of_turn))
            sections.append(f"{title}\n{'=' * len(title)}")
            sections += _items(of_turn, translation, now)
            counts.append(say(count, count=len(of_turn)))
    subject = _subject(", ".join(counts), news, translation)
    sections.append(say(NotifierMessage.FOOT))
    plain = tuple(_plain(one, translation) for one in _limited(news))
    return Letter(_id(news), _one_line(f"[cohortstream] {subject}"), "\n\n".join(sections) + "\n", plain)


def trial_letter(recipient: str, translation: Translation, now: datetime) -> Letter:
    """A message that only shows that messages arrive."""
    body = message(NotifierMessage.BODY_TEST, recipient=recipient)
    subject = _one_line(f"[cohortstream] {_speaker(translation)(NotifierMessage.SUBJECT_TEST)}")
    number = hashlib.sha256(f"{recipient} {now.isoformat()}".encode()).hexdigest()[:32]
    return Letter(number, subject, f"{translation.text(body)}\n{translation.fix(body)}\n")


def told_in(told: AlertTold, translation: Translation) -> tuple[str, str]:
    """What happened and what to do; what can be said of an alert whose code or parameters are of another release."""
    entry = find(told.code)
    if entry is not None and entry.placeholders <= told.parameters.keys():
        made = Message(entry, told.parameters)
    else:
        listed = ", ".join(f"{name}={value}" for name, value in sorted(told.parameters.items())) or told.key
        made = message(NotifierMessage.UNKNOWN_ALERT, code=told.code, parameters=listed)
    return translation.text(made), translation.fix(made)


def _subject(counts: str, news: Sequence[News], translation: Translation) -> str:
    """How many of each, and the gravest that stands in full, since a list of mails shows no more than this."""
    say, standing = _speaker(translation), [one for one in news if one.turn is not Turn.HEALED]
    if not standing and len(news) > 1:
        return counts
    gravest = next(iter(standing), news[0]).told
    text = told_in(gravest, translation)[0]
    if not standing:
        return say(NotifierMessage.SUBJECT_OVER, counts=counts, text=text)
    entry = NotifierMessage.SUBJECT_ONE if len(standing) == 1 else NotifierMessage.SUBJECT_FIRST
    return say(entry, counts=counts, severity=say(_SEVERITIES[severity_of(gravest.key)]), text=text)


def _items(news: Sequence[News], translation: Translation, now: datetime) -> Iterator[str]:
    say, shown = _speaker(translation), list(_limited(news))

    def age(span: timedelta) -> str:
        unit, count = _in_units(span)
        return say(unit, count=count)

    for one in shown:
        told = one.told
        text, fix = told_in(told, translation)
        lines = [f"{told.code} {say(_SEVERITIES[severity_of(told.key)])} {text}"]
        if one.turn is Turn.HEALED:
            moments = {"since": _moment(told.since), "until": _moment(one.at), "age": age(one.at - told.since)}
            lines.append(say(NotifierMessage.STOOD, role=told.role, key=told.key, **moments))
        else:
            if fix:
                lines.append(say(NotifierMessage.WHAT_TO_DO, fix=fix))
            moments = {"since": _moment(told.since), "age": age(now - told.since)}
            lines.append(say(NotifierMessage.STANDS, role=told.role, key=told.key, **moments))
        yield "\n  ".join(lines)
    for code in dict.fromkeys(one.told.code for one in news):
        more = sum(one.told.code == code for one in news) - sum(one.told.code == code for one in shown)
        if more:
            yield say(NotifierMessage.MORE, count=more, code=code)


def _limited(news: Iterable[News]) -> Iterator[News]:
    """The first of each turn and code."""
    counts: dict[tuple[Turn, str], int] = {}
    for one in news:
        group = (one.turn, one.told.code)
        counts[group] = counts.get(group, 0) + 1
        if counts[group] <= _SHOWN:
            yield one


def _plain(one: News, translation: Translation) -> dict[str, Any]:
    told = one.told
    text, fix = told_in(told, translation)
    return {
        "turn": one.turn.value,
        "key": told.key,
        "code": told.code,
        "severity": severity_of(told.key).value,
        "role": told.role,
        "since": told.since.isoformat(),
        "at": one.at.isoformat(),
        "text": text,
        "fix": fix,
        "parameters": dict(told.parameters),
    }


def _speaker(translation: Translation) -> Callable[..., str]:
    def say(entry: Entry, **parameters: object) -> str:
        return translation.text(message(entry, **parameters))

    return say


def _id(news: Iterable[News]) -> str:
    """Of what is told and since when, not of the moment of telling; a reminder differs from the one before by ``at``."""
    marks = sorted(f"{one.told.recipient} {one.told.key} {one.turn.value} {one.at.isoformat()}" for one in news)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:32]


def _one_line(text: str) -> str:
    """Fit for a header: what an alert quotes may hold line breaks."""
    joined = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return joined if len(joined) <= _SUBJECT_LIMIT else joined[: _SUBJECT_LIMIT - 1] + "…"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _in_units(age: timedelta) -> tuple[Entry, int]:
    """In the largest unit that is not nought."""
    seconds = max(0, int(age.total_seconds()))
    size, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    return unit, seconds // size
