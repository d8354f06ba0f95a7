"""What the connector has published, for commands: the same state as its own, read from the topics and given up again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connector.commands.wiring.base import Base
from connector.source.restoring import Restorer
from connector.source.state import State
from connector.source.store import open_store


@contextmanager
def restored_state(base: Base) -> Iterator[State]:
    """The state at the end of the topics, in a temporary file, within the block. Takes part in no group.

    Raises:
        KafkaFault: the topics cannot be read.
        Halted: a record of the state cannot be read by this release.
    """
    state = State(open_store(None, "command"))
    restorer = Restorer(base.connection, base.topics(), base.settings.kafka.partitions, base.codec, state, base.clock)
    try:
        restorer.complete()
        yield state
    finally:
        restorer.close()
        state.close()
