"""Messages of the cohort consumer and the reconciler: CS5xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class ConsumerMessage(Entry):
    """What applying, holding and comparing may find."""

    UNDECODABLE = (
        "CS5001",
        "A record of {topic} cannot be decoded: {reason}.",
        "Run the release, or name the schema registry, that it was written with. Without it the state would be wrong.",
    )
    # Raised by release 0.1.0; what it left standing is still read, shown and cleared.
    REMOVALS_PAST_LIMIT = (
        "CS5003",
        "{count} removals are held, past the limit of {limit}.",
        'See them with "cohortstream held"; "cohortstream approve" lets a list pass. Additions go on.',
    )
    PAUSED = (
        "CS5004",
        "Moodle cannot be worked with, so the consumer waits and tries again by itself: {cause}",
        "Nothing is lost meanwhile. {fix}",
    )
    DEAD_LETTERS_OVERFLOW = (
        "CS5005",
        "{count} records went to the dead letters within {window}; the consumer takes no more in.",
        (
            'So many probably fail for one cause that is not their own. See them with "cohortstream deadletters", remove '
            "the cause, and start the consumer again. Nothing that waits is lost."
        ),
    )
    TOPIC_REPLACED = (
        "CS5006",
        "The topic of memberships is another one than partition {partition} of the ledger speaks of.",
        'It was deleted and made anew. Make the ledger anew too: "cohortstream rebuild".',
    )
    # Raised by release 0.1.0, which did not say what to do about the reason.
    PARKED_UNEXPLAINED = (
        "CS5007",
        "{count} memberships wait because of {reason}.",
        'See "cohortstream parked". They are applied by themselves when the cause is gone.',
    )
    COHORT_GONE = (
        "CS5008",
        "Cohort {cohort} is no longer in Moodle; a person deleted it.",
        'Its memberships wait. One with its idnumber is found when made by hand; "cohortstream recreate" makes it.',
    )
    IN_SHADOW = (
        "CS5010",
        "Nothing is written to Moodle: {count} of its cohorts that records name have members already, so a person decides.",
        'See what would change with "cohortstream plan"; "cohortstream adopt" begins to apply it.',
    )
    DIRECTORY = (
        "CS5009",
        "Moodle cannot be asked for accounts: {cause}",
        "Students whose account is not known yet wait. {fix}",
    )
    SITE_RESTORED = (
        "CS5021",
        "This Moodle is not the one that the ledger speaks of: {missing} accounts were never there, {strangers} are others.",
        'It was probably restored from a back-up; nothing is sent to it. "cohortstream accept-site" shows it and accepts it.',
    )
    SITE_MOVED = (
        "CS5022",
        "The ledger speaks of the Moodle at {before}, but this one calls itself {now}.",
        'If it has moved, "cohortstream accept-site" accepts it; if it is a copy, correct the address. Nothing is sent to it.',
    )
    SITE_BLIND = (
        "CS5023",
        "The service user sees none of the accounts that the ledger names.",
        (
            "Allow moodle/user:viewdetails and moodle/user:viewalldetails again; it then goes on by itself. If it is another "
            'Moodle: "cohortstream accept-site". Nothing is sent until then.'
        ),
    )
    REMOVALS_HELD = (
        "CS5031",
        "{count} removals in {cohorts} cohorts wait for a person, {past} of them past what may leave within a day.",
        (
            'See them with "cohortstream held". "cohortstream approve" lets that list pass, "cohortstream discard" keeps '
            "the members. Additions go on."
        ),
    )
    ALLOWANCE_ENDED = (
        "CS5032",
        'The allowance "{name}" ended on {ends}, so it lets nothing more pass.',
        "Remove it from the settings, or give it a later end if groups still change.",
    )
    PARKED = (
        "CS5033",
        "Memberships that wait ({reason}): {count}.",
        'See them with "cohortstream parked". {remedy}',
    )
