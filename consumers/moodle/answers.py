"""What an answer means: Moodle's value, or the error that it stands for.

Pure. Moodle's JSON is understood before the status is looked at; XML can only mean that Moodle did not see our form,
since its second field asks for JSON.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from consumers.moodle import reactions
from consumers.moodle.errors import Fault, MoodleError
from consumers.moodle.reactions import Reaction

Json = Any
"""A decoded value: null, truth value, number, text, list or mapping. ``reading`` and ``writing`` give it a shape."""

LARGE_FORM = 65_536
"""Bytes. PHP takes 8 MB by default; a site that takes less than this of a form is broken rather than small."""
SAYS_LIMIT = 200
"""Characters kept of Moodle's own sentence. Enough for any of its messages, too little for a page of HTML."""

_TAG = re.compile(r"<[^>]*>")
_XML_CODE = re.compile(rb"<ERRORCODE>\s*([^<\s]+)\s*</ERRORCODE>")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a web service function, without what it carries."""

    function: str
    writes: bool
    rows: int = 0
    """Items that it is about, for telemetry."""
    url: str = ""
    """Address of the site, for messages."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    form_bytes: int = 0
    """Size of the form that was sent."""


def understand(call: Call, answer: Answer, now: datetime) -> Json:
    """The value that the function returned.

    Raises:
        MoodleError: anything else; the class says what to do.
    """
    wait = _retry_after(answer.headers.get("retry-after"), now)
    try:
        value: Json = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _not_json(call, answer, wait) from None
    if isinstance(value, dict) and ("errorcode" in value or "exception" in value):
        code = str(value.get("errorcode") or "unknown")
        says = value.get("message")
        raise error(
            call, reactions.of_errorcode(code), code, says=_sentence(says) if isinstance(says, str) else "", wait=wait
        )
    if answer.status != 200:
        raise _of_status(call, answer, wait)
    return value


def error(call: Call, reaction: Reaction, code: str, *, says: str = "", wait: float | None = None) -> MoodleError:
    """The error that ``reaction`` means for ``call``."""
    kind = reaction.writing if call.writes else reaction.reading
    return kind(Fault(call.function, code, reaction.kind, says, wait, call.url))


def _not_json(call: Call, answer: Answer, wait: float | None) -> MoodleError:
    if answer.status != 200:
        return _of_status(call, answer, wait)
    if code := _XML_CODE.search(answer.body):
        return _xml(call, code[1].decode("ascii", "replace"), answer.form_bytes, wait)
    return error(call, reactions.GARBLED, "not-json")


def _xml(call: Call, code: str, form_bytes: int, wait: float | None) -> MoodleError:
    """Moodle's exception in XML: the form, which asks for JSON, did not reach it; or the error came before reading it."""
    if code != "invalidtoken":
        return error(call, reactions.of_errorcode(code), code, wait=wait)
    return error(call, reactions.FORM_TOO_LARGE if form_bytes > LARGE_FORM else reactions.FORM_LOST, "form-lost")


def _of_status(call: Call, answer: Answer, wait: float | None) -> MoodleError:
    reaction = reactions.of_status(
        answer.status, empty=not answer.body.strip(), retry_after="retry-after" in answer.headers
    )
    return error(call, reaction, f"http-{answer.status}", wait=wait)


def _sentence(text: str) -> str:
    """Moodle's message as one short line without markup."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())[:SAYS_LIMIT]


def _retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of the header; ``None`` if it is absent or unreadable."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
