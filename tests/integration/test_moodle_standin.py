"""The Moodle stand-in against recorded conversations with a real Moodle 4.5.6."""

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.standins.moodle.fixture import DATA, load_fixture
from tests.standins.moodle.replay import main, replay_folder, report
from tests.standins.moodle.server import MoodleStandin
from tests.standins.moodle.transcripts.circumstances import caller_token, host_for, service_for
from tests.standins.moodle.transcripts.compare import answer_differences, state_differences
from tests.standins.moodle.transcripts.recorded import (
    CannotContinueError,
    Transcript,
    build_request,
    continue_fields,
    fields_of,
    read_folder,
)
from tests.standins.moodle.transcripts.repeat import repeat
from tests.standins.moodle.web import Response

TRANSCRIPTS = DATA / "transcripts"


def test_all_recorded_transcripts_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """Status, headers, body, state and log of every transcript come out as on the real site."""
    verdicts = replay_folder(TRANSCRIPTS)
    lines = report(verdicts, notes=True)
    with capsys.disabled():
        print("\nMoodle transcripts:", lines[-1])

    assert len(verdicts) == len(json.loads((DATA / "index.json").read_text()))
    assert report(verdicts)[:-1] == []
    assert not any("rebuilt" in line for line in lines)


def _altered(tmp_path: Path, scenario: str, change: tuple[str, str]) -> Path:
    text = (TRANSCRIPTS / f"{scenario}.json").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / f"{scenario}.json").write_text(text.replace(*change), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("scenario", "change", "place"),
    [
        ("add-unknown-username", ("user username=nobody not exists", "user username=somebody not exists"), "body"),
        ("add-unknown-username", ('"status": 200', '"status": 500'), "status"),
        ("add-unknown-username", ('"content-type": "application/json"', '"content-type": "text/json"'), "header"),
        ("add-single-ids", ('"log_event_count": 2', '"log_event_count": 3'), "log"),
        ("add-xml", ("user username=nobody not exists", "user nobody not exists"), "body"),
        ("update-rename", ('"name": "Renamed"', '"name": "Other"'), "cohort 104 name"),
    ],
)
def test_every_kind_of_difference_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scenario: str, change: tuple[str, str], place: str
) -> None:
    """A transcript that tells something else makes the replay fail and name the place."""
    status = main([str(_altered(tmp_path, scenario, change))])

    output = capsys.readouterr().out
    assert status == 1
    assert f"{scenario}: {place}" in output
    assert output.splitlines()[-1].startswith("0 of 1 agree")


def test_agreeing_folder_exits_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only transcripts are read, and the last line counts them."""
    (tmp_path / "add-xml.json").write_bytes((TRANSCRIPTS / "add-xml.json").read_bytes())
    (tmp_path / "index.json").write_text("[]")

    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 of 1 agree (0 of 1 not applicable)\n"


def test_empty_folder_is_no_success(tmp_path: Path) -> None:
    """A folder without transcripts must not look like agreement."""
    assert main([str(tmp_path)]) == 1


def test_request_that_cannot_be_rebuilt_is_named() -> None:
    """Left-out fields without a pattern make a transcript inapplicable, with the reason."""
    transcript = next(t for t in read_folder(TRANSCRIPTS) if t.scenario == "limit-vars-5000-1000-rows")
    exchange = dict(transcript.exchanges[0])
    exchange["params"] = {name: value.replace("perf00003", "zoe") for name, value in exchange["params"].items()}
    changed = Transcript(transcript.path, {**transcript.document, "exchanges": [exchange]})

    verdict = repeat(changed, load_fixture())

    assert "cannot be rebuilt" in verdict.inapplicable
    assert not verdict.agrees
    assert "not applicable" in report([verdict])[0]


@pytest.mark.parametrize(
    "scenario",
    [
        "add-get-method",
        "add-json-body",
        "add-multipart",
        "add-xml",
        "cohorts-html",
        "create-unicode-html",
        "fail-gateway-timeout",
        "format-bad-path",
        "format-put",
        "format-wrong-host",
        "limit-body-nginx-1m",
        "limit-get-url-too-long",
        "limit-vars-1000-silent-truncation-delete",
        "site-climaintenance",
        "site-rest-disabled",
        "users-search-two-keys",
    ],
)
def test_transcripts_agree_over_the_wire(scenario: str) -> None:
    """What goes through a socket is what was recorded, headers and reason included."""
    transcript = next(t for t in read_folder(TRANSCRIPTS) if t.scenario == scenario)
    service = service_for(transcript, load_fixture())
    token = caller_token(service.site, transcript.document["caller"])
    exchange = transcript.exchanges[0]
    request = build_request(exchange, fields_of(exchange), token, host_for(transcript))
    profile, cost, workers = service.front.profile, service.cost, service.workers
    with MoodleStandin(service.site, profile=profile, latency=cost, workers=workers) as moodle:
        connection = http.client.HTTPConnection(urlsplit(moodle.url).netloc, timeout=60)
        target = request.path + (f"?{request.query.decode()}" if request.query else "")
        headers = {"Host": request.host, "Content-Type": request.content_type}
        connection.request(request.method, target, request.body or None, headers)
        got = connection.getresponse()
        response = Response(got.status, got.reason, tuple(got.getheaders()), got.read())
        connection.close()

    assert answer_differences(exchange, response) == []
    assert state_differences(transcript.document["state_after"], service.site) == []


@pytest.mark.parametrize(
    ("where", "query", "body"),
    [
        ("body", b"", b"wstoken=T&wsfunction=f&a=1"),
        ("query", b"wstoken=T&wsfunction=f", b"a=1"),
        ("wstoken in body, wsfunction and moodlewsrestformat in query", b"wsfunction=f", b"wstoken=T&a=1"),
        ("wstoken in query, wsfunction in body", b"wstoken=T", b"wsfunction=f&a=1"),
    ],
)
def test_control_fields_stand_where_they_stood(where: str, query: bytes, body: bytes) -> None:
    """In the query, in the body, or some here and some there."""
    told = {
        "method": "POST",
        "path": "/",
        "content_type": "application/x-www-form-urlencoded",
        "control_fields": {"wstoken": "TOKEN", "wsfunction": "f"},
        "control_fields_in": where,
        "control_fields_position": "first",
        "body_bytes": len(body),
    }

    request = build_request({"request": told}, [("a", "1")], "T", "host")

    assert (request.query, request.body) == (query, body)


def _race(scenario: str, **changes: object) -> Transcript:
    """A recorded race with another outcome of its first call."""
    recorded = next(t for t in read_folder(TRANSCRIPTS) if t.scenario == scenario)
    exchanges = recorded.exchanges
    error = {"exception": changes["exception"], "errorcode": changes["errorcode"], "message": changes["message"]}
    text = json.dumps(error, separators=(",", ":"))
    first = {**exchanges[0], "response_body": error, "response_text": text}
    kept = {name: changes[name] for name in ("state_after", "log_events", "log_event_count")}
    return Transcript(recorded.path, {**recorded.document, "exchanges": [first, exchanges[1]], **kept})


def test_a_cohort_may_vanish_under_an_add() -> None:
    """Of calls at the same moment, any possible course is accepted, and no impossible one."""
    recorded = next(t for t in read_folder(TRANSCRIPTS) if t.scenario == "race-add-while-cohort-deleted")
    events = [recorded.document["log_events"][0]]
    outcome = {
        "exception": "dml_missing_record_exception",
        "errorcode": "invalidrecord",
        "message": "Can't find data record in database table cohort.",
        "log_events": events,
        "log_event_count": 3,
    }
    after, before = recorded.document["state_after"], recorded.document["state_before"]

    assert repeat(_race(recorded.scenario, **outcome, state_after=after), load_fixture()).differences == []
    assert repeat(_race(recorded.scenario, **outcome, state_after=before), load_fixture()).differences != []


def test_a_breakdown_is_a_difference_of_that_transcript() -> None:
    """What the stand-in cannot even load disagrees, and does not end the replay."""
    transcript = next(read_folder(TRANSCRIPTS))
    state = [{**transcript.document["state_before"][0], "context": "category:UNKNOWN"}]

    verdict = repeat(Transcript(transcript.path, {**transcript.document, "state_before": state}), load_fixture())

    assert verdict.differences == ["the stand-in broke down: KeyError: 'category:UNKNOWN'"]


def test_fields_go_on_in_their_pattern() -> None:
    """Indexes and numbered values count on with their zeros, constants stay, a begun row is finished."""
    shown = [("m[0][a]", "x"), ("m[0][b]", "u08"), ("m[1][a]", "x"), ("m[1][b]", "u09"), ("m[2][a]", "x")]

    assert continue_fields(shown, 3) == [("m[2][b]", "u10"), ("m[3][a]", "x"), ("m[3][b]", "u11")]


def test_fields_without_rows_cannot_go_on() -> None:
    """One row is no pattern."""
    with pytest.raises(CannotContinueError):
        continue_fields([("field", "x"), ("values[0]", "1")], 5)
