"""One reconciliation of a sink at a time, whoever starts it: a person, a timer, the schedule within ``run``.

They elect the one that works in a group of their own. It needs no lock that somebody would have to remove: a process
that crashes is out of the group when its session is over. Who is at work, and since when, stands in its client id, since
that is what a broker tells about members.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.errors import Busy, Unavailable
from connector.runtime.kafka.group import SESSION_TIMEOUT, Member
from connector.runtime.messages import ReconcilerMessage, message

_PATIENCE_S = SESSION_TIMEOUT + 3.0
"""Somebody who is in the group for so long beside us lives; a process that crashed a moment ago would be out of it. A
stock broker takes three seconds for the first member of a group."""
_GIVEN_UP_AFTER_S = 30.0
"""A group that elects nobody for so long does not work at all."""
_LOOK_EVERY_S = 0.2
_STAMP = "%Y%m%dT%H%M%SZ"
_CLIENT_ID = re.compile(r"cohortstream-reconcile\.(?P<process>.+)\.(?P<since>\d{8}T\d{6}Z)")


def group_of(sink: str) -> str:
    """The group in which reconciliations of a sink elect the one that works; the prefix is put before it."""
    return f"cohortstream.{sink}.reconcile"


@dataclass(frozen=True, slots=True)
class Worker:
    """Who reconciles."""

    process: str
    """Machine and process id."""
    since: datetime

    @property
    def client_id(self) -> str:
        """As others read it in the group."""
        plain = re.sub(r"[^A-Za-z0-9._-]", "-", self.process)
        return f"cohortstream-reconcile.{plain}.{self.since.astimezone(UTC).strftime(_STAMP)}"

    @classmethod
    def of(cls, client_id: str) -> Worker | None:
        """None for a client id that is no reconciliation's."""
        found = _CLIENT_ID.fullmatch(client_id)
        if found is None:
            return None
        return cls(found["process"], datetime.strptime(found["since"], _STAMP).replace(tzinfo=UTC))


class Election(Protocol):
    """Who is elected among those who take part."""

    def poll(self, timeout: float = 0.0) -> bool:
        """Take part, and tell whether we are elected now."""
        ...

    def note(self, text: str) -> None:
        """Leave a text for whoever is elected next."""
        ...

    def close(self) -> None:
        """Take part no longer."""
        ...


class Turn:
    """The right to reconcile one sink, from ``take`` to ``close``."""

    def __init__(
        self,
        sink: str,
        worker: Worker,
        clock: Clock,
        stand: Callable[[str], Election],
        members: Callable[[], Sequence[Member]],
    ) -> None:
        """``stand`` takes part in the election under a client id; ``members`` tells who does."""
        self._sink, self._worker, self._clock = sink, worker, clock
        self._stand, self._members = stand, members
        self._election: Election | None = None

    def take(self) -> None:
        """Make sure that nobody else reconciles this sink. Takes some seconds, for which the broker waits for others.

        Raises:
            Busy: somebody does; says who, and since when.
            Unavailable: nobody is elected.
        """
        self._election = self._stand(self._worker.client_id)
        began = self._clock.monotonic()
        while not self._election.poll(_LOOK_EVERY_S):
            waited = self._clock.monotonic() - began
            other = self._other() if waited > _PATIENCE_S else None
            if other is not None:
                raise Busy(
                    message(
                        ReconcilerMessage.AT_WORK,
                        sink=self._sink,
                        process=other.process,
                        since=f"{other.since:%Y-%m-%d %H:%M:%S} UTC",
                    )
                )
            if waited > _GIVEN_UP_AFTER_S:
                raise Unavailable(message(ReconcilerMessage.TOO_SLOW, step=f"election in {group_of(self._sink)}"))

    def keep(self) -> None:
        """Call every few seconds while at work; does nothing for one that has not taken its turn.

        Raises:
            Unavailable: the broker has given the turn to others meanwhile.
        """
        if self._election is not None and not self._election.poll():
            raise Unavailable(message(ReconcilerMessage.TURN_LOST, sink=self._sink))

    def finished(self) -> None:
        """Remember that a reconciliation of everything came to its end now."""
        if self._election is not None:
            self._election.note(self._clock.now().astimezone(UTC).strftime(_STAMP))

    def close(self) -> None:
        """Let the next one have its turn."""
        if self._election is not None:
            self._election.close()
            self._election = None

    def _other(self) -> Worker | None:
        """Who is at work: the elected one or, while the broker rearranges the group, who came first."""
        found = [(member, Worker.of(member.client_id)) for member in self._members()]
        others = [
            (not member.elected, worker.since, worker)
            for member, worker in found
            if worker is not None and worker != _seen(self._worker)
        ]
        return min(others, key=lambda other: other[:2])[2] if others else None


def finished_at(note: str) -> datetime | None:
    """When the last reconciliation came to its end, by the note that it left in the group; None for an empty one."""
    return datetime.strptime(note, _STAMP).replace(tzinfo=UTC) if note else None


def _seen(worker: Worker) -> Worker | None:
    """As others see it."""
    return Worker.of(worker.client_id)
