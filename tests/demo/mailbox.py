"""The mails that the mail server has taken, as its log has them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.demo.processes import Child
from tests.demo.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Mail:
    """What the person to whom it goes reads."""

    to: tuple[str, ...]
    subject: str
    text: str


def mails(server: Child) -> list[Mail]:
    """All of them so far, in their order."""
    lines = [json.loads(line) for line in server.output().splitlines() if line.startswith("{") and line.endswith("}")]
    return [Mail(tuple(line["to"]), line["subject"], line["text"]) for line in lines]


def await_mail(server: Child, subject: str, seconds: float = 60.0) -> Mail:
    """The first mail with these words in its subject.

    Raises:
        TimeoutError: none came in time; those that came are named.
    """

    def look() -> Mail | None:
        server.check()
        return next((mail for mail in mails(server) if subject in mail.subject), None)

    try:
        return wait_until(look, f"a mail about {subject!r}", seconds)
    except TimeoutError as error:
        raise TimeoutError(f"{error}; there are {[mail.subject for mail in mails(server)]}") from None
