"""Faults for the consumer's text, one at a time, to show that the judge notices what it is there for."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kills.judge import Kind
from tests.kills.places import Fate
from tests.planting import Edits
from tests.planting import plant as plant_edits


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, and what the judge must say of it."""

    wrong: Kind
    module: str
    edits: Edits
    fate: Fate | None = None
    """Of the first consumer; without one nothing dies."""
    slow_creations: bool = False
    """Whether the gateway gives up on calls that create before Moodle has carried them out."""


_UNKNOWN = "elif new in sent.unknown:\n                "

MUTANTS = {
    "a removal without evidence": Mutant(
        Kind.WRONG_REMOVAL,
        "consumers.cohorts.transitions",
        (
            (
                "desired=record.state,",
                'desired=Presence.ABSENT if record.cause == "snapshot" or record.revision % 2 else record.state,',
            ),
        ),
    ),
    "a creation repeated": Mutant(
        Kind.DOUBLED,
        "consumers.cohorts.creations",
        (
            (
                f"{_UNKNOWN}self._desk.ledger.put_cohort(transitions.quarantine_cohort(entry, now))",
                f"{_UNKNOWN}self._reopen([cohort])",
            ),
        ),
        slow_creations=True,
    ),
    "work forgotten by whoever takes over": Mutant(
        Kind.LOST,
        "consumers.cohorts.refill",
        ((".pending(after, min(room, _PAGE))", ".pending(after, 0)"),),
        fate=Fate("before add", 2),
    ),
}


def plant(name: str) -> None:
    """Into this process."""
    mutant = MUTANTS[name]
    plant_edits(mutant.module, mutant.edits)
