"""The ends' own checks, brought to one form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from connector.commands.settings import require_secrets
from connector.commands.wiring.base import Base
from connector.commands.wiring.moodle import CallMetrics
from connector.runtime.checks import Check, Outcome
from connector.runtime.errors import SettingsFaults
from connector.runtime.messages import ConsumerMessage, message
from connector.runtime.settings import Section
from consumers.cohorts.settings import SinkSettings
from consumers.moodle.client import MoodleClient
from consumers.moodle.preflight import Severity, preflight


def check_secrets(end: str, section: Section, *path: str) -> Iterator[Check]:
    """The secrets of this section that cannot be read; none of them keeps the other ends from being tried."""
    try:
        require_secrets(section, *path)
    except SettingsFaults as error:
        for fault in error.faults:
            yield Check(end, "secrets", Outcome.FAULT, fault.place, fault.message)


def check_allowances(name: str, sink: SinkSettings, now: datetime) -> Iterator[Check]:
    """How each allowance of a sink stands; one that has ended is likely to be forgotten."""
    for allowance in sink.allowances:
        end, called = f"sink {name}", f"allowance {allowance.name}"
        if now >= allowance.ends:
            ended = message(ConsumerMessage.ALLOWANCE_ENDED, name=allowance.name, ends=_told(allowance.ends))
            yield Check(end, called, Outcome.WARNING, message=ended)
        elif now >= allowance.begins:
            yield Check(end, called, Outcome.GOOD, f"stands until {_told(allowance.ends)}")
        else:
            yield Check(end, called, Outcome.GOOD, f"begins at {_told(allowance.begins)}")


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def check_moodle(base: Base, name: str, sink: SinkSettings) -> Iterator[Check]:
    """Everything about a site that can be tried by reading."""
    end = f"moodle {name}"
    client = MoodleClient(sink.moodle, base.clock, observer=CallMetrics(base.telemetry.metrics, name))
    try:
        found = preflight(client, sink.moodle, sink.students)
    finally:
        client.close()
    if found.unavailable is not None:
        yield Check(end, "site", Outcome.FAULT, message=found.unavailable.message)
        return
    if found.site is not None:
        yield Check(end, "site", Outcome.GOOD, f"{found.site.url}, Moodle {found.site.release}")
    for finding in found.findings:
        outcome = Outcome.FAULT if finding.severity is Severity.FAULT else Outcome.WARNING
        yield Check(end, "service", outcome, message=finding.message)
    if not found.findings:
        yield Check(
            end, "service", Outcome.GOOD, f"functions, rights and report; forms of {found.max_input_vars} fields"
        )
