"""Messages of the command line and of the life of a process: CS6xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class CliMessage(Entry):
    """What a command may have to say before, around and after its work."""

    UNEXPECTED = (
        "CS6001",
        "Something unexpected happened: {reason}.",
        "Run again with --debug and report the traceback.",
    )
    PORT_TAKEN = (
        "CS6002",
        "The health page cannot listen on {host}:{port}: {reason}.",
        "Choose another telemetry.http_port, or 0 for a free one.",
    )
    ROLE_DIED = (
        "CS6003",
        'The role "{role}" stopped: {reason}.',
        "The whole process stops, so that its supervisor starts it anew.",
    )
    INTERRUPTED = "CS6004", "Stopped at your request.", ""
    ANOTHER_WORKS = (
        "CS6005",
        "Another connector is at work, so this one cannot poll.",
        'Stop it first, or have the running roles do the work: "cohortstream reconcile".',
    )
    NOT_QUIET = (
        "CS6006",
        "The run did not come to rest within {minutes} minutes; still at work: {parts}.",
        "Nothing is lost: run it again, or raise --within.",
    )
    PART_FAILS = (
        "CS6007",
        '"{part}" has not been ready for {seconds} seconds: {reason}',
        "Put that right and run it again. Nothing is lost.",
    )
    SHADOW_BY_SETTING = (
        "CS6020",
        'Nothing is written to the Moodle of {sink}: its settings say mode = "shadow".',
        'See what would change with "cohortstream plan". To begin, set the mode to "apply" for every consumer and restart them.',
    )
    SHADOW_BY_MEMBERS = (
        "CS6021",
        "Nothing is written to the Moodle of {sink}: {count} of its cohorts that records name had members before.",
        'See what would change with "cohortstream plan"; "cohortstream adopt" begins to apply it.',
    )
    SHADOW_UNTIL_LOADED = (
        "CS6022",
        "Nothing is written to the Moodle of {sink} yet: whether that may be is decided once every source is loaded.",
        'See "cohortstream status" for the sources. "cohortstream plan" shows what is known so far.',
    )
    NOT_IN_SHADOW = (
        "CS6023",
        "There is nothing to adopt: {sink} is not in shadow.",
        'See "cohortstream status". Where no consumer ever ran, start one first.',
    )
    OTHER_PLAN = (
        "CS6024",
        "Nothing was adopted: {hash} does not stand for what would happen now, which is {now}.",
        'Look at it again with "cohortstream plan".',
    )
    FOREIGN_DIFFERS = (
        "CS6025",
        'Nothing was adopted: --foreign {asked}, but the settings of {sink} say foreign = "{set}".',
        "Answer as the settings say, or change them for every consumer and restart these first.",
    )
    ADOPTION_REFUSED = (
        "CS6026",
        "The consumer has not adopted it: {reason}.",
        "Its settings may be others than those of this command; see docs/reference/journal.md.",
    )
    OTHER_SITE = (
        "CS6030",
        "Nothing was done: the Moodle is not what was seen under {hash}.",
        'Look at it again with "cohortstream accept-site".',
    )
    OTHER_TOPIC = (
        "CS6031",
        "Nothing was done: the topic of memberships is not the one that was seen under {hash}.",
        'Look at it again with "cohortstream rebuild".',
    )
    OTHER_LOSS = (
        "CS6032",
        "Nothing was done: the directory does not wait for {hash}.",
        'Look at it again with "cohortstream accept-directory".',
    )
    OTHER_LIST = (
        "CS6008",
        "Nothing was done: no list of held removals is frozen under {hash}.",
        'Look at them again: "cohortstream held" freezes the list that it shows, and prints its hash.',
    )
    LIST_EXPIRED = (
        "CS6009",
        "Nothing was done: the list {hash} was frozen until {until}.",
        'Look again with "cohortstream held": what it shows then is frozen for another 24 hours.',
    )
    NOTHING_NAMED = (
        "CS6033",
        "Nothing was put back: it is not clear which dead letters are meant.",
        "Name their places as they are listed, or say --all; not both.",
    )
    NO_SUCH_LETTER = (
        "CS6034",
        "There is no dead letter of {place}.",
        'See their places with "cohortstream deadletters": TOPIC/PARTITION/OFFSET, or PARTITION/OFFSET of the memberships.',
    )
