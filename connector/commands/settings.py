"""The whole settings file, put together from the sections that stand beside the code that they steer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from connector.runtime.config import Origin, load, overriding, secret_faults
from connector.runtime.errors import Fault, SettingsFaults
from connector.runtime.kafka.settings import KafkaSettings, RegistrySettings
from connector.runtime.messages import SettingsMessage, message
from connector.runtime.settings import Section
from connector.runtime.telemetry import TelemetrySettings
from connector.source.settings import SourceSettings
from consumers.cohorts.settings import SinkSettings
from consumers.notifier.settings import AlertSettings
from consumers.reconciler.settings import ReconcileSettings

DEFAULT_FILE = Path("cohortstream.toml")

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""Names of sources and sinks stand in topics, group ids and environment variables."""


class ConnectorSettings(Section):
    """The connector as a whole; what concerns one database stands under its source."""

    state_directory: Path = Path("var/state")
    """Where the local copy of the state stands. It is a cache: when lost, it is filled again from the topic."""


class Settings(Section):
    """Everything that an operator can set. Each table is described below."""

    kafka: KafkaSettings
    """The brokers and topics between both ends."""

    schema_registry: RegistrySettings | None = None
    """A schema registry. Absent: records carry the fingerprint of a schema that ships with the product."""

    telemetry: TelemetrySettings = TelemetrySettings()
    """Traces, metrics, logs and health pages."""

    connector: ConnectorSettings = ConnectorSettings()
    """The connector as a whole."""

    sources: dict[Name, SourceSettings] = Field(default_factory=dict)
    """The databases to read enrolments from, by name. Small letters, digits, `_` and `-`; a name stays for ever, since
    the state knows its source by it."""

    sinks: dict[Name, SinkSettings] = Field(default_factory=dict)
    """The Moodles that receive cohorts, by name, mostly one called `moodle`."""

    reconcile: ReconcileSettings = ReconcileSettings()
    """Comparing both ends."""

    alerts: AlertSettings = AlertSettings()
    """Telling people of alerts."""

    def sink(self, name: str | None) -> tuple[str, SinkSettings]:
        """The sink of this name with its name; without one the only sink there is.

        Raises:
            SettingsFaults: there is no such sink, or more than one and none was named.
        """
        if name is None and len(self.sinks) == 1:
            return next(iter(self.sinks.items()))
        if name in self.sinks:
            return name, self.sinks[name]
        if not self.sinks:
            fault = message(SettingsMessage.MISSING_TABLE, table="sinks.NAME")
        else:
            fault = message(SettingsMessage.WHICH_SINK, name=name or "", known=", ".join(self.sinks))
        raise SettingsFaults([Fault(fault, "--sink")])

    def required_sources(self) -> Mapping[str, SourceSettings]:
        """The sources.

        Raises:
            SettingsFaults: there is none.
        """
        if not self.sources:
            fault = message(SettingsMessage.MISSING_TABLE, table="sources.NAME")
            raise SettingsFaults([Fault(fault, "settings file")])
        return self.sources


def load_settings(file: Path | None, environment: Mapping[str, str]) -> tuple[Settings, Origin]:
    """The settings from ``file``, or from ``COHORTSTREAM_CONFIG``, or from the default file, under the environment.

    Raises:
        SettingsFaults: every fault that was found.
    """
    named = file or (Path(named) if (named := environment.get("COHORTSTREAM_CONFIG")) else None)
    if named is None and not DEFAULT_FILE.exists() and overriding(environment):
        return load(Settings, None, environment)
    return load(Settings, named or DEFAULT_FILE, environment)


def require_secrets(section: Section, *path: str) -> None:
    """Make sure that a role can read the secrets of its own sections, before it begins.

    Raises:
        SettingsFaults: it cannot; every such secret is named.
    """
    if faults := secret_faults(section, path):
        raise SettingsFaults(faults)
