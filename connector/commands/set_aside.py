"""Dead letters as a person gets to see them: what each is, how it stands, and whether it can be put back. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector.commands.commanding import Order
from schemas.codec import Codec, Undecodable
from schemas.keys import KeyFault, decode_key, partition_of
from schemas.mapping import to_plain
from schemas.records import DeadLetter, JournalEntry

Place = tuple[str, int, int]
"""Topic, partition and offset of the record that was set aside."""
_SHOWN_BYTES = 256


class Standing(StrEnum):
    """How a letter stands."""

    OPEN = "open"
    """What the record says is not applied."""
    SUPERSEDED = "superseded"
    """A later record of the same key is on the topic, or was taken in; that one counts."""
    TAKEN_IN = "taken in"
    """It was put back, and is on its way or applied."""
    UNUSABLE = "still unusable"
    """It was put back, and the consumer could not use it either."""


_BY_ANSWER = {
    "taken_in": Standing.TAKEN_IN,
    "superseded": Standing.SUPERSEDED,
    "compacted": Standing.SUPERSEDED,
    "still_unusable": Standing.UNUSABLE,
}
NEEDS_SOMEBODY = frozenset({Standing.OPEN, Standing.UNUSABLE})


@dataclass(frozen=True, slots=True)
class Listed:
    """A letter with what is known of it now."""

    letter: DeadLetter
    standing: Standing
    order: Order | None
    """The command that puts it back; None if that cannot be."""
    obstacle: str = ""
    """Why not."""

    @property
    def place(self) -> Place:
        return place_of(self.letter)


def place_of(letter: DeadLetter) -> Place:
    return letter.topic, letter.partition, letter.offset


def listed(
    letters: Iterable[DeadLetter],
    later: Mapping[tuple[int, bytes], int],
    journal: Iterable[JournalEntry],
    topic: str,
    partitions: int,
) -> list[Listed]:
    """The letters, oldest first, each once.

    ``later``: the last offset of each key of the memberships topic ``topic``, by partition. ``journal``: what the
    consumers noted about records that were put back.
    """
    answers = {
        (partition_of(entry.cohort, partitions), int(entry.details["offset"])): entry.answer or ""
        for entry in journal
        if entry.kind == "put_back" and entry.details.get("offset", "").isdecimal()
    }
    found = []
    for letter in {place_of(letter): letter for letter in letters}.values():
        order, obstacle = _order(letter, topic, partitions)
        standing = Standing.OPEN
        if letter.topic == topic:
            standing = _BY_ANSWER.get(answers.get((letter.partition, letter.offset), ""), Standing.OPEN)
            last = -1 if letter.key is None else later.get((letter.partition, letter.key), -1)
            if standing in NEEDS_SOMEBODY and last > letter.offset:
                standing = Standing.SUPERSEDED
        found.append(Listed(letter, standing, order, obstacle))
    return sorted(found, key=lambda one: (one.letter.at, one.place))


def _order(letter: DeadLetter, topic: str, partitions: int) -> tuple[Order | None, str]:
    if letter.topic != topic:
        return None, "it is not a record of the memberships; ask again for what it asked"
    try:
        key = decode_key(letter.key)
    except KeyFault as fault:
        return None, f"its key says nothing ({fault}); have the source read again"
    match key:
        case (str(cohort), (str() | None) as student) if partition_of(cohort, partitions) == letter.partition:
            return Order(cohort, student, offset=letter.offset), ""
        case (str(), str() | None):
            return None, "it is not in the partition of its cohort; have the source read again"
        case _:
            return None, "its key names no membership and no cohort; have the source read again"


def parse_place(text: str, topic: str) -> Place:
    """``TOPIC/PARTITION/OFFSET``, or ``PARTITION/OFFSET`` of the memberships topic.

    Raises:
        ValueError: it is neither.
    """
    *name, partition, offset = text.rsplit("/", 2)
    if len(name) > 1 or not (partition.isdecimal() and offset.isdecimal()):
        raise ValueError(text)
    return (name[0] if name else topic), int(partition), int(offset)


def place_text(place: Place) -> str:
    return "/".join(str(part) for part in place)


def as_plain(one: Listed, codec: Codec) -> dict[str, Any]:
    """For machines: everything, with the bytes in base64."""
    letter = one.letter
    return {
        "place": place_text(one.place),
        "at": letter.at,
        "standing": one.standing.value,
        "can_be_put_back": one.order is not None,
        "obstacle": one.obstacle or None,
        "stage": letter.stage,
        "reason": letter.reason,
        "trace_id": letter.trace_id,
        "headers": {name: value.decode(errors="backslashreplace") for name, value in letter.headers.items()},
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "record": _decoded(letter, codec)[0],
        "key_bytes": _base64(letter.key),
        "value_bytes": _base64(letter.value),
    }


def as_line(one: Listed) -> str:
    """One line of the list; it names nobody."""
    letter = one.letter
    return f"{place_text(one.place)}  {letter.at:%Y-%m-%d %H:%M}  {one.standing.value}  {letter.stage}: {letter.reason}"


def as_lines(one: Listed, codec: Codec) -> Iterator[str]:
    """All about one letter, for people."""
    letter = one.letter
    yield place_text(one.place)
    yield f"  set aside  {letter.at:%Y-%m-%d %H:%M:%S}Z, at stage {letter.stage}"
    yield f"  reason     {letter.reason}"
    yield f"  now        {one.standing.value}"
    if one.obstacle:
        yield f"  put back   cannot be: {one.obstacle}"
    if letter.trace_id:
        yield f"  trace      {letter.trace_id}"
    for name, value in letter.headers.items():
        yield f"  header     {name}: {value.decode(errors='backslashreplace')}"
    yield f"  key        {'none' if letter.key is None else letter.key.decode(errors='backslashreplace')}"
    record, fault = _decoded(letter, codec)
    if record is not None:
        yield "  record     " + ", ".join(
            f"{name} {value}" for name, value in record.items() if value not in (None, [])
        )
    else:
        yield f"  value      {_hex(letter.value)} ({fault})"


def to_put_back(
    found: Sequence[Listed], chosen: Iterable[Place] | None
) -> tuple[list[Listed], list[tuple[Place, str]]]:
    """Which letters to put back, and which not and why. ``chosen`` None: all that need somebody.

    Of several letters of one key only the last counts: an earlier one would bring back what the later one has replaced.
    """
    by_place = {one.place: one for one in found}
    last: dict[Order, int] = {}
    for one in found:
        if one.order is not None:
            key = Order(one.order.cohort, one.order.student)
            last[key] = max(last.get(key, -1), one.letter.offset)
    wanted = [one.place for one in found if one.standing in NEEDS_SOMEBODY] if chosen is None else list(chosen)
    going, refused = [], []
    for place in dict.fromkeys(wanted):
        named = by_place.get(place)
        if named is None:
            refused.append((place, "there is no such dead letter"))
        elif named.order is None:
            refused.append((place, named.obstacle))
        elif named.standing not in NEEDS_SOMEBODY:
            refused.append((place, f"it is {named.standing.value}"))
        elif last[Order(named.order.cohort, named.order.student)] > named.letter.offset:
            refused.append((place, "a later dead letter of the same key counts"))
        else:
            going.append(named)
    return going, refused


def _decoded(letter: DeadLetter, codec: Codec) -> tuple[dict[str, Any] | None, str]:
    if letter.value is None:
        return None, "a tombstone"
    try:
        return to_plain(codec.decode(letter.value)), ""
    except Undecodable as error:
        return None, str(error)


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _hex(data: bytes | None) -> str:
    if data is None:
        return "none"
    return data[:_SHOWN_BYTES].hex() + (f"… {len(data)} bytes" if len(data) > _SHOWN_BYTES else "")
