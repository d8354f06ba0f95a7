"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. Pure.

Every text that came from outside is escaped. Nothing is told by colour alone, and it prints. Its words stand in
``connector/runtime/messages/report.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from connector.runtime.messages import ReportWord
from consumers.reconciler.chart import chart
from consumers.reconciler.history import Past
from consumers.reconciler.report import Report, Verdict
from consumers.reconciler.words import Words

RUNS = 30
"""Runs that the chart shows."""
_MOST_COHORTS = 500
"""Cohorts that the page lists; the JSON has all of them."""
_SIGNS = {Verdict.CLEAN: "✓", Verdict.REPAIRED: "✓", Verdict.ATTENTION: "!"}
_NUMBERS = (ReportWord.FOUND, ReportWord.LEFT)
"""Columns of numbers."""
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


def page(report: Report, past: Sequence[Past], sink: str, words: Words) -> str:
    """The page. ``past``: earlier runs, the latest last; this one may be the last of them."""
    title = words.say(ReportWord.TITLE, sink=sink, at=f"{report.finished_at:%Y-%m-%d %H:%M}Z")
    whole = [run for run in past if not run.narrowed][-RUNS:]
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="verdict">{_SIGNS[report.verdict]} {escape(words.name(report.verdict.value))}</p>',
        *_summary(report, words),
        _heading(ReportWord.DIFFERENCES, words),
        _differences(report, words),
        _heading(ReportWord.LAST_RUNS, words),
        _paragraph(words.say(ReportWord.LEGEND)),
        chart(whole, words),
        _runs(past[-RUNS:], words),
        *_cohorts(report, words),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(words.language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _summary(report: Report, words: Words) -> Iterable[str]:
    last, took, say = report.last, report.finished_at - report.started_at, words.say
    asked = ReportWord.ONLY_COMPARED if report.dry_run else ReportWord.RECHECKS
    said = {
        ReportWord.COVERED: words.narrowed(report.narrowed) or say(ReportWord.EVERYTHING),
        **({ReportWord.NOT_IN_LEDGER: words.narrowed(report.unknown)} if report.unknown else {}),
        ReportWord.TOOK: f"{took.total_seconds():.0f} s",
        ReportWord.SOURCE: words.counts(report.source) or say(ReportWord.NOT_ASKED),
        ReportWord.COMPARED: say(ReportWord.AGREED, cohorts=last.cohorts, vanished=last.vanished, agreed=last.agreed),
        ReportWord.WAITING: words.counts(last.waiting) or say(ReportWord.NOTHING),
        ReportWord.ASKED_FOR: say(asked, **({} if report.dry_run else {"count": report.asked})),
    }
    yield "<table>"
    for name, text in said.items():
        yield f'<tr><th scope="row">{escape(say(name))}</th><td>{escape(text)}</td></tr>'
    yield "</table>"


def _differences(report: Report, words: Words) -> str:
    found, left = report.before.by_kind, report.last.by_kind
    rows = [(_kind(kind, words), str(found[kind]), str(left[kind])) for kind in sorted({*found, *left})]
    if not rows:
        return _paragraph(words.say(ReportWord.NONE))
    return _table(ReportWord.KINDS, (ReportWord.KIND, *_NUMBERS), rows, words)


def _kind(kind: str, words: Words) -> str:
    """With the name under which documentation and settings have it, where that is another."""
    told, name = words.name(kind), kind.replace("_", " ")
    return told if told == name else f"{told} ({kind})"


def _runs(past: Sequence[Past], words: Words) -> str:
    rows = [
        (
            f"{run.finished_at:%Y-%m-%d %H:%M}Z",
            str(sum(run.found.values())),
            str(sum(run.left.values())),
            ", ".join(filter(None, (words.name(run.verdict), words.narrowed(run.narrowed)))),
            words.counts(run.found) or "-",
            words.counts(run.missed) or "-",
        )
        for run in reversed(past)
    ]
    if not rows:
        return ""
    heads = (ReportWord.FINISHED, *_NUMBERS, ReportWord.VERDICT, ReportWord.BY_KIND, ReportWord.MISSED_BY_POLLING)
    return _table(ReportWord.LATEST_FIRST, heads, rows, words)


def _cohorts(report: Report, words: Words) -> Iterable[str]:
    named = sorted(report.by_cohort.items())
    if not named:
        return
    yield _heading(ReportWord.COHORTS, words)
    rows = [(cohort, words.counts(kinds)) for cohort, kinds in named[:_MOST_COHORTS]]
    yield _table(ReportWord.AS_LEFT, (ReportWord.COHORT, ReportWord.OF_COHORT), rows, words)
    if len(named) > _MOST_COHORTS:
        yield _paragraph(words.say(ReportWord.MORE, count=len(named) - _MOST_COHORTS))


def _heading(word: ReportWord, words: Words) -> str:
    return f"<h2>{escape(words.say(word))}</h2>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(caption: ReportWord, heads: Sequence[ReportWord], rows: Iterable[Sequence[str]], words: Words) -> str:
    def cell(tag: str, at: int, text: str) -> str:
        mark = ' class="number"' if heads[at] in _NUMBERS else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{mark}>{escape(text)}</{tag}>"

    lines = [f"<table><caption>{escape(words.say(caption))}</caption>"]
    lines.append(f"<tr>{''.join(cell('th', at, words.say(head)) for at, head in enumerate(heads))}</tr>")
    lines += [f"<tr>{''.join(cell('td', at, text) for at, text in enumerate(row))}</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])
