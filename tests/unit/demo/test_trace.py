"""The trace as a tree."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.demo.trace import read_spans, trace_of


def _line(trace: str, span: str, name: str, parent: str | None = None, links: tuple[tuple[str, str], ...] = ()) -> str:
    return json.dumps(
        {
            "trace_id": trace,
            "span_id": span,
            "parent_id": parent,
            "name": name,
            "service": "cohortstream-test",
            "start_ns": int(span) * 1_000_000,
            "end_ns": int(span) * 1_000_000 + 500_000,
            "attributes": {"rows": 3},
            "links": [{"trace_id": t, "span_id": s} for t, s in links],
            "events": [],
            "error": None,
        }
    )


def _text(path: Path, trace: str) -> list[str]:
    tree = trace_of(read_spans(path), trace)
    assert tree is not None
    output = StringIO()
    console = Console(width=200, file=output)
    console.print(tree)
    return [line.strip("│├└─ ") for line in output.getvalue().splitlines()]


def test_tree_with_links(tmp_path: Path) -> None:
    """Spans stand below their parents, and a call of another trace below the span that it links to, with its children."""
    path = tmp_path / "traces.jsonl"
    lines = [
        _line("a", "1", "poll"),
        _line("a", "2", "publish", parent="1"),
        _line("a", "3", "apply", parent="2"),
        _line("b", "4", "call", links=(("a", "3"), ("c", "9"))),
        _line("b", "5", "http", parent="4"),
        _line("c", "9", "other"),
    ]
    path.write_text("\n".join(lines) + "\n" + lines[0][:20])
    text = _text(path, "a")

    names = [n for line in text[1:] for n in ("publish", "apply", "http", "call", "poll") if f"{n} (" in line]
    assert names == ["poll", "publish", "apply", "call", "http"]
    assert any("2 links" in line for line in text)


def test_parent_elsewhere(tmp_path: Path) -> None:
    """A span whose parent was not written is shown all the same."""
    path = tmp_path / "traces.jsonl"
    path.write_text(_line("a", "2", "apply", parent="1") + "\n")

    assert "apply" in _text(path, "a")[1]


def test_no_trace(tmp_path: Path) -> None:
    """A missing file and an unknown trace have no tree."""
    assert trace_of(read_spans(tmp_path / "none"), "a") is None
