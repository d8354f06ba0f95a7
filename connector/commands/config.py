"""``cohortstream config``: the settings, shown, checked, or an example of them."""

from __future__ import annotations

import argparse
import os
from importlib.resources import files
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.settings import load_settings
from connector.runtime.config import secret_faults, to_toml, visible
from connector.runtime.errors import SettingsFaults
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "config",
        "show the settings, check them, or print an example",
        description="""
            Works on the settings alone, without a look at any database, broker or site ("cohortstream check" does that).

            show prints every setting that is in force, defaults and environment included, as a settings file.
            check names every fault at once, each with its place and its fix, and tries to read the secrets.
            example prints a commented settings file to start from.

            Secrets are never printed.
        """,
        examples=[
            ("start with a commented file", "cohortstream config example > cohortstream.toml"),
            ("what is wrong with it?", "cohortstream config check"),
            ("what does this environment change?", "COHORTSTREAM__KAFKA__TOPIC_PREFIX=test. cohortstream config show"),
            ("one value, for a script", "cohortstream config show --json | jq -r .kafka.bootstrap_servers"),
        ],
        bare=run,
    )
    parser.add_argument(
        "what",
        choices=["show", "check", "example"],
        nargs="?",
        default="show",
        help="show (default), check or example",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Show, check, or print the example."""
    if arguments.what == "example":
        print(example(), end="")
        return ExitCode.OK
    settings, origin = load_settings(arguments.config, os.environ)
    if arguments.what == "show":
        shown = visible(settings)
        if arguments.json:
            print_json(shown)
        else:
            print(to_toml(shown), end="")
        return ExitCode.OK
    if faults := secret_faults(settings, (), origin):
        raise SettingsFaults(faults)
    found = {"sources": list(settings.sources), "sinks": list(settings.sinks)}
    if arguments.json:
        print_json({"valid": True, **found})
    else:
        named = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in found.items())
        print(f"The settings are valid ({named}), and every secret can be read.")
    return ExitCode.OK


def example() -> str:
    """The commented example."""
    return files("connector.commands").joinpath("example.toml").read_text(encoding="utf-8")
