"""Errors as a person, or a machine, gets to see them: code, cause, fix, and the exit code."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable
from typing import TextIO

from connector.runtime.errors import Busy, Halted, OperationalError, SettingsFaults, Unavailable
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, Message, message
from connector.runtime.messages.translation import Translation


def present(error: BaseException, translation: Translation, out: TextIO, *, as_json: bool, debug: bool) -> ExitCode:
    """Write what went wrong, and say with which code to exit. A traceback comes only with ``debug``."""
    code, told = _explain(error)
    write: Callable[[Iterable[tuple[str | None, Message]], Translation, TextIO], None]
    write = _write_json if as_json else _write_text
    write(told, translation, out)
    if debug:
        traceback.print_exception(error, file=out)
    return code


def _explain(error: BaseException) -> tuple[ExitCode, list[tuple[str | None, Message]]]:
    match error:
        case SettingsFaults():
            return ExitCode.SETTINGS, [(fault.place, fault.message) for fault in error.faults]
        case Busy():
            return ExitCode.BUSY, [(None, error.message)]
        case Unavailable():
            return ExitCode.UNAVAILABLE, [(None, error.message)]
        case OperationalError():
            code = ExitCode.HALTED if isinstance(error, Halted) else ExitCode.UNEXPECTED
            return code, [(None, error.message)]
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED, [(None, message(CliMessage.INTERRUPTED))]
        case _:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return ExitCode.UNEXPECTED, [(None, message(CliMessage.UNEXPECTED, reason=reason))]


def _write_text(told: Iterable[tuple[str | None, Message]], translation: Translation, out: TextIO) -> None:
    for place, one in told:
        where = f"{place}: " if place else ""
        print(f"{where}{one.code}: {translation.text(one)}", file=out)
        if fix := translation.fix(one):
            print(f"    {fix}", file=out)


def _write_json(told: Iterable[tuple[str | None, Message]], translation: Translation, out: TextIO) -> None:
    errors = [
        {"code": one.code, "text": translation.text(one), "fix": translation.fix(one), "place": place}
        for place, one in told
    ]
    print(json.dumps({"errors": errors}, ensure_ascii=False), file=out)
