"""Repeating one transcript on the stand-in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice, permutations, product
from typing import Any

from tests.standins.moodle.errors import missing_record, write_failed
from tests.standins.moodle.front import Opened
from tests.standins.moodle.service import Service
from tests.standins.moodle.transcripts.circumstances import caller_token, host_for, service_for
from tests.standins.moodle.transcripts.compare import answer_differences, log_differences, state_differences
from tests.standins.moodle.transcripts.recorded import (
    CannotContinueError,
    Pairs,
    Transcript,
    build_request,
    fields_of,
)
from tests.standins.moodle.web import Request, Response

MOST_COURSES = 1000
"""Possible courses of concurrent calls that are tried before they are held to disagree."""


@dataclass(slots=True)
class Verdict:
    """What came of a transcript."""

    scenario: str
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was compared less strictly, and why."""
    inapplicable: str = ""
    """Why nothing could be compared; empty when something was."""

    @property
    def agrees(self) -> bool:
        return not self.inapplicable and not self.differences


def repeat(transcript: Transcript, fixture: Mapping[str, Any]) -> Verdict:
    """The verdict on one transcript; a stand-in that breaks down over it disagrees."""
    verdict = Verdict(transcript.scenario)
    try:
        return _repeat(transcript, fixture, verdict)
    except Exception as error:  # the other transcripts are still to be replayed
        verdict.differences = [f"the stand-in broke down: {type(error).__name__}: {error}"]
        return verdict


def _repeat(transcript: Transcript, fixture: Mapping[str, Any], verdict: Verdict) -> Verdict:
    try:
        service = service_for(transcript, fixture)
        requests = _requests(transcript, service, verdict)
    except CannotContinueError as error:
        verdict.inapplicable = f"a request cannot be rebuilt: {error}"
        return verdict
    if any(exchange["concurrent"] for exchange in transcript.exchanges):
        _repeat_at_once(transcript, fixture, requests, verdict)
        return verdict
    responses = [service.handle(request) for request in requests]
    service.drain()
    verdict.differences = _differences(transcript, service, responses, verdict)
    return verdict


def _requests(transcript: Transcript, service: Service, verdict: Verdict) -> list[Request]:
    token = caller_token(service.site, transcript.document["caller"])
    requests = []
    for exchange in transcript.exchanges:
        fields = _fields(transcript, exchange, service, verdict)
        requests.append(build_request(exchange, fields, token, host_for(transcript)))
        _check_size(exchange, requests[-1], verdict)
    return requests


def _fields(transcript: Transcript, exchange: Mapping[str, Any], service: Service, verdict: Verdict) -> Pairs:
    try:
        return fields_of(exchange)
    except CannotContinueError:
        if not exchange["concurrent"] or exchange["wsfunction"] != "core_cohort_add_cohort_members":
            raise
    verdict.notes.append("rows in random order: those left out were taken from the log")
    return _rows_from_log(transcript, exchange, service)


def _rows_from_log(transcript: Transcript, exchange: Mapping[str, Any], service: Service) -> Pairs:
    """The rows of an add in random order.

    A call that won stands in the log row by row. Of one that was rolled back only the rows shown are known; it is
    filled with rows of the winner, since all that is known of the rest is that some of it collided.
    """
    shown = list(exchange["params"].items())
    names = [value for name, value in shown if name.endswith("[usertype][value]")]
    added = [event["relateduserid"] for event in transcript.document["log_events"] if event["action"] == "added"]
    users = (service.site.users.get(userid) for userid in added)
    logged = [user.username for user in users if user is not None]
    wanted = (len(shown) + int(exchange["params_elided"])) // 4
    rest = logged[len(names) :] if logged[: len(names)] == names else [name for name in logged if name not in names]
    fields = list(shown)
    template = shown[:4]
    for number, name in enumerate(rest[: wanted - len(names)], start=len(names)):
        for field_name, value in template:
            given = name if field_name.endswith("[usertype][value]") else value
            fields.append((field_name.replace("[0]", f"[{number}]", 1), given))
    return fields


def _check_size(exchange: Mapping[str, Any], request: Request, verdict: Verdict) -> None:
    """The recorded size tells whether the request was rebuilt as it was."""
    told = exchange["request"]
    if len(request.query) != told["query_bytes"]:
        verdict.notes.append(f"rebuilt query has {len(request.query)} bytes, {told['query_bytes']} recorded")
    if request.content_type.startswith("multipart/") or told["method"] == "GET":
        return
    if len(request.body) != told["body_bytes"]:
        verdict.notes.append(f"rebuilt body has {len(request.body)} bytes, {told['body_bytes']} recorded")


def _differences(
    transcript: Transcript, service: Service, responses: Sequence[Response], verdict: Verdict
) -> list[str]:
    differences = []
    exchanges = transcript.exchanges
    for number, (exchange, response) in enumerate(zip(exchanges, responses, strict=True)):
        if exchange["status"] is None:
            verdict.notes.append("the client did not wait for an answer: state and beginning of the log compared")
            continue
        prefix = f"exchange {number}: " if len(exchanges) > 1 else ""
        differences += [prefix + line for line in answer_differences(exchange, response)]
    differences += state_differences(transcript.document["state_after"], service.site)
    differences += log_differences(
        transcript.document,
        service.site.log.since(0),
        in_order=not any(exchange["concurrent"] for exchange in exchanges),
        cut_off=any(exchange["status"] is None for exchange in exchanges),
    )
    return differences


def _repeat_at_once(
    transcript: Transcript, fixture: Mapping[str, Any], requests: Sequence[Request], verdict: Verdict
) -> None:
    """Calls of the same moment: chance decided, so one of the possible courses has to give what was recorded."""
    verdict.notes.append("sent at the same moment: one of the possible courses has to give what was recorded")
    best: list[str] | None = None
    for course in islice(_courses(transcript.exchanges), MOST_COURSES):
        service = service_for(transcript, fixture)
        responses = _run(service, requests, course)
        differences = _differences(transcript, service, responses, Verdict(transcript.scenario))
        if not differences:
            verdict.differences = []
            return
        if best is None or len(differences) < len(best):
            best = differences
    verdict.differences = best or ["no course tried"]


class Part(Enum):
    """How a call fares beside others of the same moment."""

    OVERLAPS = "began before anybody had committed"
    FOLLOWS = "began after the commit before it"
    LOOKS_AGAIN = "began before, but noticed what came meanwhile"
    DEADLOCK = "was chosen as the victim of a deadlock"
    VANISHED = "found its cohort deleted between two of its rows"


Course = list[tuple[int, Part]]


def _courses(exchanges: Sequence[Mapping[str, Any]]) -> Iterator[Course]:
    """Orders of the commits with the part of each call; parts that its answer rules out are left out."""
    choices = [_parts(exchange) for exchange in exchanges]
    writers = sum(exchange["wsfunction"] in _MEMBER_WRITERS for exchange in exchanges)
    for parts in product(*choices):
        if Part.DEADLOCK in parts and writers < 2:
            continue
        if Part.VANISHED in parts and not any(exchange["wsfunction"] == _COHORT_DELETER for exchange in exchanges):
            continue
        for order in permutations(range(len(parts))):
            yield [(number, parts[number]) for number in order]


_COHORT_DELETER = "core_cohort_delete_cohorts"
_MEMBER_WRITERS = frozenset({"core_cohort_add_cohort_members", "core_cohort_delete_cohort_members"})


def _parts(exchange: Mapping[str, Any]) -> list[Part]:
    body = exchange["response_body"]
    failed = isinstance(body, dict) and body.get("errorcode") == "dmlwriteexception"
    if failed:
        # A deadlock looks the same as a collision, so it is the last resort, for calls that change members only.
        changes_members = exchange["wsfunction"] in _MEMBER_WRITERS
        return [Part.OVERLAPS, Part.DEADLOCK] if changes_members else [Part.OVERLAPS]
    if exchange["wsfunction"] == "core_cohort_add_cohort_members":
        if isinstance(body, dict) and body.get("errorcode") == "invalidrecord":
            return [Part.VANISHED]
        return [Part.OVERLAPS, Part.FOLLOWS, Part.LOOKS_AGAIN]
    return [Part.OVERLAPS, Part.FOLLOWS]


def _run(service: Service, requests: Sequence[Request], course: Course) -> list[Response]:
    front, tables = service.front, service.site.tables
    responses: dict[int, Response] = {}
    opened: dict[int, Opened] = {}
    snapshot = tables.begin()
    for number, part in course:
        if part is not Part.FOLLOWS:
            call = front.open(requests[number])
            if isinstance(call, Opened):
                opened[number] = call
            else:
                responses[number] = call.response
    for number, part in course:
        if part is Part.FOLLOWS:
            responses[number] = front.answer(requests[number]).response
        elif part is Part.DEADLOCK and number in opened:
            error = write_failed("Deadlock found when trying to get lock; try restarting transaction", "", [])
            responses[number] = front.refuse(opened[number], error).response
        elif part is Part.VANISHED and number in opened:
            responses[number] = front.refuse(opened[number], missing_record("cohort", {"id": 0})).response
        elif number in opened:
            again = part is Part.LOOKS_AGAIN
            responses[number] = front.perform(opened[number], snapshot, looks_again=again).response
    tables.end(snapshot)
    return [responses[number] for number in range(len(requests))]
