"""What can go wrong when Moodle is called, named by what its caller does next.

::

    MoodleError
    ├── Unavailable       nothing was applied, and the same call will do later   → repeated here, bounded; then pause
    ├── OutcomeUnknown    a write that may have been applied, or may yet be      → quarantine its rows, look later
    ├── Refused           rolled back because of what was in the call            → halve it until the culprit is alone
    │   ├── Contended     rolled back: a collision, or a value too long          → repeated here twice; then as Refused
    │   └── TooLarge      something on the way takes no form of this size        → halve it, and stay below
    ├── Forbidden         the token works, but not for this cohort or report     → that part waits for a person
    └── Halted            every call will fail until a person acts               → pause all, alert, try again slowly
        └── TokenRejected the token itself is not accepted                       → read the secret again; then as Halted

No exception of the HTTP library leaves this package; it is chained as the cause. ``reactions`` holds the one table from
what was seen to these classes. For every class but ``OutcomeUnknown``, Moodle has applied nothing of the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from connector.runtime import errors as families
from connector.runtime.messages import Message, MoodleMessage


@dataclass(frozen=True)
class Fault:
    """What was seen, free of secrets and of what the call carried."""

    function: str
    """The web service function that was called."""
    code: str
    """Moodle's ``errorcode``; or ``http-504`` and the like; or the name of a transport failure."""
    kind: MoodleMessage
    """The operator's message that tells cause and fix."""
    says: str = ""
    """Moodle's own sentence, in the site's language; or that of the HTTP library. Shortened."""
    retry_after: float | None = None
    """Seconds that the answer asked to wait, if it did."""
    url: str = ""
    """Address of the site."""

    def message(self, *, quote: bool) -> Message:
        """The operator's message; with ``quote`` it repeats what Moodle said."""
        reason = f"{self.code}, {self.says}" if quote and self.says else self.code
        known = {"function": self.function, "reason": reason, "url": self.url or "the address in the settings"}
        return Message(self.kind, {name: known[name] for name in self.kind.placeholders})


class MoodleError(families.OperationalError):
    """A call to Moodle that did not succeed; raised only as one of its subclasses."""

    QUOTES_MOODLE = False
    """Whether the message repeats what Moodle said: only where that is about the service user, never about a student."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message(quote=self.QUOTES_MOODLE))
        self.fault = fault


class Unavailable(MoodleError, families.Unavailable):
    """Moodle cannot work now and has applied nothing."""

    QUOTES_MOODLE = True

    def __init__(self, fault: Fault) -> None:
        MoodleError.__init__(self, fault)
        self.retry_after = None if fault.retry_after is None else timedelta(seconds=fault.retry_after)


class OutcomeUnknown(MoodleError):
    """The write may have been applied, and may be applied minutes from now: Moodle goes on when its caller has gone."""


class Refused(MoodleError):
    """Moodle rolled the call back because of one or more of its rows. It does not say which."""


class Contended(Refused):
    """The database refused: two writers met, or a value is longer than its column."""


class TooLarge(Refused):
    """The form did not arrive whole, and Moodle knew it or something before it did."""


class Forbidden(MoodleError):
    """The service user lacks a right in the context of the call: perhaps in one course category, or for one report."""

    QUOTES_MOODLE = True


class Halted(MoodleError, families.Halted):
    """No call will succeed until a person has put something right."""

    QUOTES_MOODLE = True


class TokenRejected(Halted):
    """The token is unknown, expired, or not allowed to use the service."""
