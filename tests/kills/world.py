"""The surroundings of a trial: a broker's topics, a Moodle in this process, settings for the consumers, and the script
that is published bit by bit.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from schemas.keys import partition_of
from schemas.records import DeadLetter, EntryStatus, MembershipChanged, Presence
from tests.integration.cohort_world import World
from tests.kills.judge import Event, Published, Seen, way
from tests.kills.places import Fate
from tests.kills.script import WIDE, Script, Told
from tests.standins.moodle.events import MEMBER_ADDED, MEMBER_REMOVED

FOREIGN = (900, 901)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. The ends of a trial must not depend on them, only how long it takes."""

    session: float = 3.0
    moodle_settle: float = 3.0
    """How long after its call an answer of Moodle may be late; the trial keeps to it."""
    removal_settle: float = 0.5
    late: float = 1.0
    """The latest that Moodle carries out a call that it did not answer."""


@dataclass
class Scene:
    """One trial's world. The consumers run elsewhere; ``world`` publishes and reads."""

    world: World
    script: Script
    directory: Path
    times: Times
    mutant: str | None = None
    published: list[Published] = field(default_factory=list)
    poison: int = 0
    foreign: set[tuple[str, int]] = field(default_factory=set)
    _revisions: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.settings = self.directory / "cohortstream.toml"
        self.settings.write_text(self._settings(), encoding="utf-8")

    # What is said.

    def publish(self, told: Sequence[Told]) -> None:
        """Say it; what is said for the first time is remembered with a time before which nobody can have read it."""
        at = time.time()
        self.world.publish(*told)
        for word in told:
            if isinstance(word, MembershipChanged) and word.revision not in self._revisions:
                self._revisions.add(word.revision)
                self.published.append(Published(word, at))

    def begin(self) -> None:
        """What a first load says."""
        self.publish(self.script.first())

    def say(self, changes: Iterable[Sequence[Told]], count: int, chance: random.Random) -> int:
        """Publish the next of the changes, in small groups; how many there were."""
        said = 0
        while batch := list(islice(changes, min(count - said, chance.randint(1, 15)))):
            for told in batch:
                self.publish(told)
            said += len(batch)
        return said

    def poison_topic(self, chance: random.Random) -> None:
        """A record that nobody can read."""
        partitions = self.world.connection.settings.partitions
        self.world.producer.produce(self.world.topics.memberships, b"\xff", b"poison", chance.randrange(partitions))
        self.world.producer.flush(10)
        self.poison += 1

    def put_strangers(self) -> None:
        """A person puts members into a cohort, by hand."""
        cohort = self.script.wide[0]
        self.world.moodle.site.put_members(cohort, FOREIGN)
        self.foreign |= {(cohort, user) for user in FOREIGN}

    # The consumers.

    def command(self, fate: Fate) -> list[str]:
        """The command line of a consumer with this fate."""
        options = [*fate.options, "--session", str(self.times.session)]
        if self.mutant is not None:
            options += ["--mutant", self.mutant]
        product = ["--config", str(self.settings), "consume"]
        return [sys.executable, "-m", "tests.kills.victim", *options, "--", *product]

    # What came of it.

    def agree(self) -> bool:
        """Whether Moodle is as the source says, but for those who have no account and what the breaker holds."""
        members = {cohort: self.world.members(cohort) for cohort in self.script.cohorts}
        users = self.users()
        for (cohort, student), word in self.script.wanted.items():
            user = users.get(student)
            if user is None or cohort in self.script.vanished:
                continue
            there, wanted = user in members[cohort], word.state is Presence.PRESENT
            if there is wanted or (there and cohort in self.script.tight):
                continue
            if wanted or all(user in members[on] for on in way(cohort, partial(self._left_for, student))):
                return False
        return True

    def _left_for(self, student: str, cohort: str) -> Sequence[str]:
        word = self.script.wanted.get((cohort, student))
        return word.siblings if word is not None and word.state is Presence.ABSENT else ()

    def at_rest(self) -> bool:
        """Whether the ledger has nothing left to do, but removals that wait for a cohort to be entered."""
        return all(
            entry.status in (EntryStatus.SETTLED, EntryStatus.PARKED, EntryStatus.HELD)
            or (entry.status is EntryStatus.DUE and entry.siblings)
            for entry in self.world.ledger().values()
        )

    def users(self) -> dict[str, int]:
        """Account of each student who has one."""
        return {student: World.user(int(student[1:])) for student in self.script.students}

    def seen(self) -> Seen:
        """All that the judge wants to see."""
        site, topics = self.world.moodle.site, self.world.topics
        names = {number: cohort.idnumber for number, cohort in site.tables.cohorts.items()}
        events = [
            Event(row.time, row.eventname == MEMBER_ADDED, names[row.objectid], row.relateduserid)
            for row in site.log.since(0)
            if row.eventname in (MEMBER_ADDED, MEMBER_REMOVED) and row.objectid and row.relateduserid
        ]
        letters = [entry for entry in self.world.records(topics.deadletters) if isinstance(entry, DeadLetter)]
        return Seen(
            words=self.published,
            users=self.users(),
            events=events,
            cohorts=list(names.values()),
            members={cohort: self.world.members(cohort) for cohort in set(names.values())},
            ledger=self.world.ledger(),
            journal=sorted(self.world.journal(), key=lambda entry: entry.at),
            foreign=frozenset(self.foreign),
            vanished=frozenset(self.script.vanished),
            guarded=frozenset(self.script.tight),
            poison=self.poison,
            letters=len(letters),
        )

    def partition_of(self, cohort: str) -> int:
        return partition_of(cohort, self.world.connection.settings.partitions)

    def _settings(self) -> str:
        times, kafka, moodle = self.times, self.world.connection.settings, self.world.moodle
        values = {
            "bootstrap": kafka.bootstrap_servers,
            "prefix": kafka.topic_prefix,
            "state": str(self.directory / "state"),
            "url": moodle.url,
            "token": moodle.token("connector"),
            "settle": f"{times.moodle_settle}s",
            "removal": f"{times.removal_settle}s",
        }
        text = _SETTINGS
        for name, value in values.items():
            text = text.replace(f"@{name}@", json.dumps(value))
        for number in range(_ALLOWANCES):
            text += _ALLOWANCE.replace("@number@", str(number)).replace("@first@", WIDE)
        return text.replace("@partitions@", str(kafka.partitions))


_SETTINGS = """\
[kafka]
bootstrap_servers = @bootstrap@
topic_prefix = @prefix@
partitions = @partitions@
replication_factor = 1

[telemetry]
hash_key = { value = "sixteen characters and more" }

[sinks.moodle]
state_directory = @state@
removal_settle = @removal@
moodle_settle = @settle@
parked_retry = "500ms"
cohort_retry = "1s"
fault_retry = "1s"
recheck_window = "300ms"
dead_letter_limit = 1000

[sinks.moodle.moodle]
url = @url@
token = { value = @token@ }
max_rows = 40
retries = { attempts = 2, first_wait = "100ms", longest_wait = "200ms" }

[sinks.moodle.students]
by = "idnumber"
look_again = "500ms"
"""

_ALLOWANCE = """
[[sinks.moodle.allowances]]
name = "wide @number@"
cohorts = "@first@*"
begins = 2020-01-01
ends = 2100-01-01
share = 1.0
"""
_ALLOWANCES = 40
"""Each lets every member of a wide cohort leave once; there they come and go all the time."""
