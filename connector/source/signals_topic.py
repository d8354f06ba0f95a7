"""How far the signals topic is answered: an offset means something only in the topic that it was noted of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignalsTopic:
    """The signals topic as this process found it."""

    id: str
    """Kafka's id; a topic that is deleted and made anew under its name gets another one."""
    end: int
    """Where it ended then."""

    def answered(self, offset: int | None, topic: str | None) -> int:
        """Before which offset of this topic everything is answered; ``offset`` was noted of ``topic``.

        Nothing is, if that was another one. Earlier releases did not note which: an offset behind the end cannot be of
        this one.
        """
        if offset is None or (offset > self.end if topic is None else topic != self.id):
            return 0
        return offset
