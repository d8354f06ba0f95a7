"""How calls are made: the form, repetition, the token, limits, what telemetry sees."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connector.runtime.errors import Halted as AnyHalted
from connector.runtime.errors import Unavailable as AnyUnavailable
from consumers.moodle.client import MoodleClient
from consumers.moodle.errors import Halted, MoodleError, OutcomeUnknown, Refused, TokenRejected, Unavailable
from consumers.moodle.settings import MoodleSettings
from tests.unit.moodle.doubles import TOKEN, URL, ManualClock, Script, Watcher, client_for, refusal

OK: dict[str, list[str]] = {"warnings": []}


def test_a_form_ends_with_the_functions_name() -> None:
    """PHP drops the end of a form that is too long; without the name Moodle refuses it instead of applying a part."""
    script = Script(OK)
    client_for(script).write("core_x", [("b", "2"), ("a", "é &=")], rows=1)

    assert script.forms == [
        [("moodlewsrestformat", "json"), ("wstoken", TOKEN), ("b", "2"), ("a", "é &="), ("wsfunction", "core_x")]
    ]


def test_everything_travels_in_the_body() -> None:
    """A query would be cut by web servers, and written to their logs."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=OK)

    client_for(answer).read("core_x")

    assert (seen[0].method, str(seen[0].url)) == ("POST", URL + "/webservice/rest/server.php")
    assert seen[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_redirects_are_not_followed() -> None:
    """They lose the body; the address is wrong, and a person has to know."""
    script = Script(httpx.Response(303, headers={"location": "https://other.example/"}))

    with pytest.raises(Halted, match=URL):
        client_for(script).read("f")
    assert len(script.forms) == 1


def test_an_unreachable_site_is_told_with_the_reason() -> None:
    """A refused connection and a name that nobody knows want different remedies."""
    script = Script(*[httpx.ConnectError("[Errno 111] Connection refused")] * 4)

    with pytest.raises(Unavailable, match=r"CS4001 .*https://moodle.example.test.*Connection refused"):
        client_for(script).read("f")


def test_a_read_is_repeated_while_moodle_is_down() -> None:
    """With waits that are drawn below a doubling bound."""
    clock = ManualClock()
    script = Script(httpx.ConnectError("refused"), httpx.Response(504), refusal("sitemaintenance"), OK)

    assert client_for(script, clock=clock).read("f") == OK
    assert len(clock.slept) == 3
    assert all(0 <= wait <= bound for wait, bound in zip(clock.slept, (0.5, 1.0, 2.0), strict=True))


def test_repetition_ends() -> None:
    """Then the caller pauses, and keeps everything."""
    script = Script(*[httpx.Response(502)] * 4, OK)

    with pytest.raises(Unavailable) as caught:
        client_for(script).read("f")

    assert script.left == 1
    assert isinstance(caught.value, AnyUnavailable)


def test_a_long_wait_that_moodle_asks_for_is_left_to_the_caller() -> None:
    """Maintenance pages ask for five minutes."""
    clock = ManualClock()
    script = Script(httpx.Response(503, headers={"retry-after": "300"}), OK)

    with pytest.raises(Unavailable) as caught:
        client_for(script, clock=clock).read("f")

    assert clock.slept == []
    assert caught.value.retry_after is not None
    assert caught.value.retry_after.total_seconds() == 300


def test_a_short_wait_that_moodle_asks_for_is_kept() -> None:
    """It is a lower bound of ours."""
    clock = ManualClock()
    client_for(Script(httpx.Response(429, headers={"retry-after": "5"}), OK), clock=clock).read("f")

    assert clock.slept == [5.0]


@pytest.mark.parametrize(
    "failure",
    [httpx.Response(504), httpx.Response(500), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("gone")],
    ids=["504", "500", "timeout", "closed"],
)
def test_a_write_is_not_repeated_when_it_may_have_been_applied(failure: object) -> None:
    """Only its caller knows what a repetition would mean."""
    script = Script(failure, OK)

    with pytest.raises(OutcomeUnknown):
        client_for(script).write("f", [("a", "1")], rows=1)
    assert script.left == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), refusal("dbconnectionfailed")])
def test_a_write_is_repeated_when_nothing_can_have_been_applied(failure: object) -> None:
    """No connection, or Moodle without its database."""
    assert client_for(Script(failure, OK)).write("f", [("a", "1")], rows=1) == OK


def test_a_renewed_token_is_taken_at_once(tmp_path: Path) -> None:
    """The file is read again when the old token is refused, for writes too: nothing was applied."""
    file = tmp_path / "token"
    file.write_text("old\n")
    tokens: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tokens.append(dict(x.split("=") for x in request.content.decode().split("&"))["wstoken"])
        file.write_text("new")
        return httpx.Response(200, json=refusal("invalidtoken") if tokens[-1] == "old" else OK)

    assert client_for(answer, token={"file": str(file)}).write("f", [], rows=1) == OK
    assert tokens == ["old", "new"]


def test_a_refused_token_is_not_tried_again() -> None:
    """It is the same token."""
    script = Script(refusal("invalidtoken"), OK)

    with pytest.raises(TokenRejected) as caught:
        client_for(script).read("f")

    assert script.left == 1
    assert isinstance(caught.value, AnyHalted)


def test_a_token_that_cannot_be_read_is_told_without_a_call(tmp_path: Path) -> None:
    """The path is in the settings; the message says what to do."""
    script = Script(OK)

    with pytest.raises(Halted, match="CS4034"):
        client_for(script, token={"file": str(tmp_path / "none")}).read("f")
    assert script.forms == []


def test_neither_token_nor_body_shows_in_an_error() -> None:
    """Logs show the whole chain."""
    sent, received = ("jane", "doe"), ("personal", "data")
    body = "-".join(received)
    for answer in (refusal("invalidparameter", body), httpx.ReadError("x"), httpx.Response(200, text=body)):
        client = client_for(Script(*[answer] * 4))
        with pytest.raises(MoodleError) as caught:
            client.read("f", [("values[0]", ".".join(sent))])
        shown = "".join(traceback.format_exception(caught.value))
        assert TOKEN not in shown
        assert "personal-data" not in shown
        assert "jane.doe" not in shown


def test_a_text_that_is_no_unicode_is_refused_like_a_bad_value() -> None:
    """It cannot be sent, and must not stop the others."""
    script = Script(OK)

    with pytest.raises(Refused):
        client_for(script).write("f", [("name", "a\ud800b")], rows=1)
    assert script.forms == []


def test_an_answer_that_is_too_large_is_given_up() -> None:
    """Memory is bounded, whatever answers at that port."""

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 2**16

    client = client_for(lambda _: httpx.Response(200, content=endless()), answer_limit=1)

    with pytest.raises(Halted, match="CS4018"):
        client.read("f")
    with pytest.raises(OutcomeUnknown, match="CS4018"):
        client.write("f", [], rows=1)


def test_an_answer_that_trickles_is_given_up() -> None:
    """Each piece comes in time, the whole never would."""
    clock = ManualClock()

    def trickle() -> Iterator[bytes]:
        for _ in range(100):
            clock.move(60)
            yield b" "

    client = client_for(lambda _: httpx.Response(200, content=trickle()), clock=clock, retries={"attempts": 1})

    with pytest.raises(Unavailable, match="CS4014"):
        client.read("f")


def test_telemetry_sees_each_attempt() -> None:
    """Function, rows, duration, outcome and size; never a body."""
    clock, watcher = ManualClock(), Watcher()
    script = Script(refusal("sitemaintenance"), OK)

    def answer(request: httpx.Request) -> httpx.Response:
        clock.move(0.25)
        return script(request)

    settings = MoodleSettings.model_validate({"url": URL, "token": TOKEN})
    with_watcher = MoodleClient(settings, clock, observer=watcher, transport=httpx.MockTransport(answer))
    with_watcher.write("f", [("a", "1")], rows=7)

    assert [(c.function, c.rows, c.writes, f.outcome, f.code, f.seconds, f.attempt) for c, f in watcher.seen] == [
        ("f", 7, True, "Unavailable", "sitemaintenance", 0.25, 1),
        ("f", 7, True, "ok", "", 0.25, 2),
    ]
    assert watcher.seen[1][1].answer_bytes == len('{"warnings":[]}')


def test_a_private_certificate_authority_is_read(tmp_path: Path) -> None:
    """A file that holds none is noticed at the start, not at the first call."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")

    with pytest.raises(OSError, match=r"NO_CERTIFICATE|PEM"):
        client_for(Script(), ca_file=str(file))


def test_a_proxy_with_a_login_can_be_given(tmp_path: Path) -> None:
    """The environment's proxies are not used."""
    file = tmp_path / "password"
    file.write_text("pw")
    given = {"proxy": "http://proxy.example:3128", "proxy_user": "u", "proxy_password": {"file": str(file)}}
    settings = MoodleSettings.model_validate({"url": URL, "token": TOKEN, **given})

    MoodleClient(settings, ManualClock()).close()
