"""The ends' own checks, brought to one form."""

from __future__ import annotations

from collections.abc import Iterator

from connector.commands.settings import require_secrets
from connector.commands.wiring.base import Base
from connector.commands.wiring.moodle import CallMetrics
from connector.runtime.checks import Check, Outcome
from connector.runtime.errors import SettingsFaults
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
