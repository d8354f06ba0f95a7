"""A small site with a cohort in every place, and the names of the functions, for tests."""

from typing import Any

from tests.standins.moodle.collation import MARIADB, Flavour
from tests.standins.moodle.fixture import site_from_fixture
from tests.standins.moodle.site import Site

ADD = "core_cohort_add_cohort_members"
DELETE = "core_cohort_delete_cohort_members"
MEMBERS = "core_cohort_get_cohort_members"
CREATE = "core_cohort_create_cohorts"
UPDATE = "core_cohort_update_cohorts"
SEARCH = "core_cohort_search_cohorts"
BY_FIELD = "core_user_get_users_by_field"
USERS = "core_user_get_users"
INFO = "core_webservice_get_site_info"
REPORT = "core_reportbuilder_retrieve_report"


def make_site(flavour: Flavour = MARIADB) -> Site:
    """Cohorts 2001 to 2004: MATH in the system, SCI-1, BIO-1 below it, and the hidden ART-1."""
    site = site_from_fixture(flavour=flavour)
    site.add_cohort("MATH", "Mathematics", members=[1001])
    site.add_cohort("SCI-1", "Science one", context="category:SCI", members=[1004])
    site.add_cohort("BIO-1", "Biology one", context="category:SCI-BIO")
    site.add_cohort("ART-1", "Art one", context="category:ART", visible=False)
    return site


def messages(answer: Any) -> list[tuple[str, str]]:
    """Code and text of an answer's warnings."""
    return [(warning["warningcode"], warning["message"]) for warning in answer["warnings"]]
