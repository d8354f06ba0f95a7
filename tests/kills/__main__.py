"""``python -m tests.kills``: kill consumers at every step of their loop while changes flow, and judge what came of it.

Trials of up to 25 kills each; the first that breaks a promise ends the run, with the command that repeats it.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.settings import KafkaSettings
from tests.demo.processes import terminate_as_interrupt
from tests.kills.judge import Kind, counts
from tests.kills.trial import Orders, Outcome, run
from tests.standins.kafka import Kafka

KILLS_A_TRIAL = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("-n", type=int, default=100, help="kills in all (%(default)s)")
    parser.add_argument("--seed", type=int, help="of the first trial; drawn when absent")
    parser.add_argument("--changes", type=int, default=5000, help="in each trial (%(default)s)")
    parser.add_argument("--directory", type=Path, default=Path("var/kills"), help="logs and data; wiped (%(default)s)")
    given = parser.parse_args()
    terminate_as_interrupt()
    logging.getLogger("cohortstream.kafka").setLevel(logging.CRITICAL)  # its broker restarts
    shutil.rmtree(given.directory, ignore_errors=True)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    total = Outcome()
    for orders in trials(given.n, seed, given.changes):
        outcome = alone(orders, given.directory)
        print(describe(orders, outcome), flush=True)
        total.places += outcome.places
        total.freezes += outcome.freezes
        total.findings += outcome.findings
        if outcome.findings:
            print("\n".join(f"  {finding.kind.value}: {finding.text}" for finding in outcome.findings[:40]))
            print(f"To repeat:  {repeat(orders)}")
            break
    print(last_line(total))
    return bool(total.findings)


def trials(kills: int, seed: int, changes: int) -> Iterator[Orders]:
    """The trials that make so many kills, each with the next seed."""
    while kills > 0:
        some = min(kills, KILLS_A_TRIAL)
        yield Orders(seed, some, changes, restarts=1 + some // 12)
        kills, seed = kills - some, seed + 1


def alone(orders: Orders, directory: Path) -> Outcome:
    """A trial with a broker of its own."""
    place = directory.resolve() / str(orders.seed)
    with Kafka(place / "kafka") as kafka:
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap, partitions=4, replication_factor=1)
        return run(orders, kafka, Connection(settings), place)


def repeat(orders: Orders) -> str:
    """The command that makes the same trial."""
    return f"make kills N={orders.kills} SEED={orders.seed} CHANGES={orders.changes}"


def describe(orders: Orders, outcome: Outcome) -> str:
    """A line for one trial."""
    mishaps = ", ".join(f"{count} × {what}" for what, count in sorted(outcome.mishaps.items()))
    return (
        f"seed {orders.seed}: {outcome.changes} changes, {outcome.places.total()} kills, {outcome.freezes.total()} freezes "
        f"in {outcome.seconds:.0f} s; {mishaps}"
    )


def last_line(total: Outcome) -> str:
    """Kills by place, wrong removals, lost memberships, and whatever else was found."""
    places: Counter[str] = total.places
    told = ", ".join(f"{place} {count}" for place, count in sorted(places.items()))
    found = counts(total.findings)
    always = (Kind.WRONG_REMOVAL, Kind.PHANTOM, Kind.DOUBLED, Kind.LOST)
    kinds = [*always, *(kind for kind in Kind if kind not in always and found[kind])]
    wrong = ", ".join(f"{kind.value} {found[kind]}" for kind in kinds)
    return f"{places.total()} kills ({told}), {total.freezes.total()} freezes; {wrong}"


if __name__ == "__main__":
    sys.exit(main())
