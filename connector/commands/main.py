"""The program ``cohortstream``: finds the sub-command, reads the settings, presents errors, exits with a documented code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata

from connector.commands.command import examples_text, fill, global_options
from connector.commands.present import present
from connector.commands.settings import load_settings
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages.translation import translation_for

COMMANDS = (
    "config",
    "check",
    "preview",
    "poll",
    "consume",
    "notify",
    "run",
    "sync",
    "reconcile",
    "replay",
    "snapshot",
    "status",
    "explain",
    "parked",
    "vanished",
    "deadletters",
    "plan",
    "adopt",
    "held",
    "approve",
    "discard",
    "recreate",
    "accept-site",
    "accept-directory",
    "rebuild",
    "accept",
    "release",
    "retire",
)
"""The sub-commands, in the order of the help text; each is a file of this package."""

_DESCRIPTION = """
Keeps Moodle cohorts the way the student system's Oracle database has them: it reads enrolments with nothing but SELECT,
passes changes on through Kafka, and applies them over Moodle's web services. It never deletes a cohort.

Every setting stands in one TOML file; an environment variable such as COHORTSTREAM__KAFKA__BOOTSTRAP_SERVERS lies over
it. "cohortstream COMMAND --help" shows examples.
"""

_EXAMPLES = (
    ("write a commented settings file to start from", "cohortstream config example > cohortstream.toml"),
    ("find out what is wrong with it", "cohortstream config check"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (those of the process) name."""
    parsed = make_parser().parse_args(arguments)
    try:
        return int(_run(parsed, os.environ))
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- the one place where every error ends
        translation = translation_for(os.environ)
        return int(present(error, translation, sys.stderr, as_json=parsed.json, debug=parsed.debug))


def make_parser() -> argparse.ArgumentParser:
    """The command line as it is understood."""
    codes = "".join(f"  {code.value:<4} {code.meaning}\n" for code in ExitCode)
    parser = argparse.ArgumentParser(
        prog="cohortstream",
        description=fill(_DESCRIPTION.strip()),
        epilog=f"{examples_text(_EXAMPLES)}\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[global_options()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(f"connector.commands.{name.replace('-', '_')}").register(subparsers)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked: a checkout that is not installed has none, and works all the same."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 -- argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"{parser.prog} {metadata.version('cohortstream')}")
        parser.exit()


def _run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> ExitCode:
    if arguments.bare is not None:
        code: ExitCode = arguments.bare(arguments)
    else:
        code = arguments.run(arguments, load_settings(arguments.config, environment)[0])
    sys.stdout.flush()  # here, where a closed pipe is understood
    return code


if __name__ == "__main__":
    sys.exit(main())
