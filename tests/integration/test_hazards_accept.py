"""A source that is not what it was waits for a person, who sees what would change and lets it go on: all over the wire.

The person's command is a process of its own, as in production; the connector beside it is turned by the test.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.config.show import to_toml
from connector.source.settings import SourceSettings
from schemas.records import CohortChanged, CohortState, Presence
from tests.demo.world import product_command
from tests.integration.connector_world import World, turn
from tests.integration.hazard_world import SETTLE, SOURCE, Campus, Trial, banner, register, trial

OLD, OTHER = "202610.20001", "202610.20002"
LATER = SETTLE + timedelta(minutes=1)
PATIENCE = 100.0
FINDINGS, REFUSED = 6, 5


@dataclass(frozen=True)
class Person:
    """Somebody at a shell, with the settings of the connector."""

    file: Path
    connector: Trial | None = None
    """At work meanwhile."""

    def accepts(self, *more: str) -> tuple[int, list[Any]]:
        """Run ``cohortstream accept``; its exit code, and each value of its answer."""
        command = [*product_command(self.file), "accept", SOURCE, "--json", *more]
        log = self.file.with_name("answer")
        with log.open("w") as answer:
            running = subprocess.Popen(command, stdout=answer, stderr=subprocess.STDOUT, env=dict(os.environ))
            try:
                if self.connector is not None:
                    turn(self.connector.connector, until=lambda: running.poll() is not None, seconds=PATIENCE)
                status = running.wait(PATIENCE)
            finally:
                running.kill()
                running.wait()
        return status, _values(log.read_text())


def _values(text: str) -> list[Any]:
    """JSON values, one after another."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def person(world: World, folder: Path, settings: SourceSettings) -> Person:
    """Who has these settings."""
    kafka = world.connection.settings
    plain = {
        "kafka": {
            "bootstrap_servers": kafka.bootstrap_servers,
            "topic_prefix": kafka.topic_prefix,
            "partitions": kafka.partitions,
            "replication_factor": kafka.replication_factor,
        },
        "sources": {SOURCE: settings.model_dump(mode="json", exclude_unset=True) | {"password": "app"}},
    }
    file = folder / "cohortstream.toml"
    file.write_text(to_toml(plain))
    return Person(file)


def waits(it: Trial) -> str:
    """Turn until the source waits; what for."""
    turn(it.connector, until=lambda: SOURCE in it.connector.problems)
    problem = it.connector.problems[SOURCE]
    assert problem.code == "CS2020", problem
    return str(problem.parameters["hash"])


def states(world: World) -> dict[str, CohortState]:
    """Cohort → what its last record says."""
    return {record.cohort: record.state for record in world.published() if isinstance(record, CohortChanged)}


def named(part: dict[str, Any]) -> dict[str, int]:
    """Cohort → memberships, of a list in the command's answer."""
    assert part["cohorts"] == len(part["first"])
    return {one["cohort"]: one["members"] for one in part["first"]}


def commit(campus: Campus, students: Iterable[int], crn: str = "20001") -> None:
    register(campus.connection, *students, crn=crn)
    campus.connection.commit()


@pytest.mark.timeout(300)
def test_other_patterns_wait_and_then_do_what_was_shown(world: World, campus: Campus, tmp_path: Path) -> None:
    """Nothing is published before, polling or snapshot; then the new cohorts appear, and the old ones vanish with all
    their members in them.
    """
    before = banner(campus.dsn)
    commit(campus, range(1, 5))
    commit(campus, (8, 9), "20002")
    with trial(world, campus, before):
        assert {OLD: {"1", "2", "3", "4"}, OTHER: {"8", "9"}} == world.members()
    after = banner(campus.dsn, cohort={"idnumber": "{SFRSTCR_TERM_CODE}-{SFRSTCR_CRN}"})
    somebody = person(world, tmp_path, after)
    with world.connector("elsewhere", campus=after) as connector:
        it = Trial(world, connector, campus)
        somebody = replace(somebody, connector=it)
        mark = waits(it)
        commit(campus, [5])
        published = len(world.published())
        status, (shown,) = somebody.accepts()
        prospect = shown["prospect"]

        assert (FINDINGS, True, mark, mark) == (status, shown["waits"], shown["hash"], shown["connector_waits_for"])
        assert ["its patterns, keys or conditions have changed"] == shown["reasons"]
        assert {"202610-20001": 5, "202610-20002": 2} == named(prospect["appearing"])
        assert {OLD: 4, OTHER: 2} == named(prospect["vanishing"])
        assert (0, 0) == (prospect["ended"]["memberships"], prospect["missing"]["memberships"])

        assert REFUSED == somebody.accepts("--hash", "0123456789abcdef")[0]
        it.step()
        assert published == len(world.published())

        status, said = somebody.accepts("--hash", mark)
        assert (0, "finished") == (status, said[-1]["phase"])
        turn(connector, until=lambda: connector.quiet)
        campus.pass_by(LATER)
        turn(connector, until=lambda: states(world)[OLD] is states(world)[OTHER] is CohortState.VANISHED)
        commit(campus, [6])
        it.until("202610-20001", 1, 2, 3, 4, 5, 6)

        assert {"8", "9"} == world.members()["202610-20002"]
        assert ({"1", "2", "3", "4"}, {"8", "9"}) == (world.members()[OLD], world.members()[OTHER])
        assert [] == it.removals()
        assert not connector.problems
        status, (shown,) = somebody.accepts()
        assert (0, False, []) == (status, shown["waits"], shown["reasons"])


@pytest.mark.timeout(300)
def test_a_restored_copy_waits_and_then_does_what_was_shown(world: World, campus: Campus, tmp_path: Path) -> None:
    """The database as it was two days ago, opened anew: its clock is right and its name the same. What came since is
    missing in it; a person sees that before anything ends.
    """
    settings = banner(campus.dsn)
    commit(campus, range(1, 8))
    with trial(world, campus, settings) as it:
        somebody = replace(person(world, tmp_path, settings), connector=it)
        restore = [
            "delete from sfrstcr where sfrstcr_pidm = 7",
            "update sfrstcr set sfrstcr_rsts_code = 'DW' where sfrstcr_pidm = 6",
            "insert into sfrstcr values ('202610', 50, '20002', 'RE', sysdate - 2, sfrstcr_surrogate_id_sequence.nextval)",
            "insert into sfrstcr values ('202610', 51, '20001', 'RE', sysdate - 2, sfrstcr_surrogate_id_sequence.nextval)",
            "update sfrstcr set sfrstcr_activity_date = sysdate - 2",
        ]
        campus.standin.database.identity.unique_name = "COPY"
        for statement in restore:  # the connector does not turn meanwhile
            campus.run(statement)
        world.clock.skip(60.0)
        mark = waits(it)
        it.step()
        assert {OLD: {str(student) for student in range(1, 8)}} == world.members()

        status, (shown,) = somebody.accepts()
        prospect = shown["prospect"]
        assert (FINDINGS, mark) == (status, shown["hash"])
        assert ["it is database FREEPDB1 (COPY, PRIMARY), and was FREEPDB1 (STUB, PRIMARY)"] == shown["reasons"]
        assert {OTHER: 1} == named(prospect["appearing"])
        assert {OLD: 1} == named(prospect["added"]) == named(prospect["ended"]) == named(prospect["missing"])
        assert ["7"] == prospect["missing"]["first"][0]["sample"]

        status, said = somebody.accepts("--hash", mark)
        assert (0, "finished") == (status, said[-1]["phase"])
        it.until(OLD, 1, 2, 3, 4, 5, 51, 7)
        it.until(OTHER, 50)
        campus.pass_by(LATER)
        it.until(OLD, 1, 2, 3, 4, 5, 51)
        commit(campus, [60])
        it.until(OLD, 1, 2, 3, 4, 5, 51, 60)

        assert "row_inactive" == it.cause(6, OLD, Presence.ABSENT)
        assert "deleted" == it.cause(7, OLD, Presence.ABSENT)
        assert {} == it.missed()
