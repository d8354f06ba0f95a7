"""Webhooks over a real connection, to a stand-in of their receiver."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.errors import Halted, OperationalError, Unavailable
from consumers.notifier.letter import Letter
from consumers.notifier.settings import Recipient
from consumers.notifier.webhook import Webhook
from tests.standins.webhook import WebhookStandin

LETTER = Letter("abc123", "[cohortstream] nouveau : 1", "élève\n", ({"key": "connector/apogee/source"},))


@pytest.fixture
def receiver() -> Iterator[WebhookStandin]:
    with WebhookStandin() as running:
        yield running


def webhook(address: str | dict[str, str], **more: Any) -> Webhook:
    given = {"name": "chat", "webhook": address, **more}
    return Webhook(Recipient.model_validate(given), timedelta(seconds=10))


def fault_of(hook: Webhook) -> OperationalError:
    with pytest.raises(OperationalError) as raised:
        hook.carry(LETTER)
    return raised.value


def test_a_document_is_posted(receiver: WebhookStandin) -> None:
    """Text for chats, values for machines, and a number by which a repetition is known."""
    webhook(receiver.url, language="fr").carry(LETTER)

    (posted,) = receiver.posts
    assert posted.document == {
        "id": "abc123",
        "language": "fr",
        "subject": "[cohortstream] nouveau : 1",
        "text": "[cohortstream] nouveau : 1\n\nélève\n",
        "alerts": [{"key": "connector/apogee/source"}],
    }
    assert posted.path == "/hook/s3cret"
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["idempotency-key"] == "abc123"
    assert {"authorization", "x-cohortstream-signature"}.isdisjoint(posted.headers)


def test_the_receiver_can_know_who_sends(receiver: WebhookStandin, tmp_path: Path) -> None:
    """By an authorization, and by a signature of the body; both are read at each message."""
    file = tmp_path / "key"
    hook = webhook(receiver.url, authorization="Bearer t0ken", signing_key={"file": str(file)})
    for key in ("first", "second"):
        file.write_text(key)
        hook.carry(LETTER)

    for key, posted in zip(("first", "second"), receiver.posts, strict=True):
        signature = hmac.new(key.encode(), posted.body, hashlib.sha256).hexdigest()
        assert posted.headers["x-cohortstream-signature"] == f"sha256={signature}"
        assert posted.headers["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Halted),
        (400, Halted),
        (401, Halted),
        (404, Halted),
        (408, Unavailable),
        (429, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_refusal_says_what_happens_next(receiver: WebhookStandin, status: int, kind: type[OperationalError]) -> None:
    """Again later, or after a person has acted. The address may hold a key, so it is not told."""
    receiver.status, receiver.answers = status, {"Location": receiver.url}
    fault = fault_of(webhook(receiver.url))

    assert isinstance(fault, kind)
    assert f"HTTP {status}" in fault.message.text
    assert "s3cret" not in str(fault)
    assert 1 == len(receiver.posts)


@pytest.mark.parametrize(
    ("asked", "after"), [("90", timedelta(seconds=90)), ("Fri, 31 Dec 2027 23:59:59 GMT", None), ("-1", None)]
)
def test_a_receiver_may_ask_for_a_pause(receiver: WebhookStandin, asked: str, after: timedelta | None) -> None:
    """In seconds; another form is as if it had not asked."""
    receiver.status, receiver.answers = 429, {"Retry-After": asked}
    fault = fault_of(webhook(receiver.url))

    assert isinstance(fault, Unavailable)
    assert fault.retry_after == after


def test_a_receiver_that_is_away_is_tried_later(receiver: WebhookStandin) -> None:
    """Nobody listens."""
    receiver.__exit__(None, None, None)
    fault = fault_of(webhook(receiver.url))
    receiver.__enter__()

    assert isinstance(fault, Unavailable)
    assert "ConnectError" in fault.message.text
    assert "s3cret" not in str(fault)


@pytest.mark.parametrize(
    ("address", "more"),
    [
        ("ftp://example.edu/s3cret", {}),
        ("s3cret", {}),
        ("http://[s3cret", {}),
        ({"file": "/nowhere/s3cret-file"}, {}),
        ("http://127.0.0.1:9/", {"signing_key": {"file": "/nowhere/key"}}),
    ],
)
def test_what_cannot_be_sent_is_for_a_person(address: Any, more: dict[str, Any]) -> None:
    """And what is wrong is not quoted."""
    fault = fault_of(webhook(address, **more))

    assert isinstance(fault, Halted)
    assert "s3cret" not in str(fault)


def test_an_authorization_that_no_header_can_hold_is_not_quoted(receiver: WebhookStandin) -> None:
    """A line break within it, for one."""
    fault = fault_of(webhook(receiver.url, authorization="s3cret\nX: y"))

    assert isinstance(fault, Halted)
    assert "s3cret" not in str(fault)
    assert [] == receiver.posts


def test_a_trial_sends_nothing(receiver: WebhookStandin, tmp_path: Path) -> None:
    """It looks whether the settings can be used at all."""
    assert webhook(receiver.url).probe() == "127.0.0.1, not tried"
    for address in ("ftp://example.edu/x", {"file": str(tmp_path / "none")}):
        with pytest.raises(Halted):
            webhook(address).probe()
    assert [] == receiver.posts
