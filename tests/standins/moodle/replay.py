"""Replay a folder of recorded transcripts: ``python -m tests.standins.moodle.replay FOLDER``.

Prints each difference, names one by one the transcripts that cannot be compared, and says how many agree. The exit
status is 0 only when all that can be compared agree.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.standins.moodle.fixture import BUNDLED, load_fixture
from tests.standins.moodle.transcripts.recorded import read_folder
from tests.standins.moodle.transcripts.repeat import Verdict, repeat


def replay_folder(folder: Path, fixture: Path = BUNDLED, pattern: str = "") -> list[Verdict]:
    """One verdict for each transcript whose name holds *pattern*."""
    document = load_fixture(fixture)
    return [repeat(transcript, document) for transcript in read_folder(folder) if pattern in transcript.scenario]


def report(verdicts: Sequence[Verdict], *, notes: bool = False) -> list[str]:
    """The lines to print; the last one counts."""
    lines: list[str] = []
    for verdict in verdicts:
        lines += [f"{verdict.scenario}: {difference}" for difference in verdict.differences]
        if notes:
            lines += [f"{verdict.scenario}: ({note})" for note in verdict.notes]
    inapplicable = [verdict for verdict in verdicts if verdict.inapplicable]
    lines += [f"{verdict.scenario}: not applicable, {verdict.inapplicable}" for verdict in inapplicable]
    agreeing = sum(verdict.agrees for verdict in verdicts)
    applicable = len(verdicts) - len(inapplicable)
    lines.append(f"{agreeing} of {applicable} agree ({len(inapplicable)} of {len(verdicts)} not applicable)")
    return lines


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.moodle.replay",
        description="Replay recorded transcripts (moodle-ws-transcript/1) on the stand-in and compare.",
    )
    parser.add_argument("folder", type=Path, help="folder with transcript files")
    parser.add_argument("--fixture", type=Path, default=BUNDLED, help="fixture the transcripts were made with")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenarios whose name holds this text")
    parser.add_argument("--notes", action="store_true", help="also print what was compared less strictly, and why")
    given = parser.parse_args(argv)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    verdicts = replay_folder(given.folder, given.fixture, given.only)
    for line in report(verdicts, notes=given.notes):
        print(line)
    if not verdicts:
        print("no transcripts found")
        return 1
    return 0 if all(verdict.agrees or verdict.inapplicable for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
