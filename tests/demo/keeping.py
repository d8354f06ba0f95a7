"""What ``--keep`` says before it waits."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.demo.world import CONSUMER_GROUP, GROUP_TOOL, World, product_command


def hints(world: World) -> str:
    """How to look at what is running, what to try, and how to stop it."""
    ends = world.ends
    python = _short(sys.executable)
    product = shlex.join([_short(part) for part in product_command(world.settings)])
    group = world.groups("TD")[0]
    change = f"{python} -m tests.demo.change --dsn {ends.dsn}"
    student = world.some_members(group, 1)[0]
    newcomer = world.newcomer([group])
    kafka = f"{python} -m tests.standins.kafka tool"
    return f"""
Everything is still running. Ctrl-C here stops it all.

Look
  {product} status
  {product} explain {group.cohort} {student}
  curl http://127.0.0.1:{ends.poll_port}/metrics    # the connector
  curl http://127.0.0.1:{ends.consume_port}/metrics    # the consumer
  curl {world.moodle.url}/webservice/rest/server.php -d wstoken={world.moodle.token} \\
       -d wsfunction=core_cohort_get_cohorts -d moodlewsrestformat=json
  {kafka} org.apache.kafka.tools.TopicCommand --bootstrap-server {ends.bootstrap} --list
  the settings: {_short(str(world.settings))}; logs: {_short(str(ends.directory / "logs"))}, mails in mail.log; traces: {_short(str(ends.directory / "traces.jsonl"))}

Try
  {change} enrol {newcomer} {group.code}       # and look at {group.cohort} in Moodle a second later
  {change} withdraw {student} {group.code}
  {change} sql "SELECT * FROM SCOLARITE.V_COHORTES WHERE COD_ETU = '{student}'"
  {product} reconcile
  {kafka} {GROUP_TOOL} --bootstrap-server {ends.bootstrap} --group {CONSUMER_GROUP} --describe
"""


def _short(path: str) -> str:
    """Relative to where we are, if below it."""
    here = f"{Path.cwd()}/"
    return path.removeprefix(here)
