"""Every figure that the documentation states, measured against its reference in one run.

One line a measure: name | ours | reference | ratio | goal. Lines that begin with blanks explain the one above.
Status 0 if all could be measured, whether the goals are met or not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tests.bench.running import Results, run
from tests.bench.scenarios import chosen
from tests.bench.stage import Options
from tests.demo.narration import Narrator
from tests.demo.processes import terminate_as_interrupt

ALWAYS = Path("var/bench.json")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="NAME", help="measures whose name begins so; may be repeated")
    add("--json", type=Path, metavar="FILE", help=f"write the results there, too (always to {ALWAYS})")
    add("--repeat", type=int, default=1, metavar="N", help="run everything N times, tell the medians (%(default)s)")
    add("--rows", type=int, default=Options().large, metavar="N", help="of the largest table (%(default)s)")
    add("--directory", type=Path, default=Options().directory, help="for data and logs; wiped (%(default)s)")
    given = parser.parse_args()
    try:
        chosen(given.only)
    except ValueError as fault:
        parser.error(str(fault))
    terminate_as_interrupt()
    narrator = Narrator(Console(stderr=True, highlight=False, soft_wrap=True))
    try:
        results = run(Options(given.directory, large=given.rows), given.only, given.repeat, narrator)
    except KeyboardInterrupt:
        print("Stopped; no process is left.", file=sys.stderr)
        return 130
    tell(results, [ALWAYS, *([given.json] if given.json else [])])
    return 1 if results.failures else 0


def tell(results: Results, files: list[Path]) -> None:
    """Print the lines, write the files."""
    for measure in results.measures:
        print(measure.line)
        for line in measure.note.splitlines():
            print(f"    {line}")
    for name, why in results.failures.items():
        print(f"{name} | could not be measured: {why}")
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results.plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
