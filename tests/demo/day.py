"""The scripted day, in order."""

from __future__ import annotations

from collections.abc import Callable

from tests.demo.steps import absences, changes, faults, holding, loading, reconciling
from tests.demo.world import World

STEPS: tuple[Callable[[World], None], ...] = (
    loading.check,
    loading.first_load,
    changes.live_enrolments,
    changes.moves,
    changes.withdrawals,
    changes.late_commit,
    holding.mass_withdrawal,
    absences.late_account,
    absences.hard_delete,
    faults.outage,
    faults.replay,
    faults.repair,
    absences.silent_absences,
    reconciling.reconcile,
)


def live_through(world: World) -> None:
    """All steps; the first that does not see what it expects ends the day with an exception."""
    try:
        for step in STEPS:
            step(world)
            world.children.check()
    except Exception:
        _tell_how_things_stand(world)
        raise


def _tell_how_things_stand(world: World) -> None:
    """For whoever has to find out why: what the product says of itself."""
    status = world.run_product("status")
    world.narrator.console.print(f"\n--- cohortstream status\n{status.stdout}{status.stderr}", markup=False)
    for child in (world.connector, world.consumer):
        world.narrator.console.print(child.tail(8), markup=False)
