"""Changes a running demo's student system by hand.

python -m tests.demo.change --dsn 127.0.0.1:1521/FREEPDB1 enrol 22065327 109
python -m tests.demo.change --dsn 127.0.0.1:1521/FREEPDB1 withdraw 22065327 109
python -m tests.demo.change --dsn 127.0.0.1:1521/FREEPDB1 delete 22065327 109
python -m tests.demo.change --dsn 127.0.0.1:1521/FREEPDB1 sql "SELECT COUNT(*) FROM SCOLARITE.ETUDIANT"
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

import oracledb

from tests.demo.student_system import StudentSystem, fetch


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.demo.change", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dsn", required=True, help="where the Oracle stand-in listens")
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("enrol", "withdraw", "delete"):
        one = actions.add_parser(action)
        one.add_argument("student", help="student number")
        one.add_argument("group", type=int, help="COD_GRP of the group")
    actions.add_parser("sql").add_argument("query")
    given = parser.parse_args()
    try:
        if given.action == "sql":
            for row in fetch(given.dsn, given.query):
                print(*row, sep=" | ")
            return 0
        with closing(StudentSystem(given.dsn)) as school:
            getattr(school, given.action)((given.student, given.group))
    except (oracledb.Error, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
