"""What a finished snapshot says against its source, for a person to look at; the next one clears it."""

from __future__ import annotations

from collections.abc import Sequence

from connector.runtime.messages import OracleMessage, message
from connector.source.feed import Feed
from connector.source.hints import Safety
from connector.source.suspects import limit_of
from schemas.records import Alert

_PROOF = "proof"
_MISSING = "missing"


def proof_alert(feed: Feed, late: int) -> Sequence[Alert]:
    """``late`` commits that polling missed: if its watermark was proved, what the proof rests on does not hold."""
    proved = [name for name in feed.mapping.stamped if feed.cursor(name).safety == Safety.PROVED]
    if late and not proved:
        return ()  # says nothing about a proof, neither way
    said = message(OracleMessage.PROOF_BROKEN, source=feed.name, hint=", ".join(proved), count=late)
    return feed.alert(_PROOF, said.code, said.parameters if late else {}, raised=bool(late))


def missing_alert(feed: Feed, rows: int, suspected: int) -> Sequence[Alert]:
    """More memberships than the limit are missing at once, or the pass brought no rows at all: a view may be broken.
    Those in cohorts without any row will never wait for a person, so this is said here.
    """
    now, supported = feed.guessed_now() or feed.clock.now(), feed.state.supported(feed.name)
    standing = feed.state.suspicions.standing(feed.name, now, (), supported)
    missing = max(standing.fresh + standing.waiting, suspected) if rows else supported
    limit = limit_of(supported)
    said = message(OracleMessage.SNAPSHOT_INCOMPLETE, source=feed.name, rows=rows, missing=missing, limit=limit)
    raised = missing > limit or (supported > 0 and not rows)
    return feed.alert(_MISSING, said.code, said.parameters if raised else {}, raised=raised)
