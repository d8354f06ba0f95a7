"""A chart of the differences that the last runs found and left, as SVG within a page. Pure.

It is read without colour: what was found is an outline, what was left is filled, and the numbers stand above.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from connector.runtime.messages import ReportWord
from consumers.reconciler.history import Past
from consumers.reconciler.words import Words

_WIDTH, _HEIGHT, _TOP, _BOTTOM, _LEFT = 900, 260, 30, 40, 60
_LABELS = 10
"""Days that are written below, at most."""


def chart(runs: Sequence[Past], words: Words) -> str:
    """An ``svg`` element; a paragraph where there is nothing to draw."""
    if not runs:
        return f"<p>{escape(words.say(ReportWord.NO_RUN))}</p>"
    totals = [(sum(run.found.values()), sum(run.left.values())) for run in runs]
    most = max(1, *(max(pair) for pair in totals))
    step = (_WIDTH - _LEFT) / len(runs)
    wide = min(40.0, step * 0.7)
    ground = _HEIGHT - _BOTTOM
    scale = (ground - _TOP) / most
    opening = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="drift-title drift-text">'
    parts = [
        opening,
        f'<title id="drift-title">{escape(words.say(ReportWord.CHART))}</title>',
        f'<desc id="drift-text">{escape(words.say(ReportWord.CHART_TOLD, runs=len(runs), most=most))}</desc>',
        f'<line class="axis" x1="{_LEFT}" y1="{ground}" x2="{_WIDTH}" y2="{ground}"/>',
        f'<text x="{_LEFT - 8}" y="{_TOP + 4}" class="scale">{most}</text>',
        f'<text x="{_LEFT - 8}" y="{ground}" class="scale">0</text>',
    ]
    every = -(-len(runs) // _LABELS)
    for at, (run, (found, left)) in enumerate(zip(runs, totals, strict=True)):
        x = _LEFT + at * step + (step - wide) / 2
        at_time = f"{run.finished_at:%Y-%m-%d %H:%M}Z"
        said = words.say(ReportWord.BAR, at=at_time, found=found, left=left, verdict=words.name(run.verdict))
        parts.append(f"<g><title>{escape(said)}</title>")
        parts.append(_bar("found", x, wide, ground, found * scale))
        parts.append(_bar("left", x, wide, ground, left * scale))
        if found or left:
            higher = ground - max(found, left) * scale
            told = f"{found}" if found == left else f"{found}/{left}"
            parts.append(f'<text class="count" x="{x + wide / 2:.1f}" y="{higher - 6:.1f}">{told}</text>')
        if at % every == 0:
            day = f"{run.finished_at:%m-%d}"
            parts.append(f'<text class="day" x="{x + wide / 2:.1f}" y="{ground + 18}">{day}</text>')
        parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts)


def _bar(kind: str, x: float, wide: float, ground: float, high: float) -> str:
    if not high:
        return ""
    return f'<rect class="{kind}" x="{x:.1f}" y="{ground - high:.1f}" width="{wide:.1f}" height="{high:.1f}"/>'
