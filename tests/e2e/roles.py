"""Roles of the product started with something wrong, beside those that work, on topics of their own."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from tests.demo.processes import Child
from tests.demo.waiting import wait_until
from tests.demo.world import World, product_command

KAFKA, SOURCE, SINK = "COHORTSTREAM__KAFKA__", "COHORTSTREAM__SOURCES__SCOLARITE__", "COHORTSTREAM__SINKS__MOODLE__"
_numbers = itertools.count(1)


@contextmanager
def faulty_role(world: World, role: str, overrides: Mapping[str, str]) -> Iterator[Child]:
    """The role as a process while the block runs; its topics, groups and stores are nobody else's."""
    number = next(_numbers)
    state = str(world.ends.directory / f"faulty{number}")
    environment = {
        f"{KAFKA}TOPIC_PREFIX": f"faulty{number}.",
        f"{KAFKA}PARTITIONS": "2",
        "COHORTSTREAM__CONNECTOR__STATE_DIRECTORY": state,
        f"{SINK}STATE_DIRECTORY": state,
        "COHORTSTREAM__TELEMETRY__HTTP_PORTS": "{}",
        **overrides,
    }
    child = world.children.add(f"faulty{number}-{role}", [*product_command(world.settings), role])
    child.environment = environment
    child.start()
    try:
        yield child
        child.check()
    finally:
        child.stop()


def command(world: World, *arguments: str, **overrides: str) -> subprocess.CompletedProcess[str]:
    """One of the product's commands, run to its end."""
    return subprocess.run(
        [*product_command(world.settings), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | overrides,
        timeout=120,
    )


def readiness(child: Child) -> str:
    """What the role's page says about being ready; the address is the one that its log names."""
    url = child.await_line(r'"event": "health.listening", "url": "([^"]+)"')[1]
    return httpx.get(f"{url}/readyz", timeout=10.0, trust_env=False).text


def await_readiness(child: Child, wanted: Callable[[str], bool], what: str) -> str:
    """The page, once it says what is wanted."""

    def look() -> str | None:
        child.check()
        page = readiness(child)
        return page if wanted(page) else None

    return wait_until(look, what, 90, every=0.3)
