"""Sending a signal to the connector and following what becomes of it, for the commands that do just that."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Mapping
from datetime import timedelta

from connector.commands.command import print_json
from connector.commands.settings import Settings
from connector.commands.wiring.base import base_for_command
from connector.runtime.errors import Fault, SettingsFaults, Unavailable
from connector.runtime.kafka.signals import Signals
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import ReconcilerMessage, SettingsMessage, message
from connector.runtime.messages.translation import translation_for
from connector.source.settings import SourceSettings
from schemas.mapping import to_plain
from schemas.records import Notification

_LOOK_EVERY_S = 0.25
_MISSED = "missed."


def ask_and_follow(
    arguments: argparse.Namespace, settings: Settings, kind: str, source: str, mark: str | None = None
) -> ExitCode:
    """Ask, then print what is heard until the source has finished or refused.

    Raises:
        SettingsFaults: there is no such source in the settings.
        Unavailable: no connector answers, or it takes longer than the section reconcile allows.
    """
    if kind != "retire":
        named_source(settings, source)
    base = base_for_command(settings)
    signals = Signals(base.connection, base.topics(), base.codec, base.clock, getpass.getuser())
    try:
        number = signals.ask(kind, source, mark=mark)
        began, bound = base.clock.monotonic(), settings.reconcile.answer_within
        while True:
            for heard in signals.heard():
                if heard.signal_id == number:
                    bound = settings.reconcile.snapshot_within  # it answers: now its work sets the pace
                    _tell(heard, as_json=arguments.json)
                    if heard.phase in ("finished", "refused"):
                        return ExitCode.OK if heard.phase == "finished" else ExitCode.HALTED
            if timedelta(seconds=base.clock.monotonic() - began) > bound:
                raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role="connector"))
            base.clock.sleep(_LOOK_EVERY_S)
    finally:
        signals.close()


def named_source(settings: Settings, name: str) -> SourceSettings:
    """The section of a source.

    Raises:
        SettingsFaults: there is no such source.
    """
    if name not in settings.sources:
        known = ", ".join(sorted(settings.sources)) or "none"
        raise SettingsFaults([Fault(message(SettingsMessage.WHICH_SOURCE, name=name, known=known), "SOURCE")])
    return settings.sources[name]


def counted(counts: Mapping[str, int]) -> str:
    """Counts in words; those that begin with "missed." are what polling has missed, by cause."""
    plain = [f"{count} {name}" for name, count in sorted(counts.items()) if not name.startswith(_MISSED)]
    missed = {name.removeprefix(_MISSED): n for name, n in counts.items() if name.startswith(_MISSED) and n}
    if missed:
        causes = ", ".join(f"{count} {cause}" for cause, count in sorted(missed.items()))
        plain.append(f"{sum(missed.values())} missed by polling ({causes})")
    return ", ".join(plain)


def _tell(heard: Notification, *, as_json: bool) -> None:
    if as_json:
        print_json(to_plain(heard))
        return
    reason = translation_for(os.environ).words(heard.reason or "")
    said = (heard.source, heard.phase, reason or counted(heard.counts))
    print(": ".join(part for part in said if part), flush=True)
