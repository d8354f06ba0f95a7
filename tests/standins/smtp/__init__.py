"""A mail server for tests: RFC 5321 as far as one client needs it, with STARTTLS, log-on and refusals on request."""

from __future__ import annotations

from tests.standins.smtp.certificates import Certificate, make_certificate
from tests.standins.smtp.server import Mailed, SmtpStandin

__all__ = ["Certificate", "Mailed", "SmtpStandin", "make_certificate"]
