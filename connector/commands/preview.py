"""``cohortstream preview``: the cohorts and members that the settings would make, before anything is published."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings, require_secrets
from connector.runtime.clock import SystemClock
from connector.runtime.errors import Fault, SettingsFaults
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import SettingsMessage, message
from connector.source.mapping import Row, RowMapping
from connector.source.oracle.reader import OracleSource
from connector.source.preview import Preview, preview
from connector.source.settings import SourceSettings

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_ROWS = 100_000
_COHORTS = 25


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "preview",
        "the cohorts and members that the settings would make",
        description=f"""
            Reads rows from the sources and shows what the patterns make of them: cohorts with their names, categories,
            numbers of members and some of these, rows that cannot be mapped and why, and cohort ids that Moodle's database
            could take for equal. Nothing is published.

            It reads {_ROWS:,} rows at most, as they come, unless told otherwise. Members are personal data.
        """,
        examples=[
            ("every source", "cohortstream preview"),
            ("all rows of one", "cohortstream preview apogee --all"),
            ("the cohort ids, for a script", "cohortstream preview --json | jq -r '.[].cohorts[].idnumber'"),
        ],
        run=run,
    )
    parser.add_argument("source", nargs="?", help="only this source")
    parser.add_argument("--rows", type=int, default=_ROWS, help="most rows to read (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="read all rows")
    parser.add_argument(
        "--cohorts", type=int, default=_COHORTS, help="most cohorts to print; --json has all (default: %(default)s)"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Read, map, print."""
    sources = settings.required_sources()
    if arguments.source is not None and arguments.source not in sources:
        known = ", ".join(sorted(sources))
        raise SettingsFaults(
            [Fault(message(SettingsMessage.WHICH_SOURCE, name=arguments.source, known=known), "SOURCE")]
        )
    found: dict[str, Preview] = {}
    for name, source in sources.items():
        if arguments.source in (None, name):
            require_secrets(source, "sources", name)
            found[name] = _preview(name, source, None if arguments.all else arguments.rows)
    if arguments.json:
        print_json({name: _plain(seen) for name, seen in found.items()})
    else:
        for name, seen in found.items():
            print("\n".join(_lines(name, seen, arguments.cohorts)))
    return ExitCode.FINDINGS if any(seen.unmappable for seen in found.values()) else ExitCode.OK


def _preview(name: str, settings: SourceSettings, rows: int | None) -> Preview:
    source = OracleSource(name, settings, SystemClock())
    mapping = RowMapping(settings.membership, settings.cohort, settings.maps)
    try:
        # One row more than is looked at tells whether there are more.
        batches: Iterable[list[Row]] = source.some(None) if rows is None else [source.sample(rows + 1)]
        return preview(mapping, batches, most_rows=2**62 if rows is None else rows)
    finally:
        source.close()


def _plain(seen: Preview) -> dict[str, Any]:
    return {
        "complete": seen.complete,
        "rows": seen.rows,
        "students": seen.students,
        "memberships": seen.memberships,
        "inactive": seen.inactive,
        "unmappable": dict(seen.unmappable),
        "unknown_students": seen.unknown_students,
        "several_values": seen.several_values,
        "cut_names": seen.cut_names,
        "cohorts": [
            {
                "idnumber": one.cohort.idnumber,
                "name": one.cohort.name,
                "category": one.cohort.category,
                "members": one.members,
                "sample": list(one.sample),
                "colliding_with": one.colliding_with,
            }
            for one in seen.cohorts
        ],
    }


def _lines(name: str, seen: Preview, most: int) -> list[str]:
    part = "all rows" if seen.complete else "the first rows only; --all reads the rest"
    made = f"{seen.memberships} memberships of {seen.students} students in {len(seen.cohorts)} cohorts"
    text = [f"{name}: {seen.rows} rows ({part}) make {made}"]
    for one in seen.cohorts[:most]:
        where = one.cohort.category or "system"
        text.append(
            f"  {one.cohort.idnumber}  “{one.cohort.name}” in {where}: {one.members}, such as {_some(one.sample)}"
        )
        if one.colliding_with is not None:
            text.append(
                f"    collides with {one.colliding_with}: Moodle's database could hold them equal; one would be parked"
            )
    if len(seen.cohorts) > most:
        text.append(f"  … and {len(seen.cohorts) - most} more; --cohorts or --json shows them")
    text += [f"  {count} rows cannot be mapped: {reason}" for reason, count in seen.unmappable.items()]
    for count, what in (
        (seen.inactive, "memberships are stated to have ended, or not to have begun"),
        (seen.unknown_students, "students have rows that cannot be mapped; nothing would be removed for them"),
        (seen.several_values, "student keys are made by more than one value of the column"),
        (seen.cut_names, "rows have a cohort name that is too long for Moodle and would be cut"),
    ):
        if count:
            text.append(f"  {count} {what}")
    return text


def _some(sample: tuple[str, ...]) -> str:
    return ", ".join(sample[:3])
