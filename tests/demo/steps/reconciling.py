"""The command ``cohortstream reconcile``, and what it says."""

from __future__ import annotations

import json
from typing import Any

from tests.demo.world import World


def reconciled(world: World) -> dict[str, Any]:
    """The report of a reconciliation that found nothing for a person to do; raises ``AssertionError`` otherwise."""
    done = world.run_product("reconcile", "--json")
    if done.returncode:
        raise AssertionError(f"reconcile ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return dict(json.loads(done.stdout))


def reconcile(world: World) -> None:
    """The reconciler compares both ends; after a whole day there must be nothing to repair."""
    with world.narrator.step(
        "Reconcile once more: everything is looked at again",
        f"no difference to repair; {len(world.vanished)} cohort has vanished and is kept",
    ) as step:
        since = world.moodle.mark()
        report = reconciled(world)
        if changed := world.moodle.events(since):
            raise AssertionError(f"{len(changed)} memberships changed: {report}")
        if report["verdict"] != "clean" or report["vanished"] != len(world.vanished):
            raise AssertionError(f"the report says {report}")
        step.saw(
            f"{report['agreed']:,} memberships in {report['cohorts']} cohorts agree, {report['vanished']} vanished and kept; "
            f"the verdict is {report['verdict']}"
        )
