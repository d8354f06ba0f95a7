"""Accounts that were let stay because the key of a wanted student had moved to them, and when they are looked at again.

The ledger does not know when such a key moves on, or back, so they are looked at when somebody leaves the cohort, and when
their membership is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from consumers.cohorts import transitions
from consumers.cohorts.comparing import kept_for_a_moved_key
from consumers.cohorts.desk import Desk
from schemas.records import LedgerEntry


def look_at_kept(desk: Desk, left: Iterable[LedgerEntry], now: datetime) -> None:
    """These have left, and one of them may be the student whose key let another account stay: what was kept in their
    cohorts is due again. Only what the source said before them, so that two that are kept do not call each other up.
    """
    latest: dict[str, int] = {}
    for entry in left:
        latest[entry.cohort] = max(entry.desired_revision, latest.get(entry.cohort, 0))
    for cohort, revision in latest.items():
        for entry in desk.ledger.kept(cohort):
            if entry.desired_revision < revision and kept_for_a_moved_key(entry, desk.ledger):
                told = transitions.keep_no_longer(entry, now, desk.settings.removal_settle)
                desk.ledger.put(told)
                desk.note(told, "recheck", now, answer=told.applied.value, reason=told.reason)
