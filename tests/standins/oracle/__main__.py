"""python -m tests.standins.oracle [--port 1521] [--user APP/app] [--init schema.sql]"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path

from tests.standins.oracle.listener import OracleStandin


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.standins.oracle", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1521)
    parser.add_argument("--service", default="FREEPDB1")
    parser.add_argument("--user", action="append", help="name/password the server accepts")
    parser.add_argument("--sdu", type=int, default=8192)
    parser.add_argument("--init", help="file of ;-separated statements to run first")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    users = dict(item.split("/", 1) for item in args.user or ["APP/app"])
    standin = OracleStandin(host=args.host, port=args.port, users=users, services=(args.service,), sdu=args.sdu)
    if args.init:
        standin.database.run_script(Path(args.init).read_text(encoding="utf-8"), next(iter(users)).upper())
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with standin:
        print(f"listening: {standin.dsn}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
