"""Beginning a partition anew, as a person asks: what is desired is taken in from the topic's first record, and what Moodle
shows is learned by reading.

It takes as many transactions as it needs. The marker says first that the partition is being begun anew and how far its
entries are reset, so that whoever owns it goes on where another one ended. Until it is done nothing of it is taken in, and
nothing is sent at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from consumers.cohorts.desk import Desk
from consumers.cohorts.positions import Hold
from consumers.cohorts.resets import reset_cohort, reset_entry
from consumers.cohorts.site_watch import SiteWatch
from schemas.records import Command, PartitionMarker, SiteIdentity

GATE = "anew"
"""What keeps calls back, by this name on the desk."""
_PAGE = 2000
"""Entries in one transaction: about a tenth of a second."""
_A_TURN = 1.0
"""Seconds after which the group is polled again."""


class Topics(Protocol):
    """What is needed of the topics."""

    def end_of(self, partition: int) -> int:
        """The end of the memberships topic in this partition.

        Raises:
            KafkaFault: it cannot be asked.
        """
        ...


class Steps(Protocol):
    """The steps of the loop, as far as they remember entries."""

    def resume(self, partition: int, *, blocked_until: datetime | None) -> None: ...

    def forget(self, partitions: frozenset[int]) -> None: ...

    def commit(self, clean: frozenset[int] = frozenset()) -> bool: ...


class Inbox(Protocol):
    """What is needed of the loop's inbox."""

    def rewind(self, positions: Mapping[int, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the entries are reset; a marker holds it as text."""

    other_site: bool
    cohort: str = ""
    """The last that was reset."""
    student: str | None = None
    """None while cohorts are reset; memberships follow."""

    @classmethod
    def of(cls, marker: PartitionMarker) -> Progress | None:
        """None: it is not being begun anew."""
        return None if marker.rewriting is None else cls(*json.loads(marker.rewriting))

    @property
    def text(self) -> str:
        return json.dumps([self.other_site, self.cohort, self.student])


@dataclass
class Anew:
    """Follows the commands that begin partitions anew. ``turn`` once a turn, before records are taken in."""

    desk: Desk
    site: SiteWatch
    topics: Topics
    topic_id: str
    """Of the memberships topic as it is now."""
    _asked: dict[int, list[tuple[Command, Hold]]] = field(default_factory=dict)

    def hear(self, command: Command, partition: int, offset: int) -> None:
        """Somebody asks; it is decided when no call is under way."""
        hold = self.desk.ledger.commands(partition).hold(offset)
        self._asked.setdefault(partition, []).append((command, hold))

    def taken(self, partition: int, command: Command) -> None:
        """A partition that was just taken over, and that speaks of another topic, is to be begun anew."""
        self._begin(partition, command, self.desk.ledger.marker(partition).site)

    def forget(self, partitions: Collection[int]) -> None:
        """Partitions are about to be ours no longer."""
        for partition in partitions:
            self._asked.pop(partition, None)

    def turn(self, steps: Steps, inbox: Inbox, now: datetime) -> None:
        """Decide what was asked, and reset a few entries."""
        ledger = self.desk.ledger
        for partition in list(self._asked):
            self._decide(partition, steps, now)
        under_way = [p for p in sorted(ledger.owned) if ledger.marker(p).rewriting is not None]
        if under_way or any(self._asked.values()):
            self.desk.closed.add(GATE)
        else:
            self.desk.closed.discard(GATE)
        until = self.desk.clock.monotonic() + _A_TURN
        for partition in under_way:
            while ledger.marker(partition).rewriting is not None:
                if self.desk.clock.monotonic() > until or not self._reset_page(partition, steps, now):
                    return
            steps.resume(partition, blocked_until=now + self.desk.settings.moodle_settle)
            inbox.rewind({partition: 0})

    def _decide(self, partition: int, steps: Steps, now: datetime) -> None:
        """Follow or refuse what was asked of this partition, in its order."""
        waiting = self._asked[partition]
        while waiting:
            command, hold = waiting[0]
            refusal, site = self._judge(command, partition)
            if refusal is None and (site is None or self._in_flight(partition)):
                return  # the site has not been looked at yet, or an answer is still to come
            waiting.pop(0)
            if refusal is None:
                steps.forget(frozenset((partition,)))
                self.desk.backlog.forget(lambda cohort: self.desk.ledger.partition_of(cohort) == partition)
                self._begin(partition, command, site)
                return
            hold.release()
            self.desk.answer(command, "command_refused", now, reason=refusal)
        del self._asked[partition]

    def _judge(self, command: Command, partition: int) -> tuple[str | None, SiteIdentity | None]:
        """Why it is refused; or of which site the partition speaks from then on, None while that cannot be said."""
        site = self.desk.ledger.marker(partition).site
        if command.kind == "rebuild":
            if command.hash != self.topic_id:
                return "other_topic", None
            return None, site or SiteIdentity("")
        seen = self.site.judgements.get(partition)
        if seen is None:
            return None, None
        if seen.mark != command.hash:
            return "other_site", None
        return None, SiteIdentity(seen.url, accepted_at=self.desk.clock.now())

    def _in_flight(self, partition: int) -> bool:
        ledger, crew = self.desk.ledger, self.desk.crew
        cohorts = crew.cohorts_under_way().union(*(call.cohorts for call in self.desk.prepared))
        return crew.running("creations") or any(ledger.partition_of(cohort) == partition for cohort in cohorts)

    def _begin(self, partition: int, command: Command, site: SiteIdentity | None) -> None:
        """Said in the same transaction as that it was followed, so that no crash has it followed twice."""
        ledger = self.desk.ledger
        other_site = command.kind == "accept_site"
        self.desk.answer(command, "approval", self.desk.clock.now())
        self._asked.pop(partition, None)
        ledger.begin_anew(
            partition,
            topic_id=self.topic_id,
            site=site if site is not None and site.url else None,
            read_until=self.topics.end_of(partition),
            rewriting=Progress(other_site).text,
        )
        if other_site:
            self.desk.roll.clear()

    def _reset_page(self, partition: int, steps: Steps, now: datetime) -> bool:
        """Reset some entries; whether that was committed."""
        ledger = self.desk.ledger
        at = Progress.of(ledger.marker(partition))
        assert at is not None
        store = ledger.store(partition)
        if at.student is None:
            cohorts = store.cohorts_after(at.cohort, _PAGE)
            for cohort in cohorts:
                ledger.put_cohort(reset_cohort(cohort, now, other_site=at.other_site))
            further = Progress(at.other_site, cohorts[-1].cohort) if cohorts else Progress(at.other_site, "", "")
            ledger.advance(partition, rewriting=further.text)
        else:
            entries = store.all_after((at.cohort, at.student), _PAGE)
            for entry in entries:
                ledger.put(reset_entry(entry, now, other_site=at.other_site))
            last = entries[-1] if entries else None
            done = None if last is None else Progress(at.other_site, last.cohort, last.student).text
            ledger.advance(partition, rewriting=done)
        if steps.commit():
            return True
        # Else the marker would be a step ahead: after the last page nobody would read the topic from its beginning.
        ledger.advance(partition, rewriting=at.text)
        return False
