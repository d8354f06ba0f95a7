"""Asking the directory: for accounts that a plan needs, for students who are parked without one, and again for accounts
that Moodle does not know any more. One question at a time, beside the calls that change Moodle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from connector.runtime.messages import Message, MoodleMessage, message
from consumers.cohorts import transitions
from consumers.cohorts.desk import Desk
from consumers.cohorts.pause import concerns_site
from consumers.cohorts.reasons import Reason
from consumers.cohorts.roll import AccountSource
from consumers.moodle.errors import MoodleError
from consumers.moodle.resolution import Found, Resolution

_AT_ONCE = 500
"""Students in one question about accounts that a plan needs; so their additions can begin while the next are asked for."""
_PARKED_AT_ONCE = 5000
"""Parked students in one question; the directory looks for few of them each time."""
_WORTH_A_CALL = 250
"""In a rush, fewer students than a look-up takes are asked for when more have come: a call costs as much as 20 of them."""
_AFTER_FAULT = timedelta(seconds=5)
Answers = Mapping[str, Resolution] | MoodleError


def _loss(refused: tuple[int, int] | None) -> Message | None:
    return None if refused is None else message(MoodleMessage.DIRECTORY_LOSS, lost=refused[0], known=refused[1])


class Students:
    """Feeds the roll, and releases parked memberships whose student has an account now."""

    def __init__(self, desk: Desk, directory: AccountSource) -> None:
        self._desk, self._directory = desk, directory
        self._next_look: datetime | None = None
        self._not_before: datetime | None = None
        self._cursor: tuple[int, Reason, str] = (0, Reason.NO_ACCOUNT, "")
        self.fault: Message | None = None
        """Why the directory cannot be asked, while it cannot."""
        self.loss: Message | None = None
        """Why a reading of all accounts was not taken over, while it waits for a person."""

    def offer(self, now: datetime) -> bool:
        """Ask one question; whether it did. What is asked is taken off the desk."""
        unasked, vanished = self._desk.unasked, self._desk.vanished
        if not self._desk.crew.aside_free or (self._not_before is not None and now < self._not_before):
            return False
        if self._desk.closed or not (self._desk.pause.open or self._desk.pause.trial):
            return False
        if vanished:
            users = list(vanished)
            vanished.clear()
            self._ask("directory: verify", partial(self._directory.verify, users), self._verified)
            return True
        if unasked and not (self._desk.rushing and len(unasked) < _WORTH_A_CALL):
            students = list(islice(unasked, _AT_ONCE))
            unasked.difference_update(students)
            self._resolve(students)
            return True
        if self._desk.unhurried and not unasked:
            students = list(islice(self._desk.unhurried, _AT_ONCE))
            for student in students:
                del self._desk.unhurried[student]
            self._resolve(students)
            return True
        return self._look_for_parked(now)

    def _resolve(self, students: Collection[str]) -> None:
        self._ask("directory: resolve", partial(self._directory.resolve, students), self._resolved)

    def _look_for_parked(self, now: datetime) -> bool:
        """Parked students, page by page, then whether all accounts should be read again; then a rest."""
        if self._next_look is not None and now < self._next_look:
            return False
        parked = self._page()
        if not parked:
            self._next_look = now + self._desk.settings.parked_retry
            self._ask("directory: keep fresh", self._keep_fresh, self._verified)
            return True
        self._ask("directory: look for", partial(self._directory.look_for, parked), self._looked)
        return True

    def _page(self) -> list[str]:
        """The next parked students, of as many partitions as it takes to fill a question; from the beginning when all had
        their turn. So the directory sees whether they are few.
        """
        stores = self._desk.ledger.stores()
        at, reason, after = self._cursor
        found: list[str] = []
        while at < len(stores):
            found += stores[at].parked(reason, after, _PARKED_AT_ONCE - len(found))
            if len(found) >= _PARKED_AT_ONCE:
                after = found[-1]
                break
            at, reason, after = (
                (at, Reason.AMBIGUOUS, "") if reason is Reason.NO_ACCOUNT else (at + 1, Reason.NO_ACCOUNT, "")
            )
        self._cursor = (at, reason, after) if found else (0, Reason.NO_ACCOUNT, "")
        return list(dict.fromkeys(found))

    def _ask(self, name: str, question: Callable[[], Answers | None], done: Callable[[Answers], None]) -> None:
        most, self._desk.accepted_loss = self._desk.accepted_loss, None

        def job() -> Answers:
            try:
                if most is not None:
                    self._directory.accept_loss(most)
                return question() or {}
            except MoodleError as error:
                return error

        def answered(answers: Answers | BaseException) -> None:
            if isinstance(answers, MoodleError):
                self._failed(answers)
            elif isinstance(answers, BaseException):
                raise answers
            else:
                self.fault = None
                done(answers)
            self.loss = _loss(self._directory.refused())

        self._desk.crew.start(name, job, answered, aside=True)

    def _failed(self, error: MoodleError) -> None:
        self._not_before = self._desk.clock.now() + _AFTER_FAULT
        self._desk.heard(error, 0)
        if not concerns_site(error):  # the site's faults are told by the pause
            self.fault = error.message

    def _resolved(self, answers: Answers) -> None:
        assert not isinstance(answers, MoodleError)
        self._desk.roll.learn(answers)

    def _keep_fresh(self) -> None:
        self._directory.keep_fresh()

    def _verified(self, _answers: Answers) -> None:
        """Nothing was asked for; the directory knows better now."""

    def _looked(self, answers: Answers) -> None:
        assert not isinstance(answers, MoodleError)
        self._release([student for student, resolution in answers.items() if isinstance(resolution, Found)], answers)

    def _release(self, found: Collection[str], answers: Mapping[str, Resolution]) -> None:
        """Their memberships go on as if they had just been taken in."""
        desk, now = self._desk, self._desk.clock.now()
        desk.roll.learn({student: answers[student] for student in found})
        for store in desk.ledger.stores():
            for entry in list(store.parked_students(found)):
                if entry.reason in (Reason.NO_ACCOUNT, Reason.AMBIGUOUS):
                    desk.ledger.put(transitions.unpark(entry, now, desk.settings.removal_settle))
                    desk.note(entry, "released", now, action="add", reason=entry.reason)
