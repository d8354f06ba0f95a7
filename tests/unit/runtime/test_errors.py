"""The families of errors."""

from __future__ import annotations

from datetime import timedelta

from connector.runtime.errors import Fault, RecordFault, SettingsFaults, Stage, Unavailable
from connector.runtime.messages import CliMessage, SettingsMessage, message


def test_an_error_reads_as_its_message() -> None:
    """Code, cause and fix are in the text of the exception, in English."""
    error = Unavailable(message(CliMessage.ROLE_DIED, role="poll", reason="r"), timedelta(seconds=3))

    assert str(error).startswith('CS6003 The role "poll" stopped: r. The whole')
    assert error.retry_after == timedelta(seconds=3)


def test_a_record_fault_has_its_stage() -> None:
    """Dead letters, logs and metrics name the same stages."""
    assert RecordFault(message(CliMessage.UNEXPECTED, reason="r"), Stage.DECODE).stage == "decode"


def test_all_faults_of_the_settings_are_told_at_once() -> None:
    """In the order of the file, each with its place."""
    faults = [
        Fault(message(SettingsMessage.UNKNOWN_KEY, key=key, near="c"), place)
        for key, place in [("a", "f:1"), ("b", "f:2")]
    ]

    assert str(SettingsFaults(faults)).startswith('f:1: CS1004 There is no setting "a".')
    assert SettingsFaults(faults).faults == tuple(faults)
