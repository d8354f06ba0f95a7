"""The reference pages that are made from the code: ``python -m connector.commands.reference [--check]``.

A message, metric or setting that appears without its line of documentation fails a test, which compares these pages.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from connector.commands.settings_reference import settings_page
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import AREAS
from connector.runtime.messages.translation import languages, renew_po, write_template
from connector.runtime.pattern_filters import FILTERS
from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram, Metric

_ROOT = Path(__file__).parents[2]


def messages_page() -> str:
    """Every message with its code and what to do."""
    lines = [
        "# Messages",
        "",
        "Every message to an operator has a code that never changes its meaning. In braces: what is filled in.",
    ]
    for area in AREAS.values():
        lines += [
            "",
            f"## {(area.__doc__ or '').strip()}",
            "",
            "| Code | What happened | What to do |",
            "|---|---|---|",
        ]
        lines += [f"| {entry.code} | {_cell(entry.text)} | {_cell(entry.fix)} |" for entry in area]
    return "\n".join(lines) + "\n"


def patterns_page() -> str:
    """The pattern language."""
    lines = [
        "# Patterns",
        "",
        "Cohort ids, names, categories and student keys are made from columns: `{YEAR}-{CODE|trim|upper}-{GRP|pad:2}`.",
        "",
        "- Columns are named as Oracle names them: capitals do not matter, unless the name stands in double quotes.",
        "- Filters apply from left to right. `{{` and `}}` are literal braces. In an argument a backslash makes the next",
        "  character literal: `{CODE|replace:\\::-}` replaces colons.",
        "- Trailing blanks are always removed, since Oracle pads CHAR columns with them. Text is in Unicode NFC.",
        "- A NUMBER reads `12`, never `12.0`. A DATE reads `2026-09-01T00:00:00`; `slice:0:10` is its day.",
        "- A part is required: a row in which it is NULL, or blank after its filters, cannot be mapped, and changes",
        "  nothing for its student until it can. A `default` makes it optional.",
        "",
        "| Filter | Gives the text … |",
        "|---|---|",
        *(f"| `{kind.usage}` | {_cell(kind.meaning)} |" for kind in FILTERS.values()),
    ]
    return "\n".join(lines) + "\n"


_UNITS = {"s": "_seconds", "{row}": "", "1": ""}


def prometheus_name(metric: Metric) -> str:
    """The name on the ``/metrics`` page; a histogram's series add ``_bucket``, ``_sum`` and ``_count``."""
    return metric.metric.replace(".", "_") + _UNITS[metric.unit] + ("_total" if isinstance(metric, Count) else "")


def metrics_page() -> str:
    """Every metric."""
    lines = [
        "# Metrics",
        "",
        "Each role shows them at `/metrics` for Prometheus, and sends them over OTLP where `telemetry.otlp_endpoint` is",
        "set. Labels never hold anything about a person.",
    ]
    for table in (Count, Gauge, Histogram):
        lines += ["", f"## {(table.__doc__ or '').strip()}", "", "| OpenTelemetry | Prometheus | Labels | Meaning |"]
        lines.append("|---|---|---|---|")
        for metric in table:
            assert isinstance(metric, Metric)
            labels = ", ".join(sorted(metric.labels))
            lines.append(f"| `{metric.metric}` | `{prometheus_name(metric)}` | {labels} | {_cell(metric.meaning)} |")
    return "\n".join(lines) + "\n"


def exit_codes_page() -> str:
    """Every exit code."""
    lines = [
        "# Exit codes",
        "",
        "What `cohortstream` says to its caller when it ends.",
        "",
        "| Code | Meaning |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| {code.value} | {_cell(code.meaning)} |" for code in ExitCode)]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def translation_page(name: str) -> str:
    """A language's file in the order of the template, with what is to be translated left empty."""
    return renew_po((_ROOT / name).read_text(encoding="utf-8"), AREAS.values())


_TRANSLATIONS = [f"connector/runtime/locale/{language}.po" for language in languages()]

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/exit-codes.md": exit_codes_page,
    "docs/reference/messages.md": messages_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/patterns.md": patterns_page,
    "connector/runtime/locale/messages.pot": lambda: write_template(AREAS.values()),
    **{name: partial(translation_page, name) for name in _TRANSLATIONS},
}


def stale_pages(root: Path = _ROOT) -> dict[Path, str]:
    """The pages whose file says something else than the code, with what it should say."""
    pages = {root / name: make() for name, make in PAGES.items()}
    return {path: text for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def main() -> int:
    """Write the stale pages, or with ``--check`` name them and fail."""
    parser = argparse.ArgumentParser(description="Write the reference pages that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not current")
    check = parser.parse_args().check
    stale = stale_pages()
    for path, text in stale.items():
        print(f"{'not current' if check else 'written'}: {path.relative_to(_ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
