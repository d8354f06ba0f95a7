"""Settings of the alerts that are sent: to whom, how, and how often."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from connector.runtime.settings import Duration, Secret, Section
from consumers.notifier.news import Role
from consumers.notifier.severity import Severity

Address = Annotated[str, StringConstraints(pattern=r"^[!-?A-~]+@[!-?A-~]+$")]
"""A mail address without a name before it, in ASCII: what any mail server takes."""


class SmtpSettings(Section):
    """The server that takes the mails."""

    host: str
    """Name or address of the server."""

    port: int = Field(default=587, ge=1, le=65535)
    """Its port: 587 mostly for `starttls`, 465 for `tls`, 25 for `none`."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` begins in the clear and changes over before anything is said, `tls` is encrypted from the first byte,
    `none` stays in the clear and takes no password. The server's certificate is verified."""

    user: str | None = None
    """User name at the server. Absent: no log-on."""

    password: Secret | None = None
    """Password at the server."""

    sender: Address
    """Address in the From line and of the envelope."""

    ca_file: Path | None = None
    """PEM file of a private certificate authority, trusted beside the public ones."""

    helo: Annotated[str, StringConstraints(pattern=r"^[!-~]+$")] | None = None
    """Name by which this machine introduces itself. Absent: its full name, as DNS tells it."""

    timeout: Duration = timedelta(seconds=30)
    """How long each answer of the server may take."""

    @model_validator(mode="after")
    def _log_on_is_whole(self) -> SmtpSettings:
        if bool(self.user) != bool(self.password):
            raise ValueError("give both of user and password, or none")
        if self.user and self.security == "none":
            raise ValueError('a password must not travel in the clear: security must be "starttls" or "tls"')
        return self


class Recipient(Section):
    """One who is told of alerts: by mail or by webhook."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """Small letters, digits, `_` and `-`. What was told is remembered under it: another name is told everything anew."""

    email: Address | None = None
    """Mail address. Give either this or `webhook`."""

    webhook: Secret | None = None
    """Address that a JSON document is posted to. As with a secret it may stand in a file, since those of many services
    hold a key."""

    authorization: Secret | None = None
    """Value of the header `Authorization` for the webhook, such as `Bearer ...`."""

    signing_key: Secret | None = None
    """Key of the signature in the header `X-Cohortstream-Signature`, by which the webhook's owner knows who has sent it."""

    language: str = "en"
    """Language of the texts, such as `fr`. One without a catalogue means English."""

    severities: tuple[Severity, ...] = tuple(Severity)
    """Which alerts, by how grave they are."""

    roles: tuple[Role, ...] = get_args(Role)
    """Which alerts, by the role that raised them."""

    remind_every: Duration | None = None
    """In place of the `remind_every` of all."""

    @model_validator(mode="after")
    def _one_way(self) -> Recipient:
        if (self.email is None) == (self.webhook is None):
            raise ValueError("give exactly one of email and webhook")
        if self.webhook is None and (self.authorization or self.signing_key):
            raise ValueError("authorization and signing_key mean nothing without webhook")
        return self


class AlertSettings(Section):
    """Who is told of alerts, and how often. The alerts themselves stand in a topic and in `cohortstream status`."""

    recipients: tuple[Recipient, ...] = ()
    """Who is told. Without any nothing is sent."""

    smtp: SmtpSettings | None = None
    """The mail server, if a recipient has an address."""

    gather: Duration = timedelta(minutes=1)
    """How long an alert waits for others, so that a burst is one message. What is over before that is not sent at all."""

    again_after: Duration = timedelta(minutes=15)
    """The soonest that one alert is told again because it changed or came back, so that one that comes and goes fills no
    mailbox. That it is over does not wait for this, only for `gather`."""

    remind_every: Duration = timedelta(days=1)
    """How often an alert that goes on standing is told again. 0: never."""

    poll_age: Duration = timedelta(minutes=15)
    """When the last successful poll of a source is older than this, that is an alert too. It is told from the source's
    checkpoint, so it also comes when the connector is not running at all. 0, or at least a minute, since the checkpoint
    is written every ten seconds while nothing happens. 0: never. For a source whose hints are all far between it is at
    least three times the shortest of their intervals."""

    webhook_timeout: Duration = timedelta(seconds=30)
    """How long a webhook's answer may take."""

    ca_file: Path | None = None
    """PEM file of a private certificate authority for webhooks, trusted beside the public ones."""

    @model_validator(mode="after")
    def _recipients_can_be_reached(self) -> AlertSettings:
        doubled = [name for name, count in Counter(one.name for one in self.recipients).items() if count > 1]
        if doubled:
            raise ValueError(f"two recipients are called {doubled[0]}")
        if self.smtp is None and any(one.email for one in self.recipients):
            raise ValueError("a recipient has a mail address, so smtp must name the mail server")
        if timedelta() < self.poll_age < timedelta(minutes=1):
            raise ValueError("poll_age must be 0 or at least a minute")
        return self

    def reminding(self, recipient: Recipient) -> timedelta | None:
        """How often this one is reminded; None for never."""
        every = self.remind_every if recipient.remind_every is None else recipient.remind_every
        return every or None
