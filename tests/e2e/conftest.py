"""A small university with the product at work, one for each file of tests: what one file breaks is no matter to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import StringIO

import pytest
from rich.console import Console

from tests.demo.narration import Narrator
from tests.demo.processes import Children
from tests.demo.stage import Plan, build
from tests.demo.steps import loading
from tests.demo.university import SMALL
from tests.demo.world import World

_ANNEX = """
CREATE TABLE SCOLARITE.ANNEXE (
    ID NUMBER(10) PRIMARY KEY, MATRICULE VARCHAR2(20), INTITULE VARCHAR2(200), MAJ TIMESTAMP(6) NOT NULL
);
GRANT SELECT ON SCOLARITE.ANNEXE TO COHORTSTREAM;
"""
_ANNEX_SETTINGS = """
[sources.annexe]
dsn = "@dsn@"
user = "COHORTSTREAM"
password = { file = "@secret@" }
timezone = "Europe/Paris"
share = 0.5

[sources.annexe.membership]
table = "SCOLARITE.ANNEXE"
student = "{MATRICULE|trim}"

[sources.annexe.cohort]
idnumber = "ANX-{INTITULE|trim}"

[[sources.annexe.hints]]
cursor = "MAJ"
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The product, loaded, with a second source whose rows may be anything."""
    directory = tmp_path_factory.mktemp("pipe")
    narrator = Narrator(Console(file=StringIO()))
    plan = Plan(directory / "data", 5, SMALL, latency=False)
    with Children(directory / "logs") as children, closing(build(plan, children, narrator)) as world:
        world.oracle("script", sql=_ANNEX)
        secret = str(world.ends.directory / "secrets" / "oracle")
        with world.settings.open("a", encoding="utf-8") as file:
            file.write(_ANNEX_SETTINGS.replace("@dsn@", world.ends.dsn).replace("@secret@", secret))
        loading.first_load(world)
        yield world
