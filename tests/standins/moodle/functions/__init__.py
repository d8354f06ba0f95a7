"""The web service functions that the stand-in performs, and the names of those it only knows of."""

from importlib.resources import files

from tests.standins.moodle.calls import Function
from tests.standins.moodle.functions import cohort_lists, cohorts, members, reports, site_info, users

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for module in (members, cohorts, cohort_lists, users, site_info, reports)
    for function in module.FUNCTIONS
}
"""Performed functions by name."""

KNOWN_NAMES = frozenset(files(__package__).joinpath("known_names.txt").read_text().split())
"""Every function that Moodle 4.5 registers: calling one that a service lacks differs from calling an unknown one."""
