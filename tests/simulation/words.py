"""What persons say about the partitions of a simulated day as wholes."""

from __future__ import annotations

from consumers.cohorts.site_identity import judge
from consumers.moodle.values import Sighting
from schemas.keys import name_in
from schemas.records import Alert, AlertState, PartitionMarker
from tests.simulation.cohorts import PARTITIONS, Day


def markers(day: Day) -> dict[int, PartitionMarker]:
    """The last marker of each partition."""
    found = day.broker.records("moodle.ledger")
    return {marker.partition: marker for marker in found if isinstance(marker, PartitionMarker)}


def say(day: Day, kind: str, marks: dict[int, str], number: int = 1) -> None:
    """Send a command to each partition."""
    for partition, mark in marks.items():
        day._order(kind, name_in(partition, PARTITIONS), f"{kind}{number}", hash=mark)


def site_marks(day: Day) -> dict[int, str]:
    """What a person accepts who looks at the site now."""
    users = {user_id: day.moodle._user(user_id) for user_id in range(100, 200)}
    seen = Sighting(day.moodle.url, {n: user for n, user in users.items() if n not in day.moodle.never_there})
    return {partition: judge(marker.site, [], seen, None).mark for partition, marker in markers(day).items()}


def alerts(day: Day) -> list[Alert]:
    """All that were ever said; see ``standing`` for what stands."""
    return [alert for alert in day.broker.records("moodle.alerts") if isinstance(alert, Alert)]


def standing(day: Day) -> set[str]:
    """Codes of the alerts that stand."""
    last = {alert.key: alert for alert in alerts(day)}
    return {alert.code for alert in last.values() if alert.state is AlertState.RAISED}


def answers(day: Day) -> list[tuple[str, str | None]]:
    """What became of commands."""
    return [(entry.kind, entry.reason) for entry in day.journal() if entry.author == "ana"]
