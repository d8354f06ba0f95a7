"""Whether Moodle may be called now. A fault of Moodle itself pauses everything; one call at a time tries again.

Nothing is lost meanwhile and nothing is dead-lettered: the ledger is the queue, and the topic waits behind it.
"""

from __future__ import annotations

from connector.runtime.clock import Clock
from connector.runtime.messages import Message, MoodleMessage
from connector.runtime.patience import growing_pause
from consumers.moodle.errors import Halted, MoodleError, OutcomeUnknown, Unavailable

_FIRST = 1.0
_LONGEST = 60.0
_AT_MOST = 600.0
"""Seconds that Moodle itself may ask to be left alone."""


class Pause:
    """Knows the standing fault and when to try again."""

    def __init__(self, clock: Clock, halted_wait: float) -> None:
        """``halted_wait``: seconds between trials when a person has to act."""
        self._clock, self._halted_wait = clock, halted_wait
        self._until = 0.0
        self._failures = 0
        self.failed_at = float("-inf")
        """When it last failed, monotonic."""
        self.cause: Message | None = None
        """What Moodle suffers from, while it does."""
        self.refused = False
        """Whether it is nothing that passes: Moodle answers, but a person has to act."""

    @property
    def open(self) -> bool:
        """Whether calls may go out freely."""
        return self.cause is None

    @property
    def trial(self) -> bool:
        """Whether it is time for one call that tries."""
        return self.cause is not None and self._clock.monotonic() >= self._until

    def succeeded(self) -> None:
        """Moodle answered a call as it should."""
        self._failures = 0
        self.cause = None

    def failed(self, error: MoodleError) -> None:
        """A call failed for a reason that is not its rows'."""
        self.failed_at = self._clock.monotonic()
        backoff = self._halted_wait if isinstance(error, Halted) else growing_pause(_FIRST, _LONGEST, self._failures)
        self._failures += 1
        # Moodle's maintenance page asks for 300 s whatever is the case, and costs nothing to ask for (measured on 4.5).
        asked = 0.0 if error.fault.kind is MoodleMessage.MAINTENANCE else error.fault.retry_after or 0.0
        self._until = self._clock.monotonic() + min(max(asked, backoff), _AT_MOST)
        self.cause = error.message
        self.refused = isinstance(error, Halted)


def concerns_site(error: MoodleError) -> bool:
    """Whether the fault is Moodle's as a whole, not that of a row or a cohort. A lost answer is a sign of it too."""
    return isinstance(error, Unavailable | Halted | OutcomeUnknown)
