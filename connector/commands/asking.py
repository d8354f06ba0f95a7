"""Sending a signal to the connector and following what becomes of it, for the commands that do just that."""

from __future__ import annotations

import argparse
import getpass
from datetime import timedelta

from connector.commands.command import print_json
from connector.commands.settings import Settings
from connector.commands.wiring.base import base_for_command
from connector.runtime.errors import Fault, SettingsFaults, Unavailable
from connector.runtime.kafka.signals import Signals
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import ReconcilerMessage, SettingsMessage, message
from schemas.mapping import to_plain
from schemas.records import Notification

_LOOK_EVERY_S = 0.25


def ask_and_follow(
    arguments: argparse.Namespace, settings: Settings, kind: str, source: str, mark: str | None = None
) -> ExitCode:
    """Ask, then print what is heard until the source has finished or refused.

    Raises:
        SettingsFaults: there is no such source in the settings.
        Unavailable: no connector answers, or it takes longer than the section reconcile allows.
    """
    if source not in settings.sources and kind != "retire":
        known = ", ".join(sorted(settings.sources)) or "none"
        raise SettingsFaults([Fault(message(SettingsMessage.WHICH_SOURCE, name=source, known=known), "SOURCE")])
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


def _tell(heard: Notification, *, as_json: bool) -> None:
    if as_json:
        print_json(to_plain(heard))
        return
    counts = ", ".join(f"{count} {name}" for name, count in sorted(heard.counts.items()))
    print(": ".join(part for part in (heard.source, heard.phase, heard.reason or counts) if part), flush=True)
