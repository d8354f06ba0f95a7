"""The trace of one membership, as a tree: the spans of its change, and those of other traces that link to them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.tree import Tree

_SHOWN_VALUE = 60


@dataclass(frozen=True)
class Span:
    """One line of the product's trace file."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    service: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    """Trace and span ids."""
    events: tuple[str, ...]
    error: str | None

    @property
    def ids(self) -> tuple[str, str]:
        return self.trace_id, self.span_id


def read_spans(path: Path) -> list[Span]:
    """All spans of the file so far; a last line that is still being written is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [_span(json.loads(line)) for line in whole.splitlines()]


def trace_of(spans: Iterable[Span], trace_id: str) -> Tree | None:
    """The trace as a tree, None without any span of it."""
    everything = list(spans)
    mine = [span for span in everything if span.trace_id == trace_id]
    if not mine:
        return None
    begin = min(span.start_ns for span in mine)
    children: dict[str | None, list[Span]] = defaultdict(list)
    known = {span.span_id for span in mine}
    for span in sorted(mine, key=lambda span: span.start_ns):
        children[span.parent_id if span.parent_id in known else None].append(span)
    linked: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in everything:
        for target in span.links:
            if target[0] == trace_id and span.trace_id != trace_id:
                linked[target].append(span)
    below: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in everything:
        if span.parent_id is not None:
            below[span.trace_id, span.parent_id].append(span)
    started = datetime.fromtimestamp(begin / 1e9, UTC).isoformat(timespec="milliseconds")
    tree = Tree(f"[bold]trace {trace_id}[/bold], begun at {started}")

    def add_linked(branch: Tree, span: Span) -> None:
        links = f"{len(span.links)} links, one of them to the span above" if len(span.links) > 1 else "linked to it"
        leaf = branch.add(f"[cyan]↳ {links}:[/cyan] {_label(span, begin)}")
        for child in sorted(below[span.ids], key=lambda child: child.start_ns):
            leaf.add(_label(child, begin))

    def add(branch: Tree, span: Span) -> None:
        leaf = branch.add(_label(span, begin))
        for child in children[span.span_id]:
            add(leaf, child)
        for other in sorted(linked[span.ids], key=lambda other: other.start_ns):
            add_linked(leaf, other)

    for root in children[None]:
        add(tree, root)
    return tree


def _label(span: Span, begin: int) -> str:
    took, after = (span.end_ns - span.start_ns) / 1e6, (span.start_ns - begin) / 1e6
    details = ", ".join(f"{key}={str(value)[:_SHOWN_VALUE]}" for key, value in sorted(span.attributes.items()))
    error = f" [red]{escape(span.error)}[/red]" if span.error else ""
    lines = [f"[bold]{escape(span.name)}[/bold] ({span.service}), {took:.1f} ms, begun after {after:.0f} ms{error}"]
    lines += [f"[dim]{escape(details)}[/dim]"] if details else []
    lines += [f"[dim]then {escape(', '.join(span.events))}[/dim]"] if span.events else []
    return "\n".join(lines)


def _span(line: dict[str, Any]) -> Span:
    return Span(
        line["trace_id"],
        line["span_id"],
        line["parent_id"],
        line["name"],
        line["service"],
        line["start_ns"],
        line["end_ns"],
        line["attributes"],
        tuple((link["trace_id"], link["span_id"]) for link in line["links"]),
        tuple(event["name"] for event in line["events"]),
        line["error"],
    )
