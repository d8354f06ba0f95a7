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
