"""The words of a message."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.runtime.messages import AREAS, NotifierMessage
from connector.runtime.messages.translation import Translation, translation_in
from consumers.cohorts import messages
from consumers.cohorts.reasons import Reason
from consumers.cohorts.remedies import REMEDIES
from consumers.notifier.letter import Letter, trial_letter, write_letter
from consumers.notifier.news import Seen, gather_news
from schemas.records import Alert, AlertState
from tests.unit.notifier.values import DAY, HOUR, MINUTE, NOW, by_key, healed, held, outage, rules, seen, told

ENGLISH = Translation()
LATER = NOW + 3 * HOUR


def letter_about(*alerts: Alert, translation: Translation = ENGLISH) -> Letter:
    """The first message about these."""
    return write_letter(gather_news(rules(), seen(*alerts), {}, LATER), translation, LATER)


def test_a_message_says_what_happened_since_when_and_what_to_do() -> None:
    """Cause, evidence and fix of each, the gravest first."""
    letter = letter_about(held(NOW + HOUR), outage())

    assert letter.subject == (
        '[cohortstream] new: 2; first: (critical) The source "apogee" cannot be reached: ORA-12541.'
    )
    lines = letter.text.splitlines()
    assert lines[:2] == ["New (2)", "======="]
    assert lines[3] == 'CS2001 (critical) The source "apogee" cannot be reached: ORA-12541.'
    assert lines[4].startswith("  What to do: ")
    assert lines[5] == "  Since 2026-09-01 08:00 UTC (3 h); from the role connector; key connector/apogee/source."
    assert lines[7].startswith("CS5031 (warning) 5 removals in 1 cohorts wait for a person")
    assert '"cohortstream held"' in lines[8]


def test_one_alert_is_told_in_the_subject() -> None:
    """In one line, and not too long for it, whatever a server may have said."""
    said = letter_about(outage(reason="a\r\nBcc: all@example.edu\x00 " + "x" * 500)).subject

    assert said.startswith(
        '[cohortstream] new: 1: (critical) The source "apogee" cannot be reached: a Bcc: all@example.edu x'
    )
    assert said.isprintable()
    assert len(said) == 150


def test_what_is_over_says_how_long_it_stood() -> None:
    """And what it was about, though the one who cleared it did not say; nothing is to be done."""
    known = by_key(told(outage(), NOW))
    over = healed(NOW + 2 * DAY)
    letter = write_letter(gather_news(rules(), seen(over), known, NOW + 3 * DAY), ENGLISH, NOW + 3 * DAY)

    assert letter.subject == '[cohortstream] over: 1: The source "apogee" cannot be reached: ORA-12541.'
    assert "Over, nothing to do (1)" in letter.text
    assert "It stood from 2026-09-01 08:00 UTC to 2026-09-03 08:00 UTC (2 d)" in letter.text
    assert "What to do" not in letter.text


def test_the_turns_have_sections_of_their_own() -> None:
    """What is new stands first, and what is over last."""
    standing = seen(outage(), held(LATER - HOUR, count=9), healed(LATER - HOUR, "connector/banner/source"))
    known = by_key(told(held(), NOW), told(outage(source="banner"), NOW))
    letter = write_letter(gather_news(rules(), standing, known, LATER), ENGLISH, LATER)

    assert letter.subject == (
        '[cohortstream] new: 1, changed: 1, over: 1; first: (critical) The source "apogee" cannot be reached: ORA-12541.'
    )
    places = [letter.text.index(title) for title in ("New (1)", "Changed (1)", "Over, nothing to do (1)")]
    assert places == sorted(places)


def test_thousands_of_one_kind_are_counted() -> None:
    """A site that has lost its cohorts gives a readable message, and nothing else is lost in it."""
    many = [
        Alert(f"moodle.cohort_gone.{n}", AlertState.RAISED, "CS5008", "consume", NOW, {"cohort": f"{n}"})
        for n in range(3000)
    ]
    letter = letter_about(*many, outage())

    assert letter.text.count("CS5008 (warning)") == 20
    assert "And 2980 more of CS5008." in letter.text
    assert "CS2001 (critical)" in letter.text
    assert len(letter.alerts) == 21


def test_an_alert_of_another_release_is_told_as_it_is() -> None:
    """An unknown code, and a known one whose parameters are others."""
    strange = Alert("later/x", AlertState.RAISED, "CS9999", "later", NOW, {"what": "moon"})
    lacking = Alert("moodle.held", AlertState.RAISED, "CS5031", "consume", NOW, {"count": "5"})
    text = letter_about(strange, lacking).text

    assert "An alert of another release, CS9999: what=moon." in text
    assert "An alert of another release, CS5031: count=5." in text


def test_a_message_is_in_the_language_of_its_recipient() -> None:
    """Every word of it, the subject included."""
    originals = {text for area in AREAS.values() for entry in area for text in (entry.text, entry.fix) if text}
    french = Translation({text: f"«{text}»" for text in originals})
    letter = letter_about(held(NOW + HOUR), outage(), translation=french)

    words = [line for line in letter.text.splitlines() if line and not line.startswith("=")]
    assert [line for line in words if "«" not in line or "»" not in line] == []
    assert letter.subject == (
        '[cohortstream] ««new: 2»; first: «(critical)» «The source "apogee" cannot be reached: ORA-12541.»»'
    )
    assert letter.alerts[0]["text"] == '«The source "apogee" cannot be reached: ORA-12541.»'


def test_only_what_stands_is_named_in_the_subject() -> None:
    """The gravest of it, even if something graver is over; of much that is over only the count."""
    known = by_key(told(outage(), NOW), told(held(), NOW))
    graver = seen(healed(LATER - HOUR), held(LATER - HOUR, count=9))
    both = seen(healed(LATER - HOUR), healed(LATER - HOUR, "moodle.held", "CS5031"))

    def subject(standing: dict[str, Seen]) -> str:
        return write_letter(gather_news(rules(), standing, known, LATER), ENGLISH, LATER).subject

    assert subject(graver).startswith("[cohortstream] changed: 1, over: 1: (warning) 9 removals")
    assert subject(both) == "[cohortstream] over: 2"


@pytest.mark.parametrize(
    ("age", "english", "french"),
    [
        (timedelta(days=2, hours=5), "(2 d)", "(2 j)"),
        (timedelta(hours=23, minutes=59), "(23 h)", "(23 h)"),
        (timedelta(seconds=119), "(1 min)", "(1 min)"),
        (timedelta(seconds=59), "(59 s)", "(59 s)"),
        (timedelta(seconds=-3), "(0 s)", "(0 s)"),
    ],
)
def test_ages_have_the_units_of_the_language(age: timedelta, english: str, french: str) -> None:
    """The largest that is not nought; a clock that is behind makes no age of less than nothing."""
    news = gather_news(rules(gather=timedelta()), seen(outage(), at=NOW), {}, NOW + DAY)
    texts = [write_letter(news, language, NOW + age).text for language in (ENGLISH, translation_in("fr"))]

    assert [expected in text for expected, text in zip((english, french), texts, strict=True)] == [True, True]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason in REMEDIES])
def test_what_is_parked_is_told_with_what_to_do_about_its_reason(reason: Reason) -> None:
    """In the recipient's language too."""
    said = messages.parked(7, reason)
    french = translation_in("fr")

    assert REMEDIES[reason] in said.fix
    assert REMEDIES[reason] not in french.fix(said)
    assert "7" in french.text(said)


def test_a_reason_of_a_later_release_has_no_remedy() -> None:
    """What waits is told all the same."""
    assert messages.parked(7, "moon_is_full").fix.strip() == 'See them with "cohortstream parked".'


def test_the_same_news_has_the_same_number() -> None:
    """Sent again after a crash it can be known; another reminder differs."""
    standing = seen(outage())
    first, again = (
        write_letter(gather_news(rules(), standing, {}, NOW + n * MINUTE), ENGLISH, NOW + n * MINUTE) for n in (1, 2)
    )
    reminders = [
        write_letter(gather_news(rules(), standing, by_key(told(outage(), NOW + n * DAY)), at), ENGLISH, at)
        for n in (1, 2)
        for at in (NOW + (n + 1) * DAY,)
    ]

    assert first.id == again.id
    assert len({first.id, *(one.id for one in reminders)}) == 3


def test_machines_get_the_same_as_values() -> None:
    """With everything that a filter of theirs may ask for."""
    (plain,) = letter_about(outage()).alerts

    assert plain.pop("fix")
    assert plain == {
        "turn": "raised",
        "key": "connector/apogee/source",
        "code": "CS2001",
        "severity": "critical",
        "role": "connector",
        "since": "2026-09-01T08:00:00+00:00",
        "at": "2026-09-01T08:00:00+00:00",
        "text": 'The source "apogee" cannot be reached: ORA-12541.',
        "parameters": {"source": "apogee", "reason": "ORA-12541"},
    }


def test_a_trial_says_that_it_is_one() -> None:
    """Each has a number of its own, so that no mailbox takes the second for the first."""
    letter, second = (trial_letter("ops", ENGLISH, NOW + timedelta(seconds=n)) for n in (0, 1))

    assert letter.subject == "[cohortstream] Test (no alert)."
    assert NotifierMessage.BODY_TEST.text.format(recipient="ops") in letter.text
    assert letter.id != second.id
    assert letter.alerts == ()
