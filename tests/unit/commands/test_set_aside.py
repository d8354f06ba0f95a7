"""How dead letters stand, which can be put back, and how they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.commands.commanding import Order
from connector.commands.set_aside import (
    Listed,
    Standing,
    as_line,
    as_lines,
    as_plain,
    listed,
    parse_place,
    to_put_back,
)
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key, partition_of
from schemas.records import DeadLetter, JournalEntry, MembershipChanged, Presence

TOPIC, PARTITIONS = "enrollment.memberships", 4
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
CODEC = SingleObjectCodec()
PLACE = partition_of("A", PARTITIONS)
RECORD = MembershipChanged("A", "s1", Presence.PRESENT, (), "enrolled", 7, "test", NOW, "f")


def letter(offset: int = 5, **more: Any) -> DeadLetter:
    made = DeadLetter(TOPIC, PLACE, offset, encode_key("A", "s1"), b"\xffpoison", "decode", "no such schema", NOW)
    return replace(made, **more)


def noted(offset: int, answer: str) -> JournalEntry:
    return JournalEntry(at=NOW, kind="put_back", run="r", cohort="A", answer=answer, details={"offset": str(offset)})


def look(*letters: DeadLetter, later: int | None = None, journal: tuple[JournalEntry, ...] = ()) -> list[Listed]:
    last = {} if later is None else {(PLACE, encode_key("A", "s1")): later}
    return listed(letters, last, journal, TOPIC, PARTITIONS)


@pytest.mark.parametrize(
    ("later", "answers", "standing"),
    [
        (None, [], Standing.OPEN),  # compacted away with its key: nothing is known
        (5, [], Standing.OPEN),  # it is itself the last of its key
        (9, [], Standing.SUPERSEDED),
        (5, ["taken_in"], Standing.TAKEN_IN),
        (5, ["superseded"], Standing.SUPERSEDED),
        (None, ["compacted"], Standing.SUPERSEDED),
        (5, ["still_unusable"], Standing.UNUSABLE),
        (9, ["still_unusable"], Standing.SUPERSEDED),
        (5, ["still_unusable", "taken_in"], Standing.TAKEN_IN),  # after an upgrade
        (9, ["taken_in"], Standing.TAKEN_IN),
    ],
)
def test_a_letter_stands_as_topic_and_journal_say(later: int | None, answers: list[str], standing: Standing) -> None:
    """The last answer counts; what a later record has superseded needs nobody."""
    journal = tuple(noted(5, answer) for answer in answers)

    assert [standing] == [one.standing for one in look(letter(), later=later, journal=journal)]


def test_what_the_journal_says_of_other_records_is_not_taken_for_this_one() -> None:
    """Nor what is no answer about a record that was put back."""
    journal = (noted(6, "taken_in"), replace(noted(5, "taken_in"), kind="outcome"), replace(noted(5, "x"), details={}))

    assert [Standing.OPEN] == [one.standing for one in look(letter(), journal=journal)]


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({}, ""),
        ({"key": encode_key("A", None)}, ""),
        ({"key": b"\xff"}, "says nothing"),
        ({"key": None}, "says nothing"),
        ({"key": encode_key("A")}, "names no membership"),
        ({"key": encode_key("A", "s1"), "partition": (PLACE + 1) % PARTITIONS}, "not in the partition"),
        ({"topic": "moodle.commands"}, "not a record of the memberships"),
    ],
)
def test_only_what_names_a_membership_in_its_place_can_be_put_back(changes: dict[str, Any], obstacle: str) -> None:
    """For the others it is said why not."""
    (one,) = look(letter(**changes))

    assert (one.order is None) is bool(obstacle)
    assert obstacle in one.obstacle


def test_a_letter_is_listed_once_and_the_oldest_comes_first() -> None:
    """A command that was read twice may have been set aside twice."""
    young, old = letter(8, at=NOW + timedelta(hours=1)), letter(5)

    assert [5, 8] == [one.letter.offset for one in look(young, old, replace(old, reason="again"))]


def test_all_that_is_open_is_put_back() -> None:
    """And nothing else; each command names the offset."""
    found = look(letter(5), letter(6, key=encode_key("A", "s2")), journal=(noted(6, "taken_in"),))
    going, refused = to_put_back(found, None)

    assert ([Order("A", "s1", offset=5)], []) == ([one.order for one in going], refused)


def test_of_one_key_only_the_last_letter_is_put_back() -> None:
    """The earlier one would bring back what the later one has replaced."""
    going, refused = to_put_back(look(letter(5), letter(9)), None)

    assert [9] == [one.letter.offset for one in going]
    assert [((TOPIC, PLACE, 5), "a later dead letter of the same key counts")] == refused


def test_what_cannot_be_put_back_is_named_with_the_reason() -> None:
    """Also when it was asked for by its place."""
    found = look(letter(5, key=b"\xff"), letter(6), journal=(noted(6, "taken_in"),))
    places = [(TOPIC, PLACE, 5), (TOPIC, PLACE, 6), (TOPIC, PLACE, 7)]
    going, refused = to_put_back(found, places)

    assert [] == going
    assert places == [place for place, _ in refused]
    assert ["its key says nothing", "it is taken in", "there is no such"] == [
        next(
            start for start in ("its key says nothing", "it is taken in", "there is no such") if text.startswith(start)
        )
        for _, text in refused
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [("3/1042", (TOPIC, 3, 1042)), ("moodle.commands/0/7", ("moodle.commands", 0, 7))],
)
def test_places_are_read_as_they_are_written(text: str, place: tuple[str, int, int]) -> None:
    """The topic of memberships need not be named."""
    assert place == parse_place(text, TOPIC)


@pytest.mark.parametrize("text", ["", "7", "a/b", "t/3/-1", "3/x", "t/3/"])
def test_what_is_no_place_is_refused(text: str) -> None:
    """Rather than taken for another."""
    with pytest.raises(ValueError, match=r".*"):
        parse_place(text, TOPIC)


def test_a_letter_is_shown_whole() -> None:
    """Headers, key and what the bytes say; where they say nothing, the bytes."""
    value = CODEC.encode(TOPIC, RECORD)
    (usable,) = look(letter(value=value, headers={"traceparent": b"00-1"}, trace_id="t1"))
    (poison,) = look(letter())
    (empty,) = look(letter(value=None))
    shown = "\n".join(as_lines(usable, CODEC))

    assert all(
        text in shown for text in ("enrollment.memberships/", "no such schema", "traceparent: 00-1", '["A","s1"]')
    )
    assert all(text in shown for text in ("cohort A", "student s1", "revision 7", "t1"))
    assert b"\xffpoison".hex() in "\n".join(as_lines(poison, CODEC))
    assert "tombstone" in "\n".join(as_lines(empty, CODEC))


def test_machines_get_the_bytes() -> None:
    """So that they can be looked at with other tools."""
    plain = as_plain(look(letter())[0], CODEC)

    assert ("/3BvaXNvbg==", None, "open") == (plain["value_bytes"], plain["record"], plain["standing"])


def test_the_list_names_nobody() -> None:
    """Keys are personal data; they are shown when one letter is asked for."""
    line = as_line(look(letter())[0])

    assert f"{TOPIC}/{PLACE}/5" in line
    assert "s1" not in line
