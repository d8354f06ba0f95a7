"""A consumer that has lost its disk: its ledger comes back from the topic, in a process of its own.

``python -m tests.bench.restoring BOOTSTRAP DIRECTORY`` is that process. Against it stands a bare read and decode of the
same topic; its memory is compared with what a consumer may use.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connector.commands.process import collecting_rarely
from connector.runtime.clock import SystemClock
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, read_to_end
from connector.runtime.kafka.settings import KafkaSettings
from connector.runtime.kafka.topics import Topics
from consumers.cohorts.log import KafkaRestorer
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key, partition_of
from schemas.records import EntryStatus, LedgerEntry, Presence
from tests.bench.filling import write_ledger
from tests.bench.measure import Measure
from tests.bench.stage import LONGEST, Bench

NAMES = ("restore", "memory restore")
_PARTITIONS = 12
_MEMBERS = 30
_GOAL = 2.0
_MOST = 300.0
"""MiB that a consumer with a million memberships may need to take everything over."""
_SINK = "moodle"
_NOW = datetime(2026, 9, 1, tzinfo=UTC)


def take(bench: Bench) -> Sequence[Measure]:
    """One restart of a consumer that owns everything, and one bare read."""
    entries = bench.options.entries
    directory = (bench.options.directory / "restore").resolve()
    shutil.rmtree(directory, ignore_errors=True)
    connection = _connection(bench.bootstrap)
    bench.narrator.say(f"   a ledger of {entries:,} memberships …")
    _fill(connection, entries)
    began = time.perf_counter()
    read = _read(connection)
    bare = time.perf_counter() - began
    command = [sys.executable, "-m", "tests.bench.restoring", bench.bootstrap, str(directory)]
    child = bench.start("restore", command)
    child.wait(LONGEST)
    told = json.loads(child.output().splitlines()[-1])
    if not entries == read == told["entries"]:
        raise ValueError(f"of {entries} entries {read} were read and {told['entries']} restored")
    note = f"{entries:,} entries in {_PARTITIONS} partitions; {1e6 * told['seconds'] / entries:.0f} µs an entry, bare {1e6 * bare / entries:.0f}"
    return [
        Measure(NAMES[0], "s", told["seconds"], bare, _GOAL, note=note),
        Measure(
            NAMES[1],
            "MiB",
            told["mib"],
            _MOST,
            note="the most that the process ever held; the reference is what it may",
        ),
    ]


def _connection(bootstrap: str) -> Connection:
    settings = KafkaSettings(
        bootstrap_servers=bootstrap, topic_prefix="restore.", partitions=_PARTITIONS, replication_factor=1
    )
    return Connection(settings)


def _fill(connection: Connection, entries: int) -> None:
    """The ledger of a site where everything is settled."""
    names = Topics(connection.settings.topic_prefix, _SINK)
    topics.ensure(connection, names.source_side() + names.sink_side())
    write_ledger(connection, names.ledger, _settled(entries))


def _settled(entries: int) -> Iterator[tuple[bytes, LedgerEntry, int]]:
    for number in range(entries):
        cohort, student = f"2026-SCI-L1INF-TD{number // _MEMBERS:05d}", f"{number:08d}"
        entry = LedgerEntry(
            cohort=cohort,
            student=student,
            desired=Presence.PRESENT,
            desired_revision=number + 1,
            applied=Presence.PRESENT,
            applied_revision=number + 1,
            owned=True,
            status=EntryStatus.SETTLED,
            since=_NOW,
            user_id=1000 + number,
            changed_at=_NOW,
            cause="first_load",
        )
        yield encode_key(cohort, student), entry, partition_of(cohort, _PARTITIONS)


def _read(connection: Connection) -> int:
    """How many entries there are, decoded and thrown away."""
    codec, found = SingleObjectCodec(), 0
    topic = Topics(connection.settings.topic_prefix, _SINK).ledger
    with collecting_rarely():
        for batch in read_to_end(connection, topic, dict.fromkeys(range(_PARTITIONS), BEGINNING), SystemClock()):
            for message in batch:
                codec.decode(message.value or b"")
                found += 1
    return found


def main() -> int:
    """Restore everything, and say how long it took and how much memory."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.restoring")
    parser.add_argument("bootstrap")
    parser.add_argument("directory", type=Path)
    given = parser.parse_args()
    connection = _connection(given.bootstrap)
    names = Topics(connection.settings.topic_prefix, _SINK)
    restorer = KafkaRestorer(connection, names, SingleObjectCodec(), SystemClock(), given.directory, "bench")
    began = time.perf_counter()
    with collecting_rarely():
        stores = {partition: restorer.store_of(partition) for partition in range(_PARTITIONS)}
        restorer.restore(stores)
    seconds = time.perf_counter() - began
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    entries = sum(sum(1 for _ in store.with_status(EntryStatus.SETTLED)) for store in stores.values())
    for store in stores.values():
        store.close()
    print(json.dumps({"seconds": seconds, "mib": mib, "entries": entries}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
