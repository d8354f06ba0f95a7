"""Letters as JSON documents, posted to an address."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import NotifierMessage, message
from consumers.notifier.letter import Letter
from consumers.notifier.settings import Recipient

SIGNATURE = "X-Cohortstream-Signature"
_TEMPORARY = frozenset({408, 425, 429})
_REASON_LIMIT = 300


class Webhook:
    """An address as the way to one recipient.

    The address may hold a key, so it is in no message. ``text`` is in the document for the sake of chat services, which
    show it.
    """

    def __init__(
        self,
        recipient: Recipient,
        timeout: timedelta,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        assert recipient.webhook is not None, "this recipient has no webhook"
        self._recipient, self._address = recipient, recipient.webhook
        self._timeout, self._ca_file, self._transport = timeout.total_seconds(), ca_file, transport

    def carry(self, letter: Letter) -> None:
        with self._faults(), self._client() as client:
            body = make_document(letter, self._recipient.language)
            # The answer's body says nothing that is needed, so it is left unread, however long.
            headers = self._headers(body, letter.id)
            with client.stream("POST", self._url(), content=body, headers=headers) as answer:
                refused = None if answer.is_success else self._refused(answer)
        if refused is not None:
            raise refused

    def probe(self) -> str:
        """Nothing can be tried without a letter; the secrets can be read, and the address is one."""
        with self._faults():
            self._url()
            self._headers(b"", "")
        return f"{self._host()}, not tried"

    def _url(self) -> str:
        address = self._address.read()
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise httpx.UnsupportedProtocol("it must begin with https:// or http://")
        return address

    def _client(self) -> httpx.Client:
        context = httpx.create_ssl_context()
        if self._ca_file is not None:
            context.load_verify_locations(cafile=self._ca_file)
        return httpx.Client(
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
            verify=context,
            transport=self._transport,
        )

    def _headers(self, body: bytes, number: str) -> dict[str, str]:
        headers = {"content-type": "application/json", "user-agent": "cohortstream", "idempotency-key": number}
        if self._recipient.authorization is not None:
            headers["authorization"] = self._recipient.authorization.read()
        if self._recipient.signing_key is not None:
            key = self._recipient.signing_key.read().encode()
            headers[SIGNATURE.lower()] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        return headers

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """The library's errors, by what happens next. Their text is left out where it may quote a secret."""
        try:
            yield
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, ValueError) as error:
            raise self._fault(type(error).__name__, permanent=True) from None
        except httpx.TransportError as error:
            raise self._fault(f"{type(error).__name__}: {error}", permanent=False) from error
        except OSError as error:  # a secret's file
            raise self._fault(f"{type(error).__name__}: {error.strerror}", permanent=True) from error

    def _refused(self, answer: httpx.Response) -> OperationalError:
        permanent = answer.status_code < 500 and answer.status_code not in _TEMPORARY
        waits = answer.headers.get("retry-after", "")
        after = timedelta(seconds=int(waits)) if waits.isascii() and waits.isdigit() and len(waits) < 6 else None
        return self._fault(
            f"HTTP {answer.status_code} {answer.reason_phrase}".rstrip(), permanent=permanent, after=after
        )

    def _fault(self, reason: str, *, permanent: bool, after: timedelta | None = None) -> OperationalError:
        entry = NotifierMessage.HOOK_REFUSED if permanent else NotifierMessage.HOOK_UNREACHABLE
        said = message(entry, host=self._host(), reason=reason[:_REASON_LIMIT].rstrip("."))
        return Halted(said) if permanent else Unavailable(said, after)

    def _host(self) -> str:
        """As much of the address as may be told."""
        try:
            return urlsplit(self._address.read()).hostname or "?"
        except (OSError, ValueError):
            return "?"


def make_document(letter: Letter, language: str) -> bytes:
    """The body of the request."""
    document = {
        "id": letter.id,
        "language": language,
        "subject": letter.subject,
        "text": f"{letter.subject}\n\n{letter.text}",
        "alerts": letter.alerts,
    }
    return json.dumps(document, ensure_ascii=False).encode()
