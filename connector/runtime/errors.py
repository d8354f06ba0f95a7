"""Errors, named by what happens next.

.. code-block:: text

    OperationalError       carries a Message: code, cause, fix
    ├── Unavailable        temporary: pause, keep everything, say so, go on by itself
    │   └── Busy           somebody else does this very work now; nothing was begun
    ├── RecordFault        permanent, one record: dead letter with its stage; go on
    └── Halted             permanent, everything: pause and alert; nothing is dead-lettered for it

    SettingsFaults         refuse to start; every fault at once

Retries happen in the adapters, so that whoever catches ``Unavailable`` knows that they are used up. Held removals and
parked students are values, not exceptions. Any other exception is a fault of this program and stops the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from connector.runtime.messages import Message


class Stage(StrEnum):
    """Where a record can fail: one list for dead letters, logs and metrics."""

    DECODE = "decode"
    KEY = "key"
    FOLD = "fold"
    PLAN = "plan"
    APPLY = "apply"


class OperationalError(Exception):
    """Something that an operator can understand and mend."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Unavailable(OperationalError):
    """An end does not answer, or asks to be left alone. ``retry_after`` is its own wish, None if it named none."""

    def __init__(self, message: Message, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Somebody else does this very work now. Nothing was begun, and trying again at once makes no sense."""


class RecordFault(OperationalError):
    """One record can never be processed, however often it is tried."""

    def __init__(self, message: Message, stage: Stage) -> None:
        super().__init__(message)
        self.stage = stage


class Halted(OperationalError):
    """Nothing can go on until a person acts: token revoked, grant lost, another database."""


@dataclass(frozen=True)
class Fault:
    """One fault of the settings: what, and where."""

    message: Message
    place: str
    """File and line, or environment variable, and the path of the key."""


class SettingsFaults(Exception):
    """The settings cannot be used; holds every fault that was found, in the order of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.place}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)
