"""What was brought before it is decided whether the sink is in shadow: records go back to the topic, commands are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connector.runtime.kafka.reading import Message


class Undecided:
    """Commands cannot be read again within the same life, and there are few of them."""

    def __init__(self) -> None:
        self._commands: list[Message] = []

    def put_off(
        self, records: Sequence[Message], commands: Sequence[Message], owned: Collection[int]
    ) -> dict[int, int]:
        """Keep the commands; where to go back to with the records of our partitions."""
        self._commands += commands
        starts: dict[int, int] = {}
        for record in records:
            if record.partition in owned:
                starts.setdefault(record.partition, record.offset)
        return starts

    def commands(self) -> list[Message]:
        """What was kept, once."""
        kept, self._commands = self._commands, []
        return kept

    def forget(self, partitions: Collection[int]) -> None:
        """Partitions are about to be ours no longer; the next owner reads their commands anew."""
        self._commands = [message for message in self._commands if message.partition not in partitions]
