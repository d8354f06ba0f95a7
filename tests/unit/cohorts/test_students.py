"""Looking for the accounts of parked students: one question at a time, few questions, few rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from consumers.cohorts.reasons import Reason
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.store import Store
from consumers.cohorts.students import Students
from consumers.moodle.resolution import UNKNOWN, Resolution
from schemas.records import EntryStatus
from tests.unit.cohorts.values import MINUTE, NOW, entry

SETTINGS = SinkSettings.model_validate(
    {"moodle": {"url": "https://moodle.example.test", "token": "t"}, "students": {"by": "idnumber"}}
)
PARTITIONS = 4


class CountingStore(Store):
    """Counts the rows that are read of what is parked."""

    rows = 0

    def parked(self, reason: str, after: str, limit: int) -> list[str]:
        found = super().parked(reason, after, limit)
        self.rows += len(found)
        return found


class Directory:
    """Knows nobody, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.pages: list[int] = []
        self.questions: list[set[str]] = []
        self.freshened = 0

    def look_for(self, keys: list[str]) -> dict[str, Resolution]:
        self.asked.update(keys)
        self.pages.append(len(keys))
        return dict.fromkeys(keys, UNKNOWN)

    def resolve(self, keys: list[str]) -> dict[str, Resolution]:
        self.questions.append(set(keys))
        return dict.fromkeys(keys, UNKNOWN)

    def keep_fresh(self) -> None:
        self.freshened += 1

    def refused(self) -> None:
        return None


class Crew:
    """Does a question when it is told to; at most one may be given out."""

    def __init__(self) -> None:
        self.task: tuple[Callable[[], Any], Callable[[Any], None]] | None = None

    @property
    def aside_free(self) -> bool:
        return self.task is None

    def start(self, _name: str, job: Callable[[], Any], done: Callable[[Any], None], *, aside: bool) -> None:
        assert aside
        assert self.task is None, "two questions at a time"
        self.task = (job, done)

    def finish(self) -> None:
        if self.task is not None:
            (job, done), self.task = self.task, None
            done(job())


@pytest.fixture
def stores() -> Iterator[list[CountingStore]]:
    made = [CountingStore(None, "x") for _ in range(PARTITIONS)]
    yield made
    for store in made:
        store.close()


def desk_of(stores: list[CountingStore], crew: Crew) -> Any:
    return SimpleNamespace(
        ledger=SimpleNamespace(stores=lambda: stores),
        crew=crew,
        unasked=set(),
        unhurried={},
        vanished=set(),
        closed=False,
        accepted_loss=None,
        rushing=False,
        pause=SimpleNamespace(open=True, trial=False),
        roll=SimpleNamespace(learn=lambda _answers: None),
        clock=SimpleNamespace(now=lambda: NOW),
        settings=SETTINGS,
        heard=lambda *_: None,
    )


def park(stores: list[CountingStore], students: int) -> None:
    for number in range(students):
        reason = Reason.AMBIGUOUS if number % 10 == 0 else Reason.NO_ACCOUNT
        parked = entry("A", f"s{number:05d}", status=EntryStatus.PARKED, reason=reason)
        stores[number % PARTITIONS].put(parked)


def live(students: Students, crew: Crew, seconds: int) -> None:
    """Turns of a tenth of a second."""
    for tenth in range(seconds * 10):
        students.offer(NOW + MINUTE * tenth / 600)
        crew.finish()


def test_ten_thousand_parked_students_take_few_questions_and_few_rows(stores: list[CountingStore]) -> None:
    """Each is asked for once a round; a round is two questions and a rest of ``parked_retry``, whatever the partitions."""
    park(stores, 10_000)
    directory, crew = Directory(), Crew()
    live(Students(desk_of(stores, crew), directory), crew, 60)  # type: ignore[arg-type]
    rounds = directory.freshened

    assert 5 <= rounds <= 7
    assert len(directory.pages) <= 2 * rounds + 2
    assert max(directory.pages) <= 5000
    assert set(directory.asked.values()) <= {rounds, rounds + 1}
    assert len(directory.asked) == 10_000
    assert sum(store.rows for store in stores) <= 10_000 * (rounds + 1)


def test_few_parked_students_are_asked_for_together(stores: list[CountingStore]) -> None:
    """Of all partitions and reasons, so that the directory sees that they are few; within a minute several times."""
    park(stores, 99)
    directory, crew = Directory(), Crew()
    live(Students(desk_of(stores, crew), directory), crew, 60)  # type: ignore[arg-type]

    assert set(directory.pages) == {99}
    assert 5 <= len(directory.pages) <= 7


def test_without_parked_students_only_the_freshness_is_looked_after(stores: list[CountingStore]) -> None:
    """Nobody is looked for."""
    directory, crew = Directory(), Crew()
    live(Students(desk_of(stores, crew), directory), crew, 30)  # type: ignore[arg-type]

    assert directory.pages == []
    assert 2 <= directory.freshened <= 4


def test_a_student_who_is_parked_in_several_partitions_is_asked_for_once(stores: list[CountingStore]) -> None:
    """A question names nobody twice."""
    for store in stores:
        store.put(entry("A", "s1", status=EntryStatus.PARKED, reason=Reason.NO_ACCOUNT))
    directory, crew = Directory(), Crew()
    live(Students(desk_of(stores, crew), directory), crew, 1)  # type: ignore[arg-type]

    assert directory.pages == [1]


def test_accounts_that_nobody_waits_for_are_asked_for_last(stores: list[CountingStore]) -> None:
    """However many they are, an addition's look-up waits for one question at most; and they have their turn."""
    directory, crew = Directory(), Crew()
    desk = desk_of(stores, crew)
    asking = Students(desk, directory)  # type: ignore[arg-type]
    desk.unhurried |= {f"f{number:05d}": None for number in range(1200)}
    for round_ in range(3):
        desk.unasked.add(f"live{round_}")
        for _ in range(2):
            asking.offer(NOW)
            crew.finish()
    while desk.unhurried:
        asking.offer(NOW)
        crew.finish()

    assert [{"live0"}, {"live1"}, {"live2"}] == directory.questions[:6:2]
    assert [500, 500, 200] == [len(question) for question in directory.questions[1::2]]
    assert directory.questions[1] == {f"f{number:05d}" for number in range(500)}
