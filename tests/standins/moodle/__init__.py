"""A stand-in for Moodle 4.5: its REST web services for cohorts, users and reports, without Moodle.

Start it with ``python -m tests.standins.moodle --help``, or from a test::

    site = site_from_fixture()
    add_recommended_caller(site)
    site.add_user("ada", profile={"student_number": "S1"})
    site.add_cohort("MATH-1")
    with MoodleStandin(site) as moodle:
        client = Client(moodle.url, moodle.token("connector"))
        ...
    assert site.cohort_usernames("MATH-1") == {"ada"}
"""

from tests.standins.moodle.collation import MARIADB, POSTGRESQL
from tests.standins.moodle.faults import Fault, Kind
from tests.standins.moodle.fixture import add_recommended_caller, load_fixture, site_from_fixture
from tests.standins.moodle.latency import INSTANT, MEASURED, CostModel
from tests.standins.moodle.server import MoodleStandin
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import STOCK, ServerProfile

__all__ = [
    "INSTANT",
    "MARIADB",
    "MEASURED",
    "POSTGRESQL",
    "STOCK",
    "CostModel",
    "Fault",
    "Kind",
    "MoodleStandin",
    "ServerProfile",
    "Site",
    "add_recommended_caller",
    "load_fixture",
    "site_from_fixture",
]
