"""When a sink begins to write to its Moodle. Pure.

A sink is *undecided* until its topics say otherwise, in *shadow* while an ``Adoption`` stands in partition 0 of its
ledger, and *applying* from then on, for good. Nothing is committed while it is undecided, so a marker or a journal
without an ``Adoption`` means applying, and a sink that an earlier release began goes on as it was.

The owner of partition 0 decides, once. A Moodle that has no cohort with members has nothing to lose. Otherwise it waits
in shadow until the sources are loaded: if records name a cohort that has members, somebody else keeps it, and a person
decides.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from schemas.keys import encode_key
from schemas.records import Adoption

ADOPTION_KEY = encode_key("adoption")
"""In partition 0 of the ledger topic."""
Mode = Literal["apply", "shadow"]


class Why(StrEnum):
    """Why it is decided so. The values are part of the ledger's and the journal's contract: never renamed."""

    # in shadow
    FIRST_LOAD = "first_load"
    COHORTS_NAMED = "cohorts_named"
    MODE_SHADOW = "mode_shadow"
    # applying
    EMPTY_MOODLE = "empty_moodle"
    NONE_NAMED = "none_named"
    ADOPTED = "adopted"


class Refused(StrEnum):
    """Why the command ``adopt`` is not followed; in the journal."""

    NOT_IN_SHADOW = "not_in_shadow"
    MODE_SHADOW = "mode_shadow"
    FOREIGN_DIFFERS = "foreign_differs"


SHADOW = frozenset({Why.FIRST_LOAD, Why.COHORTS_NAMED, Why.MODE_SHADOW})


@dataclass(frozen=True, slots=True)
class Standing:
    """What the topics say of the sink."""

    adoption: Adoption | None = None
    """In shadow while there is one."""
    begun: bool = False
    """Whether anything of it was ever committed."""

    @property
    def decided(self) -> bool:
        """Whether records may be taken in."""
        return self.begun or self.adoption is not None

    @property
    def applying(self) -> bool:
        """Whether Moodle may be written to, as far as the topics are concerned. Once so, always so."""
        return self.begun and self.adoption is None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out, as far as it was."""

    populated: AbstractSet[str] | None = None
    """Idnumbers of Moodle's cohorts with members; None: Moodle was not asked yet."""
    recorded: AbstractSet[str] | None = None
    """Cohorts that records name, every source being loaded; None: not yet."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the sink."""

    why: Why
    cohorts: int = 0
    """Cohorts with members that records name."""

    @property
    def shadow(self) -> bool:
        return self.why in SHADOW


def decide(standing: Standing, mode: Mode, evidence: Evidence) -> Decision | None:
    """What to write down now; None: it stays as it is, for ever or until more is known."""
    why = None if standing.adoption is None else standing.adoption.why
    if standing.applying or why == Why.COHORTS_NAMED:
        return None
    if mode == "shadow":
        return None if why is not None else Decision(Why.MODE_SHADOW)
    if evidence.populated is None:
        return None
    if not evidence.populated:
        return Decision(Why.EMPTY_MOODLE)
    if evidence.recorded is None:
        return None if why == Why.FIRST_LOAD else Decision(Why.FIRST_LOAD)
    named = len(evidence.populated & evidence.recorded)
    return Decision(Why.COHORTS_NAMED, named) if named else Decision(Why.NONE_NAMED)
