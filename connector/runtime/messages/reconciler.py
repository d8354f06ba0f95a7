"""Messages of the reconciler: CS7xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class ReconcilerMessage(Entry):
    """What keeps a reconciliation from its end."""

    ROLE_SILENT = (
        "CS7001",
        "The {role} does not answer.",
        "Start it, or see its log and its /readyz page. Nothing was changed.",
    )
    REFUSED = (
        "CS7002",
        "The connector does not read the source {source} again: {reason}.",
        'See "cohortstream status"; nothing was changed.',
    )
    TOO_SLOW = (
        "CS7003",
        "It takes longer than the settings allow: {step}.",
        "See the role's log; raise the bound in the section reconcile if the work is just large. Nothing is lost.",
    )
    AT_WORK = (
        "CS7004",
        "Another reconciliation of {sink} is at work: {process}, since {since}.",
        "Wait until it has ended. One that crashed is forgotten within seconds.",
    )
    TURN_LOST = (
        "CS7005",
        "This reconciliation of {sink} was given up by the broker, and another one may have begun.",
        "Nothing is lost; reconcile again. If it comes back, look at the network between here and the brokers.",
    )
    DIFFERENCES_LEFT = (
        "CS7010",
        "The reconciliation of {sink} left {count} differences that need attention: {kinds}.",
        '"cohortstream reconcile --dry-run" names their cohorts; docs/how-to/reconcile.md says what to do about each kind.',
    )
    UNFINISHED = (
        "CS7011",
        "The scheduled reconciliation of {sink} does not come to its end: {cause}",
        "It is tried again every {pause}. Until one comes to its end, nobody finds what was changed by hand or missed. {fix}",
    )
