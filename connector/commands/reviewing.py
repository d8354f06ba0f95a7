"""What a person has to know before they accept a source that is not what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from connector.runtime.clock import Clock
from connector.runtime.telemetry import Metrics
from connector.source.findings import Listed, Part
from connector.source.identity import Found, fingerprint, strangeness
from connector.source.prospect import Prospect, Survey
from connector.source.reading import Source
from connector.source.settings import SourceSettings
from connector.source.state import State


@dataclass(frozen=True, slots=True)
class Review:
    """How a source stands."""

    source: str
    begun: bool
    """Whether anything was published for it yet."""
    reasons: tuple[str, ...]
    """Why it waits, by what these settings and the database say now; empty if nothing stops it."""
    mark: str
    """Stands for these settings and this database."""
    awaited: str | None
    """The mark that the connector at work has said it waits for; None if it has not said that it waits."""
    prospect: Prospect | None = None
    """What would change; None if nothing stops the source."""

    @property
    def waits(self) -> bool:
        return bool(self.reasons) or self.awaited is not None


def review(
    name: str, settings: SourceSettings, source: Source, state: State, clock: Clock, metrics: Metrics, most: int
) -> Review:
    """Ask the database as the connector does; if the source is strange, read everything. ``state`` is a copy."""
    checkpoint = state.checkpoint(name)
    found = Found(fingerprint(settings), source.identity(), source.clock())
    alert = state.alerts().get(f"connector/{name}/identity")
    awaited = None if alert is None else alert[1].get("hash")
    if checkpoint is None or not checkpoint.fingerprint:
        return Review(name, begun=False, reasons=(), mark=found.mark, awaited=awaited)
    reasons = tuple(strangeness(checkpoint, found, settings.clock_tolerance))
    prospect = None
    if reasons:
        prospect = Survey(name, settings, source, state, clock, metrics).look(found.fingerprint, found.now, most)
    return Review(name, begun=True, reasons=reasons, mark=found.mark, awaited=awaited, prospect=prospect)


def as_plain(found: Review) -> dict[str, Any]:
    """For machines."""
    plain: dict[str, Any] = {
        "source": found.source,
        "waits": found.waits,
        "reasons": list(found.reasons),
        "hash": found.mark if found.reasons else None,
        "connector_waits_for": found.awaited,
        "prospect": None,
    }
    if found.prospect is not None:
        ahead = asdict(found.prospect)
        ahead["renamed"] = {"cohorts": found.prospect.renamed[0], "first": ahead["renamed"][1]}
        plain["prospect"] = ahead | {"withheld": found.prospect.withheld}
    return plain


def as_lines(found: Review) -> list[str]:
    """For people."""
    name = found.source
    if not found.begun:
        return [f"Nothing stops {name}: nothing was published for it yet, so it begins with a first load."]
    if not found.reasons:
        return [
            f"Nothing stops {name}: it is what was read before.",
            *(_otherwise(found) if found.awaited is not None else ()),
        ]
    text = [f"{name} waits: {'; '.join(found.reasons)}."]
    if found.prospect is not None:
        text += _ahead(found.prospect)
    if found.awaited is not None and found.awaited != found.mark:
        return [*text, *_otherwise(found)]
    if found.awaited is None:
        text.append("No connector has said so yet: none is at work, or it looks again within a minute.")
    return [*text, f"If that is meant, run: cohortstream accept {name} --hash {found.mark}"]


def _otherwise(found: Review) -> Iterator[str]:
    yield (
        f"But the connector at work waits for {found.awaited}, and these settings make {found.mark}: "
        "it runs with other settings, or sees another database."
    )


def _ahead(seen: Prospect) -> Iterator[str]:
    yield f"If it goes on, its {seen.rows} rows of {seen.students} students change this:"
    yield from _part(seen.appearing, "appear, with {members} members")
    yield from _part(seen.returning, "had vanished and are back, with {members} more members")
    yield from _part(seen.vanishing, "have no rows any more; they vanish, and their {members} members stay")
    yield from _part(seen.added, "that are there already have {members} more members")
    yield from _part(
        seen.ended, "have {members} members of whom a row says that they are not; these are removed at once"
    )
    yield from _part(seen.missing, "have {members} members whose rows are missing; a second look decides about them")
    if seen.missing.memberships:
        more = f"{seen.pressure} absences within a day are more than the limit of {seen.limit}: they would be withheld"
        yield f"    {more} until somebody releases them" if seen.withheld else f"    within the limit of {seen.limit}"
    count, first = seen.renamed
    if count:
        yield f"  {count} cohorts have another name or category"
        yield from (f"    {one.cohort}  “{one.before}” → “{one.now}”" for one in first)
        yield from _rest(count, len(first))
    for reason, rows in seen.unmappable.items():
        yield f"  {rows} rows cannot be mapped: {reason}"
    if seen.unknown_students:
        yield f"  {seen.unknown_students} students have such rows; nothing is removed for them"
    parts = (seen.appearing, seen.returning, seen.vanishing, seen.added, seen.ended, seen.missing)
    if not count and not any(part.cohorts for part in parts):
        yield "  nothing: every cohort and membership stays as it is"


def _part(part: Part, what: str) -> Iterator[str]:
    if part.cohorts:
        yield f"  {part.cohorts} cohorts {what.format(members=part.memberships)}"
        yield from (f"    {_listed(one)}" for one in part.first)
        yield from _rest(part.cohorts, len(part.first))


def _listed(one: Listed) -> str:
    some = f", such as {', '.join(one.sample[:3])}" if one.sample else ""
    return f"{one.cohort}  “{one.name}”: {one.members}{some}"


def _rest(count: int, shown: int) -> Iterator[str]:
    if count > shown:
        yield f"    … and {count - shown} more; --cohorts or --json shows them"
