"""What the topics say about a sink that has not been adopted: read by tails beside the group, a little at each look."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, Message, Tail
from connector.runtime.kafka.topics import Topics
from connector.runtime.messages import ConsumerMessage, message
from consumers.cohorts.adoption import ADOPTION_KEY, Standing
from schemas.codec import Codec, Undecodable
from schemas.keys import KeyFault, decode_key
from schemas.records import Adoption, Checkpoint

_CHECKPOINT = b'["checkpoint",'
_COHORT = b",null]"
"""How the key of a cohort's own record ends, and no other."""


class KafkaSigns:
    """See the module. Each question gives None until all of its topic has been read, up to an end that was asked for
    after the question: ask again in the next turn.
    """

    def __init__(self, connection: Connection, topics: Topics, codec: Codec, sources: Collection[str] = ()) -> None:
        """``sources``: those that the settings of this process name; a source that has not begun is waited for."""
        self._codec, self._expected = codec, frozenset(sources)
        self._topic = topics.ledger
        partitions = range(connection.settings.partitions)

        def reading(topic: str, of: Iterable[int], take: Callable[[Message], None]) -> _Reading:
            return _Reading(lambda: Tail(connection, topic, dict.fromkeys(of, BEGINNING)), take)

        self._first = reading(topics.ledger, [0], self._take)
        self._others = reading(topics.ledger, partitions[1:], self._take)
        self._journal = reading(topics.journal, partitions, self._note_journal)
        self._checkpoints = reading(topics.checkpoints, [0], self._note_checkpoint)
        self._memberships = reading(topics.memberships, partitions, self._note_name)
        self._parts = (self._first, self._others, self._journal, self._checkpoints, self._memberships)
        self._adoption: Adoption | None = None
        self._begun = self._begun_before = False
        self._looked_everywhere = self._known = False
        self._loaded: dict[str, Checkpoint] = {}
        self._names: set[str] = set()
        self._all_loaded = False

    def standing(self, *, begun: bool) -> Standing | None:
        """What the ledger says of the sink. ``begun``: it is known already that something was committed."""
        if self._known and self._adoption is not None:
            self._first.glance()  # all that can come is the end of the shadow, which is never taken back
            return Standing(self._adoption, self._begun)
        if begun or self._begun:
            # The first commit of a sink brings its adoption or ends the need of one; so whoever has seen anything
            # committed finds the adoption, if there is one, by reading partition 0 once more.
            if not self._begun_before:
                self._begun = self._begun_before = True
                self._first.again()
        elif not self._looked_everywhere:
            everywhere = [part.reached() for part in (self._others, self._journal)]
            if self._begun or not all(everywhere):
                return None
            self._looked_everywhere = True
            self._first.again()
        if not self._first.reached() or self._begun is not self._begun_before:
            return None
        self._known = True
        return Standing(self._adoption, self._begun)

    def again(self) -> None:
        """The next answers must be as of now, not as of an earlier look."""
        self._known = False
        self._first.again()
        self._looked_everywhere = False

    def recorded(self) -> frozenset[str] | None:
        """Cohorts that records name, once every source is loaded."""
        if not self._all_loaded:
            if not self._checkpoints.reached() or not self._every_source_is_loaded():
                return None
            self._all_loaded = True  # the first load is in the same transactions, so what follows has all of it
            self._memberships.again()
        return frozenset(self._names) if self._memberships.reached() else None

    @property
    def reading(self) -> bool:
        """Whether an answer is under way."""
        return any(part.under_way for part in self._parts)

    def close(self) -> None:
        """Nothing is asked any more."""
        for part in self._parts:
            part.close()

    def _take(self, raw: Message) -> None:
        if raw.key == ADOPTION_KEY:
            self._adoption = None if raw.value is None else self._decoded(raw.value)
            self._begun = self._begun or raw.value is None
        elif raw.key is not None and b"," not in raw.key:  # a marker; the keys of entries have two parts
            self._begun = True

    def _decoded(self, value: bytes) -> Adoption:
        try:
            record = self._codec.decode(value)
        except Undecodable as error:
            raise Halted(message(ConsumerMessage.UNDECODABLE, topic=self._topic, reason=str(error))) from error
        if not isinstance(record, Adoption):
            reason = f"a {type(record).__name__} stands for the sink's adoption"
            raise Halted(message(ConsumerMessage.UNDECODABLE, topic=self._topic, reason=reason))
        return record

    def _note_journal(self, _: Message) -> None:
        self._begun = True

    def _note_checkpoint(self, raw: Message) -> None:
        if raw.key is None or not raw.key.startswith(_CHECKPOINT) or raw.value is None:
            return
        with suppress(Undecodable):  # of a later release; its source counts as one that is not loaded
            record = self._codec.decode(raw.value)
            if isinstance(record, Checkpoint):
                self._loaded[record.source] = record

    def _note_name(self, raw: Message) -> None:
        if raw.key is not None and raw.key.endswith(_COHORT):
            with suppress(KeyFault):
                self._names.add(str(decode_key(raw.key)[0]))

    def _every_source_is_loaded(self) -> bool:
        # One without a fingerprint was retired, or accepted and not begun yet; it counts if the settings name it.
        open_ = {name for name, one in self._loaded.items() if not one.loaded and one.fingerprint}
        loaded = {name for name, one in self._loaded.items() if one.loaded}
        return bool(loaded) and not open_ and self._expected <= loaded


class _Reading:
    """A topic that is read on, from its beginning, and only when somebody asks."""

    def __init__(self, begin: Callable[[], Tail], take: Callable[[Message], None]) -> None:
        self._begin, self._take = begin, take
        self._tail: Tail | None = None
        self._ends: dict[int, int] | None = None

    @property
    def under_way(self) -> bool:
        return self._ends is not None

    def again(self) -> None:
        self._ends = None

    def reached(self) -> bool:
        """Read a little; whether everything is read up to an end that was asked for since the last time it was."""
        if self._tail is None:
            self._tail = self._begin()
        if self._ends is None:
            self._ends = self._tail.ends()
        for raw in self._tail.poll():
            self._take(raw)
        positions = self._tail.positions
        if any(positions[partition] < end for partition, end in self._ends.items()):
            return False
        self._ends = None
        return True

    def glance(self) -> None:
        """Take what has come."""
        while self._tail is not None and (found := self._tail.poll()):
            for raw in found:
                self._take(raw)

    def close(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = self._ends = None
