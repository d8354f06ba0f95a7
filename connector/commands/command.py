"""What a sub-command is made of, and how it answers.

A file of this package that is a sub-command has ``register(subparsers)``, which calls ``add_command``; its name stands
in the table of ``connector.commands.main``.
"""

from __future__ import annotations

import argparse
import json
import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.commands.settings import Settings
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 -- argparse has no public name

Run = Callable[[argparse.Namespace, Settings], ExitCode]
"""A command that works with the settings."""

Bare = Callable[[argparse.Namespace], ExitCode]
"""A command that needs no settings, or reads them by itself."""


def add_command(
    subparsers: Subparsers,
    name: str,
    summary: str,
    *,
    description: str,
    examples: Sequence[tuple[str, str]],
    run: Run | None = None,
    bare: Bare | None = None,
) -> argparse.ArgumentParser:
    """A sub-command with help that teaches: what it does, then examples, each as (what for, command)."""
    assert (run is None) != (bare is None), "a command either takes the settings or does not"
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=fill(description),
        epilog=examples_text(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[global_options(argparse.SUPPRESS)],
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, bare=bare)
    return parser


def global_options(default: Any = None) -> argparse.ArgumentParser:
    """The options that may stand before and after a command's name."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("options of every command")
    group.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        default=default,
        help="settings file; otherwise $COHORTSTREAM_CONFIG, otherwise cohortstream.toml",
    )
    group.add_argument("--json", action="store_true", default=default or False, help="answer in JSON, for machines")
    group.add_argument("--debug", action="store_true", default=default or False, help="show tracebacks")
    return parser


def writable(text: str) -> Path:
    """The path of a file that is to be written in the end; said now, if its folder will not have it.

    Raises:
        argparse.ArgumentTypeError: it cannot be written.
    """
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def fill(text: str) -> str:
    """Prose for a terminal, paragraphs kept."""
    return "\n\n".join(textwrap.fill(" ".join(part.split()), 88) for part in text.split("\n\n"))


def examples_text(examples: Sequence[tuple[str, str]]) -> str:
    """Examples below a help text."""
    return "examples:\n" + "\n".join(f"  # {purpose}\n  {command}\n" for purpose, command in examples)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
