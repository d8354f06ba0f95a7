"""The whole pipe on this machine: real Kafka, stand-ins for Oracle and Moodle, the product's own processes, and a day.

python -m tests.demo            # a minute or two; status 0 if both ends agree at its end
python -m tests.demo --keep     # and leave everything running until Ctrl-C
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.demo import day, evening, keeping
from tests.demo.narration import Narrator
from tests.demo.processes import ChildFailed, Children, terminate_as_interrupt
from tests.demo.stage import DIRECTORY, Plan, build
from tests.standins.kafka.jars import JarFault


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    parser.add_argument("--seed", type=int, default=1, help="which university and which day (%(default)s)")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="for data and logs; wiped (%(default)s)")
    given = parser.parse_args()
    terminate_as_interrupt()
    narrator = Narrator()
    begun = time.monotonic()
    try:
        with Children(given.directory / "logs") as children, ExitStack() as stack:
            narrator.heading("The stage")
            world = build(Plan(given.directory, given.seed), children, narrator)
            stack.callback(world.close)
            narrator.heading("The day")
            day.live_through(world)
            agreed = evening.tell(world)
            narrator.say(f"\n{time.monotonic() - begun:.0f} s in all.")
            if given.keep:
                narrator.console.print(keeping.hints(world), markup=False)
                with suppress(KeyboardInterrupt):
                    signal.pause()
    except KeyboardInterrupt:
        narrator.say("\nStopped; no process is left.")
        return 130
    except (ChildFailed, TimeoutError, AssertionError, JarFault) as failure:
        narrator.console.print(f"\n[red]{type(failure).__name__}:[/red]")
        narrator.console.print(str(failure), markup=False)
        narrator.say(f"Logs are in {given.directory / 'logs'}.")
        return 1
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
