"""``python -m tests.histories``: live through histories of a source; status 1 if a promise was broken in one."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from tests.histories.running import run, tell


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories")
    parser.add_argument("-n", type=int, default=100_000, help="how many histories")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--whole", action="store_true", help="through the whole poller, with its state in SQLite")
    parser.add_argument("--trace", action="store_true", help="tell what happens in the history of this seed")
    arguments = parser.parse_args()
    if arguments.trace:
        logging.disable(logging.CRITICAL)
        outcome = tell(arguments.seed, whole=arguments.whole)
        print("\n".join(outcome.trace))
        print(f"seed {arguments.seed}: {outcome.wrong or 'every promise kept'}")
        return outcome.wrong is not None
    tally = run(arguments.seed, arguments.n, arguments.processes, whole=arguments.whole)
    print("\n".join(tally.lines()))
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
