"""Structured logs on stderr: one event name, the rest as keys, always in English.

Whoever logs names what happened (``batch.applied``) and adds counts and positions. People never appear; a ``Pseudonym``
may. A ``Message`` among the keys is written as its code and text, an exception as its type and text.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from connector.runtime.messages import Message
from connector.runtime.telemetry.tracing import TraceContext

Level = Literal["debug", "info", "warning", "error"]

_FIELDS = "cohortstream_fields"


class Log:
    """A named place to log to: ``Log("source").info("poll.done", hints=3)``."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger("cohortstream." + name)

    def debug(self, event: str, /, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        self._write(logging.ERROR, event, fields)

    def crash(self, event: str, error: BaseException, /, **fields: object) -> None:
        """A fault of the program: with its traceback."""
        self._write(logging.ERROR, event, fields, error)

    def _write(self, level: int, event: str, fields: Mapping[str, object], error: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra={_FIELDS: fields}, exc_info=error)


class _Fields(logging.Formatter):
    """What both forms share: the keys of a record, in order."""

    def __init__(self, trace: Callable[[], TraceContext | None]) -> None:
        super().__init__()
        self._trace = trace

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        own = getattr(record, _FIELDS, None)
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name.removeprefix("cohortstream."),
            # Libraries write sentences; these are no event names.
            "event": record.getMessage() if own is not None else "library",
        }
        if own is None:
            fields["text"] = record.getMessage()
        for name, value in (own or {}).items():
            fields |= _expand(name, value)
        if context := self._trace():
            fields |= {"trace_id": context.trace_id, "span_id": context.span_id}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return fields


def _expand(name: str, value: object) -> dict[str, object]:
    if isinstance(value, Message):
        return {"code": value.code, name: f"{value.text} {value.fix}".rstrip()}
    if isinstance(value, BaseException):
        return {name: f"{type(value).__name__}: {value}"}
    return {name: value}


class JsonLines(_Fields):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.fields(record), ensure_ascii=False, default=str)


class PlainLines(_Fields):
    """For a terminal: time, level, event, and the keys behind it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        head = f"{str(fields.pop('time'))[11:23]} {str(fields.pop('level')).upper():7} {fields.pop('event')}"
        traceback = fields.pop("traceback", None)
        keys = "".join(f" {name}={value}" for name, value in fields.items() if name != "span_id")
        return head + keys + (f"\n{traceback}" if traceback else "")


def start_logging(
    level: Level,
    form: Literal["json", "text"],
    trace: Callable[[], TraceContext | None] = lambda: None,
    stream: TextIO | None = None,
) -> None:
    """Send every log record of this process to ``stream`` (stderr), ours from ``level`` on, libraries' from warning on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(trace) if form == "json" else PlainLines(trace))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("cohortstream").setLevel(level.upper())
    # It warns of each attempt, and then reports the failure as an error: that one is enough.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
