"""Making sure that Moodle is the one that the ledger speaks of.

Before the first call after a take-over or after any fault, and every few minutes, a look: who are you, and are the accounts
that the ledger names still what they were? Until it has succeeded no call is sent. A restored Moodle was mostly away for a
while, so nothing is written to it before it was noticed. What is odd stops the sink until the site is what it was, or a
person accepts it; membership in the group is kept meanwhile and records are taken in.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from connector.runtime.messages import Message
from consumers.cohorts import messages
from consumers.cohorts.desk import Desk
from consumers.cohorts.site_identity import Judgement, Verdict, chosen, doubted, judge, renew, witnesses
from consumers.moodle.errors import MoodleError
from consumers.moodle.values import Sighting
from schemas.records import LedgerEntry

GATE = "site"
"""What keeps calls back, by this name on the desk."""


class SiteReader(Protocol):
    """What is needed of ``MoodleReader``."""

    def sight(self, user_ids: Collection[int]) -> Sighting: ...


class Accounts(Protocol):
    """What is needed of ``Directory``."""

    def belong(self, accepted_at: float) -> None:
        """Forget all accounts if they were read before a person accepted another site."""
        ...


class SiteWatch:
    """Looks, and keeps the gate."""

    def __init__(self, desk: Desk, reader: SiteReader, accounts: Accounts, names: str | None) -> None:
        """``names``: the profile field that names students, if one does."""
        self._desk, self._reader, self._accounts, self._names = desk, reader, accounts, names
        self._named: dict[int, frozenset[int]] = {}
        """By partition: accounts to know the site by."""
        self._looking = False
        self._looked_at = self._next_look = self._asked_at = float("-inf")
        self._questioned: frozenset[str] = frozenset()
        """Cohorts of which Moodle said that they do not exist, and for whose sake it is looked at again."""
        self._written_down: set[int] = set()
        self.judgements: dict[int, Judgement] = {}
        """By partition: what the last look said."""

    def taken(self, partition: int) -> None:
        """A partition is ours now, or was begun anew."""
        ledger = self._desk.ledger
        self._named[partition] = chosen(self._known(partition).union(ledger.store(partition).site_users()))
        self.judgements.pop(partition, None)
        self.look_again()

    def forget(self, partitions: Collection[int]) -> None:
        """Partitions are about to be ours no longer."""
        for partition in partitions:
            self._named.pop(partition, None)
            self._written_down.discard(partition)
            self.judgements.pop(partition, None)
        self._desk.gone -= {one for one in self._desk.gone if self._desk.ledger.partition_of(one) in partitions}

    def note(self, entry: LedgerEntry) -> None:
        """An entry was written; its account may be newer than those that are known."""
        if entry.user_id is None or not entry.owned:
            return
        partition = self._desk.ledger.partition_of(entry.cohort)
        named = self._named.get(partition, frozenset())
        if entry.user_id not in named and entry.user_id > min(sorted(named)[1:], default=0):
            self._named[partition] = chosen(named | {entry.user_id})

    def look_again(self) -> None:
        """Send nothing before a look that has not begun yet."""
        self._desk.closed.add(GATE)
        self._looked_at = self._next_look = float("-inf")
        self._asked_at = self._desk.clock.monotonic()

    def vouches_for(self, gone: Collection[str]) -> bool:
        """Whether it is the ledger's own Moodle that does not have these cohorts any more. That is not known before a look
        which began after it said so: a restored one lacks what was made since, and no person has deleted that.
        """
        if not self._questioned.issuperset(gone):
            self._questioned = frozenset(gone)
            self.look_again()
        if GATE in self._desk.closed:
            return False
        self._questioned = frozenset()
        return True

    def offer(self) -> None:
        """Look, if it is time."""
        desk, moment = self._desk, self._desk.clock.monotonic()
        if self._looked_at <= desk.pause.failed_at:
            desk.closed.add(GATE)  # whatever failed, it may be another one that answers next
        must = GATE in desk.closed and desk.site_doubt is None
        if self._looking or not desk.ledger.owned or not (must or moment >= self._next_look):
            return
        if not desk.crew.aside_free or not (desk.pause.open or desk.pause.trial):
            return
        self._looking = True
        ids = frozenset().union(*self._named.values(), *map(self._known, desk.ledger.owned))
        accepted = self._accepted_at()

        def job() -> Sighting | MoodleError:
            try:
                seen = self._reader.sight(ids)
            except MoodleError as error:
                return error
            if accepted is not None:
                self._accounts.belong(accepted.timestamp())
            return seen

        def done(answer: Sighting | BaseException) -> None:
            self._looking = False
            if isinstance(answer, MoodleError):
                desk.pause.failed(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._seen(answer, moment, ids)

        desk.crew.start("site: look", job, done, aside=True)

    def _known(self, partition: int) -> frozenset[int]:
        return frozenset(one.user_id for one in witnesses(self._desk.ledger.marker(partition).site))

    def _accepted_at(self) -> datetime | None:
        ledger = self._desk.ledger
        sites = (ledger.marker(partition).site for partition in ledger.owned)
        return max((site.accepted_at for site in sites if site is not None and site.accepted_at), default=None)

    def _seen(self, seen: Sighting, began: float, ids: Collection[int]) -> None:
        desk = self._desk
        self._looked_at = began
        # All that our partitions name counts for each: the newest accounts may be in the cohorts of one of them only.
        named = chosen(frozenset().union(*self._named.values(), *map(self._known, self._named))) & set(ids)
        looked_at = [one for one in desk.ledger.owned & self._named.keys() if self._known(one) <= set(ids)]
        for partition in looked_at:  # the others came while the answer was under way
            self.judgements[partition] = judge(desk.ledger.marker(partition).site, named, seen, self._names)
        odd = [one for one in self.judgements.values() if one.verdict is not Verdict.SAME]
        if odd:
            desk.closed.add(GATE)
            for partition in looked_at:
                self._write_down(partition, named, seen)
            desk.site_doubt = _told(odd)
            self._next_look = began + desk.settings.fault_retry.total_seconds()
            return
        self._written_down.clear()
        for partition in looked_at:
            before = desk.ledger.marker(partition).site
            desk.ledger.know_site(partition, renew(before, named, seen, self._names))
        self._next_look = began + desk.settings.site_check.total_seconds()
        desk.site_doubt = None
        late = began > desk.pause.failed_at and began >= self._asked_at
        if desk.ledger.owned <= self.judgements.keys() and late:
            desk.closed.discard(GATE)
            self._end_pause()

    def _write_down(self, partition: int, named: Collection[int], seen: Sighting) -> None:
        """What the site was compared with goes to the topic, so that a person finds the same odd things."""
        ledger = self._desk.ledger
        before = ledger.marker(partition).site
        site = doubted(before, named, seen)
        if site != before or partition not in self._written_down:
            self._written_down.add(partition)
            ledger.advance(partition, site=site)
        self.judgements[partition] = judge(site, named, seen, self._names)

    def _end_pause(self) -> None:
        """Moodle answers again. Whether it also does what it refused last shows when that is tried, if there is any."""
        desk = self._desk
        if not desk.pause.refused or (desk.crew.idle and not len(desk.backlog)):
            desk.pause.succeeded()


def _told(odd: Collection[Judgement]) -> Message:
    """The message about what is odd; names of people stand in the answer of the command only."""
    worst = next((one for one in odd if one.verdict is Verdict.OTHER), None)
    if worst is None:
        return messages.site_blind()
    if worst.url.rstrip("/").lower() != worst.before.rstrip("/").lower():
        return messages.site_moved(worst.before, worst.url)
    missing = {one.user_id for judgement in odd for one in judgement.oddities if one.now is None}
    others = {one.user_id for judgement in odd for one in judgement.oddities if one.now is not None}
    return messages.site_restored(len(missing), len(others))
