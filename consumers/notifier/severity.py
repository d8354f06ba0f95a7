"""How grave an alert is: told by its key, that is by what it is about. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class Severity(StrEnum):
    """How grave an alert is."""

    CRITICAL = "critical"
    """Something stands still: changes do not arrive until it is put right."""
    WARNING = "warning"
    """A person has to look or to decide; all else goes on."""
    NOTICE = "notice"
    """Something waits that mostly goes on by itself."""


_CRITICAL = frozenset({"source", "identity", "poll", "site", "paused", "deadletters", "delivery"})
_NOTICE = frozenset({"directory", "parked"})


def subject_of(key: str) -> str:
    """What the alert with this key is about: ``source`` of ``connector/apogee/source``, ``parked`` of
    ``moodle.parked.no_account``.
    """
    owner = re.match(r"[^./]*[./]?", key)
    if owner is None or owner[0] == key:
        return key
    # After a sink's name comes what it is about, and then perhaps the idnumber of a cohort, which may hold anything.
    return key.rpartition("/")[2] if owner[0].endswith("/") else key.split(".")[1]


def severity_of(key: str) -> Severity:
    """How grave the alert with this key is. One of a later release counts as a warning."""
    subject = subject_of(key)
    if subject in _CRITICAL:
        return Severity.CRITICAL
    return Severity.NOTICE if subject in _NOTICE else Severity.WARNING
