"""Runs the Oracle stand-in by itself, for any python-oracledb (thin mode) client."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path

from tests.standins.oracle.listener import DEFAULT_SERVICE, OracleStandin

EXAMPLE = Path(__file__).with_name("example.sql")
EPILOG = f"""
examples:
  python -m tests.standins.oracle
      an empty database at 127.0.0.1:1521/{DEFAULT_SERVICE}, user app, password app
  python -m tests.standins.oracle --port 1521 --init tests/standins/oracle/example.sql --control-port 1522
      with the tables, users and grants of a script, and a control port
  python -c "import oracledb; c = oracledb.connect(user='reader', password='reader', dsn='127.0.0.1:1521/{DEFAULT_SERVICE}');
             print(c.cursor().execute('SELECT * FROM apogee.v_groupe').fetchall())"
      a client
  curl -d '{{"point": "execute", "ora": 1555, "matching": "v_groupe"}}' http://127.0.0.1:1522/faults
      the next statement that names v_groupe fails with ORA-01555

The script is run as SYS; statements end with semicolons. {EXAMPLE.name}, beside the program, is one.
The control port's requests are listed in control.py. Stop with Ctrl-C or SIGTERM.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.oracle",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1521, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--service", default=DEFAULT_SERVICE, help="service name (default: %(default)s)")
    parser.add_argument(
        "--user",
        action="append",
        metavar="NAME/PASSWORD",
        help="a user with every privilege; may be repeated (APP/app)",
    )
    parser.add_argument("--init", type=Path, metavar="SCRIPT", help="SQL script to run before listening")
    parser.add_argument("--control-port", type=int, metavar="N", help="control by JSON over HTTP, on loopback only")
    parser.add_argument(
        "--time-zone", default="UTC", help="zone of the server's own clock, SYSDATE's (default: %(default)s)"
    )
    parser.add_argument("--sdu", type=int, default=8192, help="packet size in bytes (default: %(default)s)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    logging.basicConfig(level=logging.INFO)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    standin = OracleStandin(
        host=args.host,
        port=args.port,
        users=dict(item.split("/", 1) for item in args.user or ["APP/app"]),
        services=(args.service,),
        sdu=args.sdu,
        init=args.init.read_text(encoding="utf-8") if args.init else "",
        control_port=args.control_port,
        system_zone=args.time_zone,
    )
    with standin:
        control = f" control {standin.control_url}" if standin.control_url else ""
        print(f"listening {standin.dsn}{control}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
