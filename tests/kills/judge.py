"""Judges a trial from outside: what the source said, what Moodle logged and shows, what ledger and journal say.

Nothing here depends on how long anything took. A removal is right when a word of the source asks for it that was
published before, in the order of the words; so what Moodle did with each membership must be a part of what was said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum

from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, JournalEntry, LedgerEntry, MembershipChanged, Presence

Key = tuple[str, str]
Place = tuple[str, int]
"""A cohort and a user."""


class Kind(Enum):
    """What may be wrong."""

    WRONG_REMOVAL = "wrong removals"
    PHANTOM = "phantom removals"
    DOUBLED = "doubled cohorts"
    LOST = "lost memberships"
    LEFT_OVER = "memberships left over"
    FLAP = "flaps"
    LEFT_EARLY = "left before entering"
    BUDGET = "budgets exceeded"
    UNNAMED = "differences not named"
    LETTERS = "dead letters"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Published:
    """A word of the source, and the Unix time before which nobody could read it."""

    word: MembershipChanged
    at: float


@dataclass(frozen=True, slots=True)
class Event:
    """A line of Moodle's log: a member came or went."""

    at: float
    added: bool
    cohort: str
    user: int


@dataclass(frozen=True)
class Seen:
    """A whole trial."""

    words: Sequence[Published]
    """In the order of their revisions, each once."""
    users: Mapping[str, int]
    """Account of each student who has one."""
    events: Sequence[Event]
    cohorts: Sequence[str]
    """Idnumbers of Moodle's cohorts, as often as they are there."""
    members: Mapping[str, AbstractSet[int]]
    ledger: Mapping[Key, LedgerEntry]
    journal: Sequence[JournalEntry]
    foreign: AbstractSet[Place] = frozenset()
    """Members that a person put in, whom no record names."""
    vanished: AbstractSet[str] = frozenset()
    guarded: AbstractSet[str] = frozenset()
    """Cohorts of which the breaker may hold removals."""
    poison: int = 0
    """Records that nobody can read."""
    letters: int = 0
    """Dead letters."""


def judge(seen: Seen) -> list[Finding]:
    """Everything that is wrong."""
    return [*_Judge(seen).findings()]


@dataclass
class _Judge:
    seen: Seen
    _students: dict[int, str] = field(init=False)
    _words: dict[Key, list[Published]] = field(init=False)
    _intents: dict[Place, list[JournalEntry]] = field(init=False)

    def __post_init__(self) -> None:
        self._students = {user: student for student, user in self.seen.users.items()}
        self._words = defaultdict(list)
        for published in self.seen.words:
            self._words[published.word.cohort, published.word.student].append(published)
        self._intents = defaultdict(list)
        for entry in self.seen.journal:
            if entry.kind == "intent" and entry.action == "remove" and entry.user_id is not None:
                self._intents[entry.cohort, entry.user_id].append(entry)

    def findings(self) -> Iterator[Finding]:
        yield from self._doubled()
        yield from self._log()
        yield from self._intents_without_word()
        yield from self._ends()
        if self.seen.letters != self.seen.poison:
            yield Finding(Kind.LETTERS, f"{self.seen.letters} for {self.seen.poison} records that cannot be read")

    def _doubled(self) -> Iterator[Finding]:
        for cohort, count in Counter(self.seen.cohorts).items():
            if count > 1:
                yield Finding(Kind.DOUBLED, f"{cohort} is there {count} times")

    def _log(self) -> Iterator[Finding]:
        """Moodle's log from its beginning, against the words in their order."""
        members: set[Place] = set(self.seen.foreign)
        reached: dict[Key, int] = defaultdict(int)
        for event in self.seen.events:
            place = (event.cohort, event.user)
            if not event.added and place not in members:
                yield Finding(Kind.PHANTOM, f"{event.user} was no member of {event.cohort} and was removed")
                continue
            yield from self._answers_a_word(event, reached)
            if event.added:
                members.add(place)
                continue
            members.discard(place)
            yield from self._has_entered(event, members)

    def _answers_a_word(self, event: Event, reached: dict[Key, int]) -> Iterator[Finding]:
        """The next word of the membership that says so and was published before."""
        student = self._students.get(event.user)
        key = (event.cohort, student or "")
        wanted = Presence.PRESENT if event.added else Presence.ABSENT
        words = self._words.get(key, [])
        for index in range(reached[key], len(words)):
            if words[index].word.state is wanted and words[index].at <= event.at:
                reached[key] = index + 1
                break
        else:
            kind = Kind.FLAP if event.added else Kind.WRONG_REMOVAL
            done = "added to" if event.added else "removed from"
            yield Finding(kind, f"{student or event.user} was {done} {event.cohort} and no word of the source says so")
        if not event.added and not any(
            intent.at.timestamp() <= event.at for intent in self._intents[event.cohort, event.user]
        ):
            yield Finding(Kind.WRONG_REMOVAL, f"{student or event.user} left {event.cohort} without an intent")

    def _has_entered(self, event: Event, members: AbstractSet[Place]) -> Iterator[Finding]:
        """Of a move the user is in the new cohort, unless the source has taken that back."""
        student = self._students.get(event.user, "")
        before = [intent for intent in self._intents[event.cohort, event.user] if intent.at.timestamp() <= event.at]
        revision = before[-1].revision if before else 0
        for published in self._words.get((event.cohort, student), []):
            if published.word.revision != revision:
                continue
            for sibling in published.word.siblings:
                taken_back = any(
                    later.word.state is Presence.ABSENT and later.word.revision > revision and later.at <= event.at
                    for later in self._words[sibling, student]
                )
                if (sibling, event.user) not in members and not taken_back:
                    yield Finding(Kind.LEFT_EARLY, f"{student} left {event.cohort} before entering {sibling}")

    def _intents_without_word(self) -> Iterator[Finding]:
        absent = {
            (published.word.cohort, published.word.student, published.word.revision)
            for published in self.seen.words
            if published.word.state is Presence.ABSENT
        }
        for (cohort, _), intents in self._intents.items():
            for intent in intents:
                if (cohort, intent.student, intent.revision) not in absent:
                    text = f"{intent.student} in {cohort}: revision {intent.revision} does not say absent"
                    yield Finding(Kind.WRONG_REMOVAL, text)

    def _ends(self) -> Iterator[Finding]:
        """Each membership is as the last word says, or the ledger names why not."""
        for (cohort, student), words in self._words.items():
            wanted = words[-1].word.state is Presence.PRESENT
            entry = self.seen.ledger.get((cohort, student))
            user = self.seen.users.get(student)
            there = user is not None and user in self.seen.members.get(cohort, ())
            if entry is None:
                yield Finding(Kind.LOST, f"{student} in {cohort}: the ledger does not know it")
            elif entry.desired is not words[-1].word.state:
                yield Finding(Kind.LOST, f"{student} in {cohort}: the ledger wants {entry.desired}")
            if wanted and not there and not (entry and named(entry, user, cohort in self.seen.vanished)):
                yield Finding(Kind.LOST, f"{student} is not in {cohort} ({told(entry)})")
            if not wanted and there and not (entry and self._waits(entry, user or 0)):
                yield Finding(Kind.LEFT_OVER, f"{student} is still in {cohort} ({told(entry)})")
        yield from self._strangers()

    def _waits(self, entry: LedgerEntry, user: int) -> bool:
        """Whether the ledger says rightly why a removal has not been done: the breaker holds it, its cohort vanished before
        it was done, or of a move Moodle does not show the new cohort, which may be with another consumer and left again since.
        """
        if entry.status is EntryStatus.HELD and entry.reason == Reason.COHORT_VANISHED:
            return entry.cohort in self.seen.vanished
        if entry.status is EntryStatus.HELD and entry.reason == Reason.REMOVAL_LIMIT:
            return entry.cohort in self.seen.guarded

        def left_for(cohort: str) -> Sequence[str]:
            found = self.seen.ledger.get((cohort, entry.student))
            return () if found is None or found.desired is not Presence.ABSENT else found.siblings

        waiting = entry.status in (EntryStatus.HELD, EntryStatus.DUE)
        return waiting and not all(user in self.seen.members.get(on, ()) for on in way(entry.cohort, left_for))

    def _strangers(self) -> Iterator[Finding]:
        """Members whom nobody named: those of before stay, and there are no others."""
        ours = {(cohort, self.seen.users[student]) for cohort, student in self._words if student in self.seen.users}
        for cohort, members in self.seen.members.items():
            for user in members:
                if (cohort, user) not in ours | self.seen.foreign:
                    yield Finding(Kind.UNNAMED, f"user {user} is in {cohort}, and nobody said so")
        for cohort, user in self.seen.foreign:
            if user not in self.seen.members.get(cohort, ()):
                yield Finding(Kind.WRONG_REMOVAL, f"user {user}, whom no record names, is gone from {cohort}")


def way(cohort: str, left_for: Callable[[str], Sequence[str]]) -> Iterator[str]:
    """The cohorts that a student was to enter on leaving this one, and on leaving those again, and so on."""
    seen = {cohort}
    ahead = list(left_for(cohort))
    while ahead:
        on = ahead.pop()
        if on not in seen:
            seen.add(on)
            yield on
            ahead += left_for(on)


def named(entry: LedgerEntry, user: int | None, vanished: bool) -> bool:  # noqa: FBT001 - a fact of the membership
    """Whether the ledger says rightly why a wanted membership is not in Moodle."""
    return entry.status is EntryStatus.PARKED and (user is None or vanished)


def told(entry: LedgerEntry | None) -> str:
    """The entry, for people."""
    return "not in the ledger" if entry is None else f"{entry.status} {entry.reason}".strip()


def counts(findings: Iterable[Finding]) -> Counter[Kind]:
    """How many of each kind."""
    return Counter(finding.kind for finding in findings)
