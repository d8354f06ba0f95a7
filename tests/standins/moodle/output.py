"""Writing answers: the two formats of Moodle's REST server."""

from typing import Any

from tests.standins.moodle import php
from tests.standins.moodle.descriptions import Description, Many, Scalar
from tests.standins.moodle.errors import MoodleError

_XML_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n'


def result_text(rest_format: str, description: Description | None, value: Any) -> str:
    """A result in JSON or XML; a function without a result answers ``null`` or an empty element."""
    if rest_format == "json":
        return php.json_encode(value)
    body = "" if description is None else _xml(description, value)
    return f"{_XML_HEAD}<RESPONSE>\n{body}</RESPONSE>\n"


def error_text(rest_format: str, error: MoodleError, *, debugging: bool) -> str:
    """An exception in JSON or XML; the debugging text only while the site's debugging is on."""
    debuginfo = error.debuginfo if debugging else None
    if rest_format == "json":
        members = {"exception": error.exception, "errorcode": error.errorcode, "message": error.message}
        if debuginfo is not None:
            members["debuginfo"] = debuginfo
        return php.json_encode({name: text for name, text in members.items() if text is not None})
    lines = [f'{_XML_HEAD}<EXCEPTION class="{error.exception}">\n']
    if error.errorcode is not None:
        lines.append(f"<ERRORCODE>{php.html_escape(error.errorcode)}</ERRORCODE>\n")
    lines.append(f"<MESSAGE>{php.html_escape(error.message)}</MESSAGE>\n")
    if debuginfo is not None:
        lines.append(f"<DEBUGINFO>{php.html_escape(debuginfo)}</DEBUGINFO>\n")
    return "".join(lines) + "</EXCEPTION>\n"


def _xml(description: Description, value: Any) -> str:
    if isinstance(description, Scalar):
        if value is None:
            return '<VALUE null="null"/>\n'
        text = str(int(value)) if isinstance(value, bool) else str(value)
        return f"<VALUE>{php.html_escape(text)}</VALUE>\n"
    if isinstance(description, Many):
        return "<MULTIPLE>\n" + "".join(_xml(description.content, item) for item in value or []) + "</MULTIPLE>\n"
    members = value or {}
    keys = (f'<KEY name="{key}">{_xml(inner, members.get(key))}</KEY>\n' for key, inner in description.keys.items())
    return "<SINGLE>\n" + "".join(keys) + "</SINGLE>\n"
