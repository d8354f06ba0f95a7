"""The option that names a sink, for the commands that are about one."""

from __future__ import annotations

import argparse


def add_sink(parser: argparse.ArgumentParser) -> None:
    """``--sink``; ``Settings.sink`` tells which one is meant."""
    parser.add_argument("--sink", help="which Moodle, by its name in the settings; needed only if there are several")
