"""Mails over a real connection, to a stand-in of a mail server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.errors import Halted, OperationalError, Unavailable
from consumers.notifier.letter import Letter
from consumers.notifier.mail import Mail
from consumers.notifier.settings import SmtpSettings
from tests.standins.smtp import Certificate, SmtpStandin, make_certificate
from tests.unit.notifier.values import NOW, ManualClock

LETTER = Letter(
    "abc123", "[cohortstream] nouveau : 1 : élève", "Ligne é\n.\n. un point\nFrom rien\n" + "très long " * 200 + "\n"
)
PASSWORD = "s3cret"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server() -> Iterator[SmtpStandin]:
    """One in the clear, without log-on."""
    with SmtpStandin() as running:
        yield running


def mail_to(server: SmtpStandin, **more: Any) -> Mail:
    given = {
        "host": "127.0.0.1",
        "port": server.port,
        "helo": "notifier.example.edu",
        "security": "none",
        "sender": "cohortstream@example.edu",
        **more,
    }
    return Mail(SmtpSettings.model_validate(given), "ops@example.edu", ManualClock())


def fault_of(mail: Mail) -> OperationalError:
    with pytest.raises(OperationalError) as raised:
        mail.carry(LETTER)
    return raised.value


def test_a_mail_arrives_as_it_was_written(server: SmtpStandin) -> None:
    """With accents, lines of a dot, and long lines; in seven bits, since not every server takes eight."""
    mail_to(server).carry(LETTER)

    (mailed,) = server.mails
    assert (mailed.sender, mailed.recipients) == ("cohortstream@example.edu", ("ops@example.edu",))
    assert mailed.text == LETTER.text
    assert mailed.mail["Subject"] == LETTER.subject
    assert mailed.mail["From"] == "cohortstream <cohortstream@example.edu>"
    assert mailed.mail["To"] == "ops@example.edu"
    assert mailed.mail["Message-ID"] == "<abc123@example.edu>"
    assert mailed.mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mailed.mail["Date"]) == NOW
    assert mailed.raw.isascii()
    assert max(map(len, mailed.raw.splitlines())) < 998


@pytest.mark.parametrize("words", ["plain", "très", "«\u00a0déjà\u00a0»"])
@pytest.mark.parametrize("count", [1, 8, 10, 12, 14, 20])
def test_a_subject_begins_with_its_first_word(server: SmtpStandin, words: str, count: int) -> None:
    """However long it is: some programs show a line break before it as a blank."""
    subject = "[cohortstream] " + " ".join([words] * count)
    mail_to(server).carry(replace(LETTER, subject=subject))

    (mailed,) = server.mails
    assert b"\r\nSubject: [cohortstream] " in mailed.raw
    assert mailed.mail["Subject"] == subject
    assert max(map(len, mailed.raw.splitlines())) < 998


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_is_encrypted_and_the_log_on_too(certificate: Certificate, security: str) -> None:
    """The server's certificate is verified against the authority of the settings."""
    log_on = {"user": "cohort", "password": PASSWORD, "security": security, "ca_file": str(certificate.certificate)}
    with SmtpStandin(certificate, security == "tls", {"cohort": PASSWORD}) as server:
        mail = mail_to(server, **log_on)
        mail.carry(LETTER)

        assert [(True, "cohort")] == [(mailed.encrypted, mailed.user) for mailed in server.mails]
        assert f"security: {security}; log-on accepted" in mail.probe()
        assert 1 == len(server.mails)


def test_a_renewed_password_is_taken_without_a_restart(certificate: Certificate, tmp_path: Path) -> None:
    """It is read at each mail. A wrong one is for a person to put right, and neither it nor the user is told."""
    file = tmp_path / "password"
    file.write_text("old")
    with SmtpStandin(certificate, accounts={"cohort": PASSWORD}) as server:
        mail = mail_to(
            server,
            user="cohort",
            password={"file": str(file)},
            security="starttls",
            ca_file=str(certificate.certificate),
        )
        fault = fault_of(mail)
        assert isinstance(fault, Halted)
        assert fault.message.text == (
            f"The mail server 127.0.0.1:{server.port} refuses: 535 5.7.8 bad password of <address>."
        )
        file.write_text(PASSWORD)
        mail.carry(LETTER)

        assert 1 == len(server.mails)


@pytest.mark.parametrize("log_on", [{"user": "cohort", "password": "s3crét"}, {"user": "cohört", "password": PASSWORD}])
def test_a_password_that_cannot_be_sent_is_not_quoted(certificate: Certificate, log_on: dict[str, str]) -> None:
    """Not a letter of it: what is told stands in a log and in other people's mails."""
    with SmtpStandin(certificate, accounts={"cohort": PASSWORD}) as server:
        fault = fault_of(mail_to(server, security="starttls", ca_file=str(certificate.certificate), **log_on))

    assert isinstance(fault, Halted)
    assert "user and password must be in ASCII" in str(fault)
    assert not [letter for letter in ("xe9", "é", "xf6", "ö", "position") if letter in str(fault)]
    assert fault.__cause__ is None


def test_a_server_that_is_not_trusted_gets_neither_mail_nor_password(certificate: Certificate) -> None:
    """A person must say whom to trust."""
    with SmtpStandin(certificate, accounts={"cohort": PASSWORD}) as server:
        fault = fault_of(mail_to(server, user="cohort", password=PASSWORD, security="starttls"))

        assert isinstance(fault, Halted)
        assert "CERTIFICATE_VERIFY_FAILED" in fault.message.text
        assert [] == server.mails


def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(server: SmtpStandin) -> None:
    """Somebody in between may have taken the offer out."""
    fault = fault_of(mail_to(server, security="starttls"))

    assert isinstance(fault, Halted)
    assert "STARTTLS" in fault.message.text
    assert [] == server.mails


@pytest.mark.parametrize(
    ("command", "answer", "kind"),
    [
        ("EHLO", "421 4.3.2 shutting down", Unavailable),
        ("MAIL", "452 4.3.1 no room", Unavailable),
        ("MAIL", "550 5.7.1 not from here", Halted),
        ("RCPT", "450 4.2.1 <ops@example.edu>: try later", Unavailable),
        ("RCPT", "550 5.1.1 <ops@example.edu>: no such user", Halted),
        ("DATA", "451 4.3.0 not now", Unavailable),
        (".", "554 5.6.0 looks like spam", Halted),
    ],
)
def test_a_refusal_says_what_happens_next(
    server: SmtpStandin, command: str, answer: str, kind: type[OperationalError]
) -> None:
    """Again later, or after a person has acted; with the server's own words, but no address."""
    server.refusals[command] = answer
    if command == "EHLO":
        server.refusals["HELO"] = answer
    fault = fault_of(mail_to(server))

    assert isinstance(fault, kind)
    assert answer.replace("ops@example.edu", "<address>") in fault.message.text
    assert "ops@" not in str(fault)
    server.refusals.clear()
    mail_to(server).carry(LETTER)
    assert 1 == len(server.mails)


def test_a_server_that_is_away_is_tried_later(server: SmtpStandin) -> None:
    """Be it that it hangs up or that nobody listens."""
    server.down = True
    assert isinstance(fault_of(mail_to(server)), Unavailable)
    server.__exit__(None, None, None)
    fault = fault_of(mail_to(server))
    assert isinstance(fault, Unavailable)
    assert "refused" in fault.message.text
    server.__enter__()


def test_a_good_bye_that_fails_loses_no_mail(server: SmtpStandin) -> None:
    """It has been taken, so it must not be sent again."""
    server.refusals["QUIT"] = "500 what?"
    mail_to(server).carry(LETTER)

    assert 1 == len(server.mails)


def test_a_trial_sends_nothing(server: SmtpStandin) -> None:
    """It says what it has seen, or what is wrong."""
    mail = mail_to(server)

    assert mail.probe() == f"127.0.0.1:{server.port} answers; security: none; no log-on"
    server.refusals["NOOP"] = "421 4.3.2 too busy"
    with pytest.raises(Unavailable, match="too busy"):
        mail.probe()
    assert [] == server.mails
