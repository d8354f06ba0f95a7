"""The journal, as far as it tells of reconciliations: each run is noted there, and read for the chart."""

from __future__ import annotations

import uuid
from datetime import timedelta

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import offsets_at, read_to_end
from connector.runtime.kafka.sending import Sender
from consumers.reconciler.history import Past, entry_of, is_kept, past_of
from consumers.reconciler.report import Report
from schemas.codec import Codec, Undecodable
from schemas.keys import encode_key
from schemas.records import JournalEntry

KEY = encode_key("reconcile")
_HOME = 0
"""The partition of what is about the sink as a whole."""
_READ_BACK = timedelta(days=92)
"""How old the runs are that a chart shows; the journal of longer ago would take long to read."""


class History:
    """Of one sink. Nothing is opened before it is used."""

    def __init__(self, connection: Connection, topic: str, codec: Codec, clock: Clock, author: str) -> None:
        """``topic``: the sink's journal; ``author`` signs what is noted."""
        self._connection, self._topic, self._codec, self._clock = connection, topic, codec, clock
        self._author = author

    def keep(self, report: Report) -> None:
        """Note a run that came to its end.

        Raises:
            KafkaFault: it was not acknowledged; what the run did is done all the same.
        """
        if is_kept(report):
            sender = Sender(self._connection, self._codec)
            sender.put(self._topic, KEY, entry_of(report, uuid.uuid4().hex, self._author), _HOME)
            sender.flush()

    def last(self, most: int) -> list[Past]:
        """The last runs, the latest of them last.

        Raises:
            KafkaFault: the journal cannot be read.
        """
        since = round((self._clock.now() - _READ_BACK).timestamp() * 1000)
        starts = offsets_at(self._connection, self._topic, [_HOME], since)
        found: list[Past] = []
        for batch in read_to_end(self._connection, self._topic, starts, self._clock):
            for raw in batch:
                if raw.key != KEY or raw.value is None:
                    continue
                try:
                    record = self._codec.decode(raw.value)
                except Undecodable:  # of a later release: a chart does without
                    continue
                if isinstance(record, JournalEntry) and (run := past_of(record)) is not None:
                    found.append(run)
        return found[-most:] if most else []
