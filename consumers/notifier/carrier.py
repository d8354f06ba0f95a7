"""What brings a letter to a recipient, and how that can fail."""

from __future__ import annotations

from typing import Protocol

from consumers.notifier.letter import Letter


class Carrier(Protocol):
    """One way to one recipient."""

    def carry(self, letter: Letter) -> None:
        """Bring it; it has been taken when this returns.

        Raises:
            Unavailable: not now; it may have arrived all the same.
            Halted: not before a person has put something right.
        """
        ...

    def probe(self) -> str:
        """Try as much of the way as can be tried without a letter; what was seen, without personal data.

        Raises:
            Unavailable, Halted: as ``carry``.
        """
        ...
