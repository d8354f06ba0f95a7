"""What can go wrong with Kafka, by what happens next. The client library's own exceptions do not leave this package.

KafkaFault
├── BrokerUnavailable     again later: unreachable, coordinator moving, time-out
├── TransactionAborted    nothing of the transaction counts; do the work again
├── Fenced                another instance took over: drop the producer, stand by
├── AccessDenied          wrong credentials or a missing access rule: a person must act
└── TopicFault            a topic is missing or not as it must be: a person must act
"""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import KafkaMessage, message

_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library's name for a failed log-on
}
# After a fatal error, whichever it was, a client refuses everything by the code for fatal ones.
_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001
    KafkaError._FATAL,  # noqa: SLF001
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
}
# What a rolled-back transaction leaves behind, and what a group answers that has moved on without us.
_ABORTED = {
    KafkaError._PURGE_QUEUE,  # noqa: SLF001
    KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
}
_MISSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}  # noqa: SLF001


class KafkaFault(OperationalError):
    """Base of all."""


class BrokerUnavailable(KafkaFault, Unavailable):
    """Not now; trying again may help."""


class TransactionAborted(KafkaFault):
    """The transaction was rolled back; nothing of it counts."""


class Fenced(KafkaFault):
    """Another instance uses this transactional id, or the group's generation moved on."""


class AccessDenied(KafkaFault, Halted):
    """Credentials or access rules are not enough."""


class TopicFault(KafkaFault, Halted):
    """A topic is missing or is not as it must be."""


def translate(error: KafkaException | KafkaError) -> KafkaFault:
    """The fault that this error stands for; an unknown kind counts as unavailable, since trying again loses nothing."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(cause, KafkaError):
        return unavailable(str(cause))
    reason = cause.str()
    if cause.code() in _FENCED or cause.fatal():
        return Fenced(message(KafkaMessage.FENCED, reason=reason))
    if cause.code() in _DENIED:
        return AccessDenied(message(KafkaMessage.REFUSED, reason=reason))
    if cause.code() in _MISSING:
        return TopicFault(message(KafkaMessage.TOPIC_MISSING, topics=reason))
    if cause.txn_requires_abort() or cause.code() in _ABORTED:
        return TransactionAborted(message(KafkaMessage.ABORTED, reason=reason))
    return unavailable(reason)


def unavailable(reason: str) -> BrokerUnavailable:
    """The fault of a broker that does not do what it should, for a reason of our own finding."""
    return BrokerUnavailable(message(KafkaMessage.UNREACHABLE, reason=reason))
