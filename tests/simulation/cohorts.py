"""A simulated day of the cohort consumer: a seed decides everything, and the promises are checked as it goes.

``python -m tests.simulation.cohorts SEED`` runs one day and tells what happened.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector.runtime.telemetry import MemoryMetrics, MemoryTracer, Pseudonym
from consumers.cohorts.building import LEASE, Assembled, Site, Surroundings, assemble
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.tenancy import Tenancy
from schemas.keys import partition_of
from schemas.records import (
    CohortChanged,
    CohortState,
    Command,
    DeadLetter,
    EntryStatus,
    JournalEntry,
    LedgerEntry,
    MembershipChanged,
    Presence,
)
from tests.simulation.fake_kafka import CODEC, MEMBERSHIPS, Broker, Crash, Inbox, Restorer, Tap, TransactionLog
from tests.simulation.fake_moodle import Chances, FakeMoodle, ReadingHalf
from tests.simulation.fake_signs import Adopted, Signs
from tests.simulation.threads import EPOCH, Job, Threads, Timeline

PARTITIONS = 4
STUDENTS = [f"s{n:02d}" for n in range(24)]
COHORTS = [f"C{n}" for n in range(9)]
TWIN = "s00b"
"""A second key of the first student's account."""
FOREIGN = 900
_ON_ITS_WAY = 3.0
"""Seconds from the poll that a removal was planned after to its call, at most: the looks before it, and its commit."""
SETTINGS = SinkSettings.model_validate(
    {
        "moodle": {"url": "https://moodle.example.test", "token": "t", "max_rows": 20},
        "students": {"by": "idnumber"},
        "removal_settle": "2s",
        "sibling_wait": "60s",
        "moodle_settle": "20s",
        # Each lets every member leave once; here they come and go all the time, and the breaker has days of its own.
        "allowances": [
            {"name": f"chaos {number}", "cohorts": "*", "begins": "2000-01-01", "ends": "2100-01-01", "share": 1}
            for number in range(20)
        ],
        "dead_letter_limit": 100_000,
        "cohort_retry": "3s",
        "parked_retry": "1s",
        "recheck_window": "500ms",
    }
)


@dataclass
class Process:
    """One consumer process."""

    name: str
    parts: Assembled
    inbox: Inbox
    threads: Threads
    asleep_until: float = 0.0


@dataclass
class Day:
    """One run."""

    seed: int
    chances: Chances
    crashes: float = 0.01
    """How likely each commit is to end the process."""
    naps: float = 0.0
    """How likely a turn is to be followed by a sleep longer than the session."""
    droughts: float = 0.0
    """How likely a turn is to begin a time in which a partition of the topic brings few records or none."""
    processes: int = 1
    fresh: bool = False
    """Whether nothing was ever done for this Moodle; otherwise it was adopted long since."""
    loaded: bool = True
    """Whether the sources are loaded, for a fresh sink."""
    behind: bool = False
    """Whether nobody hears what others have decided, unless they have to make sure."""
    settings: SinkSettings = field(default_factory=lambda: SETTINGS, repr=False)
    rng: random.Random = field(init=False)
    happened: Counter[str] = field(default_factory=Counter)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    wanted: dict[tuple[str, str], MembershipChanged] = field(default_factory=dict)
    told_present: dict[tuple[str, str], float] = field(default_factory=dict)
    told_at: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Where on the topic the last word of each membership lies: partition and offset."""
    revision: int = 0
    topic: str = "topic-1"
    """Id of the memberships topic."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._weather = random.Random(self.seed + 2)
        self.timeline = Timeline()
        self.broker = Broker(self.timeline, PARTITIONS)
        self.moodle = FakeMoodle(
            self.timeline, random.Random(self.seed + 1), on_removal=self._check_removal, on_write=self._check_lease
        )
        self.moodle.accounts = {student: 100 + n for n, student in enumerate(STUDENTS)} | {TWIN: 100}
        self._late_accounts = {student: self.moodle.accounts.pop(student) for student in STUDENTS[-3:]}
        self.running: list[Process] = []
        self._born = 0
        self._danger = 0.0
        self._history: list[MembershipChanged] = []
        self._frozen: set[str] = set()

    # The day.

    def run(self, seconds: float = 40.0) -> None:
        """Chaos for a while, then a quiet time in which everything must come right."""
        self._start_of_day()
        self.moodle.chances = self.chances
        self._danger = self.crashes
        while self.timeline.seconds < seconds:
            self._act()
            self._turn()
        self.moodle.chances = Chances()
        self._danger = 0.0
        self.moodle.accounts |= self._late_accounts
        self._settle()
        self._check_end()

    def _start_of_day(self) -> None:
        existing = self.moodle.make(COHORTS[0])
        self.moodle.members[existing.id] |= {FOREIGN, FOREIGN + 1, 101}
        for cohort in COHORTS:
            self._announce(cohort)
        for student in [*STUDENTS, TWIN]:
            for cohort in self.rng.sample(COHORTS, 3):
                self._say(cohort, student, Presence.PRESENT, cause="first_load")

    def _act(self) -> None:
        """The source changes, people do things."""
        if self.rng.random() > 0.15:
            return
        student, (one, other) = self.rng.choice([*STUDENTS, TWIN]), self.rng.sample(COHORTS, 2)
        match self.rng.choice(
            ("enrol", "enrol", "withdraw", "move", "move", "flip", "poison", "again", "stale", "recheck")
        ):
            case "enrol":
                self._say(one, student, Presence.PRESENT)
            case "withdraw":
                if self._present(one, student):
                    self._say(one, student, Presence.ABSENT)
            case "move":
                if self._present(one, student) and not self._present(other, student):
                    self._say(other, student, Presence.PRESENT)
                    self._say(one, student, Presence.ABSENT, siblings=(other,))
                    self.happened["moves"] += 1
            case "flip":
                for state in (Presence.ABSENT, Presence.PRESENT, Presence.ABSENT, Presence.PRESENT):
                    self._say(one, student, state)
            case "poison":
                self.broker.append(MEMBERSHIPS, self.rng.randrange(PARTITIONS), b"\xff", b"poison")
            case "again":
                record = self.wanted.get((one, student))
                if record is not None:
                    self._write(record)
            case "stale":
                if self._history:
                    self._write(self.rng.choice(self._history))
            case "recheck":
                self._order("recheck", one, author="reconciler")

    def _turn(self) -> None:
        while len(self.running) < self.processes:
            self._start()
        if self._danger and self._weather.random() < self.droughts:
            self._hold_back()
        awake = [process for process in self.running if process.name not in self._frozen]
        if not awake:
            self.timeline.advance(0.05)
            return
        process = self.rng.choice(awake)
        if process.asleep_until > self.timeline.seconds:
            self.timeline.advance(0.05)
            return
        try:
            process.parts.consumer.run_once(process.inbox)
        except Crash:
            self._kill(process)
            return
        if self._danger and self.naps and self.rng.random() < self.naps:
            process.asleep_until = self.timeline.seconds + self.rng.uniform(3, 15)
            self.happened["naps"] += 1
        elif self._danger and self.rng.random() < self._danger / 20:
            self._kill(process)

    def _hold_back(self) -> None:
        """A partition of the topic brings nothing for a while, or a record now and then."""
        now = self.timeline.seconds
        every = self._weather.choice((float("inf"), self._weather.uniform(0.2, 4)))
        tap = Tap(now + self._weather.uniform(2, 30), every, now + min(every, 60))
        self.broker.taps[self._weather.randrange(PARTITIONS)] = tap
        self.happened["droughts"] += 1

    def _kill(self, process: Process) -> None:
        """The process is gone; the group notices after the session, as if at once here, and offsets may be reset."""
        self.happened["crashes"] += 1
        self._lose(process)
        if not self.running and self.rng.random() < 0.2:
            ends = {p: len(self.broker.log(MEMBERSHIPS, p)) for p in range(PARTITIONS)}
            self.broker.offsets = self.rng.choice([dict.fromkeys(ends, 0), ends])
            self.happened["resets"] += 1

    def _lose(self, process: Process) -> None:
        process.threads.kill()
        self.running.remove(process)
        self.broker.expel(process.name)

    def _start(self) -> None:
        self._born += 1
        name = f"process {self._born}"
        threads = Threads(name)
        site = Site(ReadingHalf(self.moodle), self.moodle, self.moodle, 1000)
        around = Surroundings(self.timeline, threads, threads, MemoryMetrics(), MemoryTracer(), Pseudonym(b"k"))
        restorer = Restorer(self.broker)
        log = TransactionLog(self.broker, name, lambda _place: self._dangerous(name))
        kind = Signs if self.fresh else Adopted
        signs = kind(self.broker, self.seed + self._born, lambda: self.loaded, lambda: self.behind)
        parts = assemble(
            "moodle", self.settings, site, around, CODEC, log, signs, PARTITIONS, name, restorer, self.topic
        )
        tenancy = Tenancy(parts.desk, parts.consumer, parts.anew, restorer, self.topic, parts.consumer.commit)
        self.running.append(Process(name, parts, Inbox(self.broker, name, tenancy, parts.ledger), threads))

    def _dangerous(self, name: str) -> None:
        """At a commit a process may end, or freeze for longer than the session, while others go on."""
        if self.rng.random() < self._danger:
            raise Crash
        if self._danger and not self._frozen and self.rng.random() < self.naps * 4:
            self.happened["freezes"] += 1
            self._frozen.add(name)
            until = self.timeline.seconds + self.rng.uniform(1, 12)
            while self.timeline.seconds < until:
                self._turn()
            self._frozen.discard(name)

    def _settle(self) -> None:
        """Time passes quickly until nothing happens any more."""
        until = self.timeline.seconds + 150
        while self.timeline.seconds < until:
            for process in self.running:
                process.inbox.slowness = 5.0 if process.parts.consumer.idle else 1.0
            self._turn()

    # What the source says.

    def _present(self, cohort: str, student: str) -> bool:
        word = self.wanted.get((cohort, student))
        return word is not None and word.state is Presence.PRESENT

    def _say(self, cohort: str, student: str, state: Presence, **more: Any) -> None:
        self.revision += 1
        if self._present(cohort, student) is not (state is Presence.PRESENT):
            self.changes[cohort, student] += 1
        now = self.timeline.now()
        record = MembershipChanged(
            cohort=cohort,
            student=student,
            state=state,
            sources=(),
            cause=more.get("cause", "enrolled"),
            revision=self.revision,
            source="test",
            observed_at=now,
            fingerprint="f",
            siblings=more.get("siblings", ()),
        )
        self.wanted[cohort, student] = record
        self._history.append(record)
        if state is Presence.PRESENT:
            self.told_present[cohort, student] = self.timeline.seconds
        partition = partition_of(cohort, PARTITIONS)
        self.told_at[cohort, student] = partition, len(self.broker.log(MEMBERSHIPS, partition))
        self._write(record)

    def _announce(
        self,
        cohort: str,
        state: CohortState = CohortState.PRESENT,
        category: str | None = None,
    ) -> None:
        self.revision += 1
        cause = "first_load" if state is CohortState.PRESENT else "vanished"
        self.broker.publish(
            CohortChanged(cohort, cohort, state, EPOCH, EPOCH, self.revision, cause, "test", "f", category)
        )

    def _write(self, record: MembershipChanged) -> None:
        self.broker.publish(record)

    # What persons and the reconciler ask for.

    def _order(self, kind: str, cohort: str, id: str = "id", **more: Any) -> None:  # noqa: A002 - the field's name
        """Send a command that stands for an hour, unless ``more`` says otherwise."""
        now = self.timeline.now()
        plain: dict[str, Any] = {"author": "ana", "issued_at": now, "expires_at": now + timedelta(hours=1)}
        self.broker.publish(Command(id, kind, cohort, **(plain | more)))

    # The promises.

    def _keys_of(self, user: int) -> list[str]:
        accounts = self.moodle.accounts | self._late_accounts
        return [student for student, account in accounts.items() if account == user]

    def _check_removal(self, cohort: str, user: int) -> None:
        """A removal is asked for: somebody said so, nobody wants the user there, and a move has entered first."""
        keys = self._keys_of(user)
        assert keys, f"a foreign member was removed from {cohort}"
        assert any((cohort, key) in self.wanted for key in keys), "a member whom no record named was removed"
        for key in keys:
            if self._present(cohort, key):
                # Told so close to the call that the consumer could not know.
                late = self.timeline.seconds - self.told_present[cohort, key]
                assert late < 16, f"{key} is wanted in {cohort} since {late} s and was removed"
                assert not self._lies_unread(cohort, key), f"{key} was removed from {cohort}, wanted further on"
        for key in keys:
            word = self.wanted.get((cohort, key))
            for sibling in word.siblings if word is not None and word.state is Presence.ABSENT else ():
                entered = user in self.moodle.of(sibling) or not self._present(sibling, key)
                assert entered, f"{key} left {cohort} before entering {sibling}"

    def _lies_unread(self, cohort: str, key: str) -> bool:
        """Whether the last word lay unread on the topic when the process that calls now looked there last."""
        name = Job.current.job.owner
        inbox = next(process.inbox for process in self.running if process.name == name)
        looked = self.broker.heard.get(name, 0.0) - _ON_ITS_WAY
        return self.told_present[cohort, key] < looked and inbox.leaves(*self.told_at[cohort, key])

    def _check_lease(self, process: str) -> None:
        """A write is sent only shortly after a commit that proved the group's generation."""
        silent = self.timeline.seconds - self.broker.committed[process]
        assert silent <= LEASE, f"{process} sent a call {silent} s after its last commit"

    def _check_end(self) -> None:
        """Everything is as the source says, but for what the ledger names as held."""
        ledger = self.ledger()
        held = {key for key, entry in ledger.items() if entry.status is EntryStatus.HELD}
        users: dict[tuple[str, int], bool] = {}
        for (cohort, student), word in self.wanted.items():
            place = (cohort, self.moodle.accounts[student])
            users[place] = users.get(place, False) or word.state is Presence.PRESENT or (cohort, student) in held
        wrong = [
            f"{cohort} {user}: {'missing' if present else 'still there'}"
            for (cohort, user), present in sorted(users.items())
            if (user in self.moodle.of(cohort)) is not present and not (present and self._only_held(cohort, user, held))
        ]
        assert not wrong, wrong
        assert {FOREIGN, FOREIGN + 1} <= self.moodle.of(COHORTS[0]), "a foreign member was removed"
        assert not self.moodle.phantoms, f"phantom removals: {self.moodle.phantoms}"
        names = Counter(self.moodle.cohorts.values())
        assert set(names.values()) == {1}, f"doubled cohorts: {names}"
        flaps = Counter(self.moodle.removed)
        for (cohort, user), count in flaps.items():
            allowed = sum(self.changes[cohort, key] for key in self._keys_of(user))
            assert count <= allowed, f"{user} left {cohort} {count} times, the source said so {allowed} times"

    def _only_held(self, cohort: str, user: int, held: set[tuple[str, str]]) -> bool:
        return all(not self._present(cohort, key) for key in self._keys_of(user) if (cohort, key) not in held)

    def ledger(self) -> dict[tuple[str, str], LedgerEntry]:
        """The last entry of each membership."""
        found = (entry for entry in self.broker.records("moodle.ledger") if isinstance(entry, LedgerEntry))
        return {(entry.cohort, entry.student): entry for entry in found}

    def journal(self) -> list[JournalEntry]:
        return [entry for entry in self.broker.records("moodle.journal") if isinstance(entry, JournalEntry)]

    def dead_letters(self) -> list[DeadLetter]:
        return [letter for letter in self.broker.records("moodle.deadletters") if isinstance(letter, DeadLetter)]


def make_day(seed: int) -> Day:
    """The day of this seed: some are calm, some have everything."""
    rng = random.Random(seed)
    chances = Chances(
        unavailable=rng.choice((0.0, 0.05, 0.3)),
        unknown=rng.choice((0.0, 0.03, 0.15)),
        halted=rng.choice((0.0, 0.02)),
        latest=15.0,
    )
    return Day(
        seed,
        chances,
        crashes=rng.choice((0.0, 0.01, 0.05)),
        naps=rng.choice((0.0, 0.005)),
        processes=rng.choice((1, 2)),
        droughts=rng.choice((0.0, 0.004)),
    )


def main() -> None:
    day = make_day(int(sys.argv[1]))
    print(day)
    day.run()
    print(dict(day.happened), "added", len(day.moodle.added), "removed", len(day.moodle.removed))


if __name__ == "__main__":
    main()
