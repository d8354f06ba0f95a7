"""The commands that a person runs, on a site at work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from connector.runtime.lifecycle import ExitCode
from tests.demo.mailbox import await_mail, mails
from tests.demo.world import World
from tests.e2e.roles import KAFKA, SINK, SOURCE, await_readiness, command, faulty_role

pytestmark = pytest.mark.timeout(300)


def answer(world: World, *arguments: str, status: int = 0, overrides: Mapping[str, str] | None = None) -> Any:
    """The command's answer in JSON; it must end with ``status``."""
    done = command(world, *arguments, "--json", **(overrides or {}))
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_check_finds_both_ends_in_order(world: World) -> None:
    """Every end is named with what was seen, and nothing is a fault."""
    found = answer(world, "check")

    assert {one["end"] for one in found} >= {"oracle scolarite", "kafka", "moodle moodle"}
    assert [one for one in found if one["outcome"] == "fault"] == []


def test_preview_shows_what_is_there(world: World) -> None:
    """The patterns make the cohorts that the product has made."""
    found = answer(world, "preview", "scolarite")["scolarite"]

    assert found["complete"]
    assert {one["idnumber"] for one in found["cohorts"]} <= world.moodle.cohorts().keys()


def test_status_and_explain_tell_how_it_stands(world: World) -> None:
    """Who runs, how far, and how one membership came to be."""
    stands = json.loads(command(world, "status", "--json").stdout)
    cohort, student = _a_membership(world)
    story = answer(world, "explain", cohort, student)["story"]

    assert stands["connector"]["running"] == stands["sinks"]["moodle"]["running"] == 1
    source = stands["connector"]["sources"]["scolarite"]
    assert (True, None, "PRIMARY") == (source["loaded"], source["blocked"], source["role"])
    assert source["hints"]["timestamp1"]["safety"] == "proved", source["hints"]["timestamp1"]["reason"]
    assert [step["topic"] for step in story][:1] == ["enrollment.memberships"]
    assert story[-1]["record"]["answer"] in ("ok", "already")


def test_a_replay_changes_nothing_when_moodle_is_right(world: World) -> None:
    """And so does a reconciliation that only looks."""
    since = world.moodle.mark()
    replayed = answer(world, "replay", "--since", "2026-01-01T00:00")
    looked = answer(world, "reconcile", "--dry-run")

    assert replayed["changes"] == []
    assert looked["found"] == {}
    assert world.moodle.events(since) == []


def test_a_replay_repairs_one_cohort_on_demand(world: World) -> None:
    """It shows first what it would do, and does it when told so."""
    cohort, student = _a_membership(world)
    world.moodle.control("remove_members", cohort=cohort, usernames=[world.users[student]])
    shown = answer(world, "replay", "--cohort", cohort, status=6)
    done = answer(world, "replay", "--cohort", cohort, "--yes")

    assert [(one["op"], one["student"]) for one in shown["changes"]] == [("add", student)]
    assert (done["asked"], done["worked_off"]) == (1, True)
    assert world.moodle.is_member(cohort, world.users[student])


def test_snapshot_reads_everything_again(world: World) -> None:
    """It follows the connector to the end and tells the counts."""
    done = command(world, "snapshot", "scolarite")

    assert done.returncode == 0, done.stderr
    assert "scolarite: finished" in done.stdout


def test_accept_shows_what_other_patterns_would_change(world: World) -> None:
    """From all rows and all records, with the hash; the source at work is not touched by that."""
    untouched = answer(world, "accept", "scolarite")
    changed = answer(
        world, "accept", "scolarite", status=6, overrides={f"{SOURCE}COHORT__IDNUMBER": "NEW-{COD_ETP|trim}"}
    )
    cohorts = {one["cohort"] for one in changed["prospect"]["vanishing"]["first"]}
    there = {one["idnumber"] for one in answer(world, "preview", "scolarite")["scolarite"]["cohorts"]}

    assert (False, []) == (untouched["waits"], untouched["reasons"])
    assert changed["prospect"]["missing"]["memberships"] == 0
    assert cohorts == there  # one that has vanished already, with other tests of this site, does not vanish again
    assert answer(world, "release", "scolarite") == {"hash": None, "limit": None, "withheld": []}
    refused = command(world, "accept", "scolarite", "--hash", changed["hash"])
    assert (5, True) == (refused.returncode, "CS2023" in refused.stdout)


def test_ledger_and_moodle_belong_together(world: World) -> None:
    """No site, no list of accounts and no topic waits for a person; a ledger made anew would change nothing."""
    site = answer(world, "accept-site")
    ledger = answer(world, "rebuild")
    refused = command(world, "accept-site", "--hash", "0123456789abcdef")

    assert (False, {"same"}) == (site["odd"], set(site["verdicts"].values()))
    assert {"waits": None} == answer(world, "accept-directory")
    assert (0, 0) == (ledger["other_topic"], ledger["unnamed"])
    assert ledger["wanted"] > 0
    assert (0, 0) == (ledger["ahead"]["create"], ledger["ahead"]["add"])
    assert (5, True) == (refused.returncode, "CS6030" in refused.stderr)


def test_nothing_is_held(world: World) -> None:
    """And a hash that stands for nothing releases nothing."""
    assert answer(world, "held") == {"hash": None, "until": None, "held": []}

    refused = command(world, "approve", "0123456789ab")

    assert refused.returncode == 5
    assert "CS6008" in refused.stderr


def test_sync_does_everything_once_and_ends(world: World) -> None:
    """The manual run: on topics of its own it finds a Moodle that somebody keeps, and waits for a person, who looks and
    adopts. Then it finds all as it should be, writes nothing new, and says how it stands.
    """
    since = world.moodle.mark()
    alone = {
        f"{KAFKA}TOPIC_PREFIX": "manual.",
        f"{KAFKA}PARTITIONS": "2",
        f"{SINK}STATE_DIRECTORY": str(world.ends.directory / "manual"),
        "COHORTSTREAM__CONNECTOR__STATE_DIRECTORY": str(world.ends.directory / "manual"),
        "COHORTSTREAM__TELEMETRY__HTTP_PORTS": "{}",
    }
    first = answer(world, "sync", "--once", status=6, overrides=alone)
    plan = answer(world, "plan", overrides=alone)
    asked = command(world, "adopt", plan["hash"], "--foreign", "keep", **alone)
    stands = answer(world, "sync", "--once", overrides=alone)

    assert not first["sinks"]["moodle"]["adoption"]["writes"]
    assert ExitCode.UNAVAILABLE == asked.returncode  # nobody is there to answer; the command stands for a day
    assert stands["connector"]["sources"]["scolarite"]["loaded"]
    assert stands["sinks"]["moodle"]["memberships"]["present settled"] > 0
    assert stands["sinks"]["moodle"]["lag"] <= 2 * 2  # transactions' own marks
    assert world.moodle.events(since) == []


def test_run_is_every_role_in_one_process_and_tells_people(world: World) -> None:
    """On topics of its own it finds a Moodle that somebody keeps: whoever is on call gets a mail, and another one when a
    person has adopted it. It stops when asked, and has written nothing new.
    """
    since = world.moodle.mark()
    run = faulty_role(world, "whole", "run", {})
    told = await_mail(world.mail_server, "Nothing is written to Moodle", 120)
    plan = answer(world, "plan", overrides=run.environment)
    adopted = answer(world, "adopt", plan["hash"], "--foreign", "keep", overrides=run.environment)
    over = await_mail(world.mail_server, "over: 1: Nothing is written to Moodle", 120)
    page = json.loads(await_readiness(run, lambda page: bool(json.loads(page)["ready"]), "every role is ready"))
    status = run.stop()

    assert told.to == over.to == ("on-call@univ.example",)
    assert told.subject.startswith("[cohortstream] new: 1: (warning) Nothing is written to Moodle")
    assert "cohortstream adopt" in told.text
    assert ([], status) == (world.moodle.events(since), 0), run.tail()
    assert {"poll", "consume.moodle", "notify"} <= page["parts"].keys()
    assert adopted
    assert len([mail for mail in mails(world.mail_server) if "Nothing is written to Moodle" in mail.text]) == 2


def _a_membership(world: World) -> tuple[str, str]:
    """A cohort, and the key of a student whom Moodle shows in it."""
    for cohort in sorted(world.moodle.cohorts()):
        for student, username in sorted(world.users.items()):
            if cohort.startswith("2026-") and world.moodle.is_member(cohort, username):
                return cohort, student
    raise AssertionError("Moodle shows nobody anywhere")
