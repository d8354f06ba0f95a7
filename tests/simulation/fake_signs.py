"""What the topics say about a sink, read from the simulated broker's lists; now and then not at once."""

from __future__ import annotations

import random
from collections.abc import Callable

from consumers.cohorts.adoption import ADOPTION_KEY, Standing
from schemas.keys import decode_key
from schemas.records import Adoption
from tests.simulation.fake_kafka import CODEC, MEMBERSHIPS, Broker

LEDGER, JOURNAL = "moodle.ledger", "moodle.journal"


def standing_of(broker: Broker) -> Standing:
    """What stands in the topics at this moment."""
    adoption: Adoption | None = None
    begun = any(broker.log(JOURNAL, partition) for partition in range(broker.partitions))
    for partition in range(broker.partitions):
        for message in broker.log(LEDGER, partition):
            begun = begun or len(decode_key(message.key)) == 1
            if message.key == ADOPTION_KEY:
                record = None if message.value is None else CODEC.decode(message.value)
                assert record is None or isinstance(record, Adoption)
                adoption = record
    return Standing(adoption, begun)


class Signs:
    """``Signs`` of one process."""

    def __init__(
        self, broker: Broker, seed: int, loaded: Callable[[], bool], behind: Callable[[], bool] = lambda: False
    ) -> None:
        """``loaded``: whether the checkpoints say so of every source; ``behind``: whether nothing new is heard now, but by
        those who ask ``again``.
        """
        self._broker, self._rng, self._loaded, self._behind = broker, random.Random(seed), loaded, behind
        self._old: Standing | None = None
        """An answer may be some time old, but never older than ``again``."""

    def standing(self, *, begun: bool) -> Standing | None:
        if self._rng.random() < 0.5:
            return None
        stale = self._old is None or (begun and not self._old.begun)
        if stale or (not self._behind() and self._rng.random() < 0.5):
            self._old = standing_of(self._broker)
        return self._old

    def again(self) -> None:
        self._old = None

    def recorded(self) -> frozenset[str] | None:
        if not self._loaded() or self._rng.random() < 0.5:
            return None
        names = set()
        for partition in range(self._broker.partitions):
            for message in self._broker.log(MEMBERSHIPS, partition):
                if message.key is not None and message.key.endswith(b",null]"):
                    names.add(str(decode_key(message.key)[0]))
        return frozenset(names)

    @property
    def reading(self) -> bool:
        return self._rng.random() < 0.5

    def close(self) -> None:
        """Nothing is open."""


class Adopted(Signs):
    """Of a sink that has been adopted long since."""

    def standing(self, *, begun: bool) -> Standing | None:
        return Standing(begun=True)
