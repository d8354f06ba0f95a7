"""``cohortstream status``: how everything stands, from the topics."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from connector.commands import sources_status
from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.standing import describe_standing, told_lines
from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.kafka import topics
from connector.runtime.kafka.group import CONNECTOR_GROUP, members_of
from connector.runtime.kafka.reading import ends_of
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import Message, find
from connector.runtime.messages.translation import Translation, translation_for
from consumers.cohorts.adoption import Standing
from consumers.cohorts.reasons import Reason
from schemas.records import (
    Adoption,
    Alert,
    AlertState,
    CohortEntry,
    EntryStatus,
    LedgerEntry,
    PartitionMarker,
    PublisherState,
    Record,
)

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "status",
        "how sources, consumers and memberships stand, and what is alerted",
        description="""
            Reads the topics and says: how far each source is read, and whether it is proved or assumed that nothing is
            missed there, what the last snapshot found that polling had missed, and when the next one is; which roles are
            running, how many memberships are settled, parked, due, held or quarantined and why, how far each consumer
            lags, and which alerts stand. Exit code 6 when an alert stands.
        """,
        examples=[
            ("for a person", "cohortstream status"),
            ("memberships that wait, by reason", "cohortstream status --json | jq '.sinks[].waiting'"),
        ],
        run=run,
    )


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Print it."""
    found = describe(base_for_command(settings))
    if arguments.json:
        print_json(found)
    else:
        print("\n".join(lines(found)))
    return ExitCode.FINDINGS if found["alerts"] else ExitCode.OK


def describe(base: Base) -> dict[str, Any]:
    """How everything stands, for machines."""
    return {
        "connector": _connector(base),
        "sinks": {sink: _sink(base, sink) for sink in sorted(base.settings.sinks)},
        "alerts": standing_alerts(latest(base, base.topics().alerts, [0]).values(), translation_for(os.environ)),
    }


def _connector(base: Base) -> dict[str, Any]:
    names = base.topics()
    # Values of student columns are many, and say nothing of how anything stands.
    records = [*latest(base, names.checkpoints, [0], lambda key: key[0] != "values").values()]
    alerts = latest(base, names.alerts, [0]).values()
    publisher = next((r for r in records if isinstance(r, PublisherState)), None)
    return {
        "running": members_of(base.connection, CONNECTOR_GROUP),
        "memberships": publisher.memberships if publisher else 0,
        "cohorts": publisher.cohorts if publisher else 0,
        "sources": sources_status.describe(records, alerts, base.settings.sources, base.clock.now()),
    }


def _sink(base: Base, sink: str) -> dict[str, Any]:
    names, mode = base.topics(sink), base.settings.sinks[sink].mode
    counts = topics.partition_counts(base.connection)
    if names.ledger not in counts:
        unbegun = describe_standing(sink, Standing(), mode)
        return {"running": 0, "adoption": unbegun, "memberships": {}, "waiting": {}, "cohorts": {}, "lag": None}
    by_status: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    cohorts: Counter[str] = Counter()
    markers: dict[int, PartitionMarker] = {}
    adoption: Adoption | None = None
    for partition in range(counts[names.ledger]):  # a partition at a time, so that memory stays bounded
        for record in latest(base, names.ledger, [partition]).values():
            if isinstance(record, LedgerEntry):
                by_status[f"{record.desired.value} {record.status.value}"] += 1
                if record.status is not EntryStatus.SETTLED or record.reason == Reason.DISCARDED:
                    waiting[_reason(record.status.value, record.reason)] += 1
            elif isinstance(record, CohortEntry):
                cohorts[_reason(record.status.value, record.reason)] += 1
            elif isinstance(record, PartitionMarker):
                markers[record.partition] = record
            elif isinstance(record, Adoption):
                adoption = record
    standing = Standing(adoption, begun=bool(markers))
    return {
        "running": members_of(base.connection, f"cohortstream.{sink}"),
        "adoption": describe_standing(sink, standing, mode),
        "memberships": dict(sorted(by_status.items())),
        "waiting": dict(sorted(waiting.items())),
        "cohorts": dict(sorted(cohorts.items())),
        "lag": _lag(base, names.memberships, counts.get(names.memberships, 0), markers),
    }


def _lag(base: Base, topic: str, partitions: int, markers: dict[int, PartitionMarker]) -> int:
    """Offsets between the markers and the end; transactions' own marks are among them, so it is an upper bound."""
    ends = ends_of(base.connection, topic, range(partitions))
    return sum(max(0, end - (markers[p].next_offset if p in markers else 0)) for p, end in ends.items())


def standing_alerts(records: Iterable[Record], translation: Translation) -> list[dict[str, Any]]:
    """The alerts that are raised, oldest first, in the reader's language."""
    found = []
    for alert in records:
        if isinstance(alert, Alert) and alert.state is AlertState.RAISED:
            entry = find(alert.code)
            told = Message(entry, alert.parameters) if entry else None
            found.append(
                {
                    "since": alert.at,
                    "role": alert.role,
                    "code": alert.code,
                    "text": translation.text(told) if told else str(dict(alert.parameters)),
                    "fix": translation.fix(told) if told else "",
                }
            )
    return sorted(found, key=lambda one: str(one["since"]))


def _reason(status: str, reason: str) -> str:
    return f"{status}: {reason}" if reason else status


def lines(found: dict[str, Any]) -> list[str]:
    """The same, for people."""
    connector = found["connector"]
    text = [
        "Connector  {running} running, {memberships} memberships in {cohorts} cohorts published".format(**connector),
    ]
    for name, source in connector["sources"].items():
        text += sources_status.lines(name, source)
    for name, sink in found["sinks"].items():
        text.append(f"Sink {name}  {sink['running']} consumers running, at most {sink['lag']} records behind")
        text += told_lines(sink["adoption"])
        for title in ("memberships", "waiting", "cohorts"):
            listed = ", ".join(f"{count} {what}" for what, count in sink[title].items())
            text.append(f"  {title}: {listed or 'none'}")
    for alert in found["alerts"]:
        text.append(f"Alert {alert['code']} since {alert['since']:%Y-%m-%d %H:%M} ({alert['role']}): {alert['text']}")
        text.append(f"      {alert['fix']}")
    return text
