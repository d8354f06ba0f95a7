"""Commands speak the language that the environment of their reader asks for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.commands import asking
from connector.commands import check as checking
from connector.commands.main import main
from connector.commands.standing import describe_standing, told_lines
from connector.commands.status import standing_alerts
from connector.commands.waiting import Waiting, as_lines
from connector.runtime.checks import Check, Outcome
from connector.runtime.messages import CliMessage, ConsumerMessage, OracleMessage, message
from connector.runtime.messages.translation import Translation, translation_in
from consumers.cohorts.adoption import Standing
from consumers.cohorts.reasons import Reason
from consumers.cohorts.remedies import REMEDIES
from schemas.records import Alert, AlertState, CohortEntry, CohortState, EntryStatus, Notification

_AT = datetime(2026, 9, 1, tzinfo=UTC)
_FRENCH = translation_in("fr")


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "fr")


def test_what_to_do_about_what_is_parked_is_told_in_french() -> None:
    """For every reason."""
    told = {reason: _FRENCH.words(text) for reason, text in REMEDIES.items()}

    assert [reason for reason, text in told.items() if text == REMEDIES[reason]] == []
    assert [reason for reason, text in told.items() if " the " in text] == []

    cohort = CohortEntry("C", "C", CohortState.PRESENT, 7, EntryStatus.PARKED, _AT, reason=Reason.COHORT_DOUBLED)
    waiting = Waiting(Reason.COHORT_DOUBLED, [cohort])
    lines = [*as_lines([waiting], _AT, members=False, translation=_FRENCH)]
    assert f"    {told[Reason.COHORT_DOUBLED]}" in lines


def test_why_the_connector_refuses_is_told_in_french(capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer is a whole message in English, since it travels over the topic."""
    why = message(OracleMessage.RELEASE_REFUSED, source="apogee", hash="ab12")
    asking._tell(Notification("1", "apogee", "refused", 0, _AT, {}, str(why)), as_json=False)

    assert capsys.readouterr().out == f"apogee: refused: {why.code} {_FRENCH.text(why)} {_FRENCH.fix(why)}\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_error_is_told_in_french(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Text and fix, for people and in JSON."""
    main(["--config", "not-there.toml", *options, "config", "check"])
    told = capsys.readouterr().err

    assert "Le fichier de paramètres not-there.toml n'existe pas." in told
    assert "Indiquez-le avec --config" in told


def test_a_check_is_told_in_french(capsys: pytest.CaptureFixture[str]) -> None:
    """What to do above all."""
    advice = message(OracleMessage.NO_ROWS, source="apogee")
    check = Check("oracle apogee", "membership query", Outcome.WARNING, message=advice)
    checking._print(check)
    printed, plain = capsys.readouterr().out, checking._plain(check)

    assert _FRENCH.text(advice) in printed
    assert _FRENCH.fix(advice) in printed
    assert (plain["text"], plain["fix"]) == (_FRENCH.text(advice), _FRENCH.fix(advice))
    assert plain["text"] != advice.text


def test_that_nothing_is_written_is_told_in_french() -> None:
    """By ``status`` and ``plan``."""
    note = message(CliMessage.SHADOW_BY_SETTING, sink="moodle")

    lines = told_lines(describe_standing("moodle", Standing(), "shadow"))

    assert lines == [f"  CS6020: {_FRENCH.text(note)}", f"    {_FRENCH.fix(note)}"]


def test_alerts_are_told_in_the_language_of_the_reader() -> None:
    """The raised ones, with the cause that they carry; one of a later release shows what it carries."""
    cause = "CS4041 The token travels without encryption to http://m.example.org."
    alert = Alert(
        key="moodle.paused",
        state=AlertState.RAISED,
        code=ConsumerMessage.PAUSED.code,
        role="consume",
        at=_AT,
        parameters={"cause": cause, "fix": "Use https."},
    )
    over = Alert("moodle.held", AlertState.CLEARED, "CS5031", "consume", _AT, {})
    later = Alert("moodle.new", AlertState.RAISED, "CS5999", "consume", _AT, {"count": "3"})

    def told(translation: Translation) -> list[dict[str, Any]]:
        return standing_alerts([over, alert, later], translation)

    french, unknown = told(_FRENCH)
    assert "CS4041 Le jeton voyage sans chiffrement vers http://m.example.org." in french["text"]
    assert french["fix"].endswith("Utilisez https.")
    assert told(Translation())[0]["text"].endswith(cause)
    assert json.dumps(unknown["text"]) == json.dumps("{'count': '3'}")
