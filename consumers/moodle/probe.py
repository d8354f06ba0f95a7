"""How many form fields PHP takes on the Moodle server, found out without changing anything.

The function's name is the last field of every form (see ``client``), so a form that was cut is refused. Asking for
cohorts that cannot exist, by more and more ids, therefore shows where the cut is, in some 20 ms a call.
"""

from __future__ import annotations

from consumers.moodle.batches import CONTROL_FIELDS
from consumers.moodle.client import MoodleClient
from consumers.moodle.errors import Forbidden, Refused
from consumers.moodle.reading import GET_COHORTS, STOCK_INPUT_VARS

WANTED = 5000
"""What Moodle itself asks for. More is of no use here, so it is not looked for."""


def probe_input_vars(client: MoodleClient) -> int:
    """PHP's ``max_input_vars``, or ``WANTED`` if it is at least that; with a firewall's limit if that is lower.

    Raises:
        MoodleError: Moodle does not answer the smallest call either.
    """
    _ask(client, CONTROL_FIELDS + 1)
    if _arrives(client, WANTED):
        return WANTED
    low, high = CONTROL_FIELDS + 1, WANTED
    if _arrives(client, STOCK_INPUT_VARS):
        low = STOCK_INPUT_VARS
        if not _arrives(client, STOCK_INPUT_VARS + 1):
            return STOCK_INPUT_VARS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _arrives(client, middle) else (low, middle)
    return low


def _arrives(client: MoodleClient, limit: int) -> bool:
    """Whether a form arrives whole that a ``max_input_vars`` of ``limit`` lets pass just so: PHP keeps one more."""
    try:
        _ask(client, limit + 1)
    except (Refused, Forbidden):
        return False
    return True


def _ask(client: MoodleClient, fields: int) -> None:
    """A call with this many form fields in all; no cohort has the id 0."""
    client.read(GET_COHORTS, [(f"cohortids[{at}]", "0") for at in range(fields - CONTROL_FIELDS)])
