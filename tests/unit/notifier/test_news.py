"""What a recipient is told, and when: what stands, compared with what was told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.notifier.news import FORGET_AFTER, Turn, delivery_key, forgettable, gather_news, is_pending
from consumers.notifier.severity import Severity, severity_of, subject_of
from schemas.records import Alert, AlertState, AlertTold
from tests.unit.notifier.values import (
    DAY,
    HELD,
    HOUR,
    MINUTE,
    NOW,
    OUTAGE,
    by_key,
    healed,
    held,
    news_of,
    outage,
    rules,
    seen,
    told,
)

SECOND = timedelta(seconds=1)


def test_an_alert_is_told_once_it_has_stood_for_a_while() -> None:
    """Others may come, and it may be over at once."""
    standing = seen(outage())

    assert [] == news_of(standing, {}, NOW + MINUTE - SECOND)
    assert [("raised", OUTAGE)] == news_of(standing, {}, NOW + MINUTE)


def test_a_burst_is_one_message() -> None:
    """Those that came a second ago go along with the first."""
    standing = seen(outage(), held(NOW + 59 * SECOND))

    assert [("raised", OUTAGE), ("raised", HELD)] == news_of(standing, {}, NOW + MINUTE)


def test_what_is_over_before_it_was_told_is_not_told() -> None:
    """However long nobody could send."""
    assert [] == news_of(seen(healed(NOW + 30 * SECOND)), {}, NOW + DAY)


def test_what_was_told_is_not_told_again() -> None:
    """Until something is new about it."""
    assert [] == news_of(seen(outage()), by_key(told(outage(), NOW + MINUTE)), NOW + HOUR)


def test_what_was_told_and_is_over_is_told_too_with_what_it_was_about() -> None:
    """The one who clears it does not say any more what it was about."""
    over = seen(healed(NOW + HOUR))
    known = by_key(told(outage(), NOW + MINUTE))

    assert [] == news_of(over, known, NOW + HOUR)
    (news,) = gather_news(rules(), over, known, NOW + HOUR + MINUTE)
    assert (Turn.HEALED, AlertState.CLEARED, NOW, NOW + HOUR) == (
        news.turn,
        news.told.state,
        news.told.since,
        news.at,
    )
    assert {"source": "apogee", "reason": "ORA-12541"} == news.told.parameters


def test_a_change_is_told_but_not_at_once() -> None:
    """One that counts up would fill a mailbox. It goes on standing since the same moment."""
    standing = seen(held(NOW + 5 * MINUTE, count=50))
    known = by_key(told(held(), NOW + MINUTE))

    assert [] == news_of(standing, known, NOW + 15 * MINUTE)
    (news,) = gather_news(rules(), standing, known, NOW + 16 * MINUTE)
    assert (Turn.CHANGED, "50", NOW) == (news.turn, news.told.parameters["count"], news.told.since)


def test_a_change_does_not_come_along_before_its_time() -> None:
    """Else a burst of others would bring each step of one that counts up."""
    standing = seen(held(NOW + 5 * MINUTE, count=50), outage(NOW + 5 * MINUTE))
    known = by_key(told(held(), NOW + MINUTE))

    assert [("raised", OUTAGE)] == news_of(standing, known, NOW + 6 * MINUTE)


def test_an_alert_that_comes_and_goes_fills_no_mailbox() -> None:
    """That it is back is told a quarter of an hour after it was told to be over."""
    known = by_key(told(healed(NOW), NOW))
    standing = seen(outage(NOW + 2 * MINUTE))

    assert [] == news_of(standing, known, NOW + 14 * MINUTE)
    assert [("raised", OUTAGE)] == news_of(standing, known, NOW + 15 * MINUTE)


def test_what_goes_on_standing_is_told_again() -> None:
    """Those that stand for half as long come along, others do not; the next reminder is as far away again."""
    standing = seen(outage(), held(NOW + 11 * HOUR), outage(NOW + 13 * HOUR, source="banner"))
    known = by_key(
        told(outage(), NOW),
        told(held(NOW + 11 * HOUR), NOW + 11 * HOUR),
        told(outage(NOW + 13 * HOUR, source="banner"), NOW + 13 * HOUR),
    )

    assert [] == news_of(standing, known, NOW + DAY - SECOND)
    assert [("reminded", OUTAGE), ("reminded", HELD)] == news_of(standing, known, NOW + DAY)
    known |= by_key(*(one.told for one in gather_news(rules(), standing, known, NOW + DAY)))
    assert [] == news_of(standing, known, NOW + DAY + HOUR)


def test_reminders_can_be_turned_off() -> None:
    """Then an alert is told once."""
    known = by_key(told(outage(), NOW))

    assert [] == news_of(seen(outage()), known, NOW + 400 * DAY, rules(remind_every=None))


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ({"severities": frozenset({Severity.CRITICAL})}, [OUTAGE]),
        ({"severities": frozenset({Severity.WARNING})}, [HELD]),
        ({"roles": frozenset({"consume"})}, [HELD]),
        ({"roles": frozenset({"notify"})}, []),
    ],
)
def test_a_recipient_hears_what_it_asked_for(wanted: dict[str, frozenset[str]], keys: list[str]) -> None:
    """By how grave, and by role."""
    found = gather_news(rules(**wanted), seen(outage(), held()), {}, NOW + HOUR)

    assert keys == [one.told.key for one in found]


def test_a_role_of_a_later_release_is_heard() -> None:
    """A filter that was written before it cannot have meant to leave it out."""
    strange = Alert("later/x/y", AlertState.RAISED, "CS9999", "later", NOW)

    assert [("raised", "later/x/y")] == news_of(seen(strange), {}, NOW + HOUR, rules(roles=frozenset({"connector"})))


def test_whoever_cannot_be_reached_is_not_told_so() -> None:
    """The others are."""
    lost = Alert(delivery_key("ops"), AlertState.RAISED, "CS8002", "notify", NOW)

    assert [] == news_of(seen(lost), {}, NOW + HOUR)
    assert [("raised", lost.key)] == news_of(seen(lost), {}, NOW + HOUR, rules(recipient="chat"))


def test_a_clock_that_is_ahead_delays_nothing() -> None:
    """What counts is when it was read, at the latest."""
    ahead = outage(NOW + HOUR)

    assert [("raised", OUTAGE)] == news_of(seen(ahead, at=NOW), {}, NOW + MINUTE)


def test_an_alert_that_nobody_knows_any_more_is_over() -> None:
    """The topic of alerts was made anew."""
    assert [("healed", OUTAGE)] == news_of({}, by_key(told(outage(), NOW)), NOW + HOUR)


def test_what_waits_is_known() -> None:
    """Reminders apart: a recipient who is only to be reminded lacks nothing."""
    known = by_key(told(outage(), NOW))

    assert is_pending(rules(), seen(outage()), {}, NOW)
    assert not is_pending(rules(), seen(outage()), known, NOW + 3 * DAY)
    assert is_pending(rules(), seen(healed(NOW + HOUR)), known, NOW + HOUR)


def test_what_is_long_over_is_forgotten() -> None:
    """Not what stands, nor what is back and is about to be told."""
    known = by_key(told(healed(NOW), NOW), told(held(), NOW))
    later = NOW + FORGET_AFTER + SECOND

    assert () == forgettable(seen(healed(NOW)), known, NOW + FORGET_AFTER)
    assert (known[OUTAGE],) == forgettable(seen(healed(NOW)), known, later)
    assert (known[OUTAGE],) == forgettable({}, known, later)
    assert () == forgettable(seen(outage(later)), known, later)


@pytest.mark.parametrize(
    ("key", "subject", "severity"),
    [
        ("connector/apogee/source", "source", Severity.CRITICAL),
        ("connector/apogee/suspects", "suspects", Severity.WARNING),
        ("notify/apogee/poll", "poll", Severity.CRITICAL),
        ("moodle.site", "site", Severity.CRITICAL),
        ("moodle.parked.student_without_account", "parked", Severity.NOTICE),
        ("moodle.cohort_gone.A.B/source", "cohort_gone", Severity.WARNING),
        ("moodle.cohort_gone.A.B", "cohort_gone", Severity.WARNING),
        ("unheard-of", "unheard-of", Severity.WARNING),
    ],
)
def test_how_grave_an_alert_is_stands_in_its_key(key: str, subject: str, severity: Severity) -> None:
    """What is not known is worth a look."""
    assert (subject, severity) == (subject_of(key), severity_of(key))


steps = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 2), st.integers(1, 40)), min_size=1, max_size=25
)


@given(steps)
def test_in_the_end_everybody_knows_what_stands(happenings: list[tuple[int, bool, int, int]]) -> None:
    """Whatever was raised, changed and cleared, with whatever pauses: once nothing moves any more, what was told is what
    stands, with its latest text; nothing was told to be over that was not told before; and one key is never told to have
    begun twice without having been told to be over.
    """
    now, standing, known = NOW, dict(seen()), dict[str, AlertTold]()
    open_keys: set[str] = set()

    def tell() -> None:
        for one in gather_news(rules(remind_every=None), standing, known, now):
            key = one.told.key
            assert (key in open_keys) is (one.turn is not Turn.RAISED)
            (open_keys.discard if one.turn is Turn.HEALED else open_keys.add)(key)
            known[key] = one.told

    for number, stands, text, minutes in happenings:
        alert = outage(now, f"reason {text}", source=f"s{number}")
        standing |= seen(alert if stands else healed(now, alert.key))
        now += minutes * MINUTE
        tell()
    now += HOUR
    tell()
    raised = {key: one.alert.parameters for key, one in standing.items() if one.alert.state is AlertState.RAISED}

    assert raised == {key: one.parameters for key, one in known.items() if one.state is AlertState.RAISED}
    assert [] == news_of(standing, known, now + HOUR, rules(remind_every=None))
