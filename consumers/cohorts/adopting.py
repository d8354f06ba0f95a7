"""Finding out whether the sink is in shadow, and deciding it where nobody has yet. See ``adoption`` for the rules.

What counts is what has been committed: a decision is queued with the ledger's next transaction, which carries the
group's generation, and holds only when that has succeeded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connector.runtime.messages import Message
from consumers.cohorts.adoption import ADOPTION_KEY, Decision, Evidence, Refused, Standing, Why, decide
from consumers.cohorts.calls import Reader, Writer
from consumers.cohorts.desk import Desk
from consumers.cohorts.ledger import Outgoing
from consumers.cohorts.messages import in_shadow
from consumers.moodle.batches import Row
from consumers.moodle.errors import MoodleError
from consumers.moodle.values import Cohort
from consumers.moodle.writing import Added, NewCohort
from schemas.records import Adoption, Command, JournalEntry

HOME = 0
"""The partition whose owner decides."""
_FACT = "adopted"
"""Stands in local stores once the sink is applying, so that a restart need not read the topic for it."""
_EVERY = 0.5
"""Seconds between two looks at topics that had nothing new."""
_EVERY_IN_SHADOW = 3.0
_FRESH = 60.0
"""Seconds for which Moodle's answer about its cohorts is good enough to decide by."""


class Signs(Protocol):
    """What the topics say; see ``signs``."""

    def standing(self, *, begun: bool) -> Standing | None: ...

    def again(self) -> None: ...

    def recorded(self) -> frozenset[str] | None: ...

    @property
    def reading(self) -> bool:
        """Whether an answer is under way; then it is worth asking again at once."""
        ...

    def close(self) -> None: ...


class Adopting:
    """Where this consumer stands. ``turn`` once a turn, until it is applying."""

    def __init__(self, desk: Desk, signs: Signs, reader: Reader) -> None:
        self._desk, self._signs, self._reader = desk, signs, reader
        self._standing = Standing()
        self._queued: Decision | None = None
        self._record: Adoption | None = None
        self._populated: tuple[frozenset[str], float] | None = None
        self._asking = False
        self._next_look = 0.0

    @property
    def decided(self) -> bool:
        """Whether records may be taken in and anything may be committed."""
        return self._standing.decided

    @property
    def applies(self) -> bool:
        """Whether Moodle may be written to."""
        return self._standing.applying and self._desk.settings.mode == "apply"

    @property
    def standing(self) -> Standing:
        """What the topics say."""
        return self._standing

    @property
    def shadow(self) -> Adoption | None:
        """What keeps Moodle from being written to, as the topics have it."""
        return self._standing.adoption

    @property
    def alert(self) -> Message | None:
        """What a person has to do before Moodle is written to."""
        if self.shadow is None or self.shadow.why != Why.COHORTS_NAMED or self._desk.settings.mode == "shadow":
            return None
        return in_shadow(self.shadow.cohorts)

    @property
    def pending(self) -> bool:
        """Whether it will be decided without a person."""
        if self._desk.settings.mode == "shadow":
            return not self.decided
        waits_for_a_person = self.shadow is not None and self.shadow.why == Why.COHORTS_NAMED
        return not self._standing.applying and not waits_for_a_person

    @property
    def may_commit(self) -> bool:
        """Not before it is decided: a marker without a decision would say that the sink is applying."""
        return self.decided or self._queued is not None

    @property
    def queued(self) -> bool:
        """Whether a decision waits for its commit."""
        return self._queued is not None

    def take_over(self, partition: int) -> None:
        """A partition is ours now."""
        if self._standing.applying or self._desk.ledger.store(partition).fact(_FACT) is not None:
            self._settle(Standing(begun=True))
        if partition == HOME and not self._standing.applying:
            self._signs.again()  # the owner before us may have decided a moment ago
            self._next_look = 0.0

    def forget(self, partitions: Collection[int]) -> None:
        """Partitions are about to be ours no longer."""
        if HOME in partitions:
            self._queued = None

    def turn(self, now: datetime) -> None:
        """Look, and decide if that is ours to do. A decision is queued: commit."""
        desk = self._desk
        if self._standing.applying or not desk.ledger.owned or desk.clock.monotonic() < self._next_look:
            return
        if desk.settings.mode == "shadow" and self.decided:
            return  # whatever the topics say: as long as these settings stand
        seen = self._signs.standing(begun=self._begun_here())
        if seen is None:
            return
        self._settle(seen)
        home = HOME in desk.ledger.owned
        if home and self._queued is None and not seen.applying:
            self._decide(now)
        if not self._signs.reading:
            self._next_look = desk.clock.monotonic() + (_EVERY_IN_SHADOW if seen.decided else _EVERY)

    def committed(self) -> None:
        """A transaction has succeeded; a decision that was queued is in it."""
        decision, self._queued = self._queued, None
        if decision is not None:
            self._settle(Standing(self._record, begun=True))

    def follow(self, command: Command, now: datetime, refusal: str | None = None) -> None:
        """End the shadow, as a person asks, unless there is a reason to refuse that."""
        refusal = refusal or self._refusal(command)
        if refusal is None:
            self._queue(Decision(Why.ADOPTED), now, command)
        else:
            self._note(command, "command_refused", refusal, now)

    def _refusal(self, command: Command) -> str | None:
        settings = self._desk.settings
        if self.shadow is None or self._queued is not None:
            return Refused.NOT_IN_SHADOW
        if settings.mode == "shadow":
            return Refused.MODE_SHADOW
        return None if command.foreign == settings.foreign else Refused.FOREIGN_DIFFERS

    def _begun_here(self) -> bool:
        ledger = self._desk.ledger
        return self._standing.decided or any(store.fact("marker") is not None for store in ledger.stores())

    def _settle(self, standing: Standing) -> None:
        self._standing = standing
        if standing.applying:
            self._signs.close()
            for store in self._desk.ledger.stores():
                store.set_fact(_FACT, "yes")

    def _decide(self, now: datetime) -> None:
        """Queue a decision if it is time. Moodle is asked when its answer is all that is missing."""
        why = None if self.shadow is None else self.shadow.why
        mode = self._desk.settings.mode
        evidence = Evidence()
        if mode == "apply" and why != Why.COHORTS_NAMED:
            waits = why == Why.FIRST_LOAD and self._signs.recorded() is None
            populated = None if waits else self._known_populated()
            evidence = Evidence(populated, self._signs.recorded() if populated else None)
            if populated is None and not waits:
                self._ask()
        decision = decide(self._standing, mode, evidence)
        if decision is not None:
            self._queue(decision, now)

    def _known_populated(self) -> frozenset[str] | None:
        if self._populated is None or self._desk.clock.monotonic() - self._populated[1] > _FRESH:
            return None
        return self._populated[0]

    def _ask(self) -> None:
        """Ask Moodle for its cohorts with members, beside the loop."""
        desk = self._desk
        if self._asking or not desk.crew.aside_free or not (desk.pause.open or desk.pause.trial):
            return
        self._asking = True

        def job() -> frozenset[str] | MoodleError:
            try:
                return populated_cohorts(self._reader)
            except MoodleError as error:
                return error

        desk.crew.start("adoption: look", job, self._answered, aside=True)

    def _answered(self, answer: frozenset[str] | BaseException) -> None:
        self._asking = False
        if isinstance(answer, MoodleError):
            self._desk.heard(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            self._desk.heard(None)
            self._populated = (answer, self._desk.clock.monotonic())
        self._next_look = 0.0

    def _queue(self, decision: Decision, now: datetime, command: Command | None = None) -> None:
        stood, self._queued = self.shadow, decision
        self._record = Adoption(decision.why, now, decision.cohorts) if decision.shadow else None
        if stood is not None or self._record is not None:
            self._desk.ledger.append(Outgoing("ledger", HOME, ADOPTION_KEY, self._record))
        self._note(command, "adoption", decision.why, now, state="shadow" if decision.shadow else "applying")

    def _note(self, command: Command | None, kind: str, reason: str, now: datetime, **details: str) -> None:
        if command is not None:
            details |= {"command": command.id, "asked": command.kind, "foreign": command.foreign or ""}
        entry = JournalEntry(
            at=now,
            kind=kind,
            run=self._desk.run,
            cohort="",
            plan=None if command is None else command.hash,
            reason=reason,
            author=None if command is None else command.author,
            details=details,
        )
        self._desk.ledger.append(Outgoing("journal", HOME, ADOPTION_KEY, entry))


def populated_cohorts(reader: Reader) -> frozenset[str]:
    """Idnumbers of cohorts with members; one that may not be looked into counts as one.

    Raises:
        MoodleError: Moodle cannot be asked.
    """
    named = {cohort.id: cohort.idnumber for cohort in reader.all_cohorts() if cohort.idnumber.strip()}
    if not named:
        return frozenset()
    found = reader.members(named.keys())
    return frozenset(name for number, name in named.items() if found.of.get(number) or number in found.forbidden)


class OnceAdopted:
    """The writing half of Moodle's client, which nothing may reach while the sink is not adopted.

    The loop offers no call that writes until then; should it do so all the same, that is a fault of the program, which
    ends the process rather than that it reaches Moodle.
    """

    def __init__(self, writer: Writer, adopting: Adopting) -> None:
        self._writer, self._adopting = writer, adopting

    def add_members(self, rows: Collection[Row]) -> Mapping[Row, Added]:
        self._require()
        return self._writer.add_members(rows)

    def remove_members(self, rows: Collection[Row]) -> None:
        self._require()
        self._writer.remove_members(rows)

    def create_cohorts(self, wanted: Sequence[NewCohort]) -> Mapping[str, Cohort]:
        self._require()
        return self._writer.create_cohorts(wanted)

    def _require(self) -> None:
        if not self._adopting.applies:
            raise RuntimeError("a call that writes was about to be sent to a Moodle that is not adopted")
