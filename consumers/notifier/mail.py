"""Letters as mails, by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import NotifierMessage, message
from consumers.notifier.letter import Letter
from consumers.notifier.settings import SmtpSettings

_REASON_LIMIT = 300
_TEMPORARY, _PERMANENT = 400, 500
"""Codes from here on are refusals; from the second on trying again does not help (RFC 5321, 4.2.1)."""


class Mail:
    """A mail server as the way to one address. Each letter has a connection of its own: they are rare."""

    def __init__(self, settings: SmtpSettings, address: str, clock: Clock) -> None:
        self._settings, self._address, self._clock = settings, address, clock

    def carry(self, letter: Letter) -> None:
        mail = make_mail(letter, self._settings.sender, self._address)
        mail["Date"] = format_datetime(self._clock.now())
        with self._faults(), self._session() as server:
            # With one address, a refusal of it is an exception and not a part of the answer.
            # Not the library's send_message: it would put a ">" before a line that begins with "From ".
            server.sendmail(self._settings.sender, [self._address], wire_form(mail))

    def probe(self) -> str:
        with self._faults(), self._session() as server:
            code, text = server.noop()
        if code >= _TEMPORARY:
            raise self._answered(code, text)
        settings = self._settings
        logged_on = "log-on accepted" if settings.user else "no log-on"
        return f"{settings.host}:{settings.port} answers; security: {settings.security}; {logged_on}"

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        seconds = settings.timeout.total_seconds()
        context = ssl.create_default_context()
        if settings.ca_file is not None:
            context.load_verify_locations(cafile=settings.ca_file)
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, settings.helo, timeout=seconds, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, settings.helo, timeout=seconds)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user and settings.password is not None:
                server.login(settings.user, settings.password.read())
            yield server
            with suppress(smtplib.SMTPException, OSError):  # it has taken the mail: a hasty good-bye loses nothing
                server.quit()
        finally:
            server.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """The library's errors, by what happens next."""
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            raise self._answered(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise self._answered(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise self._fault(str(error), permanent=True) from error
        except UnicodeEncodeError:  # its text quotes what it cannot encode: part of the password
            raise self._fault("user and password must be in ASCII", permanent=True) from None
        except (ssl.SSLCertVerificationError, ValueError) as error:  # the latter: the password's file is empty
            raise self._fault(str(error), permanent=True) from error
        except (smtplib.SMTPException, OSError) as error:
            raise self._fault(f"{type(error).__name__}: {error}", permanent=False) from error

    def _answered(self, code: int, text: bytes | str) -> OperationalError:
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return self._fault(f"{code} {said}", permanent=code >= _PERMANENT)

    def _fault(self, reason: str, *, permanent: bool) -> OperationalError:
        """Servers quote addresses in their refusals; an alert and a log have no use for these."""
        for private in filter(None, (self._address, self._settings.user)):
            reason = reason.replace(private, "<address>")
        reason = " ".join(reason.split())[:_REASON_LIMIT].rstrip(".")
        entry = NotifierMessage.MAIL_REFUSED if permanent else NotifierMessage.MAIL_UNREACHABLE
        said = message(entry, host=self._settings.host, port=self._settings.port, reason=reason)
        return Halted(said) if permanent else Unavailable(said)


def make_mail(letter: Letter, sender: str, address: str) -> EmailMessage:
    """The mail, but for its date. Its Message-ID is the letter's, so that a mailbox may know one that came twice."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("cohortstream", addr_spec=sender)
    mail["To"] = Address(addr_spec=address)
    mail["Subject"] = letter.subject
    mail["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    # Answering machines leave such mails alone (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    # Not 8bit, which not every server takes.
    mail.set_content(letter.text, cte="quoted-printable")
    return mail


def wire_form(mail: EmailMessage) -> bytes:
    """The bytes to send. Told to keep lines short, the library may break a subject of plain ASCII before its first word,
    and mail programs then show a blank; other subjects are encoded in short words, with no need to break elsewhere.
    """
    longest = 998 if str(mail["Subject"]).isascii() else 78
    return mail.as_bytes(policy=SMTP.clone(max_line_length=longest))
