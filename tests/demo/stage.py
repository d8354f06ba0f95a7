"""Builds the stage: the real broker and the stand-ins as processes, filled with a university, and the settings file.

Everything listens on free ports of the loopback interface and keeps its data under one directory.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.demo.moodle_site import MoodleSite
from tests.demo.narration import Narrator
from tests.demo.processes import Child, Children
from tests.demo.settings import Ends, write_settings
from tests.demo.student_system import StudentSystem
from tests.demo.university import FULL, Scale, found
from tests.demo.world import World, product_command
from tests.standins.kafka import free_ports

SCHEMA = Path(__file__).with_name("schema.sql")
DIRECTORY = Path("var/demo")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build."""

    directory: Path = DIRECTORY
    seed: int = 1
    scale: Scale = FULL
    latency: bool = True
    """Whether Moodle takes as long to answer as a real one that was measured."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Environment of the product's processes, which overrides settings."""


def build(plan: Plan, children: Children, narrator: Narrator) -> World:
    """Start both ends and the broker, fill the ends, write the settings. The product is not started.

    Raises:
        ChildFailed: something did not start; the text holds the end of its log.
    """
    directory = plan.directory.resolve()
    wipe(directory)
    kafka_port, poll_port, consume_port, reconcile_port = free_ports(4)
    kafka = children.add("kafka", _module("kafka", "--port", str(kafka_port), "--directory", str(directory / "kafka")))
    kafka.orphan_signal, kafka.stop_seconds = signal.SIGTERM, 60.0  # it has the Java process to stop
    oracle = children.add("oracle", _module("oracle", "--port", "0", "--control-port", "0", "--init", str(SCHEMA)))
    latency = "measured" if plan.latency else "none"
    moodle = children.add("moodle", _module("moodle", "--port", "0", "--latency", latency))
    mail = children.add("mail", _module("smtp"))
    for child in (kafka, oracle, moodle, mail):
        child.start()
    university = found(plan.seed, plan.scale)
    dsn, control = oracle.await_line(r"^listening (\S+) control (\S+)").groups()
    school = StudentSystem(dsn)
    rows = school.load(university)
    site = _moodle_site(moodle)
    site.prepare(university.accounts)
    narrator.say(
        f"   {len(university.students):,} students in {len(university.groups)} groups, {rows:,} rows in Oracle "
        f"({school.dsn}); {len(university.accounts):,} accounts in Moodle ({site.url})"
    )
    kafka.await_line(r"Kafka answers at")
    ends = Ends(
        f"127.0.0.1:{kafka_port}",
        dsn,
        site.url,
        site.token,
        poll_port,
        consume_port,
        reconcile_port,
        directory,
        int(mail.await_line(r"^listening \S+:(\d+)")[1]),
        control,
    )
    narrator.say(f"   Kafka at {ends.bootstrap}")
    settings = write_settings(ends)
    product = product_command(settings)
    return World(
        ends,
        settings,
        university,
        school,
        site,
        children,
        children.add("poll", [*product, "poll"], environment=dict(plan.overrides)),
        children.add("consume", [*product, "consume"], environment=dict(plan.overrides)),
        children.add("notify", [*product, "notify"], environment=dict(plan.overrides)),
        mail,
        narrator,
        random.Random(plan.seed),
        plan.latency,
    )


def wipe(directory: Path) -> None:
    """An empty directory, but for what makes the broker's next start faster."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.suffix != ".jsa":
            path.unlink()


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"tests.standins.{name}", *arguments]


def _moodle_site(child: Child) -> MoodleSite:
    ready = json.loads(child.await_line(r"^\{.*\}$")[0])
    return MoodleSite(ready["url"], ready["control"], ready["tokens"]["connector"])
