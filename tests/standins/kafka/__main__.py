"""Starts a real single-node Apache Kafka on loopback and leaves it running until Ctrl-C.

python -m tests.standins.kafka --port 9092 --directory var/kafka
python -m tests.standins.kafka --prepare        # only bring the jars
python -m tests.standins.kafka tool org.apache.kafka.tools.TopicCommand --bootstrap-server 127.0.0.1:9092 --list
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from tests.standins.kafka.broker import JAVA, Kafka
from tests.standins.kafka.jars import JarFault, class_path


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.kafka", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, help="port for clients; a free one when absent")
    parser.add_argument("--directory", type=Path, default=Path("var/kafka"), help="data and logs (%(default)s)")
    parser.add_argument("--nodes", type=int, default=1, help="number of nodes (%(default)s)")
    parser.add_argument("--prepare", action="store_true", help="only bring and verify the jars, then end")
    if sys.argv[1:2] == ["tool"]:
        os.execv(JAVA, [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", class_path(), *sys.argv[2:]])
    arguments = parser.parse_args()
    # From here on, so that a node that is still starting is stopped in order too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments.prepare:
            class_path()
            return 0
        with Kafka(arguments.directory, arguments.nodes, port=arguments.port) as kafka:
            print(f"Kafka answers at {kafka.bootstrap}; Ctrl-C stops it.", flush=True)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except JarFault as fault:
        print(fault, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
