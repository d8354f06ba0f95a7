"""The release of cohorts that vanished long ago: their records are taken back from the topic; Moodle stays as it is.

Only at the end of a snapshot, which has just read every row and found none of the cohort: one that is back has been said
to be so by then. So a source that cannot be read releases nothing, however long that lasts.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from connector.runtime.telemetry import Log
from connector.source.feed import Feed
from connector.source.forgetting import vanished_cohorts
from connector.source.snapshot_pass import Pass
from schemas.records import CohortState

_log = Log("source")


def release_vanished(feed: Feed, current: Pass) -> Generator[None, None, None]:
    """Release what has been vanished for as long as the settings say, a cohort a step; the pass counts them."""
    age = feed.settings.vanished_after
    if age is None or not current.counts["rows"]:  # a pass without any row says more of the view than of the cohorts
        return
    before = current.progress.started_at - age  # by the database's clock
    gone = [cohort for cohort in vanished_cohorts(feed.state.store) if _may_go(feed, cohort, before)]
    if not gone:
        return
    named = {feed.mapping.idnumber_of(row) for row in feed.source.cohorts() or ()}
    for cohort in gone:
        if cohort not in named and _may_go(feed, cohort, before):  # still; polling goes on between the steps
            members = list(feed.members_of(cohort))
            feed.publisher.release(cohort, members)
            _log.info("cohort.released", source=feed.name, cohort=cohort, members=len(members))
            current.counts["released"] += 1
            yield


def _may_go(feed: Feed, cohort: str, before: datetime) -> bool:
    """Whether it vanished before this time, and nothing is known of it but what this source said."""
    record = feed.state.cohort_records([cohort]).get(cohort)
    return (
        record is not None
        and record.state is CohortState.VANISHED
        and record.source == feed.name
        and record.last_seen <= before
        and feed.state.supported_only_by(feed.name, cohort)
        and not feed.state.suspicions.suspected(feed.name, cohort)
    )
