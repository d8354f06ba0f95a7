"""Start the stand-in from the command line and keep it up until it is interrupted."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.standins.moodle.collation import FLAVOURS
from tests.standins.moodle.fixture import BUNDLED, add_recommended_caller, load_fixture, site_from_fixture
from tests.standins.moodle.latency import CostModel, Workers
from tests.standins.moodle.server import MoodleStandin
from tests.standins.moodle.web import STOCK, ServerProfile


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.moodle",
        description=(
            "A stand-in for Moodle 4.5. It answers /webservice/rest/server.php as the real one does. When it is ready it"
            " prints one JSON line with its address, its control address and the token of every caller."
        ),
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8080, help="port of the site; 0 takes a free one (default: %(default)s)")
    add("--control-port", type=int, default=0, help="port of the control endpoint (default: a free one)")
    add("--fixture", type=Path, default=BUNDLED, help="site to start with (default: the bundled fixture)")
    add("--users", type=int, default=0, metavar="N", help="add N bulk users perf00001, perf00002, ...")
    add("--database", choices=sorted(FLAVOURS), default="mariadb", help="whose comparisons (default: %(default)s)")
    add(
        "--latency",
        choices=["none", "measured"],
        default="none",
        help="answer at once, or as fast as the site that was measured (default: %(default)s)",
    )
    add("--scale", type=float, default=1.0, help="makes measured latency slower (>1) or faster (<1)")
    add("--workers", type=int, default=2, help="calls worked on at a time with latency (default: %(default)s)")
    add("--limits", choices=["generous", "stock"], default="generous", help="of PHP and web server")
    add("--wwwroot", help="configured address; other hosts are redirected to it (default: any address is fine)")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    given = arguments(argv)
    site = site_from_fixture(load_fixture(given.fixture), flavour=FLAVOURS[given.database], bulk_users=given.users)
    add_recommended_caller(site)
    site.settings.wwwroot = given.wwwroot
    standin = MoodleStandin(
        site,
        given.port,
        latency=CostModel(given.scale if given.latency == "measured" else 0.0),
        profile=STOCK if given.limits == "stock" else ServerProfile(),
        workers=Workers(given.workers),
        control_port=given.control_port,
        host=given.host,
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with standin:
        tokens = {name: caller.token.token for name, caller in site.callers.items()}
        ready = {"url": standin.url, "control": standin.control_url, "tokens": tokens}
        print(json.dumps(ready), flush=True)
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
