"""The consumer's messages to people."""

from __future__ import annotations

from connector.runtime.messages import ConsumerMessage, Message, message
from consumers.cohorts.remedies import REMEDIES


def topic_replaced(partition: int) -> Message:
    """The memberships topic was deleted and made anew."""
    return message(ConsumerMessage.TOPIC_REPLACED, partition=partition)


def site_restored(missing: int, strangers: int) -> Message:
    """Accounts that the ledger names were never there, or are somebody else's."""
    return message(ConsumerMessage.SITE_RESTORED, missing=missing, strangers=strangers)


def site_moved(before: str, now: str) -> Message:
    """The site has another address."""
    return message(ConsumerMessage.SITE_MOVED, before=before, now=now)


def site_blind() -> Message:
    """No account that the ledger names can be told."""
    return message(ConsumerMessage.SITE_BLIND)


def paused(cause: Message) -> Message:
    """Moodle is at fault."""
    return message(ConsumerMessage.PAUSED, cause=f"{cause.code} {cause.text}", fix=cause.fix)


def directory_silent(cause: Message) -> Message:
    """Accounts cannot be asked for."""
    return message(ConsumerMessage.DIRECTORY, cause=f"{cause.code} {cause.text}", fix=cause.fix)


def removals_held(count: int, cohorts: int, past: int) -> Message:
    """``past`` of them only because the day's budget is spent."""
    return message(ConsumerMessage.REMOVALS_HELD, count=count, cohorts=cohorts, past=past)


def parked(count: int, reason: str) -> Message:
    """What to do about a reason of a later release is not known here."""
    return message(ConsumerMessage.PARKED, count=count, reason=reason, remedy=REMEDIES.get(reason, ""))


def dead_letters_overflow(count: int, window: str) -> Message:
    return message(ConsumerMessage.DEAD_LETTERS_OVERFLOW, count=count, window=window)


def in_shadow(count: int) -> Message:
    """``count`` cohorts with members are kept by somebody else so far."""
    return message(ConsumerMessage.IN_SHADOW, count=count)


def cohort_gone(cohort: str) -> Message:
    return message(ConsumerMessage.COHORT_GONE, cohort=cohort)
