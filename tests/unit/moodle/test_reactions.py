"""From what is seen to what is done: the table, against everything that was ever recorded."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from consumers.moodle import errors, reactions
from consumers.moodle.answers import Answer, Call, understand
from consumers.moodle.errors import Fault, MoodleError
from consumers.moodle.reactions import TABLE, of_transport
from tests.unit.moodle.doubles import Exchange, client_for, recorded, refusal

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)

# What each recorded failure must mean, by class: for a read, for a write.
EXPECTED: dict[str | int, tuple[str, str]] = {
    "Error": ("Halted", "Halted"),
    "accessexception": ("TokenRejected", "TokenRejected"),
    "codingerror": ("Refused", "Refused"),
    "dbconnectionfailed": ("Unavailable", "Unavailable"),
    "dmlwriteexception": ("Contended", "Contended"),
    "errorreportview": ("Forbidden", "Forbidden"),
    "forcepasswordchangenotice": ("Halted", "Halted"),
    "formatnotsupported": ("Halted", "Halted"),
    "invalidparameter": ("Refused", "Refused"),
    "invalidrecord": ("Refused", "Refused"),
    "invalidtoken": ("TokenRejected", "TokenRejected"),
    "invaliduser": ("Refused", "Refused"),
    "nopermissions": ("Forbidden", "Forbidden"),
    "sitemaintenance": ("Unavailable", "Unavailable"),
    "upgraderunning": ("Unavailable", "Unavailable"),
    "usernotfullysetup": ("Halted", "Halted"),
    "wsaccessusernologin": ("Halted", "Halted"),
    "wsaccessusersuspended": ("Halted", "Halted"),
    "wsaccessuserunconfirmed": ("Halted", "Halted"),
    303: ("Halted", "Halted"),
    403: ("Halted", "Halted"),
    404: ("Halted", "Halted"),
    413: ("TooLarge", "TooLarge"),
    414: ("Halted", "Halted"),
    503: ("Unavailable", "Unavailable"),
    504: ("Unavailable", "OutcomeUnknown"),
}


def _failures() -> Iterator[tuple[str | int, Exchange]]:
    for exchange in recorded():
        if exchange.errorcode is not None:
            yield exchange.errorcode, exchange
        elif exchange.raw["status"] not in (None, 200):
            yield exchange.raw["status"], exchange


def test_the_recordings_hold_exactly_the_failures_that_are_expected_here() -> None:
    """A new kind of failure among the recordings must be given its meaning here, by name."""
    assert {seen for seen, _ in _failures()} == set(EXPECTED)


def test_each_recorded_failure_stands_in_the_table() -> None:
    """None of them falls to a default by accident."""
    assert [seen for seen in EXPECTED if seen not in TABLE] == []


@pytest.mark.parametrize(("seen", "exchange"), [pytest.param(s, e, id=f"{e.scenario}-{s}") for s, e in _failures()])
def test_each_recorded_failure_means_what_it_should(seen: str | int, exchange: Exchange) -> None:
    """The answers as Moodle gave them, through the client, as answers to a read and to a write."""
    fields = exchange.params
    for writes, expected in zip((False, True), EXPECTED[seen], strict=True):
        client = client_for(lambda _: exchange.response())
        with pytest.raises(MoodleError) as caught:
            if writes:
                client.write(exchange.function, fields, rows=1)
            else:
                client.read(exchange.function, fields)
        client.close()

        assert type(caught.value).__name__ == expected
        assert caught.value.fault.code == (seen if isinstance(seen, str) else f"http-{seen}")
        assert str(caught.value).startswith("CS4")


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(e, id=e.scenario)
        for e in recorded()
        if e.answered and e.raw["status"] == 200 and e.errorcode is None and e.raw["response_is_json"]
    ],
)
def test_each_recorded_success_comes_through(exchange: Exchange) -> None:
    """No answer of Moodle is taken for a failure."""
    client = client_for(lambda _: exchange.response())

    assert client.read(exchange.function, exchange.params) == json.loads(exchange.raw["response_text"])
    client.close()


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(e, id=e.scenario)
        for e in recorded()
        if e.answered and e.raw["status"] == 200 and not e.raw["response_is_json"]
    ],
)
def test_an_answer_in_another_format_is_never_a_success(exchange: Exchange) -> None:
    """Ours asks for JSON, so anything else is no answer to it."""
    client = client_for(lambda _: exchange.response())

    with pytest.raises(MoodleError):
        client.read(exchange.function, exchange.params)
    client.close()


def _leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    if not kind.__subclasses__():
        yield kind
    for below in kind.__subclasses__():
        yield from _leaves(below)


@pytest.mark.parametrize("kind", list(_leaves(httpx.RequestError)), ids=lambda k: k.__name__)
def test_every_exception_of_the_http_library_stands_in_the_table(kind: type[Exception]) -> None:
    """A new one must be given its meaning, and none may leave the client."""
    assert kind in TABLE

    def fail(request: httpx.Request) -> httpx.Response:
        raise kind("broken")

    client = client_for(fail)
    for call, expected in ((client.read, TABLE[kind].reading), (client.write, TABLE[kind].writing)):
        with pytest.raises(MoodleError) as caught:
            call("f", [("a", "1")], rows=1)
        assert type(caught.value) is expected
        assert caught.value.fault.code == kind.__name__
    client.close()


@pytest.mark.parametrize(
    "kind", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError]
)
def test_a_write_that_may_have_been_sent_is_of_unknown_outcome(kind: type[Exception]) -> None:
    """Moodle finishes a call whose caller has gone."""
    assert TABLE[kind].writing is errors.OutcomeUnknown


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_a_write_that_was_never_sent_may_be_repeated(kind: type[Exception]) -> None:
    """Without a connection nothing can have been applied."""
    assert TABLE[kind].writing is errors.Unavailable


def test_an_untrusted_certificate_is_told_apart_from_a_site_that_is_down() -> None:
    """The first waits for a person, the second for itself."""
    error = httpx.ConnectError("x")
    error.__cause__ = ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    assert of_transport(error).reading is errors.Halted
    assert of_transport(httpx.ConnectError("x")).reading is errors.Unavailable


def test_a_proxy_that_wants_a_login_waits_for_a_person() -> None:
    """The other troubles of a proxy pass by themselves."""
    assert of_transport(httpx.ProxyError("407 Proxy Authentication Required")).reading is errors.Halted
    assert of_transport(httpx.ProxyError("502 Bad Gateway")).reading is errors.Unavailable


def test_every_message_of_the_table_can_be_filled() -> None:
    """An error path that is never run does not fail on its message."""
    named = [value for value in vars(reactions).values() if isinstance(value, reactions.Reaction)]
    for reaction in [*TABLE.values(), *named]:
        assert Fault("f", "code", reaction.kind, "says").message(quote=True).text


READ, WRITE = Call("f", writes=False), Call("f", writes=True)


def _error(call: Call, answer: Answer) -> MoodleError:
    with pytest.raises(MoodleError) as caught:
        understand(call, answer, NOW)
    return caught.value


@pytest.mark.parametrize(
    ("status", "headers", "body", "reading", "writing"),
    [
        (200, {}, b"<html>portal</html>", errors.Halted, errors.OutcomeUnknown),
        (200, {}, b"", errors.Halted, errors.OutcomeUnknown),
        (200, {}, b"<br />Warning: x in y{}", errors.Halted, errors.OutcomeUnknown),
        (200, {}, b"[" * 200_000, errors.Halted, errors.OutcomeUnknown),
        (200, {}, b"\xff\xfe{}", errors.Halted, errors.OutcomeUnknown),
        (200, {}, b'{"warnings":[', errors.Halted, errors.OutcomeUnknown),
        (204, {}, b"", errors.Halted, errors.OutcomeUnknown),
        (500, {}, b"", errors.Unavailable, errors.OutcomeUnknown),
        (502, {}, b"<html>", errors.Unavailable, errors.OutcomeUnknown),
        (503, {}, b"<html>", errors.Unavailable, errors.OutcomeUnknown),
        (503, {"retry-after": "300"}, b"<html>", errors.Unavailable, errors.Unavailable),
        (524, {}, b"", errors.Unavailable, errors.OutcomeUnknown),
        (403, {}, b"", errors.Halted, errors.Halted),
        (403, {}, b"<html>blocked by rule 9</html>", errors.Forbidden, errors.Forbidden),
        (401, {}, b"", errors.Halted, errors.Halted),
        (418, {}, b"", errors.Halted, errors.OutcomeUnknown),
        (429, {"retry-after": "7"}, b"", errors.Unavailable, errors.Unavailable),
    ],
)
def test_answers_that_are_not_moodles(
    status: int, headers: dict[str, str], body: bytes, reading: type[MoodleError], writing: type[MoodleError]
) -> None:
    """The status decides where there is no error object of Moodle."""
    answer = Answer(status, headers, body)

    assert type(_error(READ, answer)) is reading
    assert type(_error(WRITE, answer)) is writing


def test_moodles_word_counts_more_than_the_status() -> None:
    """A later version, or a proxy, may send the error object with another status."""
    body = b'{"exception":"x","errorcode":"sitemaintenance","message":"m"}'

    assert type(_error(WRITE, Answer(500, {}, body))) is errors.Unavailable


@pytest.mark.parametrize("body", [b'{"exception":"x","errorcode":"brandnew","message":"m"}', b'{"exception":"x"}'])
def test_an_unknown_error_code_means_that_the_call_was_rolled_back(body: bytes) -> None:
    """An exception inside a call rolls it back, so the rows can be tried apart."""
    assert type(_error(WRITE, Answer(200, {}, body))) is errors.Refused
    assert type(_error(READ, Answer(200, {}, body))) is errors.Refused


@pytest.mark.parametrize("code", ["dmlreadexception", "dmltransactionexception", "invalidresponse"])
def test_errors_that_can_come_after_the_commit_leave_the_outcome_open(code: str) -> None:
    """A failed COMMIT, and a fault in what was about to be answered, do not prove a roll-back."""
    body = b'{"exception":"x","errorcode":"%s"}' % code.encode()

    assert type(_error(WRITE, Answer(200, {}, body))) is errors.OutcomeUnknown


def test_a_lost_form_is_a_large_one_or_a_broken_way() -> None:
    """Moodle answers in XML only if it did not see the field that asks for JSON."""
    body = b"<EXCEPTION><ERRORCODE>invalidtoken</ERRORCODE></EXCEPTION>"

    assert type(_error(WRITE, Answer(200, {}, body, form_bytes=9_000_000))) is errors.TooLarge
    assert type(_error(WRITE, Answer(200, {}, body, form_bytes=300))) is errors.Halted


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("Tue, 01 Sep 2026 08:01:30 GMT", 90.0), ("Tue, 01 Sep 2026 07:00:00 GMT", 0.0), ("soon", None)],
)
def test_a_wish_to_wait_is_understood(header: str, seconds: float | None) -> None:
    """Retry-After comes as seconds or as a date."""
    assert _error(READ, Answer(503, {"retry-after": header}, b"")).fault.retry_after == seconds


def test_what_moodle_says_is_quoted_only_where_it_is_about_the_service_user() -> None:
    """A sentence about a row could name a student."""
    client = client_for(lambda _: httpx.Response(200, json=refusal("nopermissions", "lacks (Add members)")))
    with pytest.raises(errors.Forbidden, match=r"lacks \(Add members\)"):
        client.read("f")

    other = client_for(lambda _: httpx.Response(200, json=refusal("invaliduser", "stu0001 is bad")))
    with pytest.raises(errors.Refused) as caught:
        other.read("f")

    assert "stu0001" not in str(caught.value)
    assert caught.value.fault.says == "stu0001 is bad"
    client.close()
    other.close()


def test_markup_and_length_are_taken_from_what_moodle_says() -> None:
    """The message for a lost database is a page of HTML."""
    says = "<p>Error:  Database</p>\n<p>" + "x" * 5000
    client = client_for(lambda _: httpx.Response(200, json=refusal("invaliduser", says)))
    with pytest.raises(errors.Refused) as caught:
        client.read("f")

    assert caught.value.fault.says.startswith("Error: Database xxx")
    assert len(caught.value.fault.says) == 200
    client.close()
