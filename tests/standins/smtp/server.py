"""The server itself: a thread a connection, and what it was sent."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from tests.standins.smtp.certificates import Certificate


@dataclass(frozen=True)
class Mailed:
    """One mail as it came in."""

    sender: str
    recipients: tuple[str, ...]
    mail: EmailMessage
    raw: bytes
    encrypted: bool
    user: str | None

    @property
    def text(self) -> str:
        return str(self.mail.get_content()).replace("\r\n", "\n")


@dataclass
class SmtpStandin:
    """Serves on loopback within its ``with`` block.

    ``refusals`` holds answers by command (``{"RCPT": "550 5.1.1 no such user"}``); ``"."`` is the end of a mail. ``down``
    closes each connection at once. Both may be changed at any time.
    """

    certificate: Certificate | None = None
    implicit_tls: bool = False
    accounts: dict[str, str] = field(default_factory=dict)
    """User names with their passwords; with any, a mail is taken after a log-on only."""
    refusals: dict[str, str] = field(default_factory=dict)
    down: bool = False
    mails: list[Mailed] = field(default_factory=list)
    connections: int = 0
    heard: Callable[[Mailed], None] = lambda _: None
    """Called with each mail that was taken, by the thread that took it."""

    def __enter__(self) -> Self:
        standin = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                standin.connections += 1
                if not standin.down:
                    with suppress(OSError, EOFError):  # the client has gone, or does not trust us
                        _Session(standin, self.request).serve()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def context(self) -> ssl.SSLContext:
        assert self.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        return context


class _Session:
    """One connection."""

    def __init__(self, standin: SmtpStandin, request: socket.socket) -> None:
        self._standin = standin
        self._user: str | None = None
        self._sender = ""
        self._recipients: list[str] = []
        self._encrypted = standin.implicit_tls
        self._socket = standin.context().wrap_socket(request, server_side=True) if standin.implicit_tls else request
        self._file = self._socket.makefile("rb")

    def serve(self) -> None:
        """Until the client says good-bye."""
        try:
            self._converse()
        finally:
            self._file.close()
            self._socket.close()

    def _converse(self) -> None:
        self._say("220 stand-in ESMTP")
        while True:
            verb, _, rest = self._line().partition(" ")
            verb = verb.upper()
            if refusal := self._standin.refusals.get(verb):
                self._say(refusal)
                continue
            if verb == "QUIT":
                self._say("221 bye")
                return
            self._answer(verb, rest)

    def _answer(self, verb: str, rest: str) -> None:
        standin = self._standin
        if verb == "EHLO":
            offers = ["250-stand-in", "250-SIZE 1000000"]
            if standin.certificate is not None and not self._encrypted:
                offers.append("250-STARTTLS")
            if standin.accounts and (self._encrypted or standin.certificate is None):
                offers.append("250-AUTH PLAIN LOGIN")
            self._say("\r\n".join([*offers, "250 ENHANCEDSTATUSCODES"]))
        elif verb == "STARTTLS":
            self._say("220 go ahead")
            self._file.close()
            self._socket = standin.context().wrap_socket(self._socket, server_side=True)
            self._file, self._encrypted = self._socket.makefile("rb"), True
        elif verb == "AUTH":
            self._log_on(rest)
        elif verb == "MAIL":
            if standin.accounts and self._user is None:
                self._say("530 5.7.0 log on first")
                return
            self._sender, self._recipients = _address(rest), []
            self._say("250 2.1.0 ok")
        elif verb == "RCPT":
            self._recipients.append(_address(rest))
            self._say("250 2.1.5 ok")
        elif verb == "DATA":
            self._take()
        elif verb in ("NOOP", "RSET"):
            self._say("250 2.0.0 ok")
        else:
            self._say("502 5.5.1 not here")

    def _log_on(self, rest: str) -> None:
        method, _, initial = rest.partition(" ")
        if method.upper() == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            user = base64.b64decode(initial or self._ask("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(self._ask("UGFzc3dvcmQ6")).decode()
        if self._standin.accounts.get(user) == password:
            self._user = user
            self._say("235 2.7.0 accepted")
        else:
            self._say(f"535 5.7.8 bad password of {user}")

    def _ask(self, prompt: str) -> str:
        self._say(f"334 {prompt}")
        return self._line()

    def _take(self) -> None:
        self._say("354 end with a dot")
        lines: list[bytes] = []
        while (line := self._file.readline()) != b".\r\n":
            if not line:
                raise EOFError
            lines.append(line[1:] if line.startswith(b"..") else line)
        if refusal := self._standin.refusals.get("."):
            self._say(refusal)
            return
        raw = b"".join(lines)
        mail = message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        mailed = Mailed(self._sender, tuple(self._recipients), mail, raw, self._encrypted, self._user)
        self._standin.mails.append(mailed)
        self._standin.heard(mailed)
        self._say("250 2.0.0 taken")

    def _line(self) -> str:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line.decode("ascii").rstrip("\r\n")

    def _say(self, text: str) -> None:
        self._socket.sendall(text.encode() + b"\r\n")


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
