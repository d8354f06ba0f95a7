"""What the scripted day acts upon: both ends, the product's processes, and a model of who belongs where."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.demo.freshness import Freshness
from tests.demo.moodle_site import MembershipEvent, MoodleSite
from tests.demo.narration import Narrator
from tests.demo.processes import Child, Children
from tests.demo.settings import Ends
from tests.demo.student_system import Place, StudentSystem
from tests.demo.university import Group, Student, University, normalised
from tests.demo.waiting import wait_until

PARTITIONS = 12
MEMBERSHIPS = "enrollment.memberships"
CONSUMER_GROUP = "cohortstream.moodle"
GROUP_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@dataclass
class World:
    """Everything that a step may touch."""

    ends: Ends
    settings: Path
    university: University
    school: StudentSystem
    moodle: MoodleSite
    children: Children
    connector: Child
    consumer: Child
    notifier: Child
    mail_server: Child
    narrator: Narrator
    chance: random.Random
    latency: bool = True
    """Whether Moodle takes its time to answer."""
    members: dict[int, set[str]] = field(default_factory=dict)
    """Student numbers by code of the group, as the source has them now; steps keep it right."""
    vanished: dict[str, set[str]] = field(default_factory=dict)
    """Cohorts whose group was abolished, with the usernames of their members at that moment."""
    users: dict[str, str] = field(default_factory=dict)
    """Username of each student who has exactly one account, by student number."""
    freshness: Freshness = field(default_factory=lambda: Freshness(()))
    traced: Place | None = None
    """A membership whose trace is worth a look."""

    _rows: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rows = {(enrolment.student, enrolment.group) for enrolment in self.university.enrolments}
        self.members = {code: set(students) for code, students in self.university.members.items()}
        names = {normalised(account.student_number): account.username for account in self.university.accounts}
        unresolved = self.university.unresolved
        self.users = {s.number: names[s.key] for s in self.university.students if s.number not in unresolved}

    def close(self) -> None:
        """Close what was opened here; the processes are others' to stop."""
        self.school.close()
        self.moodle.close()

    # Who and where

    def groups(self, kind: str) -> list[Group]:
        """Groups of a kind that still exist."""
        return [g for g in self.university.groups if g.kind == kind and g.code in self.members]

    def some_members(self, group: Group, count: int) -> list[str]:
        """Numbers of some members that have an account."""
        return self.chance.sample(sorted(s for s in self.members[group.code] if s in self.users), count)

    def newcomer(self, groups: Iterable[Group]) -> str:
        """Number of a student with an account who never had a row in any of the groups; from now on one of them."""
        codes = {group.code for group in groups}
        while True:
            number = self.chance.choice(self.university.students).number
            if number in self.users and not any((number, code) in self._rows for code in codes):
                self._rows |= {(number, code) for code in codes}
                for code in codes:
                    self.members[code].add(number)
                return number

    def resolved(self) -> int:
        """How many memberships Moodle must have for what the source says, vanished cohorts not counted."""
        return sum(1 for students in self.members.values() for number in students if number in self.users)

    def user_id(self, number: str) -> int:
        return self.moodle.user_ids[self.users[number]]

    def new_account(self, student: Student, username: str) -> None:
        """The student can be found in Moodle from now on."""
        self.users[student.number] = username

    # Waiting

    def await_events(
        self, since: int, added: set[tuple[int, int]], removed: set[tuple[int, int]], seconds: float = 120
    ) -> list[MembershipEvent]:
        """Until Moodle's log shows these additions and removals, as (cohort id, user id); answers all events since then."""
        missing: list[tuple[str, int, int]] = []

        def look() -> list[MembershipEvent] | None:
            self.children.check()
            events = self.moodle.events(since)
            came = {(event.cohort, event.user) for event in events if event.added}
            went = {(event.cohort, event.user) for event in events if not event.added}
            missing[:] = [("addition", *key) for key in added - came] + [("removal", *key) for key in removed - went]
            return None if missing else events

        what = f"{len(added)} additions and {len(removed)} removals in Moodle"
        try:
            return wait_until(look, what, seconds, every=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; still missing (cohort id, user id): {missing[:10]}") from None

    # The product and Kafka's tools

    def metric(self, child: Child, name: str, **labels: str) -> float:
        """Sum of the samples of a metric on the page of the connector or the consumer; 0 without any, or without a page."""
        port = self.ends.poll_port if child is self.connector else self.ends.consume_port
        try:
            page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10.0, trust_env=False).text
        except httpx.TransportError:  # it is starting, or stopped
            return 0.0
        total = 0.0
        for line in page.splitlines():
            if match := re.fullmatch(rf"{re.escape(name)}(?:\{{(.*)\}})? (\S+)", line):
                given = dict(re.findall(r'(\w+)="([^"]*)"', match[1] or ""))
                if labels.items() <= given.items():
                    total += float(match[2])
        return total

    def run_product(self, *arguments: str, seconds: float = 180) -> subprocess.CompletedProcess[str]:
        """Run one of the product's commands to its end."""
        return subprocess.run(
            [*product_command(self.settings), *arguments], check=False, capture_output=True, text=True, timeout=seconds
        )

    def oracle(self, request: str, method: str = "POST", **body: Any) -> dict[str, Any]:
        """Ask the Oracle stand-in's control port."""
        answer = httpx.request(
            method, f"{self.ends.oracle_control}/{request}", json=body, timeout=30.0, trust_env=False
        )
        answer.raise_for_status()
        return dict(answer.json())

    def kafka_tool(self, main: str, *arguments: str) -> str:
        """Run one of Kafka's own tools; raises ``RuntimeError`` with its words when it fails."""
        command = [sys.executable, "-m", "tests.standins.kafka", "tool", main]
        command += ["--bootstrap-server", self.ends.bootstrap, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{main} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout


def product_command(settings: Path) -> list[str]:
    """How the product is started, as in production."""
    return [str(Path(sys.executable).with_name("cohortstream")), "--config", str(settings)]
