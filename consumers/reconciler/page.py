"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. Pure.

Every text that came from outside is escaped. Nothing is told by colour alone, and it prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from consumers.reconciler.chart import chart
from consumers.reconciler.history import Past
from consumers.reconciler.report import Report, Verdict, listed

RUNS = 30
"""Runs that the chart shows."""
_MOST_COHORTS = 500
"""Cohorts that the page lists; the JSON has all of them."""
_SIGNS = {Verdict.CLEAN: "✓", Verdict.REPAIRED: "✓", Verdict.ATTENTION: "!"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #111; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; width: 100% } caption { text-align: left; color: #444 }
th, td { border-bottom: 1px solid #aaa; padding: .25em .6em; text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.verdict { border: 2px solid #111; padding: .5em 1em; font-weight: bold }
svg { width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: #111 }
svg .axis { stroke: #111 } svg .found { fill: none; stroke: #111; stroke-width: 1.5 } svg .left { fill: #555 }
svg .count, svg .day { text-anchor: middle } svg .scale { text-anchor: end }
""".strip()


def page(report: Report, past: Sequence[Past], sink: str) -> str:
    """The page. ``past``: earlier runs, the latest last; this one may be the last of them."""
    title = f"Reconciliation of {sink}, {report.finished_at:%Y-%m-%d %H:%M}Z"
    whole = [run for run in past if not run.narrowed][-RUNS:]
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="verdict">{_SIGNS[report.verdict]} {escape(_words(report.verdict.value))}</p>',
        *_summary(report),
        "<h2>Differences</h2>",
        _differences(report),
        "<h2>Over the last runs</h2>",
        "<p>The outline is what a run found, the filled part what it left.</p>",
        chart(whole),
        _runs(past[-RUNS:]),
        *_cohorts(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _summary(report: Report) -> Iterable[str]:
    last, took = report.last, report.finished_at - report.started_at
    said = {
        "Covered": report.narrowed or "everything",
        "Took": f"{took.total_seconds():.0f} s",
        "Source": listed(report.source) or "not asked",
        "Compared": f"{last.cohorts} cohorts, of these {last.vanished} vanished and kept; {last.agreed} memberships agree",
        "Waiting": listed(last.waiting) or "nothing",
        "Asked for": f"{report.asked} rechecks" if not report.dry_run else "nothing: it was a comparison only",
    }
    yield "<table>"
    for name, text in said.items():
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
    yield "</table>"


def _differences(report: Report) -> str:
    found, left = report.before.by_kind, report.last.by_kind
    rows = [(_words(kind), str(found[kind]), str(left[kind])) for kind in sorted({*found, *left})]
    if not rows:
        return "<p>None.</p>"
    return _table("docs/how-to/reconcile.md tells what to do about each kind.", ("kind", "found", "left"), rows)


def _runs(past: Sequence[Past]) -> str:
    rows = [
        (
            f"{run.finished_at:%Y-%m-%d %H:%M}Z",
            str(sum(run.found.values())),
            str(sum(run.left.values())),
            f"{_words(run.verdict)}{f', {run.narrowed}' if run.narrowed else ''}",
            listed(run.found) or "-",
            listed(run.missed) or "-",
        )
        for run in reversed(past)
    ]
    if not rows:
        return ""
    return _table("The latest first.", ("finished", "found", "left", "verdict", "by kind", "missed by polling"), rows)


def _cohorts(report: Report) -> Iterable[str]:
    named = sorted(report.by_cohort.items())
    if not named:
        return
    yield "<h2>Cohorts with differences</h2>"
    rows = [(cohort, listed(kinds)) for cohort, kinds in named[:_MOST_COHORTS]]
    yield _table("As they were left.", ("cohort", "differences"), rows)
    if len(named) > _MOST_COHORTS:
        yield f"<p>And {len(named) - _MOST_COHORTS} more; the answer in JSON has all of them.</p>"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    numbers = {at for at, head in enumerate(heads) if head in ("found", "left")}

    def cell(tag: str, at: int, text: str) -> str:
        mark = ' class="number"' if at in numbers else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{mark}>{escape(text)}</{tag}>"

    lines = [f"<table><caption>{escape(caption)}</caption>"]
    lines.append(f"<tr>{''.join(cell('th', at, head) for at, head in enumerate(heads))}</tr>")
    lines += [f"<tr>{''.join(cell('td', at, text) for at, text in enumerate(row))}</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


def _words(name: str) -> str:
    return name.replace("_", " ")
