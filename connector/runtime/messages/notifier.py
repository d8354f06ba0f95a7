"""Messages of the notifier, and the words of the mails that it sends: CS8xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class NotifierMessage(Entry):
    """What may keep alerts from their recipients, and the words around an alert in a mail."""

    POLL_OVERDUE = (
        "CS8001",
        'The source "{source}" was last polled at {at}, more than {limit} ago.',
        "See whether the connector runs, its /readyz page and its log. Changes of enrolments wait in the database.",
    )
    UNDELIVERED = (
        "CS8002",
        'Alerts do not reach the recipient "{recipient}": {cause}',
        "They are kept, and sent as soon as it is possible again. {fix}",
    )
    MAIL_UNREACHABLE = (
        "CS8003",
        "The mail server {host}:{port} cannot be used at the moment: {reason}.",
        "See that it runs and that a firewall lets this machine reach it. Sending is tried again by itself.",
    )
    MAIL_REFUSED = (
        "CS8004",
        "The mail server {host}:{port} refuses: {reason}.",
        "Correct security, user, password, sender or address in the section alerts, or have the server allow it.",
    )
    HOOK_UNREACHABLE = (
        "CS8005",
        "The webhook at {host} cannot be used at the moment: {reason}.",
        "See that it runs and that a firewall lets this machine reach it. Sending is tried again by itself.",
    )
    HOOK_REFUSED = (
        "CS8006",
        "The webhook at {host} refuses: {reason}.",
        "Correct its address, authorization or secret in the section alerts.",
    )
    NO_TRANSLATION = (
        "CS8007",
        'There are no texts in the language "{language}", so the recipient "{recipient}" gets English ones.',
        "Correct the language, or leave it as it is.",
    )
    UNKNOWN_ALERT = (
        "CS8008",
        "An alert of another release, {code}: {parameters}.",
        'See "cohortstream status" of that release.',
    )
    RECONCILIATION_OVERDUE = (
        "CS8009",
        'The last reconciliation of "{sink}" came to its end at {at}; the next one is long overdue.',
        'See whether "cohortstream run" or "cohortstream reconcile --schedule" is running, and its log.',
    )
    # What follows are the words of a mail; they have codes since every text that is translated has one.
    SUBJECT_TEST = "CS8020", "Test (no alert).", ""
    BODY_TEST = (
        "CS8021",
        'This is a test of the recipient "{recipient}". No alert stands behind it.',
        "Nothing has to be done.",
    )
    COUNT_RAISED = "CS8022", "new: {count}", ""
    COUNT_CHANGED = "CS8023", "changed: {count}", ""
    COUNT_REMINDED = "CS8024", "still standing: {count}", ""
    COUNT_HEALED = "CS8025", "over: {count}", ""
    HEADING_RAISED = "CS8026", "New ({count})", ""
    HEADING_CHANGED = "CS8027", "Changed ({count})", ""
    HEADING_REMINDED = "CS8028", "Still standing ({count})", ""
    HEADING_HEALED = "CS8029", "Over, nothing to do ({count})", ""
    CRITICAL = "CS8030", "(critical)", ""
    WARNING = "CS8031", "(warning)", ""
    NOTICE = "CS8032", "(notice)", ""
    WHAT_TO_DO = "CS8033", "What to do: {fix}", ""
    STANDS = "CS8034", "Since {since} {age}; from the role {role}; key {key}.", ""
    STOOD = "CS8035", "It stood from {since} to {until} {age}; from the role {role}; key {key}.", ""
    MORE = "CS8036", "And {count} more of {code}.", ""
    FOOT = "CS8037", '"cohortstream status" shows everything that stands now.', ""
    DAYS = "CS8038", "({count} d)", ""
    HOURS = "CS8039", "({count} h)", ""
    MINUTES = "CS8040", "({count} min)", ""
    SECONDS = "CS8041", "({count} s)", ""
    SUBJECT_ONE = "CS8042", "{counts}: {severity} {text}", ""
    SUBJECT_FIRST = "CS8043", "{counts}; first: {severity} {text}", ""
    SUBJECT_OVER = "CS8044", "{counts}: {text}", ""
