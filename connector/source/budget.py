"""How much of its time polling may spend inside the database: a share, earned while waiting, with a small reserve."""

from __future__ import annotations


class Budget:
    """Seconds inside the database that are still to be earned. ``reserve`` seconds may be spent ahead, so that a burst
    after a quiet time is worked off at once.
    """

    def __init__(self, share: float, reserve: float = 2.0) -> None:
        self._share = share
        self._reserve = reserve
        self._credit = reserve
        self._since: float | None = None

    def spend(self, busy: float, now: float) -> None:
        """``busy`` seconds were spent; ``now`` is a monotonic clock."""
        self._earn(now)
        self._credit -= busy

    def pause(self, now: float) -> float:
        """Seconds until more may be spent."""
        self._earn(now)
        return max(0.0, -self._credit / self._share)

    def _earn(self, now: float) -> None:
        if self._since is not None:
            self._credit = min(self._reserve, self._credit + (now - self._since) * self._share)
        self._since = now
