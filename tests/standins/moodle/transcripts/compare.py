"""Comparing what the stand-in did with what the real Moodle did; each difference is one line of text."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.standins.moodle.events import LogEvent
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import Response

# Moments and random keys of the recorded site; everything else has to be equal to the letter.
_VOLATILE = (
    (re.compile(r"(image\.php\\?/boost\\?/core\\?/)\d+"), r"\1REVISION"),
    (re.compile(r'("userprivateaccesskey": ?)"\w+"'), r'\1"KEY"'),
    (re.compile(r'(<KEY name="userprivateaccesskey"><VALUE>)\w+'), r"\1KEY"),
    (re.compile(r'("time(?:created|modified)": ?)\d+'), r"\1TIME"),
    (re.compile(r'(<KEY name="time(?:created|modified)"><VALUE>)\d+'), r"\1TIME"),
    (re.compile(r'("name":"\w+","value":"?)\d{10}'), r"\1TIME"),
    (re.compile(r"(=> )1\d{9}(,)"), r"\1TIME\2"),
)
SHOWN_HOST = "moodle.example.test"
MASKED_BYTES = 5
"""The site's true address was this much shorter than the one that transcripts show instead."""
_NUMBERS = re.compile(r'("(?:id|modifierid|timecreated|timemodified)":)(?:\d+|"\d+")')
_ENROLMENT_EVENTS = frozenset({"user_enrolment", "role"})


def steady(text: str) -> str:
    """The text without what differs between two runs of one site."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def answer_differences(exchange: Mapping[str, Any], response: Response) -> list[str]:
    """Status, recorded headers and body."""
    differences = []
    if response.status != exchange["status"] or response.reason != exchange["reason"]:
        differences.append(
            f"status: {exchange['status']} {exchange['reason']} recorded, got {response.status} {response.reason}"
        )
    for name, recorded in (exchange["response_headers"] or {}).items():
        value: str | None = recorded
        got = response.header(name)
        if name == "content-length":
            # The recorded text has the server's version taken out, so its own length is what counts.
            value, got = str(len((exchange["response_text"] or "").encode())), str(len(response.body))
        if got != value:
            differences.append(f"header {name}: {value!r} recorded, got {got!r}")
    return differences + _body_differences(exchange, response.body.decode("utf-8", "replace"))


def _body_differences(exchange: Mapping[str, Any], body: str) -> list[str]:
    recorded, got = steady(exchange["response_text"] or ""), steady(body)
    if not exchange["response_text_truncated"]:
        return [] if recorded == got else [f"body: {_around(recorded, got)}"]
    differences = []
    # The last bytes of a cut text may be half of a number that is left out of the comparison.
    shown = recorded[: len(recorded) - 64]
    if not got.startswith(shown):
        differences.append(f"beginning of the body: {_around(shown, got[: len(shown)])}")
    size = len(body.encode()) - MASKED_BYTES * body.count(SHOWN_HOST)
    if size != exchange["response_bytes"]:
        differences.append(f"body: {exchange['response_bytes']} bytes recorded, got {size}")
    outline = outline_of(json.loads(body)) if exchange["response_is_json"] else None
    if outline is not None and steady_json(outline) != steady_json(exchange["response_outline"]):
        differences.append("outline of the body differs")
    return differences


def outline_of(value: Any) -> Any:
    """The outline that transcripts keep of long answers: lists by length and first two entries."""
    if isinstance(value, list):
        return {"list_length": len(value), "first_two": value[:2]}
    if isinstance(value, dict):
        return {key: outline_of(inner) for key, inner in value.items()}
    return value


def steady_json(value: Any) -> str:
    return steady(json.dumps(value, sort_keys=True))


def _around(recorded: str, got: str) -> str:
    """The place where two texts part."""
    pairs = zip(recorded, got, strict=False)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(recorded), len(got)))
    first = max(0, place - 40)
    return f"at {place}: ...{recorded[first : place + 80]!r} recorded, got ...{got[first : place + 80]!r}"


def state_of(site: Site) -> list[dict[str, Any]]:
    """All cohorts as transcripts write them."""
    tables = site.tables
    return [
        {
            "id": cohort.id,
            "name": cohort.name,
            "idnumber": cohort.idnumber,
            "description": cohort.description,
            "descriptionformat": cohort.descriptionformat,
            "visible": int(cohort.visible),
            "component": cohort.component,
            "context": site.contexts.name_of(cohort.contextid),
            "member_userids": sorted(tables.members[cohort.id]),
        }
        for cohort in tables.sorted_cohorts()
    ]


def state_differences(recorded: Sequence[Mapping[str, Any]] | None, site: Site) -> list[str]:
    if recorded is None:
        return []
    wanted = {row["id"]: {**row, "member_userids": sorted(row["member_userids"])} for row in recorded}
    got = {row["id"]: row for row in state_of(site)}
    differences = [f"cohort {number}: only recorded" for number in wanted.keys() - got.keys()]
    differences += [f"cohort {number}: not recorded" for number in got.keys() - wanted.keys()]
    for number in sorted(wanted.keys() & got.keys()):
        for name, value in wanted[number].items():
            if got[number].get(name) != value:
                differences.append(f"cohort {number} {name}: {value!r} recorded, got {got[number].get(name)!r}"[:400])
    return differences


def log_differences(
    document: Mapping[str, Any], events: Sequence[LogEvent], *, in_order: bool, cut_off: bool
) -> list[str]:
    """Number and contents of the log; of calls at the same moment the order is chance.

    *cut_off*: the log was read while the call was still at work, so it holds only the beginning.
    """
    recorded = document["log_events"]
    if recorded is None:
        return []
    count = document["log_event_count"]
    differences = []
    if len(events) < count if cut_off else len(events) != count:
        differences.append(f"log: {count} events recorded, got {len(events)}")
    wanted = [_row(row) for row in recorded]
    got = [_row(event.as_row()) for event in events]
    if in_order:
        for number, (one, other) in enumerate(zip(wanted, got, strict=False)):
            if one != other:
                differences.append(f"log event {number}: {one} recorded, got {other}")
    else:
        missing = Counter(wanted) - Counter(got)
        differences += [f"log event only recorded: {row}" for row in missing]
    return differences


def _row(row: Mapping[str, Any]) -> str:
    """One event, without the running numbers of enrolments and role assignments."""
    kept = dict(row)
    if row["target"] in _ENROLMENT_EVENTS:
        if row["objecttable"] == "user_enrolments":
            kept["objectid"] = "NUMBER"
        kept["other"] = _NUMBERS.sub(r"\1NUMBER", row["other"] or "")
    return json.dumps(kept, sort_keys=True)
