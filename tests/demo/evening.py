"""What is looked at when the day is over: both ends compared, freshness, memory, and one membership's trace."""

from __future__ import annotations

from rich.table import Table

from tests.demo.comparison import MEANINGS, Comparison, compare, read_moodle, read_source, unexplained
from tests.demo.topic import trace_id_of
from tests.demo.trace import read_spans, trace_of
from tests.demo.world import MEMBERSHIPS, World

MEMORY_LIMIT_MIB = 200
_MIB = 1024 * 1024


def compare_ends(world: World) -> Comparison:
    """Both ends as they are now."""
    source, known = read_source(world.ends.dsn)
    accounts = {account.username: account.student_number for account in world.university.accounts}
    accounts |= {name: number for number, name in world.users.items() if name not in accounts}
    return compare(source, read_moodle(world.moodle), accounts, known, set(world.vanished))


def tell(world: World) -> bool:
    """Print everything; answers whether the ends agree and no process took more memory than it may."""
    say = world.narrator.say
    world.narrator.heading("One membership's trace")
    _tell_trace(world)
    world.narrator.heading("Freshness, from the commit in Oracle to Moodle's log")
    say(f"   {world.freshness}")
    world.narrator.heading("Memory of the product's processes, at most")
    modest = _tell_memory(world)
    world.narrator.heading("Comparison")
    comparison = compare_ends(world)
    say(comparison.table())
    for line in unexplained(comparison):
        say(f"   [red]{line}")
    for why, count in comparison.reasons().items():
        say(f"   {count} × {why}: {MEANINGS[why]}")
    if comparison.agree:
        say("[green]   Source and Moodle agree, but for what is named above and must be so.")
    else:
        say("[red]   Source and Moodle differ.")
    return comparison.agree and modest


def _tell_trace(world: World) -> None:
    if world.traced is None:
        world.narrator.say("   no live change was made")
        return
    place = world.traced
    trace_id = trace_id_of(world.ends.bootstrap, MEMBERSHIPS, (place.group.cohort, place.student))
    tree = trace_of(read_spans(world.ends.directory / "traces.jsonl"), trace_id) if trace_id else None
    world.narrator.console.print(
        tree if tree is not None else f"   no span of trace {trace_id} was written", soft_wrap=False
    )


def _tell_memory(world: World) -> bool:
    table = Table()
    for column in ("process", "peak"):
        table.add_column(column)
    modest = True
    for child in (world.connector, world.consumer, world.notifier):
        child.measure()
        peak = child.peak_memory / _MIB
        modest &= peak <= MEMORY_LIMIT_MIB
        table.add_row(child.name, f"{peak:.0f} MiB")
    world.narrator.say(table)
    if not modest:
        world.narrator.say(f"[red]   more than {MEMORY_LIMIT_MIB} MiB")
    return modest
