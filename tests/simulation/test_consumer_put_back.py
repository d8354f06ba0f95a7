"""Records that were set aside, and are of use later: put back by command, or met again by an offset reset."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from schemas.codec import SingleObjectCodec, Undecodable
from schemas.keys import partition_of
from schemas.records import JournalEntry, Presence, Record
from tests.simulation import cohorts
from tests.simulation.cohorts import PARTITIONS, STUDENTS, Day
from tests.simulation.fake_kafka import MEMBERSHIPS
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import crash, turn_for, turn_until

COHORT, STUDENT, USER = "C0", STUDENTS[0], 100
PLACE = partition_of(COHORT, PARTITIONS)


class EarlierRelease(SingleObjectCodec):
    """Cannot decode the values in ``later`` until it is upgraded."""

    def __init__(self) -> None:
        super().__init__()
        self.later: set[bytes] = set()

    def decode(self, value: bytes) -> Record:
        if value in self.later:
            raise Undecodable("a schema that this release does not know")
        return super().decode(value)


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> EarlierRelease:
    """What the consumers of the day decode with."""
    made = EarlierRelease()
    monkeypatch.setattr(cohorts, "CODEC", made)
    return made


def begun(codec: EarlierRelease, *states: Presence) -> tuple[Day, int]:
    """A cohort, its student by these words, and one word more that says they are present, which is set aside."""
    day = Day(31, Chances(), crashes=0.0)
    day._announce(COHORT)
    for state in states:
        day._say(COHORT, STUDENT, state)
        turn_for(day, 10)
    day._say(COHORT, STUDENT, Presence.PRESENT)
    offset = len(day.broker.log(MEMBERSHIPS, PLACE)) - 1
    codec.later.add(day.broker.log(MEMBERSHIPS, PLACE)[offset].value or b"")
    turn_for(day, 10)
    assert [letter.offset for letter in day.dead_letters()] == [offset]
    return day, offset


def put_back(day: Day, offset: int) -> None:
    day._order("recheck", COHORT, "put back", student=STUDENT, offset=offset)


def outcomes(day: Day) -> list[tuple[str | None, str | None, Mapping[str, str]]]:
    return [(one.answer, one.author, one.details) for one in day.journal() if one.kind == "put_back"]


def answers(day: Day) -> list[str | None]:
    return [one[0] for one in outcomes(day)]


def test_a_record_that_can_be_used_now_is_taken_in(codec: EarlierRelease) -> None:
    """And applied; the journal says who put it back."""
    day, offset = begun(codec)
    codec.later.clear()
    put_back(day, offset)
    turn_until(day, lambda: USER in day.moodle.of(COHORT))

    details = {"command": "put back", "asked": "recheck", "offset": str(offset)}
    assert outcomes(day) == [("taken_in", "ana", details)]


def test_an_offset_reset_meets_it_as_well(codec: EarlierRelease) -> None:
    """Without any command; what is still of no use is not set aside a second time."""
    day, _ = begun(codec)
    day.broker.append(MEMBERSHIPS, PLACE, b"\xff", b"poison")
    turn_for(day, 5)
    letters = len(day.dead_letters())
    for upgraded in (False, True):
        if upgraded:
            codec.later.clear()
        crash(day)
        day.broker.offsets = dict.fromkeys(range(PARTITIONS), 0)
        turn_for(day, 20)

        assert (len(day.dead_letters()), USER in day.moodle.of(COHORT)) == (letters, upgraded)


def test_what_a_later_record_has_superseded_changes_nothing(codec: EarlierRelease) -> None:
    """The later word stands, whether the older one is still on the topic or not."""
    day, offset = begun(codec, Presence.PRESENT)
    codec.later.clear()
    day._say(COHORT, STUDENT, Presence.ABSENT)
    turn_until(day, lambda: not day.moodle.of(COHORT))
    put_back(day, offset)
    turn_for(day, 20)
    day.broker.compact(PLACE, offset)
    put_back(day, offset)
    turn_for(day, 20)

    assert answers(day) == ["superseded", "compacted"]
    assert (day.moodle.of(COHORT), day.moodle.added, day.moodle.removed) == (
        set(),
        [(COHORT, USER)],
        [(COHORT, USER)],
    )


def test_its_key_is_compared_with_moodle_in_any_case(codec: EarlierRelease) -> None:
    """Also when the record itself says nothing new."""
    day, offset = begun(codec, Presence.PRESENT)
    day.moodle.members_in(COHORT).clear()
    put_back(day, offset)
    turn_until(day, lambda: day.moodle.of(COHORT) == {USER})

    assert answers(day) == ["still_unusable"]
    assert len(day.dead_letters()) == 1


def test_a_record_that_was_not_taken_in_is_not_put_back(codec: EarlierRelease) -> None:
    """It is going to be read anyway, or there is none."""
    day, _ = begun(codec)
    put_back(day, 10_000)
    turn_for(day, 5)

    refused = [one.reason for one in day.journal() if one.kind == "command_refused"]
    assert (answers(day), refused) == ([], ["not_taken_in"])


@pytest.mark.parametrize("turns", [*range(1, 16), 20])
def test_a_crash_loses_none_that_was_put_back(codec: EarlierRelease, turns: int) -> None:
    """Whatever turn the consumer ends at, its successor reads the command again."""
    day, offset = begun(codec)
    codec.later.clear()
    put_back(day, offset)
    for _ in range(turns):
        day._turn()
    crash(day)
    turn_until(day, lambda: day.moodle.of(COHORT) == {USER})

    assert day.moodle.added == [(COHORT, USER)]


def test_commands_are_followed_once_though_they_are_read_twice(codec: EarlierRelease) -> None:
    """A recheck that waits makes a successor read again what stands behind it."""
    day, _ = begun(codec)
    day.moodle.chances = Chances(unavailable=1.0)
    for name, kind in (("look", "recheck"), ("again", "recreate")):
        day._order(kind, COHORT, name)
    for _ in range(3):
        turn_for(day, 5)
        crash(day)
    day.moodle.chances = Chances()
    turn_for(day, 30)

    noted = [one for one in day.journal() if isinstance(one, JournalEntry) and one.details.get("command") == "again"]
    assert [one.reason for one in noted] == ["not_gone"]
