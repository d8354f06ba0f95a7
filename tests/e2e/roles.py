"""Roles of the product started with something wrong, beside those that work, on topics of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from tests.demo.processes import Child
from tests.demo.waiting import wait_until
from tests.demo.world import World, product_command

KAFKA, SOURCE, SINK = "COHORTSTREAM__KAFKA__", "COHORTSTREAM__SOURCES__SCOLARITE__", "COHORTSTREAM__SINKS__MOODLE__"
_BOUND = 120.0


@dataclass(frozen=True, slots=True)
class Case:
    """Something that is wrong with one end."""

    name: str
    end: str
    """As ``cohortstream check --only`` calls it."""
    role: str
    overrides: Callable[[World], Mapping[str, str]]
    codes: tuple[str, ...]
    """Beginnings of the codes that may tell it."""


def faulty_role(world: World, name: str, role: str, overrides: Mapping[str, str]) -> Child:
    """The role, begun under these settings; its topics, groups and stores are nobody else's."""
    state = str(world.ends.directory / name)
    child = world.children.add(name, [*product_command(world.settings), role])
    child.environment = {
        f"{KAFKA}TOPIC_PREFIX": f"{name}.",
        f"{KAFKA}PARTITIONS": "2",
        "COHORTSTREAM__CONNECTOR__STATE_DIRECTORY": state,
        f"{SINK}STATE_DIRECTORY": state,
        "COHORTSTREAM__TELEMETRY__HTTP_PORTS": "{}",
        **overrides,
    }
    child.start()
    return child


def checking(world: World, case: Case) -> Child:
    """``cohortstream check`` of the end, begun under the same settings."""
    command = [*product_command(world.settings), "check", "--only", case.end]
    child = world.children.add(f"{case.name}.check", command, environment=dict(case.overrides(world)), ends=True)
    child.start()
    return child


def command(world: World, *arguments: str, **overrides: str) -> subprocess.CompletedProcess[str]:
    """One of the product's commands, run to its end."""
    return subprocess.run(
        [*product_command(world.settings), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | overrides,
        timeout=_BOUND,
    )


def readiness(child: Child) -> str:
    """What the role's page says about being ready; the address is the one that its log names."""
    url = child.await_line(r'"event": "health.listening", "url": "([^"]+)"')[1]
    return httpx.get(f"{url}/readyz", timeout=10.0, trust_env=False).text


def await_readiness(child: Child, wanted: Callable[[str], bool], what: str) -> str:
    """The page, once it says what is wanted."""
    page = ""

    def look() -> str | None:
        nonlocal page
        child.check()
        page = readiness(child)
        return page if wanted(page) else None

    try:
        return wait_until(look, what, _BOUND, every=0.3)
    except TimeoutError as error:
        raise AssertionError(f"{error}; the page says {page}\n{child.tail()}") from None
