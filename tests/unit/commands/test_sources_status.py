"""How sources stand: what is proved, what polling missed, who waits for whom."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.commands import sources_status
from connector.commands.settings import Settings
from connector.commands.wiring.base import base_for_command
from connector.source.schedule import upcoming
from schemas.keys import Key, decode_key
from schemas.records import Checkpoint, HintCursor, OpenRange, Record
from tests.unit.source.world import CODEC, PARIS, Site, changed, settings

NOW = datetime(2026, 9, 1, 8, 2, tzinfo=UTC)


def compacted(site: Site, topic: str) -> list[Record]:
    """The latest record of each key, as a command reads it."""
    found: dict[Key, Record | None] = {}
    for written in site.log.records:
        if written.topic == topic:
            found[decode_key(written.key)] = None if written.value is None else CODEC.decode(written.value)
    return [record for record in found.values() if record is not None]


def described(site: Site) -> dict[str, Any]:
    records, alerts = compacted(site, site.topics.checkpoints), compacted(site, site.topics.alerts)
    return sources_status.describe(records, alerts, site.sources, site.clock.now())


def text_of(found: dict[str, Any], name: str = "apogee") -> str:
    return "\n".join(sources_status.lines(name, found[name]))


def at_work(members: int = 3, **changes: Any) -> Site:
    site = Site(apogee=settings(**changes))
    for number in range(members):
        site.database.put(number, f"s{number:02}", "A")
    site.clock.sleep(100)
    site.run(20)
    return site


def test_a_hint_says_whether_it_is_proved_and_why() -> None:
    """Both ways, with the role of the database."""
    seen = at_work(hints=[{"cursor": "STAMP", "stamped_by": "database"}])
    blind = at_work()
    seen.database.transactions_visible = True
    seen.run(20)
    proved, assumed = described(seen), described(blind)

    assert ("proved", "PRIMARY") == (proved["apogee"]["hints"]["timestamp1"]["safety"], proved["apogee"]["role"])
    assert "timestamp1: proved " in text_of(proved)
    assert "every open transaction is seen" in text_of(proved)
    assert "timestamp1: ASSUMED" in text_of(assumed)
    assert "open transactions cannot be seen" in text_of(assumed)


def test_open_ranges_and_the_age_of_the_poll_are_told() -> None:
    """Of a hint that waits for two gaps, and of one that was never read."""
    low = [OpenRange("gap", str(n), NOW - timedelta(minutes=n), str(n)) for n in (7, 9)]
    at = HintCursor("sequence1", "100", tuple(low), "assumed", "number 100 reached")
    checkpoint = Checkpoint(
        "apogee", loaded=True, hints=(at,), fingerprint="f", database_time=NOW - timedelta(minutes=3)
    )
    section = settings(hints=[{"kind": "sequence", "cursor": "ID"}, {"kind": "scan"}])
    found = sources_status.describe([checkpoint], [], {"apogee": section}, NOW)

    assert 180 == found["apogee"]["polled_seconds_ago"]
    assert ["gap", "gap"] == [one["kind"] for one in found["apogee"]["hints"]["sequence1"]["open_ranges"]]
    assert "polled 3 min ago" in text_of(found)
    assert "2 open ranges, the oldest since 2026-09-01 07:53:00Z" in text_of(found)
    assert "scan2: not read yet" in text_of(found)


def test_a_blocked_source_says_what_to_run() -> None:
    """With the hash that the connector waits for."""
    site = at_work()
    site.database.name = "CLONE"
    site.run(90)
    found = described(site)

    assert {"what", "hash", "command"} == found["apogee"]["blocked"].keys()
    assert f"cohortstream accept apogee   (it waits for {found['apogee']['blocked']['hash']})" in text_of(found)
    assert "CLONE" in text_of(found)


def test_withheld_suspects_are_told_with_their_limit() -> None:
    """And the command that shows them."""
    site = at_work(30)
    for number in range(25):
        del site.database.rows[number]
    site.signal("snapshot", source="apogee")
    site.run(200)
    found = described(site)

    assert (25, 25, 20) == tuple(found["apogee"][name] for name in ("suspects", "withheld", "limit"))
    assert "suspects: 25, 25 of them WITHHELD, more than the limit of 20; see: cohortstream release apogee" in text_of(
        found
    )


def test_the_miss_rate_is_what_the_last_snapshot_found() -> None:
    """By cause; and when the next one is."""
    site = at_work(snapshot_at=["03:30"], timezone="Europe/Paris")
    site.signal("snapshot", source="apogee")
    site.run(30)
    none = text_of(described(site))
    site.database.rows[1] = changed(site.database.rows[1], grp="B")
    site.signal("snapshot", source="apogee")
    site.run(30)
    found = described(site)

    assert "polling had missed nothing; next 2026-09-02 01:30Z" in none
    assert sum(found["apogee"]["missed"].values()) > 0
    assert all(f"{count} {cause}" in text_of(found) for cause, count in found["apogee"]["missed"].items())


def test_a_source_that_was_retired_is_not_listed() -> None:
    """It would begin with a first load."""
    retired = Checkpoint("old", loaded=False, hints=(), fingerprint="")

    assert {} == sources_status.describe([retired], [], {}, NOW)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 9, 1, 1, 29, tzinfo=UTC), datetime(2026, 9, 1, 1, 30, tzinfo=UTC)),
        (datetime(2026, 9, 1, 1, 30, tzinfo=UTC), datetime(2026, 9, 1, 10, 0, tzinfo=UTC)),
        (datetime(2026, 9, 1, 10, 0, tzinfo=UTC), datetime(2026, 9, 2, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
    ],
)
def test_the_next_snapshot_is_the_first_time_from_now_on(now: datetime, expected: datetime) -> None:
    """By the source's zone, also on the day that changes it."""
    assert expected == upcoming([time(12, 0), time(3, 30)], ZoneInfo(str(PARIS)), now)
    assert upcoming([], PARIS, now) is None


def test_a_command_keeps_the_kafka_clients_lines_to_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """Its answer is the message that Kafka does not answer; the client would add a line for each attempt."""
    client = logging.getLogger("cohortstream.kafka")
    level = client.level
    try:
        base = base_for_command(Settings.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:1"}}))
        consumer = base.connection.consumer(group_id="x")
        consumer.poll(0.5)
        consumer.close()
    finally:
        client.setLevel(level)

    assert "" == capfd.readouterr().err
