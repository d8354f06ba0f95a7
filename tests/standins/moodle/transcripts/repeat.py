"""Repeating one transcript on the stand-in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations, product
from typing import Any

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

MOST_SCHEDULES = 2000
"""Orders of concurrent calls that are tried before they are held to disagree."""


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
    verdict = Verdict(transcript.scenario)
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
    """Calls of the same moment: chance decided, so some schedule has to give what was recorded."""
    verdict.notes.append("sent at the same moment: one of the possible orders has to give what was recorded")
    best: list[str] | None = None
    for order, overlaps in islice(_schedules(len(requests)), MOST_SCHEDULES):
        service = service_for(transcript, fixture)
        responses = _run(service, requests, order, overlaps)
        differences = _differences(transcript, service, responses, Verdict(transcript.scenario))
        if not differences:
            verdict.differences = []
            return
        if best is None or len(differences) < len(best):
            best = differences
    verdict.differences = best or ["no schedule tried"]


def _schedules(count: int) -> Iterator[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """Orders of the commits, each with who began before anybody had committed."""
    for order in permutations(range(count)):
        yield order, (True,) * count
    for order in permutations(range(count)):
        for overlaps in product((True, False), repeat=count):
            if not all(overlaps):
                yield order, overlaps


def _run(service: Service, requests: Sequence[Request], order: Sequence[int], overlaps: Sequence[bool]) -> list[Response]:
    front, tables = service.front, service.site.tables
    responses: dict[int, Response] = {}
    opened: dict[int, tuple[Opened, int]] = {}
    for number in order:
        if not overlaps[number]:
            continue
        call = front.open(requests[number])
        if isinstance(call, Opened):
            opened[number] = (call, tables.begin())
        else:
            responses[number] = call.response
    for number in order:
        if number in opened:
            call_now, snapshot = opened[number]
            responses[number] = front.perform(call_now, snapshot).response
            tables.end(snapshot)
        elif number not in responses:
            responses[number] = front.answer(requests[number]).response
    return [responses[number] for number in range(len(requests))]
