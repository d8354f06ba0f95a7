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

from consumers.moodle.explanations import explain


@dataclass(frozen=True)
class Fault:
    """What was seen, free of secrets and of what the call carried."""

    function: str
    """The web service function that was called."""
    code: str
    """Moodle's ``errorcode``; or ``http-504`` and the like; or the name of a transport failure."""
    message: str
    """The code of the operator's message that tells cause and fix."""
    says: str = ""
    """Moodle's own sentence, shortened. In the site's language; it may name the service user or the missing right."""
    retry_after: float | None = None
    """Seconds that the answer asked to wait, if it did."""


class MoodleError(Exception):
    """A call to Moodle that did not succeed; raised only as one of its subclasses."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault)

    def __str__(self) -> str:
        fault = self.fault
        return f"{explain(fault.message)} [{fault.message}, {fault.function}: {fault.code}]"


class Unavailable(MoodleError):
    """Moodle cannot work now and has applied nothing."""


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

    def __str__(self) -> str:
        says = f" Moodle says: {self.fault.says}" if self.fault.says else ""
        return f"{super().__str__()}{says}"


class Halted(MoodleError):
    """No call will succeed until a person has put something right."""

    def __str__(self) -> str:
        says = f" Moodle says: {self.fault.says}" if self.fault.says else ""
        return f"{super().__str__()}{says}"


class TokenRejected(Halted):
    """The token is unknown, expired, or not allowed to use the service."""
